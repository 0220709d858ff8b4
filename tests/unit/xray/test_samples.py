"""Samples as lines: written by one version, read by another."""

import json

import pytest

from ml_platform.xray.samples import VERSION, NodeUse, Sample, StepTimes, from_lines, to_line


@pytest.mark.parametrize(
    "sample", [StepTimes(at_s=1.5, rank=2, data_s=0.25), NodeUse(at_s=2.0, node="a", cpus=8.0)]
)
def test_a_sample_is_the_same_after_its_line(sample: Sample) -> None:
    assert list(from_lines([to_line(sample)])) == [sample]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no JSON",
        '{"v": 1, "kind": "step_times", "at_s": 1.',
        "[1, 2]",
        json.dumps({"v": VERSION, "kind": "of tomorrow", "at_s": 1.0}),
        json.dumps({"v": VERSION + 1, "kind": "step_times", "at_s": 1.0}),
        json.dumps({"v": VERSION, "kind": "step_times"}),
        json.dumps({"v": VERSION, "kind": "step_times", "at_s": "noon"}),
        json.dumps({"v": VERSION, "kind": "step_times", "at_s": float("nan")}),
    ],
)
def test_a_line_that_is_not_understood_is_passed_over(line: str) -> None:
    good = StepTimes(at_s=1.0)
    assert list(from_lines([line, to_line(good)])) == [good]


def test_a_field_of_tomorrow_is_left_out_and_one_that_is_missing_has_its_default() -> None:
    line = json.dumps(
        {"v": VERSION, "kind": "step_times", "at_s": 1.0, "watts": 300, "rank": "the first"}
    )
    assert list(from_lines([line])) == [StepTimes(at_s=1.0)]
