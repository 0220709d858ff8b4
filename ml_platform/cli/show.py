"""How `mlp model` shows what it found, for a person."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_platform.backfill.executor import StepResult
from ml_platform.cli.output import (
    BANG,
    CHAMPION,
    CROSS,
    ERROR,
    TICK,
    bold,
    counted,
    dim,
    duration,
    note,
    print_table,
    say,
)
from ml_platform.clusters.spec import ON_KUBERNETES, ClusterSpec
from ml_platform.model_folder.check import CheckReport, TrainingPlan
from ml_platform.partitions import days_in_words
from ml_platform.registry.listing import ModelRow, VersionDetails, VersionRow
from ml_platform.registry.reproduce import Comparison
from ml_platform.settings import Settings
from ml_platform.xray.forecast import Forecast
from ml_platform.xray.words import money


def show_check(report: CheckReport) -> None:
    """Mistakes with their places, then what a training would be."""
    for mistake in report.mistakes:
        say(CROSS, f"{mistake.place}: {mistake.message}")
        if mistake.hint:
            say(f"  → {mistake.hint}")
    for text in report.notes:
        say(BANG, text)
    if report.passed:
        say(TICK, f"{report.model}: no mistakes found")
    if report.plan is not None:
        _show_plan(report.model, report.plan)
        if report.passed:
            _show_next(report.model, report.plan)


def _show_plan(model: str, plan: TrainingPlan) -> None:
    cluster = plan.cluster
    window = (*plan.there, *plan.missing)
    rows: list[tuple[str, str]] = [
        ("partition", plan.partition),
        (
            "window",
            f"{days_in_words(sorted(window))}: {len(plan.there)} of {len(window)} are there",
        ),
        ("held out", days_in_words(plan.held_out)),
        ("rows", f"{plan.rows:,}"),
        ("workers", "; ".join(group.in_words() for group in cluster.groups)),
        ("cluster", f"{cluster.provisioner} {cluster.spec_hash()}, head {cluster.head.memory}"),
        ("job", plan.job or "known when all training sets are there"),
        (
            "trained",
            "yes: this very training is done, and would be reused" if plan.trained else "no",
        ),
        ("expected", _expected(plan)),
        *([("earlier", _earlier(plan.earlier))] if plan.earlier else []),
    ]
    print_table(("training", model), rows)


def _show_next(model: str, plan: TrainingPlan) -> None:
    if plan.missing:
        say(
            f"next: mlp backfill {model} --from {plan.partition} --to {plan.partition}  ",
            dim("makes the missing training sets, then trains"),
        )
    elif not plan.trained:
        say(f"next: mlp model train {model} --partition {plan.partition}")


def _expected(plan: TrainingPlan) -> str:
    expected = plan.expected
    if expected is None:
        return "not known: no earlier training of this model to judge by"
    words = [
        duration(expected.seconds),
        f"{expected.cpu_hours:.2f} CPU h",
        f"{expected.gib_hours:.2f} GiB h",
    ]
    if expected.gpu_hours:
        words.insert(2, f"{expected.gpu_hours:.2f} GPU h")
    words.append(
        f"price {money(expected.price)}"
        if expected.price is not None
        else "no price is set (MLP_PRICE_…)"
        if plan.cluster.provisioner in ON_KUBERNETES
        else "no price on one's own machine"
    )
    return f"{', '.join(words)}; judged by {expected.trainings} earlier training(s)"


def _earlier(earlier: Forecast) -> str:
    cost = "" if earlier.cost is None else f" and cost {money(earlier.cost)}"
    where = "" if earlier.same_cluster else ", on other clusters than this one"
    return (
        f"{duration(earlier.seconds)}{cost}, with queue and attempts that failed: the median of "
        f"{counted(earlier.trainings, 'training')}{where}"
    )


def show_training(result: StepResult, settings: Settings, log: Path) -> None:
    """What a training made, or why it did not."""
    if result.status == "failed":
        note(ERROR, result.message)
        if result.hint:
            note(f"  → {result.hint}")
        note(dim(f"  what Ray and Dagster wrote: {log}"))
        return
    rows: list[tuple[str, str]] = []
    for key, values in result.metadata.items():
        stage = key.rsplit("/", 1)[-1]
        rows += [(f"{stage}: {name}", _value(value)) for name, value in values.items()]
    print_table(("result", result.days[0]), rows)
    if result.status == "refused":
        say(BANG, f"the champion stays: {result.message}")
    if result.run_ids:
        base = settings.dagster_url.rstrip("/")
        say(dim(f"{base}/runs/{result.run_ids[0]}"))


def show_models(rows: Sequence[ModelRow]) -> None:
    """A line a model."""
    if not rows:
        say("there is no model yet: `mlp model new NAME` begins one")
        return
    table = [
        (
            row.model + ("" if row.in_code else " (not in this code)"),
            row.versions or "–",
            f"{row.newest.version} of {row.newest.partition}" if row.newest else "–",
            f"{row.champion.version} of {row.champion.partition}" if row.champion else "–",
            _score(row.champion.roc_auc if row.champion else None),
            _score(row.champion.log_loss if row.champion else None),
        )
        for row in rows
    ]
    columns = ("model", "versions", "newest", "champion", "ROC AUC", "log loss")
    print_table(columns, table, right=("versions", "ROC AUC", "log loss"))


def show_versions(model: str, rows: Sequence[VersionRow]) -> None:
    """A line a version."""
    if not rows:
        say(f"{model} has no version yet: `mlp model train {model} --partition DAY` makes one")
        return
    table = [
        (
            row.version,
            row.partition,
            CHAMPION if row.champion else "",
            _score(row.roc_auc),
            _score(row.log_loss),
            f"{row.created_at:%Y-%m-%d %H:%M} UTC",
        )
        for row in rows
    ]
    columns = ("version", "partition", "", "ROC AUC", "log loss", "registered")
    print_table(columns, table, title=model, right=("version", "ROC AUC", "log loss"))


def show_details(details: VersionDetails) -> None:
    """A version: judgement first, then lineage."""
    row, lineage = details.row, details.lineage
    request = lineage["request"]
    title = f"{row.model} version {row.version} of {row.partition}"
    say(bold(title), *((" ", CHAMPION) if row.champion else ()))
    for sentence in details.gates:
        say(f"  {sentence}")
    if details.promotion:
        say(f"  promoted: {details.promotion}")
    scores = [(name, _value(value)) for name, value in sorted(details.metrics.items())]
    print_table(("metric", "value"), scores, right=("value",))
    features, cluster = request["features"], ClusterSpec.model_validate(request["cluster"])
    facts: list[tuple[str, str]] = [
        ("registered", f"{row.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("feature table", features["table"]),
        ("label", features["label"]),
        ("dbt project", lineage["dbt_manifest_hash"]),
        ("code", f"{request['code']} {request['code_version']}"),
        ("git commit", lineage["git_commit"] or "–"),
        ("image", lineage["image"] or "–"),
        ("seed", str(request["training"]["seed"])),
        ("parameters", _pairs(request["training"]["parameters"])),
        ("libraries", _pairs(lineage["libraries"])),
        (
            "cluster",
            f"{cluster.provisioner}, {'; '.join(group.in_words() for group in cluster.groups)}",
        ),
        ("inputs", lineage["inputs_hash"]),
        ("made by", f"{lineage['asset']}, run {lineage['dagster_run_id']}"),
        ("files", details.files),
        ("page", details.url),
    ]
    print_table(("made from", ""), facts)
    snapshots = [
        (one["partition"], one["version"], f"{one['rows']:,}") for one in request["snapshots"]
    ]
    print_table(("day", "snapshot", "rows"), snapshots, right=("rows",))


def show_comparison(comparison: Comparison) -> None:
    """Whether a repeated training came out as the first."""
    mark = TICK if comparison.same else CROSS
    what = f"{comparison.model} version {comparison.version} of {comparison.partition}"
    say(mark, f"{what}: {comparison.reproduction.sentence}")
    for name, (before, now) in comparison.libraries.items():
        say(" ", BANG, f"{name} was {before}, is {now}")
    if not comparison.same:
        say(f"  a difference of up to {comparison.tolerance:g} is let pass; --tolerance sets it")
        if comparison.workers > 1:
            say("  several workers add up in an order of their own; one worker is exact on CPU")


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
