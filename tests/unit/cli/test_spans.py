"""Spans of time as people type them."""

import pytest

from ml_platform.cli.spans import seconds_of
from ml_platform.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("30m", 1800), ("4h", 14400), ("1d12h", 129600), ("0h", 0)]
)
def test_a_span_is_read_in_its_units(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "4", "h", "4 h", "30m1h", "-4h", "1.5h"])
def test_what_is_none_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(InputError, match="no span of time") as refused:
        seconds_of(text)
    assert "1h30m" in refused.value.hint
