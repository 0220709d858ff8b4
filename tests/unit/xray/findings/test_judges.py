"""All findings of an attempt, and which of them are told without being asked for."""

from dataclasses import replace

import pytest

from ml_platform.errors import SettingsError
from ml_platform.xray.findings.judges import JUDGES, findings_of, loud_names
from ml_platform.xray.samples import Samples
from tests.unit.xray.findings.made_up import hour_long, nodes, past, seen, steps, worker


def test_nothing_is_found_in_a_healthy_attempt() -> None:
    samples = Samples(steps=steps(worker(0), worker(1)).steps, nodes=nodes().nodes)
    assert findings_of(seen(samples=samples, earlier=past(10))) == ()


def test_what_was_found_is_quiet_until_a_person_turns_it_on() -> None:
    samples = steps(worker(0, data_s=100.0, cpu_s=50.0, waiting_s=0, checkpoint_s=40.0))
    found = findings_of(seen(samples=samples), loud=loud_names(" input_bound, slower"))
    assert {one.name: one.quiet for one in found} == {
        "input_bound": False,
        "checkpoints_too_often": True,
    }


def test_each_finding_has_the_name_by_which_it_is_turned_on() -> None:
    samples = steps(worker(0, cpu_s=90.0, waiting_s=0), worker(1, cpu_s=10.0, waiting_s=80.0))
    died = hour_long(status="failed", cause="out_of_memory")
    found = findings_of(seen(died, samples=samples), loud=loud_names("all"))
    assert [(one.name, one.quiet) for one in found] == [
        ("memory_limit", False),
        ("straggler", False),
    ]
    assert {one.name for one in found} <= set(JUDGES)


@pytest.mark.parametrize("text", ["", " , "])
def test_none_is_on_by_itself(text: str) -> None:
    assert loud_names(text) == frozenset()


def test_a_name_that_is_none_is_told_with_what_was_meant() -> None:
    with pytest.raises(
        SettingsError, match="no finding 'stragler', did you mean straggler"
    ) as told:
        loud_names("stragler")
    assert "it takes all, or some of no_progress, memory_limit" in told.value.hint


def test_an_attempt_that_a_newer_program_wrote_is_judged_as_far_as_it_is_understood() -> None:
    strange = replace(
        hour_long(limits={"checkpoint_every_s": "often"}), spec={"provisioner": "orbital"}
    )
    samples = Samples(steps=steps(worker(0, data_s=100.0)).steps, nodes=nodes().nodes)
    assert [one.name for one in findings_of(seen(strange, samples=samples))] == ["input_bound"]
