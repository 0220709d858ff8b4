"""`mlp cluster up`, `extend` and `down`: clusters on Kubernetes that a person makes."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.clusters.interface import ClusterView
    from ml_platform.clusters.spec import ClusterSpec
    from ml_platform.settings import Settings
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
    preset: Annotated[
        str,
        typer.Option(
            help="A preset of the environment; options beside it win.", show_default=False
        ),
    ] = "",
    workers: Annotated[
        str | None,
        typer.Option(
            help="How many workers; 2..8 begins with 2 and adds up to 8 as work asks.",
            show_default="1",
        ),
    ] = None,
    cpus: Annotated[int | None, typer.Option(help="CPUs of a worker.", show_default="1")] = None,
    memory: Annotated[
        str | None, typer.Option(help="Memory of a worker, as 64Gi.", show_default="4Gi")
    ] = None,
    disk: Annotated[
        str | None, typer.Option(help="Local disk of a worker, as 100Gi; what its node has if not.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="Kind of GPU, from the catalogue.")] = None,
    gpus: Annotated[
        int | None, typer.Option(help="GPUs of a worker; one if a kind is named.")
    ] = None,
    spot: Annotated[
        bool | None,
        typer.Option("--spot/--no-spot", help="Nodes that may be taken away will do for workers."),
    ] = None,
    head_cpus: Annotated[
        int | None, typer.Option(help="CPUs of the head.", show_default="1")
    ] = None,
    head_memory: Annotated[
        str | None, typer.Option(help="Memory of the head.", show_default="4Gi")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Container image; the platform's if not given.")
    ] = None,
    queue: Annotated[str | None, typer.Option(help="Queue of Kueue that admits it.")] = None,
    priority: Annotated[str | None, typer.Option(help="Priority class.")] = None,
    ttl: Ttl = "4h",
    owner: Owner = "",
    wait: Annotated[bool, typer.Option(help="Wait until it is ready.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it, print the manifest, make nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make an interactive cluster."""
    from ml_platform.cli.cluster_show import show_cluster
    from ml_platform.cli.output import note, print_json, print_result, say, working
    from ml_platform.cli.spans import seconds_of
    from ml_platform.clusters.kuberay.interactive_manifest import Wanted
    from ml_platform.clusters.kuberay.manifests import manifest_yaml
    from ml_platform.clusters.kuberay.owner import default_name, this_person
    from ml_platform.clusters.open import open_interactive
    from ml_platform.settings import load_settings
    from ml_platform.xray.records import Recorder

    settings = load_settings()
    named = 1 if gpu and gpus is None and not preset else gpus
    own: dict[str, Any] = {
        "provisioner": "ephemeral",
        "head": _given(cpus=head_cpus, memory=head_memory),
        "workers": _how_many(workers)
        | _given(cpus=cpus, memory=memory, disk=disk, gpu=gpu, gpus=named, spot=spot),
        "image": image,
        "queue": queue,
        "priority": priority,
    }
    spec = _spec(_given(**own), preset, settings)
    owner = owner or this_person()
    name = name or default_name(owner)
    wanted = Wanted(name=name, spec=spec, owner=owner, ttl_s=seconds_of(ttl))
    clusters = open_interactive(settings)
    manifest = clusters.manifest(wanted)
    if dry_run:
        if as_json:
            print_json(manifest)
        else:
            typer.echo(manifest_yaml(manifest), nl=False)
        return
    note(f"{name}: {spec.in_words()}; ends after {ttl}")
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
    with working(f"removing {cluster or 'your cluster'}"):
        name = clusters.down(cluster, owner)
    print_result({"name": name, "removed": True}, _show_removed, as_json=as_json)


def _given(**options: Any) -> dict[str, Any]:
    """Those that were given: what was not is left to the preset, and to the defaults."""
    return {name: value for name, value in options.items() if value not in (None, {})}


def _how_many(workers: str | None) -> dict[str, Any]:
    from ml_platform.errors import InputError
    from ml_platform.wrong_values import of_another_form

    if workers is None:
        return {}
    fewest, dots, most = workers.partition("..")
    if not fewest.isdecimal() or (dots and not most.isdecimal()):
        raise InputError(
            of_another_form("--workers", workers, "a number, or the fewest and the most"),
            hint="as 8, or 2..8 for a cluster that grows and shrinks.",
        )
    return {"min": int(fewest), "max": int(most)} if dots else {"count": int(fewest)}


def _spec(own: dict[str, Any], preset: str, settings: "Settings") -> "ClusterSpec":
    from pydantic import ValidationError

    from ml_platform.clusters.open import presets_of
    from ml_platform.clusters.spec import ClusterSpec
    from ml_platform.errors import InputError
    from ml_platform.wrong_values import first_in_words

    if preset:
        return presets_of(settings).with_fields(preset, own)
    try:
        return ClusterSpec.model_validate(own)
    except ValidationError as error:
        raise InputError(
            first_in_words(error), hint="`mlp cluster up --help` has the options."
        ) from None


def _tell(event: "Event") -> None:
    from ml_platform.cli.output import BANG, note

    if event.detail:
        note(BANG, event.detail)


def _show_extended(view: "ClusterView") -> None:
    from ml_platform.cli.output import TICK, say

    say(TICK, f"{view.name} lives until {view.details['expires']}")


def _show_removed(removed: dict[str, object]) -> None:
    from ml_platform.cli.output import TICK, say

    say(TICK, f"removed {removed['name']}")
