"""`mlp cluster run`, `logs` and `connect`: what a person does on a cluster on Kubernetes."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ml_platform.cli.cluster_up import Json, Mine, Owner
from ml_platform.cli.helptext import help_of

if TYPE_CHECKING:
    from ml_platform.clusters.interface import Cluster
    from ml_platform.clusters.jobs.job import JobOutcome

RUN: Final = help_of(
    "mlp cluster run train.py --follow -- --epochs 3",
    "Run a script on a cluster of yours.",
    "The folder travels: the current one if the script is in it, else the script's own; without "
    "what .gitignore and .rayignore name, and at most 100 MiB. With --follow the log is printed "
    "and the exit code is the job's; an interrupt then ends the following and not the job.",
)
LOGS: Final = help_of(
    "mlp cluster logs -f dev-ada",
    "Print the log of a cluster's newest job, or of one that --job names.",
    "With -f until the job is over; a connection that breaks loses and repeats no line.",
)

CONNECT: Final = help_of(
    "mlp cluster connect dev-ada",
    "Give a cluster's head an address on this machine until this is interrupted.",
    "Open it in a browser for the dashboard, or hand it to `ray job submit --address`: Ray's token "
    "is added on the way. Whoever can open a port of this machine can use it as well.",
)
LOOK_EVERY_S: Final = 1.0
"""How often to see whether a cluster has ended, which its watches tell: it costs no request."""


def run(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A file of Python.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGUMENTS]", help="What the script gets.")
    ] = None,
    on: Annotated[
        str, typer.Option(help="The cluster; the only one that you have.", show_default=False)
    ] = "",
    folder: Annotated[
        Path | None, typer.Option(help="The folder that travels.", show_default=False)
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print the log until the job is over.")
    ] = False,
    owner: Owner = "",
    as_json: Json = False,
) -> None:
    """Submit a script with its folder."""
    from ml_platform.cli.output import note, print_result, working
    from ml_platform.clusters.jobs.folder import folder_of
    from ml_platform.clusters.jobs.package import pack
    from ml_platform.clusters.jobs.script import job_id, script_in, submit_script
    from ml_platform.clusters.kuberay.owner import this_person
    from ml_platform.clusters.open import open_interactive
    from ml_platform.settings import load_settings

    owner = owner or this_person()
    folder = (folder or folder_of(script, Path.cwd())).resolve()
    program = script_in(folder, script, tuple(arguments or ()))
    package = pack(folder)
    clusters = open_interactive(load_settings())
    submission_id = job_id(script)
    size = len(package.content) / 2**20
    with clusters.watched(clusters.choose(on, owner)) as cluster:
        note(f"{cluster.name}: {package.files} files of {folder} ({size:.1f} MiB packed)")
        with working("sending the folder and submitting"):
            submit_script(cluster, submission_id, program, package, owner=owner)
        if follow:
            _follow(cluster, submission_id, as_json=as_json)
            return
    submitted = {"cluster": cluster.name, "job": submission_id}
    print_result(submitted, _show_submitted, as_json=as_json)


def logs(
    cluster: Mine = "",
    job: Annotated[str, typer.Option(help="Its id; the newest.", show_default=False)] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until the job is over.")] = False,
    owner: Owner = "",
    as_json: Json = False,
) -> None:
    """Print the log of a job."""
    from ml_platform.cli.output import dim, note, print_json
    from ml_platform.clusters.jobs.look import chosen_job, log_so_far
    from ml_platform.clusters.kuberay.owner import this_person
    from ml_platform.clusters.open import open_interactive
    from ml_platform.settings import load_settings

    clusters = open_interactive(load_settings())
    name = clusters.choose(cluster, owner or this_person())
    if follow:
        with clusters.watched(name) as found:
            _follow(found, chosen_job(found, job).submission_id, as_json=as_json)
        return
    found = clusters.cluster(name)
    chosen = chosen_job(found, job)
    text = log_so_far(found, chosen.submission_id)
    if as_json:
        lines = text.splitlines()
        print_json({"job": chosen.submission_id, "status": chosen.status, "lines": lines})
        return
    note(dim(f"{found.name}: job {chosen.submission_id}, {chosen.status.lower()}"))
    typer.echo(text, nl=False)


def connect(
    cluster: Mine = "",
    port: Annotated[int, typer.Option(help="Which port; 0 for any that is free.")] = 0,
    owner: Owner = "",
    as_json: Json = False,
) -> None:
    """Lead a local address to a head."""
    from ml_platform.cli.output import print_result
    from ml_platform.clusters.kuberay.connect import local_address
    from ml_platform.clusters.kuberay.owner import this_person
    from ml_platform.clusters.open import open_interactive
    from ml_platform.errors import ClusterLostError
    from ml_platform.settings import load_settings

    clusters = open_interactive(load_settings())
    name = clusters.choose(cluster, owner or this_person())
    with clusters.watched(name) as found, local_address(found.head, port=port) as url:
        print_result({"cluster": found.name, "url": url}, _show_connected, as_json=as_json)
        sys.stdout.flush()
        while not found.is_gone():
            time.sleep(LOOK_EVERY_S)
    raise ClusterLostError(
        f"the cluster {name} has ended, or its head is another one",
        hint=f"`mlp cluster show {name}` says more.",
    )


def _follow(cluster: "Cluster", submission_id: str, *, as_json: bool) -> None:
    """Print the log until the job is over; its failure is the command's."""
    from ml_platform.cli.output import note, print_result
    from ml_platform.clusters.jobs.look import attached_job

    try:
        with attached_job(cluster, submission_id) as job:
            # With --json the result has standard output for itself.
            outcome = job.follow(on_log=lambda line: typer.echo(line, err=as_json))
    except KeyboardInterrupt:
        note(f"job {submission_id} runs on: mlp cluster logs -f {cluster.name}")
        raise
    print_result(outcome, _show_outcome, as_json=as_json)
    if outcome.status != "succeeded":
        raise typer.Exit(1)


def _show_outcome(outcome: "JobOutcome") -> None:
    from ml_platform.cli.output import CROSS, TICK, note

    mark = TICK if outcome.status == "succeeded" else CROSS
    first = outcome.message.strip().partition("\n")[0]
    note(mark, f"job {outcome.submission_id} {outcome.status}: {first}")


def _show_connected(connected: dict[str, str]) -> None:
    from ml_platform.cli.output import TICK, note, say

    url = connected["url"]
    say(url)
    note(TICK, f"connected to {connected['cluster']} until Ctrl-C")
    note(f"  dashboard: {url}")
    note(f"  jobs:      ray job submit --address {url} --working-dir . -- python train.py")


def _show_submitted(submitted: dict[str, str]) -> None:
    from ml_platform.cli.output import TICK, say

    say(TICK, f"submitted {submitted['job']}")
    say(f"next: mlp cluster logs -f {submitted['cluster']} --job {submitted['job']}")
