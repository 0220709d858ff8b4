"""Draws pages out of values: HTML by templates that escape all they are given, or JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import BaseModel

from ml_platform.xray.attempt import SHORT, AttemptRecord
from ml_platform.xray.pages import addresses
from ml_platform.xray.words import moment_and_zone, money, shortened, span

_CODE: Final = re.compile(r"`([^`\n]+)`")
NOTHING: Final = "–"
STATES: Final = {"open": "goes on"}


def html_of(template: str, values: Mapping[str, Any], *, zone: tzinfo | None = None) -> str:
    """A page.

    Args:
        template: Its file in `templates`.
        values: What it shows.
        zone: The reader's; UTC if not known.
    """

    def when(at_s: float | None) -> str | Markup:
        return NOTHING if at_s is None else _when(at_s, zone or UTC)

    return _templates().get_template(template).render(**values, when=when)


def json_of(value: Any) -> str:
    """A value as JSON, for a program: in one line, since to break 5,000 rows takes 100 ms."""
    return json.dumps(value, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    """What JSON has none of, one level deep: the encoder asks again for what is in it."""
    if is_dataclass(value):
        kind: Any = type(value)
        return {name: getattr(value, name) for name in _names(kind)}
    if isinstance(value, Mapping):
        return dict(value)
    return value.model_dump() if isinstance(value, BaseModel) else str(value)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))


def _when(at_s: float, zone: tzinfo) -> Markup:
    """A moment in the reader's zone; the browser says it in its own."""
    exact = f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
    # Not `Markup.format`, by which a table's moments take half of the time of its page.
    return Markup(f'<time datetime="{exact}">{escape(moment_and_zone(at_s, zone))}</time>')


def _took(seconds: float | None) -> str:
    return NOTHING if seconds is None else span(seconds)


def _prose(text: str) -> Markup:
    """What is between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def _marked(text: str, wanted: str) -> Markup:
    """A line with all that was looked for marked in it."""
    if not wanted:
        return escape(text)
    pieces = re.split(f"({re.escape(wanted)})", text, flags=re.IGNORECASE)
    marked = (
        Markup("<mark>{}</mark>").format(piece) if index % 2 else escape(piece)
        for index, piece in enumerate(pieces)
    )
    return Markup("").join(marked)


def _short_id(attempt_id: str) -> str:
    training, _, number = attempt_id.rpartition("-")
    return f"{training[:SHORT]}-{number}"


def _why(attempt: AttemptRecord) -> str:
    place = f" in {attempt.cause_place}" if attempt.cause_place else ""
    return f"{attempt.cause}{place}"


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("ml_platform.xray.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "took": _took,
        "prose": _prose,
        "marked": _marked,
        "short_id": _short_id,
        "shortened": shortened,
        "money": money,
        "begun": lambda text: text[:1].upper() + text[1:],
        "why": _why,
        "state": lambda status: STATES.get(status, status),
        "part": addresses.part,
        "attempt_page": addresses.attempt_page,
        "training_page": addresses.training_page,
        "model_page": addresses.model_page,
        "run_page": addresses.run_page,
        "backfill_page": addresses.backfill_page,
    }
    return made
