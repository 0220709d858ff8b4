"""A stream from object storage outlives a storage that is away in the middle of it."""

import hashlib
import io
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa  # noqa: TID253
import pyarrow.parquet as pq  # noqa: TID253
import pytest

from ml_platform import storage
from ml_platform.storage import Folder
from ml_platform.storage_stream import AskedStream
from ml_platform.training.checkpoints import (
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from tests.support.gcs_double import BUCKET, GcsDouble, in_this_process

SIZE = 12 << 20  # more than gcsfs fetches at once
GIVEN_UP_AFTER_S = 0.5


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsDouble]:
    """A store whose answers are waited for shortly; gcsfs itself asks no second time then."""
    monkeypatch.setitem(storage.OPTIONS, "gs", {"requests_timeout": GIVEN_UP_AFTER_S})
    with GcsDouble() as bucket, in_this_process(bucket.environment):
        yield bucket


def silence(bucket: GcsDouble, name: str, *, after: int) -> threading.Event:
    """Of this object some requests are answered, and the next one late; set when it has come."""
    counted = itertools.count()
    came = threading.Event()

    def before(method: str, path: str) -> None:
        if method == "GET" and path.endswith(name) and next(counted) == after:
            came.set()
            time.sleep(3 * GIVEN_UP_AFTER_S)

    bucket.before = before
    return came


def test_a_storage_that_is_away_in_the_middle_of_a_file_is_waited_for(bucket: GcsDouble) -> None:
    content = bytes(range(256)) * (SIZE // 256)
    folder = Folder(f"gs://{BUCKET}/f")
    folder.write("large", b"")
    bucket.objects["f/large"] = content
    came = silence(bucket, "large", after=2)

    read = hashlib.sha256()
    with folder.open("large") as stream:
        while piece := stream.read(1 << 20):
            read.update(piece)

    assert came.is_set()
    assert read.digest() == hashlib.sha256(content).digest()


def test_a_checkpoint_is_restored_though_the_storage_is_away_meanwhile(
    bucket: GcsDouble, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "state").write_bytes(b"state" * 100)
    training = Folder(f"gs://{BUCKET}/training")
    write_checkpoint(training, attempt=1, epoch=0, finished=False, source=tmp_path / "source")
    came = silence(bucket, "/state", after=2)

    ref = newest_checkpoint(training)
    assert ref is not None
    with read_checkpoint(training, ref, tmp_path) as directory:
        assert (directory / "state").read_bytes() == b"state" * 100
    assert came.is_set()


def test_parquet_is_read_though_the_storage_is_away_meanwhile(bucket: GcsDouble) -> None:
    folder = Folder(f"gs://{BUCKET}/f")
    table = pa.table({"n": list(range(1000))})
    with folder.open_atomically("rows.parquet") as stream:
        pq.write_table(table, stream)
    came = silence(bucket, "rows.parquet", after=1)

    with folder.open("rows.parquet") as stream:
        assert pq.ParquetFile(stream).read() == table
    assert came.is_set()


def test_it_is_read_in_parts_from_any_position() -> None:
    stream = AskedStream(io.BytesIO(b"0123456789"), lambda question: question())
    assert (stream.readable(), stream.seekable(), stream.tell()) == (True, True, 0)
    assert stream.seek(-4, io.SEEK_END) == 6
    assert stream.read(2) == b"67"
    assert stream.seek(-5, io.SEEK_CUR) == 3
    buffer = bytearray(3)
    assert stream.readinto(buffer) == 3
    assert bytes(buffer) == b"345"
    assert stream.readall() == b"6789"
    assert (stream.read(1), stream.readinto(buffer)) == (b"", 0)
    stream.close()
    assert stream.closed
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)


def test_what_failed_is_read_again_from_where_it_was() -> None:
    class Torn(io.BytesIO):
        torn = True

        def read(self, size: int | None = -1, /) -> bytes:
            content = super().read(size)
            if self.torn:
                self.torn = False
                raise ConnectionResetError
            return content

    def ask(question: Callable[[], bytes]) -> bytes:
        try:
            return question()
        except ConnectionResetError:
            return question()

    stream = AskedStream(Torn(b"0123456789"), ask)
    assert stream.read(4) + stream.read() == b"0123456789"
