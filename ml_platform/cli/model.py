"""`mlp model`: begin, check, train, list, show, promote and reproduce models."""

from functools import partial
from typing import Annotated

import typer

from ml_platform.cli.helptext import help_of
from ml_platform.stages import DayStage

app = typer.Typer(no_args_is_help=True, help="Begin, check, train, compare and promote models.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The model.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Version = Annotated[
    int, typer.Argument(metavar="[VERSION]", min=0, help="Default: the champion, else the newest.")
]


@app.command(
    "new",
    **help_of(
        "mlp model new ltv --from-table flight_features",
        "Begin a model: a folder that trains as it is, to be changed from there.",
        "It holds defs.yaml, train.py (a logistic regression) and evaluate.py.",
    ),
)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name: a-z 0-9 _.")],
    from_table: Annotated[
        str,
        typer.Option("--from-table", metavar="TABLE", help="Feature table; it must be built."),
    ] = "",
    label: Annotated[
        str, typer.Option("--label", metavar="COLUMN", help="Column to predict: 0 or 1.")
    ] = "",
) -> None:
    """Write the folder of a new model."""
    from datetime import UTC, datetime

    from ml_platform.cli.output import TICK, dim, say
    from ml_platform.errors import InputError
    from ml_platform.model_folder.feature_table import described_table, first_day
    from ml_platform.model_folder.names import names_taken_by_dbt
    from ml_platform.model_folder.read import MODELS_FOLDER, read_model
    from ml_platform.model_folder.scaffold import FLIGHTS, columns_of, require_free_name, scaffold
    from ml_platform.settings import load_settings

    settings = load_settings()
    require_free_name(name, MODELS_FOLDER, names_taken_by_dbt(settings))
    columns = FLIGHTS
    if label and not from_table:
        raise InputError("--label needs --from-table", hint="name the feature table as well.")
    built: list[str] = []
    if from_table:
        described = described_table(settings, from_table)
        columns = columns_of(described, asset=from_table, label=label)
        built = [one.key for one in described.partitions if one.rows]
    folder = scaffold(name, columns, MODELS_FOLDER)
    model = read_model(name)
    day = first_day(
        settings,
        window_days=model.plan.training.window_days,
        holdout_days=model.evaluation.holdout_days,
        built=built,
        now=datetime.now(UTC),
    )
    say(TICK, str(folder))
    say("  defs.yaml    what it reads, how it is trained, what makes it champion")
    say("  train.py     a logistic regression, to begin from")
    say("  evaluate.py  loads it for scoring")
    say("\nnext:")
    say(f"  mlp model check {name}                           ", dim("nothing is run or spent"))
    if day is None:
        say(f"  mlp backfill {name} --from DAY --to DAY  ", dim("no day has a whole window yet"))
    else:
        say(f"  mlp backfill {name} --from {day} --to {day}")
    say("  make dev                                       ", dim("its assets in the Dagster UI"))


@app.command(
    "check",
    **help_of(
        "mlp model check flight_delay --partition 2013-03-15",
        "Look for mistakes without training or spending.",
        """Reads defs.yaml, the code, the feature table's columns and the window; says what
        the training would be, how long it would take and what it would cost. Exit code
        2: there are mistakes.""",
    ),
)
def check(
    name: Name,
    partition: Annotated[
        str, typer.Option("--partition", metavar="DAY", help="Default: the newest possible.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Validate a model without training it."""
    from ml_platform.cli.boundary import WRONG_INPUT
    from ml_platform.cli.output import print_result, working
    from ml_platform.cli.show import show_check
    from ml_platform.model_folder.check import check_model
    from ml_platform.settings import load_settings

    with working(f"checking {name}"):
        report = check_model(name, load_settings(), partition=partition or None)
    print_result(report, show_check, as_json=as_json)
    if not report.passed:
        raise typer.Exit(WRONG_INPUT)


@app.command(
    "train",
    **help_of(
        "mlp model train flight_delay --partition 2013-03-15 --through champion",
        "Train the model of one day, here and now, and follow it.",
        """The training sets of its window must be there: [bold]mlp backfill[/] makes them.
        Equal inputs are not trained twice, but with [bold]--retrain[/].""",
    ),
)
def train(
    name: Name,
    partition: Annotated[str, typer.Option("--partition", metavar="DAY", help="The day.")],
    retrain: Annotated[bool, typer.Option("--retrain", help="Train again in any case.")] = False,
    through: Annotated[
        DayStage, typer.Option("--through", help="Go on to the evaluation, or the champion.")
    ] = "model",
    as_json: AsJson = False,
) -> None:
    """Run the asset `NAME/model`, and those after it."""
    from ml_platform.backfill.in_process import requested_days
    from ml_platform.backfill.plan import Step
    from ml_platform.cli.boundary import FAILED, WRONG_INPUT
    from ml_platform.cli.output import print_result
    from ml_platform.cli.session import terminal_session
    from ml_platform.cli.show import show_training
    from ml_platform.model_folder.read import read_model
    from ml_platform.settings import load_settings
    from ml_platform.stages import DAY_STAGES, asset_name

    model = read_model(name)
    settings = load_settings()
    with terminal_session(settings, every_message=not as_json) as session:
        chain = session.chain(model)
        days = requested_days(chain, partition, partition, settings, through=through)
        stages = DAY_STAGES[: DAY_STAGES.index(through) + 1]
        assets = tuple(key for stage in stages for key in chain.assets(stage))
        config = {asset_name(name, "model"): {"retrain": retrain}}
        with session.executor(chain) as executor:
            step = Step(stages=stages, assets=assets, days=tuple(days))
            result = executor.day(step, config=config)
    shown = partial(show_training, settings=session.settings, log=session.log)
    print_result(result, shown, as_json=as_json)
    if result.status == "failed":
        raise typer.Exit(WRONG_INPUT if result.wrong_input else FAILED)


@app.command(
    "list",
    **help_of(
        "mlp model list",
        "List the models, or the versions of one.",
        "Shows the newest version and the champion with its scores on the held-out days.",
    ),
)
def list_models(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="List its versions.")] = "",
    as_json: AsJson = False,
) -> None:
    """List models, or versions."""
    from ml_platform.cli.output import print_result, working
    from ml_platform.cli.show import show_models, show_versions
    from ml_platform.model_folder.read import model_names, model_path
    from ml_platform.registry.listing import list_models as models
    from ml_platform.registry.listing import list_versions
    from ml_platform.settings import load_settings

    settings = load_settings()
    if name:
        with working("reading the registry"):
            versions = list_versions(settings, name)
        if not versions:
            model_path(name)  # an unknown name is an error, a model without versions is not
        print_result(versions, partial(show_versions, name), as_json=as_json)
        return
    with working("reading the registry"):
        rows = models(settings, model_names())
    print_result(rows, show_models, as_json=as_json)


@app.command(
    "show",
    **help_of(
        "mlp model show flight_delay 3",
        "Show a version: how it was judged, and everything that it was made from.",
        "Snapshots, dbt project, code, parameters, seed, libraries and cluster.",
    ),
)
def show(name: Name, version: Version = 0, as_json: AsJson = False) -> None:
    """Show a version and its lineage."""
    from ml_platform.cli.output import print_result, working
    from ml_platform.cli.show import show_details
    from ml_platform.registry.listing import show_version
    from ml_platform.settings import load_settings

    with working("reading the registry"):
        details = show_version(load_settings(), name, version)
    print_result(details, show_details, as_json=as_json)


@app.command(
    "promote",
    **help_of(
        'mlp model promote flight_delay 3 --reason "version 4 fails in May"',
        "Make a version the champion by hand, whatever its gates said.",
        "The reason is kept with it.",
    ),
)
def promote(
    name: Name,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="Its number.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Move the champion alias."""
    import sys

    from ml_platform.cli.output import TICK, say
    from ml_platform.errors import InputError
    from ml_platform.registry.owner import open_registry
    from ml_platform.settings import load_settings

    if not reason.strip():
        raise InputError("--reason is empty", hint="say why, for whoever asks in a year.")
    settings = load_settings()
    registry = open_registry(settings)
    chosen = registry.get(settings.registered_name(name), version)
    before = registry.champion(chosen.name)
    if before is not None and before.version == version:
        say(f"version {version} is the champion already")
        return
    was = f"version {before.version} of {before.partition}" if before else "none"
    if not yes:
        if not sys.stdin.isatty():
            raise InputError("nobody is there to confirm", hint="add --yes.")
        typer.confirm(
            f"The champion of {name} is {was}. Make it version {version} of {chosen.partition}?",
            abort=True,
        )
    registry.promote(chosen, reason.strip())
    say(TICK, f"champion of {name}: version {version} of {chosen.partition} (was {was})")


@app.command(
    "reproduce",
    **help_of(
        "mlp model reproduce flight_delay 3",
        "Train a version again from what it was made from, and compare the weights.",
        "With one worker on CPU they are the same bit for bit. Exit code 1: they differ.",
    ),
)
def reproduce(
    name: Name,
    version: Version = 0,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0.0, help="Difference of a weight to let pass.")
    ] = 1e-6,
    as_json: AsJson = False,
) -> None:
    """Train a version again and compare."""
    from ml_platform.cli.output import print_result, stderr
    from ml_platform.cli.progress import TerminalProgress
    from ml_platform.cli.show import show_comparison
    from ml_platform.registry.reproduce import reproduce as again
    from ml_platform.resources import resources_from
    from ml_platform.settings import load_settings
    from ml_platform.training.listeners import Listeners

    progress = TerminalProgress(stderr())
    settings = load_settings()
    with progress.step(f"training {name} again"):
        comparison = again(
            settings,
            resources_from(settings).clusters,
            name,
            version,
            tolerance=tolerance,
            listeners=Listeners(
                on_log=progress.message,
                on_event=lambda event: progress.message(f"{event.name}: {event.state}"),
            ),
        )
    print_result(comparison, show_comparison, as_json=as_json)
    if not comparison.same:
        raise typer.Exit(1)
