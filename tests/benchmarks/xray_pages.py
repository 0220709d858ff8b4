"""X-Ray's pages as they are served out of a large store, and its search in a log of a GB."""

import resource
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import httpx

from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.xray.archived_log import ArchivedLog
from ml_platform.xray.metrics import exposition, known
from ml_platform.xray.pages.access import access_for
from ml_platform.xray.pages.addresses import Others
from ml_platform.xray.pages.serving import keep_what_is_loaded
from ml_platform.xray.pages.site import Site
from ml_platform.xray.parallel import Deadline
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store
from tests.benchmarks.tables import print_table
from tests.benchmarks.xray_store import MODELS, OPEN, THERE, fill_log
from tests.support.xray import AT_S
from tests.support.xray_pages import LOCALHOST, served

ASKED: Final = 60
NOW_S: Final = AT_S + 3600.0
PRICES: Final = Prices(cpu=0.04, gib=0.005)
LOG_BYTES: Final = 1 << 30


def print_pages(store: Store, settings: Settings, *, of: str) -> None:
    """Ask each page by HTTP, and print how long that took."""
    site = Site(
        store=store,
        others=Others.of(settings),
        access=access_for(LOCALHOST, settings),
        now=lambda: NOW_S,
        trouble=str,
        metrics=lambda: exposition(
            known(store, settings.storage_root, prices=PRICES, has_trouble=False, now_s=NOW_S)
        ),
        prices=PRICES,
    )
    opens = [one.id for one in store.open_attempts()]
    turn = count(1)

    def one() -> int:
        return next(turn) * 7 % (THERE // 2 - OPEN)

    addresses: dict[str, Callable[[], str]] = {
        "`/health`, which asks nothing": lambda: "/health",
        "`/`": lambda: "/",
        "`/attempts`, filtered": lambda: (
            f"/attempts?model=model_{one() % MODELS}&since=30d&status=failed"
        ),
        "an attempt": lambda: f"/attempts/{one():016x}-1",
        "an attempt that goes on": lambda: f"/attempts/{opens[one() % OPEN]}",
        "a training": lambda: f"/trainings/{one():016x}",
        "a model": lambda: f"/models/model_{one() % MODELS}",
        "a run": lambda: f"/runs/run-{one()}",
        "`/compare`": lambda: "/compare?a={0:016x}-1&b={0:016x}-2".format(one()),
        "`/costs`": lambda: "/costs",
        "`/costs` of all runs": lambda: "/costs?by=run&since=all",
        "`/costs.json` of all runs": lambda: "/costs.json?by=run&since=all",
        "`/metrics`": lambda: "/metrics",
    }
    with served(site) as url, httpx.Client(base_url=url, timeout=60.0) as client:
        keep_what_is_loaded()  # as `mlp xray serve` does
        rows = [(name, *_asked(client, address)) for name, address in addresses.items()]
    print_table((of, "median, ms", "p95, ms", "CPU of both ends, median, ms"), rows)


def print_search(folder: Path, repeats: int) -> None:
    """Search a log for what its last line alone has, and print how long that took."""
    attempt = Folder(folder.as_uri()) / "attempt"
    fill_log(attempt, LOG_BYTES, last=b"the needle is at the end\n")
    took, used = [], []
    for _ in range(repeats):
        began, cpu = time.perf_counter(), time.process_time()
        found = ArchivedLog(attempt, Deadline()).search("needle", 500)
        took.append(time.perf_counter() - began)
        used.append(time.process_time() - cpu)
        assert [one.text for one in found.lines] == ["the needle is at the end"]
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print_table(
        ("a log of 1 GiB, whose last line alone is found", "seconds", "CPU s", "peak of all, MiB"),
        [("in a folder", f"{median(took):.2f}", f"{median(used):.2f}", f"{peak_mib:.0f}")],
    )


def _asked(client: httpx.Client, address: Callable[[], str]) -> tuple[str, str, str]:
    assert client.get(address()).status_code == 200
    took, used = [], []
    for _ in range(ASKED):
        where = address()
        began, cpu = time.perf_counter(), time.process_time()
        client.get(where)
        took.append(1000 * (time.perf_counter() - began))
        used.append(1000 * (time.process_time() - cpu))
    return f"{median(took):.1f}", f"{quantiles(took, n=20)[-1]:.1f}", f"{median(used):.1f}"
