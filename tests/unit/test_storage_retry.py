"""Storage that does not answer is told of and waited for, and then named."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ml_platform.errors import StorageError
from ml_platform.storage import Folder
from ml_platform.storage_retry import StorageRetry, is_silence
from tests.unit.clusters.fake_time import FakeTime


class ServerError(Exception):
    """As gcsfs raises what a server answers."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


ServerError.__module__ = "gcsfs.retry"


def answers_after(failures: int, error: Exception) -> Callable[[], str]:
    left = iter(range(failures))

    def question() -> str:
        for _ in left:
            raise error
        return "answer"

    return question


def retry(time: FakeTime) -> StorageRetry:
    return StorageRetry(limit_s=900, clock=time.clock, sleep=time.sleep)


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(), TimeoutError(), ServerError(503), ServerError(429)]
)
def test_a_store_that_is_away_for_minutes_is_waited_for(error: Exception) -> None:
    time = FakeTime()
    assert retry(time).ask("read gs://b/f", answers_after(20, error)) == "answer"
    assert 300 < time.now - 1000 < 900


@pytest.mark.parametrize("error", [FileNotFoundError(), PermissionError(), ServerError(403)])
def test_what_the_store_answers_is_passed_on_at_once(error: Exception) -> None:
    time = FakeTime()
    with pytest.raises(type(error)):
        retry(time).ask("read gs://b/f", answers_after(1, error))
    assert time.now == 1000


def test_a_store_that_stays_away_is_named_with_what_was_wanted() -> None:
    time = FakeTime()
    with pytest.raises(StorageError, match=r"not answered for 9\d\d s \(read gs://b/f\)"):
        retry(time).ask("read gs://b/f", answers_after(1000, ConnectionRefusedError("refused")))


def test_a_question_that_hangs_is_told_of_while_it_hangs() -> None:
    told = threading.Event()

    def hang() -> str:
        assert told.wait(30)
        return "answer"

    def tell(text: str) -> None:
        assert "read gs://b/f" in text
        told.set()

    assert StorageRetry(tell=tell, tell_after_s=0.01).ask("read gs://b/f", hang) == "answer"


def test_a_defect_is_no_silence() -> None:
    assert not is_silence(ValueError("no JSON"))


def test_refused_credentials_are_named_at_once() -> None:
    exceptions = pytest.importorskip("google.auth.exceptions")
    for kind in (exceptions.RefreshError, exceptions.DefaultCredentialsError):
        time = FakeTime()
        with pytest.raises(StorageError, match="credentials") as caught:
            retry(time).ask("read gs://b/f", answers_after(1, kind("revoked")))
        assert "this process" in caught.value.hint
        assert time.now == 1000


def test_only_transport_is_silence_of_google_auth() -> None:
    exceptions = pytest.importorskip("google.auth.exceptions")
    assert is_silence(exceptions.TransportError("unreachable"))


def test_an_error_of_gcsfs_without_a_code_is_no_silence() -> None:
    gcsfs = pytest.importorskip("gcsfs.retry")
    assert not is_silence(gcsfs.HttpError({"message": "no code"}))


class OnceAway(MemoryFileSystem):
    """A store that does not answer the first time that a file is fetched."""

    protocol = "onceaway"
    fetched = 0

    def get_file(self, *args: Any, **kwargs: Any) -> None:
        self.fetched += 1
        if self.fetched == 1:
            raise ConnectionResetError
        super().get_file(*args, **kwargs)


def test_a_folder_is_downloaded_though_the_store_is_away_meanwhile(tmp_path: Path) -> None:
    fsspec.register_implementation("onceaway", OnceAway, clobber=True)
    folder = Folder("onceaway://model")
    folder.write("code/train.py", b"def train(run): ...")

    folder.download(tmp_path)

    assert (tmp_path / "code" / "train.py").read_bytes() == b"def train(run): ..."
