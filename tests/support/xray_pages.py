"""X-Ray's pages as they are served, on a store that is filled by hand."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

from ml_platform.settings import Settings
from ml_platform.training.telemetry.log_archive import LOG_FOLDER
from ml_platform.xray.budgets import budgets_of
from ml_platform.xray.findings.judges import loud_names
from ml_platform.xray.gather import gather
from ml_platform.xray.metrics import exposition, known
from ml_platform.xray.pages.access import access_for
from ml_platform.xray.pages.addresses import Others
from ml_platform.xray.pages.app import make_app
from ml_platform.xray.pages.cluster_acts import ClusterActs
from ml_platform.xray.pages.inventory import Inventory
from ml_platform.xray.pages.serving import bind, server_of
from ml_platform.xray.pages.site import Site
from ml_platform.xray.prices import GIB, prices_of
from ml_platform.xray.samples import NodeUse, StepTimes
from ml_platform.xray.store import open_store
from tests.support.xray import AT_S, OUT_OF_MEMORY, Training, end, epochs_of, measure, note, runs

LOCALHOST: Final = "127.0.0.1"
STARTED_WITHIN_S: Final = 20.0
NOW_S: Final = AT_S + 3 * 3600.0
"""When the pages are read: three hours after the first attempt was claimed."""
MARKUP: Final = '<script>alert("no")</script> & <b>bold</b>'
ESCAPED: Final = "&lt;script&gt;alert(&#34;no&#34;)&lt;/script&gt; &amp; &lt;b&gt;bold&lt;/b&gt;"
EARLY: Final = "2013-03-14"
LATE: Final = "2013-03-15"
WAITING: Final = "2013-03-16"
RUNNING: Final = "2013-03-17"


@dataclass(frozen=True, kw_only=True)
class Story:
    """Trainings as the pages show them.

    Attributes:
        failed: Ran out of memory twice; what others have written in it is markup.
        succeeded: Lost its worker, and was tried again; then its second worker was a straggler.
        waiting: Waits in a queue.
        running: Is in the fourth of its eight epochs, and its log grows.
    """

    failed: Training
    succeeded: Training
    waiting: Training
    running: Training


def tell_story(storage_root: str) -> Story:
    """Leave the trainings in a storage."""
    failed, succeeded, waiting = (
        Training(storage_root=storage_root, partition=one) for one in (EARLY, LATE, WAITING)
    )
    running = Training(storage_root=storage_root, partition=RUNNING, parameters={"epochs": 8})
    failure = OUT_OF_MEMORY.model_copy(update={"message": MARKUP, "evidence": (MARKUP,)})
    failed.train(1, at_s=AT_S, failure=failure, run="run-of-ada")
    again = failed.claim(2, at_s=AT_S + 700, run="run-of-ada", rung=1)
    runs(again, at_s=AT_S + 700)
    again.keep_logs({"c-w-abcde.ray-worker": ("a line", MARKUP)})
    end(again, at_s=AT_S + 1400, failure=failure, log_tail=("epoch 0", MARKUP))
    lost = OUT_OF_MEMORY.model_copy(update={"message": "the node was taken away"})
    bobs: dict[str, Any] = {"run": "run-of-bob", "team": "growth", "backfill": "yearofbob"}
    succeeded.train(1, at_s=AT_S + 2000, failure=lost, **bobs)
    succeeded.reports(2, *epochs_of(0.5, 0.25))
    again = succeeded.train(2, at_s=AT_S + 2800, **bobs)
    archive(again, "epoch 0", "epoch 1", MARKUP)
    measure_straggler(again, at_s=AT_S + 2890)
    queued = waiting.claim(at_s=NOW_S - 900, run="run-of-ada-2")
    note(queued, "cluster", "began", NOW_S - 900)
    note(queued, "cluster", "happened", NOW_S - 890, detail=f"queued: {MARKUP}")
    goes_on = running.claim(at_s=NOW_S - 600, run="run-of-bob-2")
    runs(goes_on, at_s=NOW_S - 600)
    archive(goes_on, "epoch 0", "epoch 1")
    measure_steps(goes_on, at_s=NOW_S - 510, rank=0, cpu_s=30.0, data_s=1.0, until_s=480)
    return Story(failed=failed, succeeded=succeeded, waiting=waiting, running=running)


def measure_straggler(attempt: Any, *, at_s: float) -> None:
    """Ten minutes of a head and two workers, for the second of which the first waits."""
    measure_steps(attempt, at_s=at_s, rank=0, cpu_s=15.0, data_s=1.0)
    measure_steps(attempt, at_s=at_s, rank=1, cpu_s=45.0, data_s=2.0)
    for node, cpus, gib in (("10.0.0.9", 1.0, 1.0), ("10.0.0.0", 1.5, 3.0), ("10.0.0.1", 3.5, 3.8)):
        use = [
            NodeUse(
                at_s=at_s + after_s,
                node=node,
                is_head=node.endswith("9"),
                cpus=4.0,
                cpu_used=cpus * (0.6 + after_s % 60 / 100),
                memory_bytes=4.0 * GIB,
                memory_used_bytes=gib * GIB * (0.5 + after_s / 1200),
            )
            for after_s in range(0, 601, 15)
        ]
        measure(attempt, f"node-{node}", *use)


def measure_steps(
    attempt: Any, *, at_s: float, rank: int, cpu_s: float, data_s: float, until_s: int = 600
) -> None:
    """A minute after another of a worker whose epochs take two."""
    steps = [
        StepTimes(
            at_s=at_s + after_s,
            rank=rank,
            node=f"10.0.0.{rank}",
            epoch=(after_s - 60) // 120,
            batches=20,
            rows=20_480,
            data_s=data_s,
            step_s=60.0 - data_s,
            cpu_s=cpu_s,
            checkpoint_s=0.5,
        )
        for after_s in range(60, until_s + 1, 60)
    ]
    measure(attempt, f"worker-{rank}", *steps)


def id_of(training: Training, number: int) -> str:
    """An attempt's id."""
    return f"{training.record.folder.uri.rsplit('/', 1)[1]}-{number}"


def addresses(story: Story) -> dict[str, str]:
    """A page of each kind."""
    first, second = (id_of(story.succeeded, number) for number in (1, 2))
    return {
        "overview": "/",
        "attempt": f"/attempts/{id_of(story.failed, 2)}",
        "measured": f"/attempts/{second}",
        "log": f"/attempts/{second}/log",
        "training": f"/trainings/{first.rpartition('-')[0]}",
        "model": "/models/flight_delay",
        "run": "/runs/run-of-bob",
        "backfill": "/backfills/yearofbob",
        "clusters": "/clusters",
        "costs": "/costs?by=partition",
        "compare": f"/compare?a={first}&b={second}",
    }


def archive(attempt: Any, *lines: str, at: int = 0) -> None:
    """A segment for each line of its log."""
    for line in lines:
        content = f"{line}\n".encode()
        attempt.folder.create(f"{LOG_FOLDER}/{at:015d}.log", content)
        at += len(content)


@contextmanager
def pages_of(
    settings: Settings,
    *,
    host: str = LOCALHOST,
    now: Callable[[], float] = lambda: NOW_S,
    trouble: Callable[[], str] = str,
    inventory: Inventory | None = None,
    acts: ClusterActs | None = None,
) -> Iterator[str]:
    """The pages on what the storage has; gives their address."""
    with open_store(settings) as store:
        gather(store, settings.storage_root)
        site = Site(
            store=store,
            others=Others.of(settings),
            access=access_for(host, settings),
            now=now,
            trouble=trouble,
            metrics=lambda: exposition(
                known(
                    store,
                    settings.storage_root,
                    prices=prices_of(settings),
                    has_trouble=bool(trouble()),
                    now_s=now(),
                )
            ),
            prices=prices_of(settings),
            limits=budgets_of(settings).limits(),
            loud=loud_names(settings.xray_findings),
            inventory=inventory or Inventory(now=now),
            acts=acts,
        )
        with served(site) as url:
            yield url


@contextmanager
def served(site: Site) -> Iterator[str]:
    """The pages in a thread, by the server that serves them to people."""
    with bind(LOCALHOST, 0) as listening:
        server = server_of(make_app(site))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        url = f"http://{LOCALHOST}:{listening.getsockname()[1]}"
        try:
            # It listens already, so that a request waits until it is up.
            assert httpx.get(f"{url}/health", timeout=STARTED_WITHIN_S).text == "ok\n"
            yield url
        finally:
            server.should_exit = True
            thread.join(STARTED_WITHIN_S)


def facts(client: httpx.Client, address: str) -> Any:
    """What a page's twin says."""
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text)
