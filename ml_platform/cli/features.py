"""`mlp features`: feature tables of the dbt project."""

from typing import TYPE_CHECKING, Annotated

import typer

from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.backfill.refresh import Refresh
    from ml_platform.backfill.runner import RunOutcome

app = typer.Typer(no_args_is_help=True, help="Bring feature tables up to their models.")


@app.callback()
def features() -> None:
    """Keeps `refresh` a command of its own: typer makes a lone command the whole."""


@app.command(
    "refresh",
    **help_of(
        "mlp features refresh flight_features --from 2013-03-01 --to 2013-03-14",
        "Build a table whose model has got other columns.",
        """With days, new columns are appended to the table, empty in its other days, and these
        days are built. With [bold]--full[/] the table is made anew, of all days that it has.""",
    ),
)
def refresh(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="The table, as its asset is called.")
    ],
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="The first partition.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="The last partition.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Make the whole table anew.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it costs and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Build a table whose model has got other columns; the help is above."""
    from ml_platform.backfill.refresh import plan_refresh, run_refresh
    from ml_platform.cli.output import note, print_result
    from ml_platform.cli.session import terminal_session
    from ml_platform.settings import load_settings

    settings = load_settings()
    plan = plan_refresh(settings, table, first=first, last=last, full=full)
    if dry_run:
        print_result(plan, show_plan, as_json=as_json)
        return
    note(in_words(plan))
    with terminal_session(settings) as session:
        outcome = run_refresh(session, plan)
    if outcome.error is not None:
        raise outcome.error
    print_result(outcome, show_outcome, as_json=as_json)


def in_words(plan: "Refresh") -> str:
    """What it will build, and its price."""
    from ml_platform.cli.output import counted
    from ml_platform.partitions import days_in_words

    days = f"{counted(len(plan.days), 'day')} ({days_in_words(plan.days)})"
    if plan.full:
        return f"{plan.table}: made anew, {days}; it has {plan.rows:,} rows now"
    return f"{plan.table}: new columns are appended, {days} built"


def show_plan(plan: "Refresh") -> None:
    """A line with the price."""
    from ml_platform.cli.output import say

    say(in_words(plan))


def show_outcome(outcome: "RunOutcome") -> None:
    """A line that it is done."""
    from ml_platform.cli.output import TICK, duration, say

    say(TICK, f"built in {duration(outcome.seconds)}")
