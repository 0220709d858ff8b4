"""`mlp doctor`: what is installed, configured and reachable, with the fix for each no."""

from typing import Annotated, Final

import typer

from ml_platform.cli.helptext import help_of

HELP: Final = help_of(
    "mlp doctor",
    "Look at what the platform needs, and say how to mend what is missing.",
    """Libraries, settings, warehouse, storage, registry, Dagster, Ray, disk and memory. Exit code
    1: something that is needed is missing.""",
)
MARKS: Final = {"ok": "[green]✓[/green]", "no": "[red]✗[/red]", "note": "[yellow]![/yellow]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show only what is not well.")] = False,
) -> None:
    """Look at everything and say what is not well."""
    from rich.markup import escape

    from ml_platform.cli.output import print_json, print_table, say, working
    from ml_platform.health.looks import examine
    from ml_platform.settings import load_settings

    settings = load_settings()
    with working("looking"):
        found = examine(settings)
    missing = [one for one in found if one.state == "no"]
    if as_json:
        print_json(found)
    else:
        shown = [one for one in found if not quiet or one.state != "ok"]
        for group in dict.fromkeys(one.group for one in shown):
            rows = [
                (MARKS[one.state], one.name, escape(one.value))
                for one in shown
                if one.group == group
            ]
            print_table(("", group, ""), rows)
        for one in shown:
            if one.fix:
                say(f"{MARKS[one.state]} {one.name}: {escape(one.fix)}")
        if not missing and not quiet:
            say("[green]✓[/green] all that is needed is there")
    if missing:
        raise typer.Exit(1)
