"""`mlp pool`: how much of the platform runs at once in a Dagster instance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.backfill.pools import PoolLimit

app = typer.Typer(no_args_is_help=True, help="Limits of what runs at once.")

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.callback()
def pool() -> None:
    """Keeps `init` a command of its own: typer makes a lone command the whole."""


@app.command(
    "init",
    **help_of("mlp pool init", "Give each pool a limit of its own where Dagster has none yet."),
)
def init(as_json: Json = False) -> None:
    """Give each pool of the code location a limit of its own; those that have one keep it."""
    from ml_platform.backfill.chain import load_definitions
    from ml_platform.backfill.dagster_home import open_instance
    from ml_platform.backfill.pools import ensure_limits, pools_of
    from ml_platform.cli.output import print_result
    from ml_platform.settings import load_settings

    settings = load_settings()
    with open_instance(settings) as instance:
        limits = ensure_limits(instance, pools_of(load_definitions()))
    print_result(limits, show_limits, as_json=as_json)


def show_limits(limits: "Sequence[PoolLimit]") -> None:
    """A line a pool."""
    from ml_platform.cli.output import print_table, say

    if not limits:
        say("this Dagster limits no pool by default, and none was given a limit")
        return
    rows = [(one.pool, one.limit, "set now" if one.new else "kept") for one in limits]
    print_table(("pool", "steps at once", ""), rows, right=("steps at once",))
