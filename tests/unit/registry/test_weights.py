"""How far two trainings of one lineage are apart."""

from pathlib import Path

import pytest
import torch  # noqa: TID253 — weights are torch's
from safetensors.torch import save_file

from ml_platform.errors import RegistryError
from ml_platform.registry.weights import compare


def model(folder: Path, **tensors: list[float]) -> Path:
    folder.mkdir()
    save_file(
        {name: torch.tensor(values) for name, values in tensors.items()},
        folder / "model.safetensors",
    )
    return folder


def test_the_same_weights_are_reproduced_bit_for_bit(tmp_path: Path) -> None:
    first = model(tmp_path / "a", weight=[0.1, float("nan")], bias=[1.0])
    found = compare(first, model(tmp_path / "b", weight=[0.1, float("nan")], bias=[1.0]))
    assert found.bitwise
    assert found.largest_difference == 0
    assert found.sentence == "the weights are the same, bit for bit"


def test_the_largest_difference_is_found_with_its_tensor(tmp_path: Path) -> None:
    first = model(tmp_path / "a", weight=[0.5, 1.0], bias=[1.0], scale=[2.0])
    second = model(tmp_path / "b", weight=[0.5, 1.25], bias=[1.125], scale=[2.0])
    found = compare(first, second)
    assert not found.bitwise
    assert found.per_tensor == {"weight": 0.25, "bias": 0.125}
    assert found.sentence == "2 tensor(s) differ, by at most 0.25 (in weight)"


def test_a_sign_of_zero_is_a_difference_of_bits_and_none_of_value(tmp_path: Path) -> None:
    found = compare(model(tmp_path / "a", w=[0.0]), model(tmp_path / "b", w=[-0.0]))
    assert not found.bitwise
    assert found.largest_difference == 0


def test_a_value_that_is_finite_in_one_only_is_infinitely_far(tmp_path: Path) -> None:
    found = compare(model(tmp_path / "a", w=[0.0]), model(tmp_path / "b", w=[float("nan")]))
    assert found.largest_difference == float("inf")


def test_metrics_that_both_have_are_subtracted(tmp_path: Path) -> None:
    found = compare(
        model(tmp_path / "a", w=[0.0]),
        model(tmp_path / "b", w=[0.5]),
        first_metrics={"loss": 0.5, "only_here": 1.0},
        second_metrics={"loss": 0.75},
    )
    assert found.metrics == {"loss": 0.25}
    assert found.sentence.endswith("; loss +0.25")


def test_other_shapes_are_another_model(tmp_path: Path) -> None:
    first = model(tmp_path / "a", w=[0.0])
    with pytest.raises(RegistryError, match=r"tensor w is \(1,\) .* and \(2,\)"):
        compare(first, model(tmp_path / "b", w=[0.0, 1.0]))


def test_a_tensor_that_only_one_has_is_another_model(tmp_path: Path) -> None:
    first = model(tmp_path / "a", w=[0.0])
    with pytest.raises(RegistryError, match="tensor v is not there in the first"):
        compare(first, model(tmp_path / "b", w=[0.0], v=[0.0]))


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"has no model\.safetensors"):
        compare(tmp_path, tmp_path)
