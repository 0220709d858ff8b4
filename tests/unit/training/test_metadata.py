"""What Dagster shows of a training."""

from ml_platform.clusters.causes import Cause
from ml_platform.training.listeners import EndedReport
from ml_platform.training.metadata import (
    attempt_page,
    code_block,
    failed_attempt,
    phases_table,
    training_page,
)
from ml_platform.training.record import Attempt, Ended, Owner
from ml_platform.xray.pages import addresses
from tests.support.lineages import lineage
from tests.unit.training.driver_acts import failure_of
from tests.unit.training.one_head import claim_of


def test_the_last_lines_of_the_job_and_of_each_part_of_its_cluster_are_a_block_each(
    first: Attempt,
) -> None:
    failure = failure_of(Cause.OUT_OF_MEMORY)
    ended = Ended(
        status="failed",
        failure=failure,
        ended_at_s=0.0,
        seen_by=Owner(run="run", root="run"),
        log_tail=("epoch 0", "it broke"),
    )
    logs = {"c-head-abcde.ray-head": ("a line",), "c-w-abcde.ray-worker": ("another",)}
    report = EndedReport(claim=claim_of(first), ended=ended, logs=logs)
    shown = failed_attempt(report, failure, xray_page="https://xray.example/attempts/3f2a-1")
    assert shown["cause"].value == "out_of_memory"
    assert shown["xray"].value == "https://xray.example/attempts/3f2a-1"
    assert {name: value.value for name, value in shown.items() if name.startswith("log")} == {
        "log_tail": "```\nepoch 0\nit broke\n```",
        "log of c-head-abcde.ray-head": "```\na line\n```",
        "log of c-w-abcde.ray-worker": "```\nanother\n```",
    }


def test_an_attempt_that_ended_before_anybody_looked_went_through_nothing() -> None:
    assert phases_table([]).records == []


def test_a_line_with_a_fence_does_not_end_its_block() -> None:
    assert code_block(["before", "```", "after"]).value == "````\nbefore\n```\nafter\n````"


def test_a_training_and_an_attempt_lead_to_the_pages_that_xray_has_of_them() -> None:
    request = lineage("2013-03-14").request
    training = request.inputs_hash()
    url = "https://xray.example"
    page = training_page(f"{url}/", request)
    assert page == f"{url}{addresses.training_page(training)}?partition=2013-03-14"
    assert attempt_page(url, request, 2) == f"{url}{addresses.attempt_page(f'{training}-2')}"
