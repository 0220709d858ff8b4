"""`mlp xray prune`: what is old goes from X-Ray's database."""

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.xray.prune import Pruned

HELP: Final = help_of(
    "mlp xray prune --older-than 90d",
    "Show which attempts are older; with --yes, remove them from the database, and thin the "
    "samples of those that ended a week ago to one in five minutes.",
    "The storage is not touched: what it has, [bold]mlp xray gather --all[/] brings back.",
)


def prune(
    older_than: Annotated[
        str, typer.Option(help="Attempts that ended so long ago; 7d at least.")
    ] = "90d",
    yes: Annotated[bool, typer.Option("--yes", help="Remove them.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Remove what is old."""
    from ml_platform.cli.output import print_result, working
    from ml_platform.cli.spans import seconds_of
    from ml_platform.settings import load_settings
    from ml_platform.xray.prune import prune as prune_store
    from ml_platform.xray.store import open_store

    older_than_s = seconds_of(older_than)
    with open_store(load_settings()) as store, working("looking for what is old"):
        result = prune_store(store, older_than_s=older_than_s, now_s=time.time(), dry_run=not yes)
    print_result(result, _show, as_json=as_json)


def _show(found: "Pruned") -> None:
    from ml_platform.cli.output import counted, say

    attempts = counted(len(found.attempts), "attempt")
    thinned = f"the samples of {counted(found.thinned, 'attempt')}"
    if found.done:
        say(f"removed {attempts}, and thinned {thinned}")
    elif found.attempts or found.thinned:
        say(f"{attempts} would be removed, and {thinned} thinned")
        say("`mlp xray prune --yes` does it, with --older-than as here")
    else:
        say("nothing is so old")
