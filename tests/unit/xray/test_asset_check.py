"""The asset check that follows a training: it warns, fails no training and holds none up."""

import time
from typing import Any, Final

import dagster as dg
import pytest

from ml_platform.settings import Settings
from ml_platform.training.asset import TrainingCheck
from ml_platform.xray.asset_check import NAME, findings_check
from ml_platform.xray.store import open_store
from tests.support.xray import AT_S, OUT_OF_MEMORY, Training, measure
from tests.unit.xray.findings.made_up import worker

NOW_S: Final = AT_S + 3600.0


def check(settings: Settings, **how: Any) -> TrainingCheck:
    # Long enough for the busiest machine; the store makes its tables first.
    plain: dict[str, Any] = {"within_s": 60.0, "now": lambda: NOW_S}
    return findings_check(settings, **plain | how)


def said(result: dg.AssetCheckResult) -> str:
    return str(result.metadata["finding"].value)


@pytest.fixture
def loud(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"xray_findings": "straggler", "xray_url": "https://xray.example/"}
    )


@pytest.fixture
def slow(training: Training) -> Training:
    """A training whose second worker computes twice as long, after an attempt that failed."""
    training.train(1, failure=OUT_OF_MEMORY)
    attempt = training.train(2, at_s=AT_S + 900)
    measure(attempt, "worker-0", worker(0, cpu_s=40, waiting_s=50))
    measure(attempt, "worker-1", worker(1, cpu_s=90, waiting_s=0))
    return training


def test_what_was_found_warns_with_what_it_is_seen_by_and_what_to_do(
    loud: Settings, slow: Training
) -> None:
    result = check(loud).judge(slow.request, 2)
    assert (result.check_name, result.passed) == (NAME, False)
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert "Rank 1 on node" in said(result)
    in_full = str(result.metadata["straggler"].value)
    assert "\n  rank 1: " in in_full
    assert "\n→ look in train.py" in in_full
    training = slow.request.inputs_hash()
    page = f"https://xray.example/trainings/{training}?partition=2013-03-14"
    assert result.metadata["xray"].value == page
    assert result.metadata["partition"].value == "2013-03-14"


def test_the_attempt_that_made_the_model_is_judged_alone(loud: Settings, slow: Training) -> None:
    result = check(loud).judge(slow.request, 1)
    assert (result.passed, said(result)) == (True, "Nothing was found.")


def test_what_was_read_for_it_is_in_the_store(loud: Settings, slow: Training) -> None:
    check(loud).judge(slow.request, 2)
    with open_store(loud) as store:
        assert [one.number for one in store.of_training(slow.request.inputs_hash())] == [2, 1]


def test_what_nobody_has_turned_on_is_not_told_and_nothing_is_opened(
    settings: Settings, slow: Training
) -> None:
    result = check(settings).judge(slow.request, 2)
    assert result.passed
    assert "MLP_XRAY_FINDINGS" in said(result)
    assert not (settings.home / "xray").exists()


def test_a_finding_that_there_is_not_is_said_and_fails_nothing(
    settings: Settings, slow: Training
) -> None:
    wrong = settings.model_copy(update={"xray_findings": "stragler"})
    result = check(wrong).judge(slow.request, 2)
    assert result.passed
    assert "did you mean straggler?" in said(result)


def test_a_database_that_does_not_open_is_said_and_fails_nothing(
    loud: Settings, slow: Training
) -> None:
    (loud.home / "xray").write_text("a file where a folder belongs")
    result = check(loud).judge(slow.request, 2)
    assert result.passed
    assert said(result).startswith("X-Ray could not be asked: ")


def test_a_training_of_which_nothing_is_left_is_said_and_fails_nothing(
    loud: Settings, training: Training
) -> None:
    result = check(loud).judge(training.request, 1)
    assert result.passed
    assert said(result).startswith("X-Ray could not be asked: ")


def test_a_database_that_does_not_answer_holds_nothing_up(loud: Settings, slow: Training) -> None:
    began_s = time.monotonic()
    result = check(loud, within_s=0.0).judge(slow.request, 2)
    assert time.monotonic() - began_s < 5.0
    assert result.passed
    assert said(result) == "X-Ray could not be asked within 0 s."
