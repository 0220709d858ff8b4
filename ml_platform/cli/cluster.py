"""`mlp cluster`: what every provisioner has made, seen and stopped through their one seam.

What makes and uses clusters of a person's own stands in `cluster_up` and `cluster_use`.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ml_platform.cli import cluster_up, cluster_use
from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.clusters.interface import ClusterView, Provisioner, Reaped

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
    from ml_platform.cli.output import print_result

    found = [view for provisioner in _provisioners() for view in provisioner.inventory()]
    print_result(found, show_clusters, as_json=as_json)


def show_clusters(found: "Sequence[ClusterView]") -> None:
    """A line a cluster."""
    from ml_platform.cli.output import duration, print_table, say

    if not found:
        say("there is no cluster; a training makes one for itself, `mlp cluster up` one for you")
        return
    rows = [
        (
            one.name,
            one.provisioner,
            one.phase,
            _workers(one),
            ", ".join(one.users) or f"idle for {duration(one.idle_s)}",
            len(one.jobs),
            one.details.get("expires", ""),
            one.url,
        )
        for one in found
    ]
    columns = ("cluster", "provisioner", "phase", "workers", "users", "jobs", "ends", "dashboard")
    print_table(columns, rows, right=("jobs",))


@app.command(
    "show",
    **help_of(
        "mlp cluster show 3f2a9c0d1b7e", "Show one cluster: what it is, runs, and why it waits."
    ),
)
def show(cluster: Name, as_json: Json = False) -> None:
    """Show one cluster."""
    from ml_platform.cli.output import print_result

    provisioner, view = _find(cluster)
    print_result(provisioner.look(view.name), show_cluster, as_json=as_json)


def show_cluster(view: "ClusterView") -> None:
    """A line for each thing that is known of it."""
    from ml_platform.cli.output import duration, print_table

    rows = [
        ("provisioner", view.provisioner),
        ("phase", view.phase),
        ("why", view.reason),
        ("head", f"{view.spec.head.cpus} CPU, {view.spec.head.memory}" if view.spec else ""),
        ("workers", _workers(view)),
        ("users", ", ".join(view.users)),
        ("idle", duration(view.idle_s)),
        ("jobs", ", ".join(view.jobs)),
        ("dashboard", view.url),
        *view.details.items(),
    ]
    print_table(("cluster", view.name), [row for row in rows if row[1]])


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
    from ml_platform.backfill.dagster_home import open_instance
    from ml_platform.cli.output import note, print_result
    from ml_platform.reaping import run_ends
    from ml_platform.settings import load_settings
    from ml_platform.xray.reaped import note_reaped

    settings = load_settings()
    try:
        run_ended_s = run_ends(open_instance(settings))
    except Exception as error:  # boundary: this has to work when Dagster's database is away
        note(f"Dagster cannot be asked which runs have ended: {error}")
        run_ended_s = _nobody_knows
    found = [
        one
        for provisioner in _provisioners()
        for one in provisioner.reap(run_ended_s, dry_run=not yes)
    ]
    if trouble := note_reaped(settings.storage_root, found, now_s=time.time()):
        note(trouble)
    print_result(found, show_reaped, as_json=as_json)


def _nobody_knows(run: str) -> None:
    del run


def show_reaped(found: "Sequence[Reaped]") -> None:
    """A line a cluster that nobody needs."""
    from ml_platform.cli.output import print_table, say

    if not found:
        say("every cluster is needed")
        return
    rows = [
        (one.name, _fate(one), "; ".join(filter(None, (one.reason, one.kept)))) for one in found
    ]
    print_table(("cluster", "", "why"), rows)
    if any(not one.removed and not one.kept for one in found):
        say("`mlp cluster reap --yes` removes them")


def _fate(one: "Reaped") -> str:
    if one.removed:
        return "removed"
    return "kept" if one.kept else "not removed"


def _provisioners() -> "list[Provisioner]":
    from ml_platform.clusters.open import open_provisioners
    from ml_platform.settings import load_settings

    return open_provisioners(load_settings())


def _find(name: str) -> "tuple[Provisioner, ClusterView]":
    from ml_platform.errors import InputError

    seen = []
    for provisioner in _provisioners():
        for view in provisioner.inventory():
            seen.append(view.name)
            if view.name == name:
                return provisioner, view
    raise InputError(
        f"there is no cluster {name!r}; there is {', '.join(seen) or 'none'}",
        hint="`mlp cluster ls` shows all.",
    )


def _workers(view: "ClusterView") -> str:
    return ", ".join(group.in_words() for group in view.spec.groups) if view.spec else "?"
