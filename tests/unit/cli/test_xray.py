"""`mlp xray` on records that lie in storage."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ml_platform.cli.main import run
from ml_platform.settings import load_settings
from ml_platform.storage import Folder
from ml_platform.xray.samples import StepTimes
from tests.support.xray import AT_S, DAY_S, OUT_OF_MEMORY, Training, end, measure, note, runs
from tests.support.xray_pages import archive

MARKUP = "[bold]no[/bold] [/nothing]"
LOGS = {"c-w-abcde.ray-worker": ("a line", "the last one")}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLP_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def failed(home: Path) -> Training:
    """A training that failed, and another that waits."""
    training = Training(storage_root=load_settings().storage_root)
    attempt = training.claim(run="run-of-ada")
    runs(attempt, at_s=AT_S)
    attempt.keep_logs(LOGS)
    failure = OUT_OF_MEMORY.model_copy(update={"message": MARKUP, "evidence": (MARKUP,)})
    end(attempt, at_s=AT_S + 690, failure=failure, log_tail=("epoch 0", MARKUP))
    waiting = Training(storage_root=training.storage_root, partition="2013-03-15").claim()
    note(waiting, "cluster", "began", AT_S)
    note(waiting, "cluster", "happened", AT_S + 2, detail=f"queued: {MARKUP}")
    return training


@pytest.fixture
def said(failed: Training, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command: its code, and what it wrote."""

    def say(*arguments: str) -> tuple[int, str, str]:
        code = run(["xray", *arguments])
        written = capsys.readouterr()
        return code, " ".join(written.out.split()), " ".join(written.err.split())

    return say


def test_the_list_has_those_that_go_on_first_with_what_they_wait_for(said: Any) -> None:
    code, out, err = said("ls")
    assert (code, err) == (0, "")
    assert out.index("2013-03-15") < out.index("2013-03-14")
    assert "queued for" in out
    assert "failed" in out


def test_the_list_is_chosen_from(said: Any) -> None:
    def partitions(*arguments: str) -> list[str]:
        _, out, _ = said("ls", "--json", *arguments)
        return [one["attempt"]["partition"] for one in json.loads(out)]

    assert partitions() == ["2013-03-15", "2013-03-14"]
    assert partitions("--cause", "out_of_memory") == ["2013-03-14"]
    assert partitions("--model", "ltv") == []
    assert partitions("--since", "1d", "--limit", "1") == ["2013-03-15"]


def test_the_story_ends_with_the_next_thing_to_do(said: Any) -> None:
    code, out, _ = said("why", "run-of-ada")
    assert code == 0
    assert out.startswith("flight_delay of 2013-03-14 failed at ")
    assert out.endswith("Next: give the workers more memory in `cluster.workers.memory`.")
    assert said("why", "flight_delay", "2013-03-14")[1] == out


def test_an_attempt_is_shown_with_its_timeline_and_its_end(said: Any) -> None:
    _, out, _ = said("show", "flight_delay", "2013-03-14", "1")
    assert "1 min 30 s" in out
    assert "cut off" in out
    assert "out_of_memory in group workers" in out


def test_what_others_wrote_is_shown_as_it_stands(said: Any) -> None:
    for command in ("why", "show", "logs"):
        assert MARKUP in said(command, "flight_delay", "2013-03-14")[1]
    assert MARKUP in said("show", "flight_delay", "2013-03-15")[1]


def test_kept_logs_are_printed_and_the_others_named(said: Any) -> None:
    code, out, err = said("logs", "flight_delay", "2013-03-14")
    assert (code, out) == (0, f"epoch 0 {MARKUP}")
    assert "--source c-w-abcde.ray-worker for the others" in err
    _, out, _ = said("logs", "flight_delay", "2013-03-14", "--source", "c-w-abcde.ray-worker")
    assert out == "a line the last one"


@pytest.mark.parametrize(
    "command",
    [
        ("ls",),
        ("show", "flight_delay", "2013-03-14"),
        ("why", "run-of-ada"),
        ("logs", "flight_delay", "2013-03-14"),
        ("gather",),
        ("prune",),
        ("cost", "--by", "cause"),
        ("findings",),
        ("findings", "flight_delay", "2013-03-14"),
    ],
)
def test_what_is_read_can_be_read_by_a_program(said: Any, command: tuple[str, ...]) -> None:
    code, out, _ = said(*command, "--json")
    assert code == 0
    assert json.loads(out)


@pytest.mark.parametrize(
    ("command", "near"),
    [
        (("show", "flight_delay", "2013-03-16"), "did you mean 2013-03-15"),
        (("why", "run-of-adda"), "did you mean run-of-ada"),
        (("logs", "flight_dely", "2013-03-14"), "did you mean flight_delay"),
        (("ls", "--cause", "outofmemory"), "did you mean out_of_memory"),
        (("ls", "--since", "yesterday"), "is no span of time"),
        (("findings", "flight_dely", "2013-03-14"), "did you mean flight_delay"),
        (("prune", "--older-than", "6d"), "write --older-than 7d or more"),
    ],
)
def test_what_is_not_known_ends_with_two_and_what_is_near(
    said: Any, command: tuple[str, ...], near: str
) -> None:
    code, _, err = said(*command)
    assert code == 2
    assert near in err


def test_what_is_known_is_told_when_nothing_can_be_gathered(said: Any, failed: Training) -> None:
    said("gather")
    storage = Folder(failed.storage_root)
    storage.remove("xray")
    storage.write("xray", b"a file where the journal would be")
    code, out, err = said("ls")
    assert code == 0
    assert "2013-03-14" in out
    assert "not all is gathered" in err
    assert "mlp xray gather" in err
    assert said("gather")[0] == 1


def test_an_object_that_cannot_be_read_is_named_once(said: Any, failed: Training) -> None:
    attempt = failed.record.attempt(1)
    attempt.folder.write("ended.json", b"{")
    assert f"{attempt.folder.uri}/ended.json cannot be read" in said("ls")[2]
    assert said("ls")[2] == ""


def test_a_database_that_is_none_is_named_with_what_to_do(said: Any, home: Path) -> None:
    (home / "xray").mkdir()
    (home / "xray" / "xray.db").write_text("no database, and long enough to be seen as none")
    code, _, err = said("ls")
    assert code == 1
    assert "file is not a database" in err
    assert "mlp xray gather --all" in err


def test_trainings_of_before_the_journal_are_found_by_the_walk(said: Any, failed: Training) -> None:
    Folder(failed.storage_root).remove("xray")
    assert "no such attempt is known" in said("ls")[1]
    assert said("gather", "--all")[1] == "2 new attempts, 0 read again"
    assert said("gather")[1] == "0 new attempts, 1 read again"


def test_what_is_old_goes_when_it_is_said_so(said: Any, failed: Training) -> None:
    Training(storage_root=failed.storage_root, partition="2012-01-01").train(
        at_s=AT_S - 400 * DAY_S, run="long ago"
    )
    said("gather", "--all")
    assert "1 attempt would be removed" in said("prune")[1]
    assert "removed 1 attempt" in said("prune", "--yes")[1]
    assert said("prune")[1] == "nothing is so old"
    assert "2012-01-01" not in said("ls")[1]


def test_what_was_measured_is_gathered_and_counted(said: Any, failed: Training) -> None:
    measure(failed.record.attempt(1), "worker-0", StepTimes(at_s=AT_S, step_s=1.0))
    assert said("ls")[2] == ""
    assert said("gather")[1] == "0 new attempts, 1 read again, 1 object of samples"


def test_what_trainings_cost_is_told_with_what_was_wasted(
    said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLP_PRICE_CPU_HOUR", "3.6")
    parts = json.loads(said("cost", "--by", "cause", "--json", "--since", "9999d")[1])["parts"]
    (failed,) = (one for one in parts if one["name"] == "out_of_memory")
    # Two CPUs for 630 s, of which the driver ran 600.
    assert [round(failed[name], 6) for name in ("total", "idle", "wasted")] == [1.26, 0.06, 1.26]
    assert "1.26" in said("cost", "--since", "9999d")[1]


def test_what_is_spent_of_each_budget_is_told_with_the_costs(
    said: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home / "clusters.yaml"
    file.write_text("namespace: ray\nbudgets: {teams: {growth: {per_month: 500}}}")
    monkeypatch.setenv("MLP_CLUSTERS_FILE", str(file))
    told = "team growth has spent 0.00 of its budget of 500.00 for this month (UTC), 0 %"
    assert told in said("cost", "--since", "9999d")[1]
    (budget,) = json.loads(said("cost", "--json")[1])["budgets"]
    assert budget["limit"]["amount"] == 500


def test_a_cost_without_a_price_is_unknown_and_never_nothing(said: Any) -> None:
    _, out, _ = said("cost", "--since", "9999d")
    assert "unknown" in out
    assert "0.00" not in out
    assert "MLP_PRICE_CPU_HOUR" in out


def test_what_was_found_is_shown_with_what_to_do(said: Any, failed: Training) -> None:
    slow = StepTimes(at_s=AT_S, batches=100, rows=3200, data_s=40.0, step_s=20.0, cpu_s=20.0)
    measure(failed.record.attempt(1), "worker-0", slow)
    _, out, err = said("findings", "flight_delay", "2013-03-14")
    assert err == ""
    assert "input_bound (high): Its workers waited for data 67% of the time." in out
    assert "rows=4096" in out
    assert out in said("findings")[1]
    assert said("findings", "flight_delay", "2013-03-15")[1] == "nothing was found in 1 attempt"


def test_the_story_tells_what_was_found_where_a_person_has_turned_it_on(
    said: Any, failed: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = StepTimes(at_s=AT_S, batches=100, rows=3200, data_s=40.0, step_s=20.0, cpu_s=20.0)
    measure(failed.record.attempt(1), "worker-0", slow)
    for command in ("why", "show"):
        assert "waited for data" not in said(command, "flight_delay", "2013-03-14")[1]
    monkeypatch.setenv("MLP_XRAY_FINDINGS", "input_bound")
    for command in ("why", "show"):
        assert "waited for data 67%" in said(command, "flight_delay", "2013-03-14")[1]
    monkeypatch.setenv("MLP_XRAY_FINDINGS", "input_bond")
    code, _, err = said("why", "flight_delay", "2013-03-14")
    assert (code, "did you mean input_bound" in err) == (2, True)


def test_it_is_quick_as_it_imports_no_dagster(home: Path) -> None:
    code = (
        "import sys\n"
        "from ml_platform.cli.main import run\n"
        "code = run(['xray', 'ls'])\n"
        "heavy = {'dagster', 'ray', 'torch', 'mlflow', 'kubernetes', 'numpy', 'pyarrow'}\n"
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_two_attempts_are_compared_by_what_differs(said: Any, failed: Training) -> None:
    first = f"{failed.request.folder_uri.rsplit('/', 1)[1]}-1"
    failed.train(2, at_s=AT_S + 900)
    second = first.replace("-1", "-2")
    code, out, _ = said("compare", first, second)
    assert code == 0
    assert out.startswith("They ended as failed (out_of_memory in group workers) and succeeded:")
    assert "what differs" in out
    found = json.loads(said("compare", first, second, "--json")[1])
    assert found["differences"][0]["name"] == "outcome"
    code, _, err = said("compare", first, "nothing-1")
    assert (code, "nothing-1" in err) == (2, True)


def test_the_log_of_an_attempt_that_goes_on_is_its_archived_one(
    said: Any, failed: Training
) -> None:
    waiting = Training(storage_root=failed.storage_root, partition="2013-03-15")
    assert "it goes on" in said("logs", "flight_delay", "2013-03-15")[2]
    archive(waiting.record.attempt(1), "epoch 0", MARKUP)
    code, out, _ = said("logs", "flight_delay", "2013-03-15")
    assert (code, out) == (0, f"epoch 0 {MARKUP}")


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """Where OTLP is received: its address, and the path, token and body of each request."""
    taken: list[tuple[str, str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.path, self.headers.get("x-token", ""), json.loads(body)))
            self.send_response(200 if taken[-1][1] else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """What matters is kept."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", taken
        server.shutdown()
        thread.join()


def test_a_trace_is_sent_where_otlp_is_received_and_a_refusal_is_told(
    said: Any, receiver: tuple[str, list[tuple[str, str, Any]]]
) -> None:
    url, taken = receiver
    code, out, _ = said("trace", "run-of-ada", "--to", f"{url}/", "--headers", "x-token=secret")
    assert code == 0
    assert "sent trace" in out
    ((path, token, body),) = taken
    assert (path, token) == ("/v1/traces", "secret")
    assert "flight_delay of 2013-03-14" in json.dumps(body)
    code, _, err = said("trace", "run-of-ada", "--to", url)
    assert code == 1
    assert "refuses the trace: 401" in err


def test_a_trace_without_an_address_is_printed_and_nobody_there_is_told(said: Any) -> None:
    code, out, _ = said("trace", "run-of-ada")
    assert code == 0
    assert json.loads(out)["resourceSpans"]
    code, _, err = said("trace", "run-of-ada", "--to", "http://127.0.0.1:1")
    assert code == 1
    assert "does not take the trace" in err
    code, _, err = said("trace", "run-of-ada", "--to", "http://127.0.0.1:1", "--headers", "token")
    assert code == 2
    assert "NAME=VALUE" in err
