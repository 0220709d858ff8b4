"""How clusters look in a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ml_platform.cli.output import duration, print_table, say

if TYPE_CHECKING:
    from ml_platform.clusters.interface import ClusterView, Reaped


def show_clusters(found: "Sequence[ClusterView]") -> None:
    """A line a cluster."""
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


def show_cluster(view: "ClusterView") -> None:
    """A line for each thing that is known of it."""
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


def show_reaped(found: "Sequence[Reaped]") -> None:
    """A line a cluster that nobody needs."""
    if not found:
        say("every cluster is needed")
        return
    rows = [(one.name, one.fate, one.why) for one in found]
    print_table(("cluster", "", "why"), rows)
    if any(one.fate == "not removed" for one in found):
        say("`mlp cluster reap --yes` removes them")


def _workers(view: "ClusterView") -> str:
    return ", ".join(group.in_words() for group in view.spec.groups) if view.spec else "?"
