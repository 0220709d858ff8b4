"""Gates: what a candidate must reach to become the champion, as typed in a model's `defs.yaml`.

    evaluation:
      gates:
        - {metric: roc_auc, at_least: 0.6}
        - {metric: log_loss, better_than: base_rate}
        - {metric: roc_auc, no_worse_than: champion, standard_errors: 1.0}

A gate is a value and `judge` is pure: the caller turns results into asset checks.
"""

import difflib
import re
from collections import Counter
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ml_platform.errors import EvaluationError
from ml_platform.evaluation.metrics import HIGHER_IS_BETTER, METRIC_TITLES, Difference, Metric
from ml_platform.evaluation.report import (
    BASELINES,
    RIVAL_TITLES,
    EvaluationReport,
    GateResult,
    Rival,
    RivalName,
)

Opponent = RivalName | Literal["best_baseline"]

KINDS: Final = ("at_least", "at_most", "better_than", "no_worse_than")
RANGES: Final[dict[Metric, tuple[float, float]]] = {
    "roc_auc": (0, 1),
    "log_loss": (0, 20),
    "calibration_error": (0, 1),
}


class GateSpec(BaseModel):
    """One condition on one metric: a number to reach, or a rival to match or beat."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: Metric = Field(description="`roc_auc`, `log_loss` or `calibration_error`.")
    at_least: float | None = Field(default=None, description="For a metric where more is better.")
    at_most: float | None = Field(default=None, description="For a metric where less is better.")
    better_than: Opponent | None = Field(
        default=None, description="Passes when better by more than the tolerance."
    )
    no_worse_than: Opponent | None = Field(
        default=None, description="Passes when not worse by more than the tolerance."
    )
    standard_errors: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="The tolerance of a comparison, in standard errors of the paired difference.",
    )

    @property
    def name(self) -> str:
        """An identifier that tells what is asked, e.g. `roc_auc_no_worse_than_champion`."""
        kind, wanted = self._condition
        text = f"{wanted:.6f}".rstrip("0").rstrip(".") if isinstance(wanted, float) else wanted
        return f"{self.metric}_{kind}_{text.replace('.', '_')}"

    @property
    def opponent(self) -> Opponent | None:
        """Whom the candidate is compared with, or None for a gate that asks for a number."""
        return self.better_than or self.no_worse_than

    @property
    def _condition(self) -> tuple[str, float | str]:
        values = {kind: getattr(self, kind) for kind in KINDS}
        return next((kind, value) for kind, value in values.items() if value is not None)

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        for key in values:
            if key not in cls.model_fields:
                close = difflib.get_close_matches(str(key), cls.model_fields, n=1)
                meant = f"did you mean {close[0]!r}? " if close else ""
                msg = f"{key!r} is no key of a gate: {meant}keys are {', '.join(cls.model_fields)}"
                raise ValueError(msg)
        return values

    @model_validator(mode="after")
    def _asks_for_one_thing(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            msg = f"a gate has exactly one of {', '.join(KINDS)}, found {found}: {_split(given)}"
            raise ValueError(msg)
        if self.opponent is None:
            self._number_makes_sense(given[0], float(getattr(self, given[0])))
        return self

    def _number_makes_sense(self, kind: str, number: float) -> None:
        right = "at_least" if self.metric in HIGHER_IS_BETTER else "at_most"
        if kind != right:
            more = "higher" if self.metric in HIGHER_IS_BETTER else "lower"
            msg = f"{kind}: {number:g} asks for the wrong side, a {more} {self.metric} is better: "
            raise ValueError(msg + f"write {right}: {number:g}")
        low, high = RANGES[self.metric]
        if not low <= number <= high:
            msg = f"{kind}: {number:g} can never matter: {self.metric} lies in {low:g} … {high:g}"
            raise ValueError(msg)
        if "standard_errors" in self.model_fields_set:
            msg = f"standard_errors is the tolerance of a comparison: drop it beside {kind}"
            raise ValueError(msg)


def _split(given: list[str]) -> str:
    return "write one gate for each" if given else "add the one that you mean"


def _names_are_distinct(gates: tuple[GateSpec, ...]) -> tuple[GateSpec, ...]:
    twice = [name for name, count in Counter(gate.name for gate in gates).items() if count > 1]
    if twice:
        msg = f"the gate {twice[0]} is there more than once: keep one of them"
        raise ValueError(msg)
    return gates


Gates = Annotated[tuple[GateSpec, ...], AfterValidator(_names_are_distinct)]
"""The gates of a model; their names differ, as each becomes an asset check."""


def judge(gate: GateSpec, report: EvaluationReport) -> GateResult:
    """Whether the candidate of `report` passes `gate`, as a sentence.

    Without a champion a comparison with it passes; a metric that is undefined on the held-out rows
    never passes.

    Raises:
        EvaluationError: the report lacks the baseline that the gate compares with.
    """
    value = getattr(report.candidate, gate.metric)
    if value is None:
        return _result(
            gate,
            False,
            f"{_title(gate)} is undefined: all {report.candidate.rows} held-out rows have the "
            "same label",
        )
    if gate.opponent is None:
        return _against_number(gate, float(value))
    rival = _opponent(gate, report)
    if rival is None:
        return _result(
            gate, True, f"{_title(gate)} {value:.4f}: {_no_champion(report)}, so nothing to compare"
        )
    return _against_rival(gate, float(value), rival)


def _against_number(gate: GateSpec, value: float) -> GateResult:
    if gate.at_least is not None:
        passed = value >= gate.at_least
        words = "is at least" if passed else "is below the required"
        return _result(gate, passed, f"{_title(gate)} {value:.4f} {words} {gate.at_least:g}")
    passed = gate.at_most is not None and value <= gate.at_most
    words = "is at most" if passed else "is above the allowed"
    return _result(gate, passed, f"{_title(gate)} {value:.4f} {words} {gate.at_most:g}")


def _against_rival(gate: GateSpec, value: float, rival: Rival) -> GateResult:
    found = rival.differences[gate.metric]
    theirs = getattr(rival.scores, gate.metric)
    whose = f"{_possessive(RIVAL_TITLES[rival.name])} {theirs:.4f}"
    if found is None:
        return _result(
            gate,
            False,
            f"{_title(gate)} {value:.4f} cannot be compared with {whose}: too few held-out rows of "
            "one label",
        )
    tolerance = gate.standard_errors * found.standard_error
    gain = found.value if gate.metric in HIGHER_IS_BETTER else -found.value
    if gate.better_than is not None:
        passed = gain > tolerance
        words, by_more = ("is better than", False) if passed else ("is not better than", True)
    elif gain >= 0:
        passed, words, by_more = True, "is no worse than", False
    else:
        # Worse to the eye: the sentence owes the tolerance, whichever way it went.
        passed, by_more = gain >= -tolerance, True
        words = "is not worse than" if passed else "is worse than"
    tail = f" by more than {_errors_in_words(gate)}" if by_more else ""
    return _result(
        gate,
        passed,
        f"{_title(gate)} {value:.4f} {words} {whose}{tail} ({_plus_minus(found)})",
    )


def _opponent(gate: GateSpec, report: EvaluationReport) -> Rival | None:
    if gate.opponent == "champion":
        return report.rival("champion")
    wanted = BASELINES if gate.opponent == "best_baseline" else (gate.opponent,)
    sign = -1 if gate.metric in HIGHER_IS_BETTER else 1
    found = [rival for rival in report.rivals if rival.name in wanted]
    if not found:
        raise EvaluationError(
            f"the gate {gate.name} compares with {gate.opponent}, which was not evaluated; found "
            f"{', '.join(rival.name for rival in report.rivals) or 'no rival'}",
            hint="add it to the baselines of the evaluation, or remove the gate.",
        )
    # Stable: of two equal baselines the simpler one, which comes first.
    return min(found, key=lambda rival: sign * getattr(rival.scores, gate.metric))


def _no_champion(report: EvaluationReport) -> str:
    if report.incumbent is None:
        return "there is no champion yet"
    return f"the champion ({report.incumbent}) was not scored on these days"


def _title(gate: GateSpec) -> str:
    title = METRIC_TITLES[gate.metric]
    return re.sub(r"^.", lambda first: first[0].upper(), title)


def _errors_in_words(gate: GateSpec) -> str:
    return f"{gate.standard_errors:g} standard error{'' if gate.standard_errors == 1 else 's'}"


def _possessive(title: str) -> str:
    return f"{title}'" if title.endswith("s") else f"{title}'s"


def _plus_minus(difference: Difference) -> str:
    return f"difference {difference.value:+.4f} ± {difference.standard_error:.4f}"


def _result(gate: GateSpec, passed: bool, sentence: str) -> GateResult:
    return GateResult(gate=gate.name, passed=passed, sentence=sentence)
