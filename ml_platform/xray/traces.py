"""A run as an OpenTelemetry trace: its attempts, and the phases of each; pure.

Ids are made of names, so that a run that is sent again replaces its spans where the receiver knows
them. The wire format is that of OTLP as JSON, which takes no library of OpenTelemetry's:
https://opentelemetry.io/docs/specs/otlp/#otlphttp.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ml_platform.errors import InputError
from ml_platform.xray.attempt import AttemptKey, AttemptRecord
from ml_platform.xray.records import Event
from ml_platform.xray.timeline import Phase, phases

SERVICE: Final = "ml-platform"
_INTERNAL: Final = 1
_OK: Final = 1
_ERROR: Final = 2
Attribute = str | int | float | bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """Something without a length in a span."""

    name: str
    at_s: float
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A stretch of time.

    Attributes:
        id: 16 digits, base 16.
        parent: That of the span around it; empty for the first.
        name: What is shown of it.
        began_at_s: In seconds since 1970.
        ended_at_s: When it ended, or now if it goes on.
        attributes: What else is known of it.
        is_wrong: Whether it failed; None while that is not known.
        message: Why it failed.
        happened: What was told in it.
    """

    id: str
    parent: str
    name: str
    began_at_s: float
    ended_at_s: float
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    is_wrong: bool | None = None
    message: str = ""
    happened: tuple[Happened, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """The spans of a run.

    Attributes:
        id: 32 digits, base 16.
        namespace: Environment and sandbox.
        spans: The run first, each attempt before its phases.
    """

    id: str
    namespace: str
    spans: tuple[Span, ...]


def trace_of(
    attempts: Sequence[AttemptRecord],
    events: Mapping[AttemptKey, Iterable[Event]],
    *,
    namespace: str,
    now_s: float,
) -> Trace:
    """The trace of the run that attempts are of.

    Args:
        attempts: At least one; those of one run, or of one model's partition.
        events: What began and ended in each.
        namespace: Environment and sandbox.
        now_s: Now, in seconds since 1970, for what goes on.

    Raises:
        InputError: there is no attempt.
    """
    if not attempts:
        raise InputError("no attempt is known of it", hint="`mlp xray ls` lists the attempts.")
    oldest_first = sorted(attempts, key=lambda one: (one.claimed_at_s, one.number))
    first, last = oldest_first[0], oldest_first[-1]
    # A training may have been gone on with by several runs: the one that began it names it.
    name = f"{namespace} {first.root}"
    run = Span(
        id=_id(name, 16),
        parent="",
        name=f"{first.model} of {first.partition}, run {first.root}",
        began_at_s=first.claimed_at_s,
        ended_at_s=max(_end_s(one, now_s) for one in oldest_first),
        attributes={"dagster.run.id": first.root},
        is_wrong=_is_wrong(last),
        message=last.message,
    )
    spans = [run]
    for one in oldest_first:
        spans += _spans(one, phases(one, events.get(one.key, ()), now_s=now_s), run, now_s)
    return Trace(id=_id(name, 32), namespace=namespace, spans=tuple(spans))


def otlp_of(trace: Trace, *, version: str) -> dict[str, Any]:
    """The trace as the body of a request to `/v1/traces`."""
    resource = {
        "service.name": SERVICE,
        "service.version": version,
        "deployment.environment.name": trace.namespace,
    }
    spans = [_wire(trace.id, one) for one in trace.spans]
    scope = {"name": "ml_platform.xray", "version": version}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [{"scope": scope, "spans": spans}],
            }
        ]
    }


def _spans(attempt: AttemptRecord, found: Sequence[Phase], run: Span, now_s: float) -> list[Span]:
    """An attempt, and its phases below it."""
    told = tuple(
        Happened(name=one.name, at_s=one.began_at_s, detail=one.detail)
        for one in found
        if one.seconds is None
    )
    known: dict[str, Attribute] = {
        "ml_platform.model": attempt.model,
        "ml_platform.partition": attempt.partition,
        "ml_platform.training": attempt.training,
        "ml_platform.attempt": attempt.number,
        "ml_platform.status": attempt.status,
        "ml_platform.cause": attempt.cause,
        "ml_platform.cause.place": attempt.cause_place,
        "ml_platform.team": attempt.team,
        "ml_platform.backfill": attempt.backfill,
        "ml_platform.provisioner": attempt.provisioner,
        "ml_platform.cluster": attempt.cluster,
        "ml_platform.memory_rung": attempt.rung,
        "dagster.run.id": attempt.run,
    }
    whole = Span(
        id=_id(f"{run.id} {attempt.id} {attempt.partition}", 16),
        parent=run.id,
        name=f"attempt {attempt.number}",
        began_at_s=attempt.claimed_at_s,
        ended_at_s=_end_s(attempt, now_s),
        attributes={name: value for name, value in known.items() if value != ""},
        is_wrong=_is_wrong(attempt),
        message=attempt.message,
        happened=told,
    )
    lengths = [(one, one.seconds) for one in found if one.seconds is not None]
    return [
        whole,
        *(
            Span(
                id=_id(f"{whole.id} {one.name} {one.began_at_s}", 16),
                parent=whole.id,
                name=one.name,
                began_at_s=one.began_at_s,
                ended_at_s=one.began_at_s + seconds,
                attributes={"ml_platform.detail": one.detail} if one.detail else {},
                is_wrong=True if one.state == "failed" else None,
                message=one.detail if one.state == "failed" else "",
            )
            for one, seconds in lengths
        ),
    ]


def _is_wrong(attempt: AttemptRecord) -> bool | None:
    return None if attempt.is_open else attempt.status == "failed"


def _end_s(attempt: AttemptRecord, now_s: float) -> float:
    return now_s if attempt.ended_at_s is None else attempt.ended_at_s


def _id(name: str, digits: int) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:digits]


def _wire(trace_id: str, span: Span) -> dict[str, Any]:
    status: dict[str, Any] = {}
    if span.is_wrong is not None:
        status = {"code": _ERROR if span.is_wrong else _OK}
        status |= {"message": span.message} if span.is_wrong and span.message else {}
    parent = {"parentSpanId": span.parent} if span.parent else {}
    return {
        "traceId": trace_id,
        "spanId": span.id,
        **parent,
        "name": span.name,
        "kind": _INTERNAL,
        "startTimeUnixNano": _nanos(span.began_at_s),
        "endTimeUnixNano": _nanos(span.ended_at_s),
        "attributes": _attributes(span.attributes),
        "events": [
            {
                "name": one.name,
                "timeUnixNano": _nanos(one.at_s),
                "attributes": _attributes({"detail": one.detail} if one.detail else {}),
            }
            for one in span.happened
        ],
        "status": status,
    }


def _nanos(at_s: float) -> str:
    """64 bits are a text in JSON; a float of seconds is exact to some hundred nanoseconds."""
    return str(round(at_s * 1e6) * 1000)


def _attributes(known: Mapping[str, Attribute]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in known.items()]


def _value(value: Attribute) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}
