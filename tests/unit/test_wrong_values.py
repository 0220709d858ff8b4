"""What is said of a wrong value: its kind, and itself only where no secret can stand."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from ml_platform import wrong_values
from ml_platform.clusters.spec import ClusterSpec

TOKEN = "hf" + "_" + "mArKeR0123456789abcdefghij"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        ("x", "text"),
        ("", "empty text"),
        (True, "a truth value"),
        (7, "a number"),
        (0.5, "a number"),
        (None, "nothing"),
        (date(2013, 3, 15), "a date"),
        (b"x", "of type bytes"),
    ],
)
def test_a_value_of_another_type_is_told_by_its_kind(value: Any, said: str) -> None:
    sentence = wrong_values.of_another_type("pod.env", value, "text")
    assert sentence == f"pod.env is {said}, wanted text"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        *(("Sometimes", "'Sometimes'"), ("ray-head", "'ray-head'"), (TOKEN, "text")),
        *(("hunter2", "text"), ("two words", "text"), (7, "a number"), ({}, "a mapping")),
    ],
)
def test_a_word_in_place_of_a_known_one_is_shown(value: Any, said: str) -> None:
    assert wrong_values.shown_word(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(7, "7"), (0.5, "0.5"), (True, "a truth value"), ("7", "text")]
)
def test_a_number_in_place_of_another_is_shown(value: Any, said: str) -> None:
    assert wrong_values.shown_number(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [("4GB", "4GB"), ("1.5 Gi", "1.5 Gi"), (4, "4"), (TOKEN, "text")]
)
def test_a_number_with_another_unit_is_shown(value: Any, said: str) -> None:
    assert wrong_values.shown_amount(value) == said


def test_a_place_is_named_without_the_types_that_may_stand_there() -> None:
    with pytest.raises(ValidationError) as raised:
        ClusterSpec.model_validate({"workers": TOKEN})
    assert wrong_values.first_in_words(raised.value, under="cluster") == (
        "cluster.workers: Input should be a valid dictionary or instance of WorkerGroup, found text"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("OMP_NUM_THREADS", "OMP_NUM_THREADS"),
        ("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
        ("requiredDuringSchedulingIgnoredDuringExecution",) * 2,
        ("HF_TOKEN=secret", "HF_TOKEN…"),
        ("HF_TOKEN: secret", "HF_TOKEN…"),
        ("gke-prod-gpu-pool-1-3f2a9c0d-x7kq",) * 2,
        ("registry.example/team/ml_platform",) * 2,
        (TOKEN, "…"),
        ("correct horse", "…"),
        (7, "7"),
    ],
)
def test_a_name_is_shown_as_far_as_it_is_one(value: Any, said: str) -> None:
    assert wrong_values.shown_name(value) == said


# Put together here, so that no scanner of repositories takes one for real.
DASHED = (
    ("sk", "proj", "mArKeR01_abc", "2345", "defghijklm"),
    ("glpat", "mArKeR01", "abcdefghijklm"),
    ("xoxb", "123456789012", "abcdefghijkl"),
    ("pypi", "AgEIcHlwaS5vcmc", "mArKeR01", "abcdefghijklmnopqrst"),
    ("7c9e6679", "7425", "40de", "944b", "e07fc1f90ae7"),
    ("Zx9", "kL2m", "Qp7w", "tR4v", "bN8s"),
)


@pytest.mark.parametrize("parts", DASHED, ids=lambda parts: parts[0])
def test_a_secret_with_dashes_is_no_name(parts: tuple[str, ...]) -> None:
    assert wrong_values.shown_name("-".join(parts)) == "…"
    assert wrong_values.shown_name("a/" + "-".join(parts)) == "…"
