"""The command `mlp`: noun, verb. Each command is a thin layer over a function that returns a value.

Commands import what they need when they run: `mlp --help` must not wait for Dagster.
"""

import sys

import typer

from ml_platform.cli import (
    backfill,
    cluster,
    demo,
    doctor,
    features,
    model,
    pool,
    xray,
    xray_serve,
)
from ml_platform.cli.boundary import guarded

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Trains models on daily feature tables: [bold]mlp demo[/bold] shows it on real flights, "
    "[bold]mlp model new NAME[/bold] begins one of your own.",
)
app.add_typer(model.app, name="model")
app.add_typer(cluster.app, name="cluster")
app.add_typer(xray.app, name="xray")
xray.app.command("serve", **xray_serve.HELP)(xray_serve.serve)
app.add_typer(features.app, name="features")
app.add_typer(pool.app, name="pool")
app.command("backfill", **backfill.HELP)(backfill.backfill)
app.command("demo", **demo.HELP)(demo.demo)
app.command("doctor", **doctor.HELP)(doctor.doctor)


def main() -> None:
    """Run `mlp` with the arguments of this process, and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run `mlp` with `arguments` and return its exit code."""
    return guarded(lambda: _invoke(arguments))


def _invoke(arguments: list[str]) -> int:
    try:
        app(arguments, prog_name="mlp")
    except SystemExit as end:
        if isinstance(end.code, int):
            if end.code == 130:  # how typer answers an interrupt
                raise KeyboardInterrupt from None
            return end.code
        return 0 if end.code is None else 1
    return 0
