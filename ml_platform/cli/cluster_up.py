"""`mlp cluster up`, `extend` and `down`: clusters on Kubernetes that a person makes."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.clusters.interface import ClusterView
    from ml_platform.clusters.spec import ClusterSpec
    from ml_platform.xray.records import Event

UP: Final = help_of(
    "mlp cluster up --gpu a100 --workers 8 --memory 64Gi --ttl 4h",
    "Make a cluster on Kubernetes that is yours until its time is over.",
    "It ends by itself, also if this machine is switched off. The same command again finds the "
    "cluster that is there; interrupted, it is made all the same.",
)
EXTEND: Final = help_of(
    "mlp cluster extend dev-ada --ttl 4h", "Let a cluster of yours live so long from now on."
)
DOWN: Final = help_of("mlp cluster down dev-ada", "Remove a cluster of yours.")

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Owner = Annotated[str, typer.Option(help="Whose it is; you, as user@host.", show_default=False)]
Mine = Annotated[
    str, typer.Argument(metavar="[CLUSTER]", help="Its name; the only one that you have.")
]
Ttl = Annotated[str, typer.Option(help="How long it lives: 30m, 4h, 1d12h.")]


def up(
    name: Annotated[
        str, typer.Option(help="Its name; from yours if empty.", show_default=False)
    ] = "",
    workers: Annotated[int, typer.Option(help="How many workers.")] = 1,
    cpus: Annotated[int, typer.Option(help="CPUs of a worker.")] = 1,
    memory: Annotated[str, typer.Option(help="Memory of a worker, as 64Gi.")] = "4Gi",
    gpu: Annotated[str, typer.Option(help="Kind of GPU, from the catalogue.")] = "",
    gpus: Annotated[
        int, typer.Option(help="GPUs of a worker; one if a kind is named.", show_default=False)
    ] = 0,
    spot: Annotated[
        bool, typer.Option("--spot", help="Nodes that may be taken away will do for workers.")
    ] = False,
    head_cpus: Annotated[int, typer.Option(help="CPUs of the head.")] = 1,
    head_memory: Annotated[str, typer.Option(help="Memory of the head.")] = "4Gi",
    image: Annotated[
        str, typer.Option(help="Container image; the platform's if empty.", show_default=False)
    ] = "",
    queue: Annotated[
        str, typer.Option(help="Queue of Kueue that admits it.", show_default=False)
    ] = "",
    priority: Annotated[str, typer.Option(help="Priority class.", show_default=False)] = "",
    ttl: Ttl = "4h",
    owner: Owner = "",
    wait: Annotated[bool, typer.Option(help="Wait until it is ready.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it, print the manifest, make nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make an interactive cluster."""
    from ml_platform.cli.cluster import show_cluster
    from ml_platform.cli.output import print_json, print_result, say, working
    from ml_platform.cli.spans import seconds_of
    from ml_platform.clusters.kuberay.interactive_manifest import Wanted
    from ml_platform.clusters.kuberay.manifests import manifest_yaml
    from ml_platform.clusters.kuberay.owner import default_name, this_person
    from ml_platform.clusters.open import open_interactive
    from ml_platform.settings import load_settings
    from ml_platform.xray.records import Recorder

    groups = {
        "head": {"cpus": head_cpus, "memory": head_memory},
        "workers": {
            "count": workers,
            "cpus": cpus,
            "memory": memory,
            "gpu": gpu,
            "gpus": gpus or (1 if gpu else 0),
            "spot": spot,
        },
    }
    spec = _spec({**groups, "image": image, "queue": queue, "priority": priority})
    owner = owner or this_person()
    name = name or default_name(owner)
    wanted = Wanted(name=name, spec=spec, owner=owner, ttl_s=seconds_of(ttl))
    clusters = open_interactive(load_settings())
    manifest = clusters.manifest(wanted)
    if dry_run:
        if as_json:
            print_json(manifest)
        else:
            typer.echo(manifest_yaml(manifest), nl=False)
        return
    _show_plan(wanted.name, spec, ttl)
    with working(f"{wanted.name}: waiting until it is ready"):
        view = clusters.up(wanted, Recorder(_tell), wait=wait)
    print_result(view, show_cluster, as_json=as_json)
    if not as_json:
        say(
            f"next: mlp cluster run SCRIPT --on {view.name}; mlp cluster connect {view.name}; "
            f"mlp cluster down {view.name}"
        )


def extend(cluster: Mine = "", ttl: Ttl = "4h", owner: Owner = "", as_json: Json = False) -> None:
    """Move the end of a cluster."""
    from ml_platform.cli.output import print_result
    from ml_platform.cli.spans import seconds_of
    from ml_platform.clusters.kuberay.owner import this_person
    from ml_platform.clusters.open import open_interactive
    from ml_platform.settings import load_settings

    ttl_s = seconds_of(ttl)
    owner = owner or this_person()
    clusters = open_interactive(load_settings())
    view = clusters.extend(clusters.choose(cluster, owner), owner, ttl_s)
    print_result(view, _show_extended, as_json=as_json)


def down(cluster: Mine = "", owner: Owner = "", as_json: Json = False) -> None:
    """Remove a cluster and wait until it is gone."""
    from ml_platform.cli.output import print_result, working
    from ml_platform.clusters.kuberay.owner import this_person
    from ml_platform.clusters.open import open_interactive
    from ml_platform.settings import load_settings

    owner = owner or this_person()
    clusters = open_interactive(load_settings())
    name = clusters.choose(cluster, owner)
    with working(f"removing {name}"):
        clusters.down(name, owner)
    print_result({"name": name, "removed": True}, _show_removed, as_json=as_json)


def _spec(values: dict[str, object]) -> "ClusterSpec":
    from pydantic import ValidationError

    from ml_platform.clusters.spec import ClusterSpec
    from ml_platform.errors import InputError

    try:
        return ClusterSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{where}: {first['msg']}", hint="`mlp cluster up --help` has the options."
        ) from error


def _show_plan(name: str, spec: "ClusterSpec", ttl: str) -> None:
    from ml_platform.cli.output import note

    groups = "; ".join(group.in_words() for group in spec.groups)
    head = f"{spec.head.cpus} CPU, {spec.head.memory}"
    note(f"{name}: head {head}; workers {groups}; ends after {ttl}")


def _tell(event: "Event") -> None:
    from rich.markup import escape

    from ml_platform.cli.output import note

    if event.detail:
        note(f"[yellow]![/yellow] {escape(event.detail)}")


def _show_extended(view: "ClusterView") -> None:
    from ml_platform.cli.output import say

    say(f"[green]✓[/green] {view.name} lives until {view.details['expires']}")


def _show_removed(removed: dict[str, object]) -> None:
    from ml_platform.cli.output import say

    say(f"[green]✓[/green] removed {removed['name']}")
