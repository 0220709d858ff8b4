"""Whatever a folder is called, its URI leads back to it, and what is written there lies there."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml_platform.storage import Folder
from ml_platform.uris import file_uri, local_path, sqlite_file, sqlite_uri

ODD = ("ho me", "100%", "%41", "a#b", "a?b", "ü", "a::b", "[x]*", "a'b", "~", "a\\b", "a;b", "+")
letters = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
names = st.text(letters, min_size=1, max_size=20).filter(lambda name: name not in (".", ".."))


def odd_names(test: Callable[[str], None]) -> Callable[[], None]:
    """Run with every odd name, and with others that hypothesis finds."""
    for name in ODD:
        test = example(name)(test)
    return given(names)(test)


@contextmanager
def folder_called(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / name
        folder.mkdir()
        yield folder


@odd_names
def test_the_uri_of_a_path_leads_back_to_it(name: str) -> None:
    path = Path("/srv") / name
    assert local_path(file_uri(path)) == path
    assert sqlite_file(sqlite_uri(path)) == path


@odd_names
def test_what_is_written_to_a_folder_lies_in_it(name: str) -> None:
    with folder_called(name) as path:
        folder = Folder(file_uri(path))
        folder.write("day/file", b"rows")
        assert (path / "day" / "file").read_bytes() == b"rows"
        assert folder.read("day/file") == b"rows"
        assert (folder / "day").names() == ["file"]
        folder.remove("day")
        assert not any(path.iterdir())


@odd_names
def test_a_folder_inside_may_be_called_anything(name: str) -> None:
    with tempfile.TemporaryDirectory() as above:
        inside = Folder(file_uri(Path(above))) / name
        inside.write("file", b"rows")
        assert (Path(above) / name / "file").read_bytes() == b"rows"
        assert local_path(inside.uri) == Path(above) / name


def test_a_space_stands_as_it_is_in_the_address_of_an_sqlite_file() -> None:
    assert sqlite_uri(Path("/ho me/it.db")) == "sqlite:////ho me/it.db"


@pytest.mark.parametrize("name", ODD)
def test_sqlalchemy_finds_an_sqlite_file_by_its_address(name: str) -> None:
    import sqlalchemy

    with folder_called(name) as folder:
        engine = sqlalchemy.create_engine(sqlite_uri(folder / "it.db"))
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE one (x)")
        engine.dispose()
        with sqlite3.connect(folder / "it.db") as direct:
            assert direct.execute("SELECT name FROM sqlite_master").fetchall() == [("one",)]
        direct.close()


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("file:///srv/my data", "/srv/my data"),
        ("file:///srv/my%20data", "/srv/my data"),
        ("file://localhost/srv", "/srv"),
        ("file:/srv", "/srv"),
        ("file:///srv/50% off #1?", "/srv/50% off #1?"),
    ],
)
def test_a_uri_that_a_person_typed_is_understood(typed: str, path: str) -> None:
    assert local_path(typed) == Path(path)


@pytest.mark.parametrize(
    "uri", ["gs://bucket/a%20b", "/srv", "https://mlflow", "postgresql://db/x"]
)
def test_what_is_no_file_is_left_to_others(uri: str) -> None:
    assert local_path(uri) is None
    assert sqlite_file(uri) is None
