"""A run as an OpenTelemetry trace, read as a receiver of OTLP reads it."""

import base64
import json
from typing import Any

import pytest

from ml_platform.errors import InputError
from ml_platform.settings import Settings
from ml_platform.xray.gather import gather
from ml_platform.xray.judging import events_of
from ml_platform.xray.store import Store
from ml_platform.xray.traces import Trace, otlp_of, trace_of
from tests.support.xray import AT_S, OUT_OF_MEMORY, Training, note

NOW_S = AT_S + 3600


@pytest.fixture
def trace(store: Store, settings: Settings, training: Training) -> Trace:
    """A run whose first attempt ran out of memory, and whose second succeeded."""
    first = training.train(1, failure=OUT_OF_MEMORY, run="run-of-ada", team="growth")
    note(first, "cluster", "happened", AT_S + 5, detail="queued: 3 are before it")
    training.train(2, at_s=AT_S + 700, run="run-of-ada")
    gather(store, settings.storage_root)
    return made_of(store)


def made_of(store: Store) -> Trace:
    found = store.attempts(limit=9)
    return trace_of(found, events_of(store, found), namespace="local", now_s=NOW_S)


def received(trace: Trace) -> Any:
    """What a receiver makes of it. OTLP has ids of base 16, the JSON of Protobuf of 64."""
    # Ray brings the protocol's own messages.
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    body = json.loads(json.dumps(otlp_of(trace, version="1.2")))
    for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
            span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return ParseDict(body, ExportTraceServiceRequest()).resource_spans[0]


def known(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def test_a_receiver_reads_the_run_its_attempts_and_the_phases_of_each(trace: Trace) -> None:
    spans = received(trace).scope_spans[0].spans
    run, first, *_ = spans
    assert run.name == "flight_delay of 2013-03-14, run run-of-ada"
    assert (run.parent_span_id, first.parent_span_id) == (b"", run.span_id)
    assert {len(one.trace_id) for one in spans} == {16}
    assert {len(one.span_id) for one in spans} == {8}
    attempts = [one for one in spans if one.parent_span_id == run.span_id]
    assert [one.name for one in attempts] == ["attempt 1", "attempt 2"]
    below = [one.name for one in spans if one.parent_span_id == first.span_id]
    assert below == ["cluster", "submit", "pending", "running"]
    assert len({one.span_id for one in spans}) == len(spans)


def test_times_are_those_of_the_records(trace: Trace) -> None:
    run, first, cluster, *_ = received(trace).scope_spans[0].spans
    assert run.start_time_unix_nano == AT_S * 1e9
    assert run.end_time_unix_nano == (AT_S + 1390) * 1e9
    assert first.end_time_unix_nano == (AT_S + 690) * 1e9
    assert cluster.end_time_unix_nano - cluster.start_time_unix_nano == 60 * 10**9


def test_what_failed_is_an_error_with_its_cause_and_what_was_told_is_an_event(
    trace: Trace,
) -> None:
    run, first, *rest = received(trace).scope_spans[0].spans
    second = next(one for one in rest if one.name == "attempt 2")
    error, ok = 2, 1
    assert (run.status.code, first.status.code, second.status.code) == (ok, error, ok)
    assert first.status.message == OUT_OF_MEMORY.message
    told = known(first.attributes)
    assert (told["ml_platform.cause"], told["ml_platform.attempt"]) == ("out_of_memory", 1)
    assert told["ml_platform.team"] == "growth"
    assert "ml_platform.team" not in known(second.attributes)
    (event,) = first.events
    assert known(event.attributes) == {"detail": "queued: 3 are before it"}


def test_it_says_whose_it_is(trace: Trace) -> None:
    assert known(received(trace).resource.attributes) == {
        "service.name": "ml-platform",
        "service.version": "1.2",
        "deployment.environment.name": "local",
    }


def test_the_same_run_is_the_same_trace_again(trace: Trace, store: Store) -> None:
    assert made_of(store) == trace


def test_what_goes_on_ends_now_and_is_neither_well_nor_wrong(
    store: Store, settings: Settings, training: Training
) -> None:
    note(training.claim(), "cluster", "began", AT_S)
    gather(store, settings.storage_root)
    spans = received(made_of(store)).scope_spans[0].spans
    assert {one.end_time_unix_nano for one in spans} == {NOW_S * 1e9}
    assert {one.status.code for one in spans} == {0}


def test_a_run_without_an_attempt_is_none() -> None:
    with pytest.raises(InputError, match="no attempt"):
        trace_of([], {}, namespace="local", now_s=NOW_S)
