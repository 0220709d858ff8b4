"""`mlp backfill`: history of a model, from features to champion."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ml_platform.cli.helptext import help_of
from ml_platform.stages import LastStage

if TYPE_CHECKING:
    from ml_platform.backfill.expected import Expected, ExpectedPlan
    from ml_platform.backfill.in_process import BackfillReport
    from ml_platform.backfill.on_server import Launched
    from ml_platform.backfill.session import Session

HELP: Final = help_of(
    "mlp backfill flight_delay --from 2013-03-01 --to 2013-03-14",
    "Make features, training sets, models, evaluations and champions of a range of days.",
    """Only what is missing is made: the features and training sets of all windows at once, then
    each day in order. A day that fails does not stop the others. Equal inputs are never trained
    twice, also with [bold]--all[/]; [bold]mlp model train --retrain[/] does that.""",
)


def backfill(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model.")],
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="The first partition.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="The last partition.")],
    through: Annotated[
        LastStage, typer.Option("--through", help="Stop after this stage.")
    ] = "champion",
    max_parallel: Annotated[
        int | None,
        typer.Option(
            "--max-parallel",
            metavar="N",
            min=1,
            max=64,
            help="Train N days at once; becomes the limit of the Dagster pool `ray`.",
        ),
    ] = None,
    here: Annotated[
        bool | None,
        typer.Option(
            "--here/--server",
            help="Run in this process, or as a backfill of the Dagster server. Default: the "
            "server, if that of this installation answers.",
            show_default=False,
        ),
    ] = None,
    redo: Annotated[
        bool, typer.Option("--all", help="Make what is there already as well.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make the history of a model; the help is `HELP`."""
    from ml_platform.backfill.expected import expected_of
    from ml_platform.backfill.in_process import make_plan, requested_days, run_plan
    from ml_platform.backfill.on_server import launch
    from ml_platform.cli.boundary import FAILED, WRONG_INPUT
    from ml_platform.cli.output import counted, note, print_result
    from ml_platform.cli.session import terminal_session
    from ml_platform.model_folder.read import read_model
    from ml_platform.settings import load_settings
    from ml_platform.stages import DAY_STAGES

    settings = load_settings()
    model = read_model(name)
    with terminal_session(settings) as session:
        chain = session.chain(model)
        days = requested_days(chain, first, last, settings, through=through)
        plan = make_plan(session, chain, days, through=through, redo=redo)
        if dry_run:
            print_result(expected_of(plan, model, settings), show_plan, as_json=as_json)
            return
        if plan.steps and goes_to_server(session, name, here=here):
            launched = launch(settings, plan, max_parallel=max_parallel)
            print_result(launched, show_launched, as_json=as_json)
            return
        if not as_json:
            note(
                f"{name}: {counted(len(plan.steps), 'run')} to make; of "
                f"{counted(len(plan.days), 'day')} {len(plan.ready_days)} were there before"
            )
        trains = plan.through in DAY_STAGES
        report = replace(
            run_plan(session, chain, plan, max_parallel=max_parallel),
            outdated=tuple(session.outdated(model, plan.ready_days if trains else ())),
        )
    print_result(report, show_report, as_json=as_json)
    if not report.succeeded:
        wrong_input = any(one.wrong_input for one in report.results)
        raise typer.Exit(WRONG_INPUT if wrong_input else FAILED)


def goes_to_server(session: "Session", model: str, *, here: bool | None) -> bool:
    """Whether the work is the Dagster server's; never that of a server that is not ours.

    Raises:
        DagsterServerError: the server was asked for, and is somebody else's.
    """
    from ml_platform.backfill.server_identity import find_server
    from ml_platform.cli.output import BANG, note

    server = None if here else find_server(session.settings, session.instance, [model])
    if server is None:
        return here is False  # a server that was asked for and does not answer is an error
    if here is False:
        server.require_ours()
    elif server.stranger:
        note(
            BANG,
            f"the Dagster at {server.url} is not of this installation: {server.stranger}\n"
            "  → the work is done here",
        )
    return not server.stranger


def show_plan(plan: "ExpectedPlan") -> None:
    """The plan as a table, and what its trainings are expected to take and cost."""
    from ml_platform.backfill.executor import TITLES
    from ml_platform.cli.output import counted, print_table, say
    from ml_platform.partitions import days_in_words

    if not plan.steps:
        say(f"nothing to do: all of {days_in_words(plan.days)} is there")
        return
    rows = [
        (
            number,
            ", ".join(TITLES[stage] for stage in step.stages),
            days_in_words(step.days) or "–",
            len(step.days) or "–",
            len(step.assets),
        )
        for number, step in enumerate(plan.steps, 1)
    ]
    title = f"{plan.model} {days_in_words(plan.days)}: {counted(len(rows), 'run')}"
    columns = ("run", "makes", "partitions", "days", "assets")
    print_table(columns, rows, title=title, right=("run", "days", "assets"))
    if plan.trainings:
        say(in_words(plan.expected))


def in_words(expected: "Expected") -> str:
    """`3 trainings: 1:30:00 h one after another, cost 12.00; as …`."""
    from ml_platform.cli.output import counted, duration
    from ml_platform.xray.words import money

    what = counted(expected.trainings, "training")
    if expected.seconds is None or expected.each is None:
        why = expected.trouble or "no earlier training of this model to judge by"
        return f"{what}: what they take and cost is not known: {why}"
    cost = "" if expected.cost is None else f", cost {money(expected.cost)}"
    each = expected.each
    where = "" if each.same_cluster else ", on other clusters"
    return (
        f"{what}: {duration(expected.seconds)} one after another{cost}; as the last "
        f"{each.trainings} took (median{where}), with queue and attempts that failed"
    )


def show_launched(launched: "Launched") -> None:
    """Where to look at a backfill that the server works on."""
    from ml_platform.cli.output import TICK, say

    say(TICK, f"backfill {launched.backfill_id}: {launched.url}")


def show_report(report: "BackfillReport") -> None:
    """What came of it: one line if all is well, else what failed, why, and what to do."""
    from ml_platform.cli.output import BANG, CROSS, TICK, bold, counted, dim, say
    from ml_platform.partitions import days_in_words

    bad = [one for one in report.results if one.status in ("failed", "skipped")]
    refused = sum(one.status == "refused" for one in report.results)
    days = days_in_words(report.days)
    if not bad:
        kept = f", {len(report.reused)} of them before" if report.reused else ""
        gates = f"; {refused} did not pass its gates" if refused else ""
        there = f"{counted(len(report.days), 'day')} made{kept}{gates}"
        say(TICK, f"{report.model} {days}: {there}")
        if report.outdated:
            others = counted(len(report.outdated), "model")
            say(
                " ",
                BANG,
                f"{others} of another defs.yaml or train.py: {days_in_words(report.outdated)}\n"
                "    → `--all` trains them by today's",
            )
        return
    say(CROSS, f"{report.model} {days}: {counted(len(bad), 'step')} not made")
    for one in bad:
        say(" ", bold(one.title), f"{one.status}: {one.message}")
        if one.hint:
            say(f"    → {one.hint}")
    say("the same command makes only what is still missing")
    if report.log:
        say(dim(f"what dbt, Ray and Dagster wrote: {report.log}"))
