"""`mlp xray`: what happened to trainings and why, out of what they have left in object storage."""

import time
from typing import Annotated, Final

import typer

from ml_platform.cli import xray_compare, xray_cost, xray_findings, xray_prune, xray_trace
from ml_platform.cli.helptext import help_of
from ml_platform.cli.xray_store import (
    gather_measured,
    gathered_store,
    known_prices,
    loud_findings,
)

READ_WITHIN_S: Final = 30.0
"""The end of a log."""

app = typer.Typer(no_args_is_help=True, help="See what happened to trainings, and why.")

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
What = Annotated[
    str, typer.Argument(metavar="ATTEMPT|MODEL", help="An attempt as `ls` names it, or a model.")
]
Partition = Annotated[
    str, typer.Argument(metavar="[PARTITION]", help="Of the model; then its newest attempt.")
]
Number = Annotated[
    int | None, typer.Argument(metavar="[NUMBER]", min=1, help="Which attempt of the partition.")
]


@app.command(
    "ls",
    **help_of(
        "mlp xray ls --cause out_of_memory --since 2d",
        "List attempts: those that go on, then the newest.",
    ),
)
def list_attempts(
    model: Annotated[str, typer.Option(help="Of this model alone.", show_default=False)] = "",
    cause: Annotated[
        str, typer.Option(help="Those that ended by this cause alone.", show_default=False)
    ] = "",
    since: Annotated[
        str, typer.Option(help="Those that have lived within 12h, 2d, …", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """List attempts."""
    from ml_platform.cli.output import print_result
    from ml_platform.cli.spans import seconds_of
    from ml_platform.cli.xray_show import show_listed
    from ml_platform.xray.find import known_cause
    from ml_platform.xray.listing import listed

    now_s = time.time()
    since_s = now_s - seconds_of(since) if since else None
    cause = known_cause(cause) if cause else ""
    with gathered_store() as store:
        found = store.attempts(model=model, cause=cause, since_s=since_s, limit=limit)
        result = listed(store, found, now_s=now_s)
    print_result(result, show_listed, as_json=as_json)


@app.command(
    "show",
    **help_of(
        "mlp xray show flight_delay 2013-03-15 2",
        "Show all of one attempt: where its time went, how it ended and by what that was seen.",
    ),
)
def show(
    what: What, partition: Partition = "", number: Number = None, as_json: Json = False
) -> None:
    """Show one attempt."""
    from ml_platform.cli.output import print_result
    from ml_platform.cli.xray_show import show_details
    from ml_platform.xray.find import find_attempt
    from ml_platform.xray.listing import details

    loud = loud_findings()
    with gathered_store() as store:
        found = find_attempt(store, what, partition, number)
        if loud:
            gather_measured(store, [found])
        result = details(store, found, now_s=time.time(), prices=known_prices(), loud=loud)
    print_result(result, show_details, as_json=as_json)


@app.command(
    "why",
    **help_of(
        "mlp xray why flight_delay 2013-03-15",
        "Tell the story of a run, or of a model's partition, in at most ten lines.",
        "What came of it, each attempt with its cause and what followed, and what to do next.",
    ),
)
def why(
    what: Annotated[
        str,
        typer.Argument(metavar="RUN|MODEL", help="A run's id or its beginning, or a model."),
    ],
    partition: Annotated[
        str, typer.Argument(metavar="[PARTITION]", help="Of the model; its newest training.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Tell a story."""
    from ml_platform.cli.output import print_result
    from ml_platform.cli.xray_show import show_story
    from ml_platform.xray.find import find_attempts
    from ml_platform.xray.listing import last_of_training, told

    loud = loud_findings()
    with gathered_store() as store:
        found = find_attempts(store, what, partition)
        if loud and (last := last_of_training(found)):
            gather_measured(store, [last])
        result = told(store, found, now_s=time.time(), prices=known_prices(), loud=loud)
    print_result(result, show_story, as_json=as_json)


@app.command(
    "logs",
    **help_of(
        "mlp xray logs 3f2a9c0d-1 --source job",
        "Print the last lines that an attempt has left, of its job or of a container.",
        "That of the job is there while it goes on; [bold]mlp xray serve[/] has all of it.",
    ),
)
def logs(
    what: What,
    partition: Partition = "",
    number: Number = None,
    source: Annotated[
        str, typer.Option(help="Which log; the job's if there is one.", show_default=False)
    ] = "",
    as_json: Json = False,
) -> None:
    """Print the end of a log."""
    from ml_platform.cli.output import print_result
    from ml_platform.cli.xray_show import show_log
    from ml_platform.xray.find import find_attempt
    from ml_platform.xray.logs import archive_of, kept_log
    from ml_platform.xray.parallel import Deadline

    with gathered_store() as store:
        found = find_attempt(store, what, partition, number)
    archive = archive_of(found, Deadline(READ_WITHIN_S))
    print_result(kept_log(found, source, archive=archive), show_log, as_json=as_json)


@app.command(
    "gather",
    **help_of(
        "mlp xray gather",
        "Gather what attempts have left since the last time; every other command does a little.",
        "With [bold]--all[/] every training is walked through, also those that the journal lacks.",
    ),
)
def gather(
    everything: Annotated[bool, typer.Option("--all", help="Read every attempt anew.")] = False,
    as_json: Json = False,
) -> None:
    """Bring X-Ray's store up to what the storage has."""
    from ml_platform.cli.boundary import FAILED
    from ml_platform.cli.output import print_result, stderr
    from ml_platform.cli.progress import TerminalProgress
    from ml_platform.cli.xray_show import show_gathered
    from ml_platform.settings import load_settings
    from ml_platform.xray.gather import gather as gather_into
    from ml_platform.xray.store import open_store

    settings = load_settings()
    progress = TerminalProgress(stderr())
    with open_store(settings) as store, progress.step("gathering") as step:
        result = gather_into(
            store,
            settings.storage_root,
            everything=everything,
            tell=lambda done, of: progress.message(f"{done:,} of {of:,} attempts"),
            tell_samples=lambda done: progress.message(f"{done:,} objects of samples"),
        )
        step.status = "failed" if result.trouble else "done"
    print_result(result, show_gathered, as_json=as_json)
    if result.trouble:
        raise typer.Exit(FAILED)


app.command("compare", **xray_compare.HELP)(xray_compare.compare)
app.command("trace", **xray_trace.HELP)(xray_trace.trace)
app.command("findings", **xray_findings.HELP)(xray_findings.findings)
app.command("cost", **xray_cost.HELP)(xray_cost.cost)
app.command("prune", **xray_prune.HELP)(xray_prune.prune)
