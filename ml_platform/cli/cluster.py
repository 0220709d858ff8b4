"""`mlp cluster`: what every provisioner has made, seen and stopped through their one seam.

What makes and uses clusters of a person's own stands in `cluster_up` and `cluster_use`.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from ml_platform.cli import cluster_up, cluster_use
from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.clusters.interface import ClusterView, Provisioner

app = typer.Typer(no_args_is_help=True, help="Make, use, see and stop clusters.")
app.command("up", **cluster_up.UP)(cluster_up.up)
app.command("extend", **cluster_up.EXTEND)(cluster_up.extend)
app.command("down", **cluster_up.DOWN)(cluster_up.down)
app.command("run", **cluster_use.RUN)(cluster_use.run)
app.command("logs", **cluster_use.LOGS)(cluster_use.logs)
app.command("connect", **cluster_use.CONNECT)(cluster_use.connect)

Name = Annotated[str, typer.Argument(metavar="CLUSTER", help="As `mlp cluster ls` names it.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command(
    "ls",
    **help_of("mlp cluster ls", "List the clusters: who uses them, and their dashboard."),
)
def list_clusters(as_json: Json = False) -> None:
    """List all clusters that exist, or have left something behind."""
    from ml_platform.cli.cluster_show import show_clusters
    from ml_platform.cli.output import print_result

    found = [view for provisioner in _provisioners() for view in provisioner.inventory()]
    print_result(found, show_clusters, as_json=as_json)


@app.command(
    "show",
    **help_of(
        "mlp cluster show 3f2a9c0d1b7e", "Show one cluster: what it is, runs, and why it waits."
    ),
)
def show(cluster: Name, as_json: Json = False) -> None:
    """Show one cluster."""
    from ml_platform.cli.cluster_show import show_cluster
    from ml_platform.cli.output import print_result

    provisioner, view = _find(cluster)
    print_result(provisioner.look(view.name), show_cluster, as_json=as_json)


@app.command(
    "stop",
    **help_of(
        "mlp cluster stop 3f2a9c0d1b7e",
        "Stop a cluster now, or all of them, whoever uses them.",
        "A training on it goes on from its checkpoint on another one.",
    ),
)
def stop(
    cluster: Name = "",
    every: Annotated[bool, typer.Option("--all", help="Stop every one.")] = False,
    as_json: Json = False,
) -> None:
    """Stop clusters, whoever uses them."""
    from ml_platform.cli.output import TICK, note, print_json, say, working
    from ml_platform.errors import InputError

    if bool(cluster) == every:
        raise InputError("wanted one cluster or --all", hint="`mlp cluster ls` names the clusters.")
    chosen = (
        [_find(cluster)]
        if cluster
        else [(one, view) for one in _provisioners() for view in one.inventory()]
    )
    tell = note if as_json else say
    for provisioner, view in chosen:
        with working(f"stopping {view.name}"):
            provisioner.stop(view.name)
        # Told one by one: the next may fail.
        tell(TICK, f"stopped {view.name}")
    if as_json:
        print_json([{"name": view.name, "stopped": True} for _, view in chosen])


@app.command(
    "reap",
    **help_of(
        "mlp cluster reap",
        "Show the clusters that nobody needs; with --yes, remove them.",
        "A run that has ended needs none, nor does anybody after a cluster's expiry. One of which "
        "Dagster does not know the run is shown with the time until when it is kept.",
    ),
)
def reap(
    yes: Annotated[bool, typer.Option("--yes", help="Remove them.")] = False, as_json: Json = False
) -> None:
    """Remove what nobody needs, though whoever should have did not."""
    from ml_platform.cli.cluster_show import show_reaped
    from ml_platform.cli.output import TICK, note, print_result
    from ml_platform.cli.reap import reap_now
    from ml_platform.errors import ClusterError
    from ml_platform.settings import load_settings

    found, failure = [], None
    try:
        for one in reap_now(load_settings(), _provisioners(), dry_run=not yes, tell=note):
            found.append(one)
            if one.removed:  # told one by one: the next may take long, or this may be ended
                note(TICK, f"removed {one.name}: {one.reason}")
    except ClusterError as error:
        failure = error
    if found or failure is None:
        print_result(found, show_reaped, as_json=as_json)
    if failure is not None:
        raise failure


def _provisioners() -> "list[Provisioner]":
    from ml_platform.clusters.open import open_provisioners
    from ml_platform.settings import load_settings

    return open_provisioners(load_settings())


def _find(name: str) -> "tuple[Provisioner, ClusterView]":
    from ml_platform.errors import InputError
    from ml_platform.wrong_values import shown_name

    seen = []
    for provisioner in _provisioners():
        for view in provisioner.inventory():
            seen.append(view.name)
            if view.name == name:
                return provisioner, view
    raise InputError(
        f"there is no cluster {shown_name(name)}; there is {', '.join(seen) or 'none'}",
        hint="`mlp cluster ls` shows all.",
    )
