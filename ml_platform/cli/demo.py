"""`mlp demo`: the main job on real flights, without a server, ending with what it made."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import typer

from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.backfill.in_process import BackfillReport
    from ml_platform.registry.listing import VersionRow
    from ml_platform.registry.models import ModelVersion
    from ml_platform.settings import Settings

MODEL: Final = "flight_delay"
# Neighbours, so that they share all but two days of their windows.
FIRST: Final = "2013-03-15"
LAST: Final = "2013-03-17"
HELP: Final = help_of(
    "mlp demo",
    "Train a model on real flights, day by day, and print what was made.",
    f"""Loads the flights of 2013, builds features, snapshots them, trains {MODEL} of {FIRST} …
    {LAST} with Ray, evaluates it and chooses the champion. What is there is not made again.""",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoReport:
    """What the demo made.

    Attributes:
        backfill: The runs.
        versions: The newest version of each of its days.
        has_champion: Whether the model has one, of these days or of a later one.
        training_rows: Rows that each day's model was trained on.
        seconds: How long all of it took.
    """

    backfill: "BackfillReport"
    versions: "tuple[VersionRow, ...]"
    has_champion: bool
    training_rows: dict[str, int]
    seconds: float


def demo() -> None:
    """Make the demo and show it."""
    from ml_platform.cli.backfill import show_report
    from ml_platform.cli.output import CROSS, say
    from ml_platform.settings import load_settings

    settings = load_settings()
    report = run_demo(settings)
    if not report.backfill.succeeded:
        show_report(report.backfill)
        raise typer.Exit(1)
    show_demo(report, settings)
    if not report.has_champion:
        say(CROSS, "no model passed its gates: `mlp model show` says why")
        raise typer.Exit(1)


def run_demo(settings: "Settings") -> DemoReport:
    """Make what is missing of the demo's days; stops the Ray that it started."""
    from ml_platform.backfill.in_process import make_plan, requested_days, run_plan
    from ml_platform.cli.output import bold, note
    from ml_platform.cli.session import terminal_session
    from ml_platform.model_folder.read import read_model
    from ml_platform.registry.listing import version_row
    from ml_platform.resources import resources_from

    began = time.monotonic()
    model = read_model(MODEL)
    note(bold(f"{MODEL}:"), "will a flight arrive 15 or more minutes late?")
    with terminal_session(settings) as session:
        chain = session.chain(model)
        days = requested_days(chain, FIRST, LAST, settings)
        plan = make_plan(session, chain, days)
        try:
            backfill = run_plan(session, chain, plan)
        finally:
            if plan.by_day:
                resources_from(settings).clusters.provisioner(model.plan.cluster).shutdown()
    found, champion = _made(settings, days) if backfill.succeeded else ([], None)
    return DemoReport(
        backfill=backfill,
        versions=tuple(version_row(MODEL, one) for one in found),
        has_champion=champion is not None,
        training_rows={
            one.partition: sum(snapshot.rows for snapshot in one.lineage.request.snapshots)
            for one in found
        },
        seconds=time.monotonic() - began,
    )


def _made(
    settings: "Settings", days: list[str]
) -> "tuple[list[ModelVersion], ModelVersion | None]":
    """The newest version of each day, and the champion."""
    from ml_platform.cli.output import working
    from ml_platform.registry.owner import open_registry

    with working("reading the registry"):
        registry = open_registry(settings)
        name = settings.registered_name(MODEL)
        found = [one for day in days if (one := registry.newest(name, day)) is not None]
        return found, registry.champion(name)


def show_demo(report: DemoReport, settings: "Settings") -> None:
    """A line for each model, where things are kept, and how to look at them."""
    from ml_platform.cli.output import CHAMPION, dim, duration, print_table, say
    from ml_platform.model_folder.read import read_model
    from ml_platform.partitions import days_of

    steps = {day: one.seconds for one in report.backfill.results for day in one.days[:1]}
    rows = [
        (
            one.partition,
            f"{report.training_rows[one.partition]:,}",
            one.version,
            "–" if one.roc_auc is None else f"{one.roc_auc:.4f}",
            "–" if one.log_loss is None else f"{one.log_loss:.4f}",
            CHAMPION if one.champion else "",
            "kept" if one.partition in report.backfill.reused else duration(steps[one.partition]),
        )
        for one in report.versions
    ]
    held_out = days_of(read_model(MODEL).evaluation.holdout_days)
    columns = ("partition", "training rows", "version", "ROC AUC", "log loss", "", "took")
    right = ("training rows", "version", "ROC AUC", "log loss", "took")
    print_table(
        columns, rows, title=f"{MODEL}, scored on {held_out} after the partition", right=right
    )
    say(f"all of it took {duration(report.seconds)} and is kept in {settings.home}")
    say("\n  make dev                      ", dim("look at it in the Dagster UI"))
    say(f"  mlp model show {MODEL}    ", dim("what the champion was made from"))
    say("  mlp model new NAME            ", dim("begin a model of your own"))
