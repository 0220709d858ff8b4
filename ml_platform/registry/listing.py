"""What the registry knows of the models here, as values for `mlp model list` and `show`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ml_platform.errors import RegistryError
from ml_platform.registry.mlflow_registry import Registry
from ml_platform.registry.models import ModelVersion
from ml_platform.registry.owner import open_registry
from ml_platform.settings import Settings

SCORES: Final = ("holdout_roc_auc", "holdout_log_loss")


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionRow:
    """A version in a line."""

    model: str
    version: int
    partition: str
    champion: bool
    created_at: datetime
    roc_auc: float | None
    log_loss: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """A model in a line; `in_code` is false for one that only the registry knows."""

    model: str
    in_code: bool
    versions: int
    newest: VersionRow | None
    champion: VersionRow | None


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionDetails:
    """A version with all that it was made from, and how it was judged."""

    row: VersionRow
    lineage: dict[str, Any]
    metrics: dict[str, float]
    gates: tuple[str, ...]
    promotion: str
    files: str
    url: str


def list_models(settings: Settings, in_code: Collection[str]) -> list[ModelRow]:
    """The models of the code, which `in_code` names, and those of the registry, by name."""
    registry = open_registry(settings)
    prefix = settings.registered_name("")
    kept = {name.removeprefix(prefix) for name in registry.names() if name.startswith(prefix)}
    rows = []
    for name in sorted(kept.union(in_code)):
        versions = list_versions(settings, name, registry=registry) if name in kept else []
        rows.append(
            ModelRow(
                model=name,
                in_code=name in in_code,
                versions=len(versions),
                newest=versions[0] if versions else None,
                champion=next((one for one in versions if one.champion), None),
            )
        )
    return rows


def list_versions(
    settings: Settings, model: str, *, registry: Registry | None = None
) -> list[VersionRow]:
    """The versions of a model, newest first."""
    found = (registry or open_registry(settings)).versions(settings.registered_name(model))
    return [version_row(model, one) for one in found]


def find_version(registry: Registry, settings: Settings, model: str, number: int) -> ModelVersion:
    """A version by number; 0 means the champion, or the newest where there is none.

    Raises:
        RegistryError: there is no such version.
    """
    name = settings.registered_name(model)
    if number:
        return registry.get(name, number)
    found = registry.champion(name)
    if found is None:
        versions = registry.versions(name)
        if not versions:
            raise RegistryError(
                f"the model {model} has no version yet",
                hint=f"train it: `mlp model train {model} --partition DAY --through champion`.",
            )
        found = versions[0]
    return found


def show_version(settings: Settings, model: str, number: int) -> VersionDetails:
    """A version and its lineage.

    Raises:
        RegistryError: there is no such version.
    """
    registry = open_registry(settings)
    version = find_version(registry, settings, model, number)
    report = registry.evaluation(version)
    results = report.gate_results if report else ()
    return VersionDetails(
        row=version_row(model, version),
        lineage=version.lineage.model_dump(mode="json"),
        metrics=dict(version.metrics),
        gates=tuple(f"{'✓' if one.passed else '✗'} {one.sentence}" for one in results),
        promotion=version.tags.get("promotion_reason", ""),
        files=version.model_uri,
        url=registry.run_url(version),
    )


def version_row(model: str, version: ModelVersion) -> VersionRow:
    """A version in a line."""
    roc_auc, log_loss = (version.metrics.get(name) for name in SCORES)
    return VersionRow(
        model=model,
        version=version.version,
        partition=version.partition,
        champion=version.is_champion,
        created_at=version.created_at,
        roc_auc=roc_auc,
        log_loss=log_loss,
    )
