"""How a mistake in what somebody wrote is said: where it stands, what is there, what is wanted.

What is there is told by its kind and never by itself. A token is soon pasted into the wrong line,
or its mapping indented into the wrong place, and messages go where a secret must not: into logs,
into Dagster's database, to everybody who may look at a run. Shown are only

- numbers, where a number is wanted;
- a word of letters in place of one of a few known words, such as `Sometimes` for a restart policy:
  it is a misspelt one, and a secret has other characters;
- names: keys of mappings, the name by which an entry of a list is known, what a command was asked
  for, as far as they have the form of names: words and numbers, and no secret of a known form. What
  follows a `=` in one is a value again.
"""

import datetime
import re
from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ml_platform.secret_forms import form_of_secret

HIDDEN: Final = "…"
_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (dict, "a mapping"),
    ((list, tuple, set), "a list"),
    (str, "text"),
    (bool, "a truth value"),
    ((int, float), "a number"),
    (type(None), "nothing"),
    (datetime.date, "a date"),
)
_WORD: Final = re.compile(r"[A-Za-z]([A-Za-z.-]{0,30}[A-Za-z])?")
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
_AMOUNT: Final = re.compile(r"[-+]?[0-9][0-9.]{0,11} ?[A-Za-z]{0,3}", re.ASCII)
_NAME: Final = re.compile(r"[\w./-]{1,253}", re.ASCII)
_RANDOM: Final = re.compile(r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{20,}")
"""Letters and digits without an end, as tokens have and names have not."""
_CHANGE: Final = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
"""Where a small letter, a capital or a digit follows another kind; a capital begins a word."""
_MOST_CHANGES: Final = 10
"""Tokens and UUIDs have more, dashes or not; names of nodes that a cloud makes up have as many."""
_OF_KNOWN_WORDS: Final = ("literal_error", "enum")
_UNKNOWN_KEY: Final = ("extra_forbidden", "unexpected_keyword_argument")
_OURS: Final = ("value_error", "assertion_error")
"""Errors of pydantic's that a check of ours has raised, which says what it has found."""
_ALTERNATIVE: Final = re.compile(r"[\w-]+\[.*\]", re.DOTALL)
"""What pydantic adds to a place where one of several types may stand: `tuple[WorkerGroup, ...]`."""
_ASSIGNED: Final = re.compile(r"[=:]")
_OF_YAML: Final = re.compile(r"(alias|anchor|tag|handle|directive) .*", re.DOTALL)


def kind(value: Any) -> str:
    """What a value is, in the words of YAML: `a mapping`, `text`."""
    if value == "" and isinstance(value, str):
        return "empty text"
    for types, said in _KINDS:
        if isinstance(value, types):
            return said
    return f"of type {type(value).__name__}"


def of_another_type(where: str, value: Any, wanted: str) -> str:
    """The sentence for a value that is of another type than wanted."""
    return f"{where} is {kind(value)}, wanted {wanted}"


def of_another_form(where: str, value: Any, wanted: str) -> str:
    """The sentence for text that is not as wanted."""
    return f"{where} is {kind(value) if value == '' else 'other text'}, wanted {wanted}"


def shown_word(value: Any) -> str:
    """What stands in place of one of a few known words: itself if it is a word, else its kind."""
    return repr(value) if isinstance(value, str) and _WORD.fullmatch(value) else kind(value)


def shown_number(value: Any) -> str:
    """What stands in place of a number: itself if it is one, else its kind."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(value) if is_number else kind(value)


def shown_amount(value: Any) -> str:
    """What stands in place of a number with a unit: itself if it is one, such as `4GB`."""
    is_amount = isinstance(value, str) and _AMOUNT.fullmatch(value)
    return str(value) if is_amount else shown_number(value)


def shown_name(value: Any) -> str:
    """A name that somebody has written, as far as it has the form of one."""
    before, *after = _ASSIGNED.split(str(value), maxsplit=1)
    is_name = _NAME.fullmatch(before) and not _is_secret(before)
    return f"{before if is_name else ''}{HIDDEN if after or not is_name else ''}"


def _is_secret(name: str) -> bool:
    is_random = _RANDOM.search(name) or len(_CHANGE.findall(name)) > _MOST_CHANGES
    return bool(is_random or form_of_secret(name))


def shown_names(values: Iterable[Any]) -> str:
    """Several names, with commas."""
    return ", ".join(map(shown_name, values))


def unknown_key(value: Any, *, is_near: bool) -> str:
    """A key that there is not: its name if it is a word, or near to a known one."""
    return shown_name(value) if is_near or _KEY.fullmatch(str(value)) else HIDDEN


def first_in_words(error: ValidationError, *, under: str = "") -> str:
    """The first of what pydantic has found, as a sentence without the value.

    `under` is the key under which all of it is written.

    Who raises an error of it does so with `from None`, or after the `except`: the text of
    pydantic's own error, which a traceback has, shows each value.
    """
    return in_words(error.errors()[0], under=under)


def in_words(error: ErrorDetails, *, under: str = "") -> str:
    """One entry of pydantic's error as a sentence: where, what is wanted and what was found."""
    where = place(error, under=under)
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] in _UNKNOWN_KEY:
        return f"{where}: there is no such key"
    if error["type"] == "missing":
        return f"{where} is missing"
    found = _found(error)
    whole = f"{said}, found {found}" if found else said
    return f"{where}: {whole}" if where else whole


def place(error: ErrorDetails, *, under: str = "", is_near: bool = False) -> str:
    """Where one of pydantic's errors was found: `workers.count`; empty for the whole.

    `is_near` says that its last key, which there is not, is near to a known one.
    """
    loc = (under, *error["loc"]) if under else error["loc"]
    parts = [
        str(part) if isinstance(part, int) else shown_name(part)
        for part in loc
        if not _ALTERNATIVE.fullmatch(str(part))
    ]
    if error["type"] in _UNKNOWN_KEY and parts:
        parts[-1] = unknown_key(error["loc"][-1], is_near=is_near)
    return ".".join(parts)


def _found(error: ErrorDetails) -> str:
    value = error["input"]
    if error["type"] in _OURS:
        return shown_number(value) if isinstance(value, int | float) else ""
    return shown_word(value) if error["type"] in _OF_KNOWN_WORDS else shown_number(value)


def yaml_problem(error: Exception) -> str:
    """What is wrong with YAML that cannot be read, and in which line.

    PyYAML's own text has the line itself in it, and names what follows a `*`, a `!` or a `&`; that
    of a number or a date names the value.
    """
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return _OF_YAML.sub(rf"\1 {HIDDEN}", str(problem or type(error).__name__))
