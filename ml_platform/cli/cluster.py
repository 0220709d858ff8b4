"""`mlp cluster`: the Rays that the platform runs on this machine."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.clusters.local.inventory import LocalCluster

app = typer.Typer(no_args_is_help=True, help="See and stop the Rays on this machine.")


@app.command(
    "list",
    **help_of("mlp cluster list", "List the local Rays: who uses them, and their dashboard."),
)
def list_clusters(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List the local clusters."""
    from ml_platform.cli.output import print_result
    from ml_platform.clusters.local.inventory import local_clusters
    from ml_platform.clusters.open import local_home
    from ml_platform.settings import load_settings

    found = local_clusters(local_home(load_settings()))
    print_result(found, show_clusters, as_json=as_json)


def show_clusters(found: "Sequence[LocalCluster]") -> None:
    """A line a cluster."""
    from ml_platform.cli.output import duration, print_table, say

    if not found:
        say("no Ray runs on this machine; a training starts one and stops it when it is unused")
        return
    rows = [
        (
            one.spec_hash,
            one.phase,
            f"{one.spec.workers.count} × {one.spec.workers.cpus} CPU",
            ", ".join(one.users) or f"idle for {duration(one.idle_s)}",
            sum(not job.is_over for job in one.jobs),
            one.url,
        )
        for one in found
    ]
    print_table(
        ("cluster", "phase", "workers", "users", "jobs", "dashboard"), rows, right=("jobs",)
    )


@app.command(
    "stop",
    **help_of(
        "mlp cluster stop 3f2a9c0d1b7e",
        "Stop a local Ray now, or all of them, whoever uses them.",
        "A training on it ends; the next one goes on from its checkpoint.",
    ),
)
def stop(
    cluster: Annotated[
        str, typer.Argument(metavar="CLUSTER", help="As `mlp cluster list` names it.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Stop every one.")] = False,
) -> None:
    """Stop local clusters, whoever uses them."""
    from ml_platform.cli.output import say, working
    from ml_platform.clusters.local.inventory import local_clusters, stop_local_cluster
    from ml_platform.clusters.open import local_home
    from ml_platform.errors import InputError
    from ml_platform.settings import load_settings

    home = local_home(load_settings())
    known = [one.spec_hash for one in local_clusters(home)]
    if bool(cluster) == every:
        raise InputError(
            "wanted one cluster or --all", hint="`mlp cluster list` names the clusters."
        )
    if cluster and cluster not in known:
        raise InputError(
            f"there is no cluster {cluster!r}; there is {', '.join(known) or 'none'}",
            hint="`mlp cluster list` shows all.",
        )
    for one in [cluster] if cluster else known:
        with working(f"stopping {one}"):
            stop_local_cluster(home, one)
        say(f"[green]✓[/green] stopped {one}")
