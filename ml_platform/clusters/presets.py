"""Cluster specs with a name: each environment has its own under the same names.

A model's `defs.yaml` says which it wants, with what differs from it:

    cluster: small
    cluster: {preset: a100x8, workers: {memory: 128Gi}}
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from pydantic import Field, ValidationError, model_validator

from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import InputError, SettingsError
from ml_platform.wrong_values import first_in_words, shown_name, shown_names

Values = Mapping[str, Any]

ON_A_LAPTOP: Final[Values] = MappingProxyType({"small": {"workers": {"count": 1}}})
"""What the environment `local` has without any configuration."""
SIZES: Final = ("count", "min", "max")
"""Of a worker group: one says how many in place of the others."""
# Ray Train itself could train on fewer workers than it asked for (2.60: `num_workers=(2, 8)`); here
# rows are shared out, and a training is named and made again, by their number.
_ELASTIC: Final = (
    "worker groups with `min` and `max`: the number of workers decides what comes out of a "
    "training, and so has to be one number"
)
_COUNT: Final = "write `workers: {count: …}`; `min` and `max` are for `mlp cluster up`"


class ClusterSection(ClusterSpec):
    """A preset by its name, or head, workers and image; what is written wins over the preset."""

    preset: str = Field(
        default="",
        description="Name of a preset of the environment, such as `small`; fields beside it win. "
        "The name alone may stand in place of the section.",
    )

    @model_validator(mode="before")
    @classmethod
    def _a_name_alone(cls, value: Any) -> Any:
        return {"preset": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_for_a_training(self) -> "ClusterSection":
        if self.is_elastic:
            raise ValueError(f"{_ELASTIC}; {_COUNT}")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Presets:
    """The presets of one environment.

    Attributes:
        environment: Whose they are, for errors.
        where: Where they are written, for errors.
        values: What each says, by name; fields as those of a `ClusterSpec`.
    """

    environment: str
    where: str
    values: Values = field(default_factory=dict)

    def resolved(self, spec: ClusterSpec) -> ClusterSpec:
        """The cluster of a training: the fields of `spec`, over those of a preset if it names one.

        Raises:
            InputError: there is no such preset, the two do not go together, or the number of
                workers is not fixed; says what there is.
            SettingsError: the preset itself is not usable.
        """
        found = spec
        if isinstance(spec, ClusterSection):
            own = spec.model_dump(exclude_unset=True, exclude={"preset"})
            found = self.with_fields(spec.preset, own) if spec.preset else ClusterSpec(**own)
        if found.is_elastic:
            preset = spec.preset if isinstance(spec, ClusterSection) else ""
            of = f" of the preset {shown_name(preset)}" if preset else ""
            raise InputError(f"the cluster{of} has {_ELASTIC}", hint=f"{_COUNT}.")
        return found

    def with_fields(self, name: str, own: Values) -> ClusterSpec:
        """The preset `name`, with the fields of `own` over its own.

        Raises:
            InputError: there is no such preset, or the two do not go together; says what there is.
            SettingsError: the preset itself is not usable.
        """
        preset = self._named(name).model_dump(exclude_unset=True)
        if isinstance(preset.get("workers"), tuple) and isinstance(own.get("workers"), Mapping):
            groups = shown_names(group.get("name", "?") for group in preset["workers"])
            raise InputError(
                f"the preset {shown_name(name)} has several worker groups ({groups}), and "
                "`workers` beside it is one",
                hint="write all groups as a list, which then stands for those of the preset.",
            )
        try:
            return ClusterSpec.model_validate(_over(preset, own))
        except ValidationError as error:
            raise InputError(
                f"the preset {shown_name(name)} and what is written beside it do not go together: "
                f"{first_in_words(error)}",
                hint=f"the preset says something of {_keys(preset)}; it is written in "
                f"{self.where}.",
            ) from None

    def _named(self, name: str) -> ClusterSpec:
        if name not in self.values:
            near = difflib.get_close_matches(name, self.values, n=1)
            meant = f", did you mean {near[0]}?" if near else ";"
            raise InputError(
                f"the environment {self.environment} has no preset {shown_name(name)}{meant} "
                f"it has {shown_names(sorted(self.values)) or 'none'}",
                hint=f"take one of these, or write it under `presets` in {self.where}.",
            )
        try:
            return ClusterSpec.model_validate(self.values[name] or {})
        except ValidationError as error:
            raise SettingsError(
                f"the preset {shown_name(name)} of the environment {self.environment} is not "
                f"usable: {first_in_words(error)}",
                hint=f"mend it under `presets` in {self.where}.",
            ) from None


def _over(below: Values, above: Values) -> dict[str, Any]:
    """Both, where `above` wins: mappings are united at every depth, all else is replaced."""
    if any(size in above for size in SIZES):
        below = {key: value for key, value in below.items() if key not in SIZES}
    united = dict(below)
    for key, value in above.items():
        under = united.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            united[key] = _over(under, value)
        else:
            united[key] = value
    return united


def _keys(values: Values, above: str = "") -> str:
    """What is said something of: `workers.count, queue`."""
    found = [
        _keys(value, f"{above}{key}.") if isinstance(value, Mapping) and value else f"{above}{key}"
        for key, value in values.items()
    ]
    return ", ".join(found)
