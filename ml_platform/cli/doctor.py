"""`mlp doctor`: what is installed, configured and reachable, with the fix for each no."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.health.look import Look

HELP: Final = help_of(
    "mlp doctor",
    "Look at what the platform needs, and say how to mend what is missing.",
    """Libraries, settings, the dbt project, each model, warehouse, storage, registry, Dagster, Ray,
    disk and memory. Exit code 1: something that is needed is missing.""",
)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show only what is not well.")] = False,
) -> None:
    """Look at everything and say what is not well."""
    from ml_platform.cli.output import print_result, working
    from ml_platform.health.looks import examine
    from ml_platform.settings import load_settings

    settings = load_settings()
    with working("looking"):
        found = examine(settings)
    print_result(found, partial(show_looks, quiet=quiet), as_json=as_json)
    if any(one.state == "no" for one in found):
        raise typer.Exit(1)


def show_looks(found: "Sequence[Look]", *, quiet: bool = False) -> None:
    """A table a group, then what to do about what is not well."""
    from ml_platform.cli.output import BANG, CROSS, TICK, print_table, say

    marks = {"ok": TICK, "no": CROSS, "note": BANG}
    shown = [one for one in found if not quiet or one.state != "ok"]
    for group in dict.fromkeys(one.group for one in shown):
        rows = [(marks[one.state], one.name, one.value) for one in shown if one.group == group]
        print_table(("", group, ""), rows)
    for one in shown:
        if one.fix:
            say(marks[one.state], f"{one.name}: {one.fix}")
    if not quiet and all(one.state != "no" for one in found):
        say(TICK, "all that is needed is there")
