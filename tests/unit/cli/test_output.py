"""Text of users, storage and Kubernetes is shown as it is: it is no markup, and moves no cursor."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from ml_platform.backfill.executor import StepResult
from ml_platform.backfill.in_process import BackfillReport
from ml_platform.cli.backfill import show_report
from ml_platform.cli.boundary import show_error
from ml_platform.cli.cluster_show import show_cluster, show_clusters, show_reaped
from ml_platform.cli.doctor import show_looks
from ml_platform.cli.main import run
from ml_platform.cli.output import TICK, dim, note, print_table, say
from ml_platform.cli.progress import TerminalProgress
from ml_platform.cli.show import show_check, show_training
from ml_platform.clusters.interface import ClusterView, Reaped
from ml_platform.errors import ClusterStartError
from ml_platform.health.look import Look
from ml_platform.model_folder.check import CheckReport
from ml_platform.model_folder.mistake import Mistake
from ml_platform.settings import Settings

EVIL = "[/red]evil"
VIEW = ClusterView(
    name="dev-ada",
    provisioner="ephemeral",
    phase="ready",
    reason=EVIL,
    users=(EVIL,),
    details={"owner": EVIL, "expires": EVIL},
)
STEP = StepResult(stages=("model",), days=("2013-03-15",), status="failed", message=EVIL, hint=EVIL)
CHECK = CheckReport(
    model=EVIL,
    mistakes=(Mistake(file=EVIL, line=1, message=EVIL, hint=EVIL),),
    notes=(EVIL,),
    plan=None,
)
BACKFILL = BackfillReport(model=EVIL, days=STEP.days, reused=(), results=(STEP,), log=Path(EVIL))
LOOK = Look(group=EVIL, name=EVIL, state="no", value=EVIL, fix=EVIL)
SHOWN: dict[str, Callable[[], None]] = {
    "mlp cluster ls": lambda: show_clusters([VIEW]),
    "mlp cluster show": lambda: show_cluster(VIEW),
    "mlp cluster reap": lambda: show_reaped([Reaped(name="a", reason=EVIL, removed=True)]),
    "mlp doctor": lambda: show_looks([LOOK]),
    "mlp model check": lambda: show_check(CHECK),
    "mlp model train": lambda: show_training(STEP, Settings(), Path(EVIL)),
    "mlp backfill": lambda: show_report(BACKFILL),
    "an error": lambda: show_error(ClusterStartError(EVIL, hint=EVIL, logs={EVIL: (EVIL,)})),
}


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_text_that_looks_like_markup_is_shown_as_it_is(
    capsys: pytest.CaptureFixture[str], show: Callable[[], None]
) -> None:
    show()
    assert EVIL in said(capsys)


def test_a_table_takes_no_cell_title_or_column_for_markup(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table((EVIL, "[b]b"), [("[red]c", ":smile:")], title="[/b]d")
    shown = said(capsys)
    assert all(text in shown for text in (EVIL, "[b]b", "[red]c", ":smile:", "[/b]d"))


def test_what_was_typed_wrongly_is_named_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cluster", EVIL]) == 2
    assert f"No such command '{EVIL}'" in said(capsys)


@pytest.mark.parametrize("is_terminal", [False, True])
def test_so_is_what_a_step_says(*, is_terminal: bool) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=is_terminal, color_system=None)
    progress = TerminalProgress(console, every_message=True, clock=lambda: 0.0)
    with progress.step(EVIL) as outcome:
        progress.message(f"1 {EVIL}")
        outcome.detail = f"2 {EVIL}"
    assert f"    1 {EVIL}\n" in shown.getvalue()
    assert f"✓ {EVIL}  2 {EVIL}\n" in shown.getvalue()


def test_text_is_plain_beside_a_mark(capsys: pytest.CaptureFixture[str]) -> None:
    say(TICK, f"stopped {EVIL}", dim("[/dim]"))
    note(EVIL)
    assert said(capsys) == f"✓ stopped {EVIL} [/dim]\n{EVIL}\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("over\rwritten", "over�written"),
        ("a bell\x07", "a bell�"),
        ("two\nlines\tand more", "two\nlines\tand more"),
    ],
)
def test_what_would_steer_the_terminal_is_not_sent_to_it(
    capsys: pytest.CaptureFixture[str], text: str, shown: str
) -> None:
    say(text)
    note(dim(text))
    captured = capsys.readouterr()
    assert captured.out.expandtabs() == f"{shown}\n".expandtabs()
    assert captured.err.expandtabs() == f"{shown}\n".expandtabs()
