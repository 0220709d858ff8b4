from pathlib import Path

import pytest

from ml_platform.clusters.spec import ClusterSpec
from ml_platform.component import TrainedModel, parse_spec
from ml_platform.errors import ModelSpecError
from ml_platform.evaluation.spec import EvaluationSpec
from ml_platform.training.spec import TrainingSpec


def test_a_misspelt_key_is_named_with_the_one_that_was_meant() -> None:
    with pytest.raises(
        ModelSpecError, match=r"no key training\.window_day, did you mean window_days\?"
    ):
        parse_spec(TrainingSpec, {"window_day": 28}, where="training")


def test_a_key_inside_a_section_is_named_by_its_path() -> None:
    content = {"workers": {"count": 0}}

    with pytest.raises(ModelSpecError, match=r"cluster\.workers\.count: .*found 0"):
        parse_spec(ClusterSpec, content, where="cluster")


def test_all_wrong_keys_are_said_at_once() -> None:
    with pytest.raises(ModelSpecError, match=r"training\.sed.*training\.windw"):
        parse_spec(TrainingSpec, {"sed": 1, "windw": 2}, where="training")


def test_the_error_says_how_to_look_again() -> None:
    with pytest.raises(ModelSpecError) as raised:
        parse_spec(TrainingSpec, {"sed": 1}, where="training")

    assert "mlp model check" in raised.value.hint


def test_an_empty_section_is_its_defaults() -> None:
    assert parse_spec(EvaluationSpec, None, where="evaluation") == EvaluationSpec()


def test_a_folder_without_train_py_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evaluate.py").touch()

    with pytest.raises(ModelSpecError, match=r"has no train\.py"):
        _component().plan(tmp_path)


def test_a_folder_whose_name_is_no_model_name_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "Flight-Delay"
    folder.mkdir()

    with pytest.raises(ModelSpecError, match="'Flight-Delay' is no model name"):
        _component().plan(folder)


def _component() -> TrainedModel:
    return TrainedModel(
        description="Whatever.",
        owners=["team:anybody"],
        features={},
        training=TrainingSpec(),
        evaluation=EvaluationSpec(),
    )
