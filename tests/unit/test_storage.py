"""A file is complete or absent, and of many who create it one is told yes."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from ml_platform.storage import Folder
from tests.support.gcs_double import GcsDouble, in_this_process


@pytest.fixture
def bucket() -> Iterator[GcsDouble]:
    """A double of Google Cloud Storage to which `gs://` leads."""
    with GcsDouble() as bucket, in_this_process(bucket.environment):
        yield bucket


@pytest.fixture(params=["on disk", "in a bucket"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, bucket: GcsDouble) -> Folder:
    return Folder(tmp_path.as_uri() if request.param == "on disk" else "gs://bucket/folder")


def together(folder: Folder, count: int) -> list[bool]:
    """What each of `count` threads is told that create the same file at once."""
    with ThreadPoolExecutor(count) as pool:
        tries = [pool.submit(folder.create, "a/claim", f"mine {n}".encode()) for n in range(count)]
        return [one.result() for one in tries]


def create_in_a_process(uri: str) -> bool:
    return Folder(uri).create("a/claim", f"process {os.getpid()}".encode())


def test_a_new_file_is_created_and_read_back(folder: Folder) -> None:
    assert folder.create("a/b/claim", b"mine")
    assert folder.read("a/b/claim") == b"mine"
    assert (folder.names("a"), folder.names("a/b")) == (["b"], ["claim"])


def test_a_file_that_is_there_stays_as_it_is(folder: Folder) -> None:
    folder.create("claim", b"theirs")
    assert not folder.create("claim", b"mine")
    assert folder.read("claim") == b"theirs"


def test_a_file_of_the_very_same_content_counts_as_ours(folder: Folder) -> None:
    assert folder.create("claim", b"mine")
    assert folder.create("claim", b"mine")


def test_a_file_that_is_removed_while_it_is_looked_at_was_not_ours(tmp_path: Path) -> None:
    # A link to nothing stands in the way of a new file and cannot be read, like a file that
    # another process removes between the two.
    (tmp_path / "claim").symlink_to(tmp_path / "gone")

    assert not Folder(tmp_path.as_uri()).create("claim", b"mine")


def test_an_empty_file_can_be_created(folder: Folder) -> None:
    assert folder.create("note", b"")
    assert folder.read("note") == b""


def test_of_threads_that_create_at_once_one_is_told_yes(folder: Folder) -> None:
    told = together(folder, 8)
    assert told.count(True) == 1
    assert folder.read("a/claim") == f"mine {told.index(True)}".encode()


def test_of_processes_that_create_at_once_one_is_told_yes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        told = list(pool.map(create_in_a_process, [tmp_path.as_uri()] * 3))
    assert told.count(True) == 1
    assert Folder(tmp_path.as_uri()).names("a") == ["claim"]


def test_creating_leaves_nothing_else_on_disk(tmp_path: Path) -> None:
    folder = Folder(tmp_path.as_uri())
    folder.create("claim", b"theirs")
    folder.create("claim", b"mine")
    assert [path.name for path in tmp_path.iterdir()] == ["claim"]


def test_in_a_bucket_a_file_whose_answer_was_lost_is_ours(bucket: GcsDouble) -> None:
    lost: list[str] = []

    def lose_the_first_answer(method: str, name: str) -> None:
        if method == "POST" and not lost:
            lost.append(name)
            raise ConnectionError

    bucket.after = lose_the_first_answer
    assert Folder("gs://bucket/folder").create("claim", b"mine")
    assert lost == ["folder/claim"]
    assert bucket.requests.count("POST folder/claim") == 2
    assert bucket.objects == {"folder/claim": b"mine"}


def test_what_others_have_written_since_is_seen(folder: Folder, bucket: GcsDouble) -> None:
    other = Folder(folder.uri)
    assert folder.names("attempts") == []
    assert not folder.exists("attempts/0001/claim.json")
    other.create("attempts/0001/claim.json", b"{}")
    assert folder.exists("attempts/0001/claim.json")
    assert folder.names("attempts") == ["0001"]
    other.create("attempts/0002/claim.json", b"{}")
    assert folder.names("attempts") == ["0001", "0002"]


def test_a_file_is_as_long_as_it_was_written(folder: Folder) -> None:
    folder.write("weights", b"12345")
    assert folder.size("weights") == 5
    folder.write("weights", b"123")
    assert folder.size("weights") == 3


def test_a_file_is_read_as_a_stream(folder: Folder) -> None:
    folder.write("weights", b"12345")
    with folder.open("weights") as stream:
        assert (stream.read(2), stream.read()) == (b"12", b"345")


@pytest.mark.parametrize(
    "look", [lambda f: f.read("gone"), lambda f: f.size("gone"), lambda f: f.open("gone")]
)
def test_what_is_not_there_is_said_to_be_not_there(
    folder: Folder, look: Callable[[Folder], object]
) -> None:
    with pytest.raises(FileNotFoundError):
        look(folder)


def test_a_write_that_breaks_off_leaves_what_was_there(folder: Folder) -> None:
    folder.write("weights", b"old")
    with pytest.raises(ValueError, match="broken"), folder.open_atomically("weights") as stream:
        stream.write(b"new")
        raise ValueError("broken")
    assert folder.read("weights") == b"old"
    assert folder.names() == ["weights"]
