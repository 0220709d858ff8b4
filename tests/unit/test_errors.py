"""Errors carry the next thing to do, and survive the way between processes."""

import pickle

import pytest

from ml_platform.errors import PlatformError, TrainingError, UserCodeError


def subclasses(kind: type[PlatformError]) -> list[type[PlatformError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in subclasses(child))]


@pytest.mark.parametrize("kind", subclasses(PlatformError))
def test_every_error_crosses_a_process_boundary_with_its_hint(kind: type[PlatformError]) -> None:
    sent = kind("it broke", hint="mend it")
    received = pickle.loads(pickle.dumps(sent))
    assert type(received) is kind
    assert (received.message, received.hint) == ("it broke", "mend it")


def test_a_user_error_brings_its_traceback_along() -> None:
    sent = UserCodeError("train.py raised", traceback="line 3")
    received: TrainingError = pickle.loads(pickle.dumps(sent))
    assert received.traceback == "line 3"


def test_the_hint_is_said_after_the_message() -> None:
    assert str(PlatformError("it broke", hint="mend it")) == "it broke\n  → mend it"


def test_every_error_is_in_the_tree_that_the_module_draws() -> None:
    import ml_platform.errors as errors

    drawn = errors.__doc__ or ""
    public = [kind for kind in subclasses(PlatformError) if kind.__module__ == errors.__name__]
    assert [kind.__name__ for kind in public if kind.__name__ not in drawn] == []
