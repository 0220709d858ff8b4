"""Types of Dagster configuration: what a path, an address or a name has to look like."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import dagster as dg
from pydantic import BeforeValidator

NAME_PATTERN: Final = re.compile(r"^[a-z][a-z0-9_]*$")


def _typed(check: Callable[[str], bool], wanted: str) -> BeforeValidator:
    """Refuses a text that fails `check`; `wanted` ends the sentence "… is no".

    Before pydantic, as that makes plain text of an `EnvVar`, whose value is not known yet.
    """

    def refuse(value: object) -> object:
        if isinstance(value, str) and not isinstance(value, dg.EnvVar) and not check(value):
            msg = f"{value!r} is no {wanted}"
            raise ValueError(msg)
        return value

    return BeforeValidator(refuse)


AbsolutePath = Annotated[
    str,
    _typed(lambda text: Path(text).is_absolute(), "absolute path: a run may begin in any folder"),
]
Uri = Annotated[
    str,
    _typed(
        lambda text: bool(urlsplit(text).scheme),
        "URI: wanted one such as file:///srv/mlp or gs://bucket/mlp",
    ),
]
Name = Annotated[
    str,
    _typed(
        lambda text: NAME_PATTERN.match(text) is not None,
        "name: wanted a lower-case letter, then lower-case letters, digits and underscores",
    ),
]
