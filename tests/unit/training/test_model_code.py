"""The code of a training travels with its request."""

import sys
import traceback
from pathlib import Path

import pytest

from ml_platform.errors import ModelSpecError
from ml_platform.storage import Folder
from ml_platform.training.model_code import fetch_code, load_function, load_module, send_code
from ml_platform.training.request import CODE_FOLDER, TrainingRequest, code_version
from tests.support.lineages import lineage

TRAIN = """
from .layers import depth

def train(run):
    return depth() + run
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "models" / "flight_delay"
    source.mkdir(parents=True)
    (source / "train.py").write_text(TRAIN)
    (source / "layers.py").write_text("def depth():\n    return 3\n")
    (source / "evaluate.py").write_text("def load(directory): ...\n")
    (source / "defs.yaml").write_text("type: x\n")
    return source


@pytest.fixture
def wanted(source: Path, tmp_path: Path) -> TrainingRequest:
    return lineage().request.model_copy(
        update={
            "storage_root": (tmp_path / "storage").as_uri(),
            "code_version": code_version(source),
        }
    )


@pytest.fixture
def sent(wanted: TrainingRequest, source: Path) -> Folder:
    send_code(wanted, source)
    return Folder(f"{wanted.folder_uri}/{CODE_FOLDER}")


def test_the_python_files_of_the_models_folder_travel_and_nothing_else(sent: Folder) -> None:
    assert sent.names() == ["evaluate.py", "layers.py", "train.py"]


def test_what_was_sent_runs_elsewhere_as_one_package(
    wanted: TrainingRequest, sent: Folder, source: Path, tmp_path: Path
) -> None:
    for path in source.iterdir():
        path.unlink()
    code = fetch_code(wanted, tmp_path / "elsewhere")
    assert load_function(code, "train", "train")(4) == 7


def test_a_folder_that_was_edited_since_is_not_sent(wanted: TrainingRequest, source: Path) -> None:
    (source / "layers.py").write_text("def depth():\n    return 4\n")
    with pytest.raises(ModelSpecError, match="edited meanwhile") as raised:
        send_code(wanted, source)
    assert wanted.code_version in raised.value.message
    assert not Folder(wanted.folder_uri).exists()


def test_what_was_sent_once_stays_when_it_is_sent_again(
    wanted: TrainingRequest, sent: Folder, source: Path
) -> None:
    (source / "evaluate.py").write_text("# judged otherwise\n")
    send_code(wanted, source)
    assert sent.read("evaluate.py") == b"def load(directory): ...\n"


@pytest.mark.parametrize("name", ["layers.py", "added.py"])
def test_code_that_was_changed_beside_the_request_is_not_run(
    wanted: TrainingRequest, sent: Folder, tmp_path: Path, name: str
) -> None:
    sent.write(name, b"def depth():\n    return 666\n")
    with pytest.raises(ModelSpecError, match="the training is of") as raised:
        fetch_code(wanted, tmp_path / "elsewhere")
    assert wanted.folder_uri in raised.value.hint


def test_code_that_did_not_arrive_whole_is_not_run(
    wanted: TrainingRequest, sent: Folder, tmp_path: Path
) -> None:
    sent.remove("layers.py")
    with pytest.raises(ModelSpecError, match="the training is of"):
        fetch_code(wanted, tmp_path / "elsewhere")


def test_a_traceback_shows_the_line_of_a_copy_that_is_gone(
    wanted: TrainingRequest, sent: Folder, source: Path, tmp_path: Path
) -> None:
    code = fetch_code(wanted, tmp_path / "elsewhere")
    train = load_function(code, "train", "train")
    for path in code.glob("*.py"):
        path.unlink()
    with pytest.raises(TypeError) as raised:
        train("no number")
    assert "return depth() + run" in "".join(traceback.format_exception(raised.value))


def test_two_versions_of_a_model_run_in_one_process(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "flight_delay"
    other.mkdir(parents=True)
    (other / "train.py").write_text(TRAIN)
    (other / "layers.py").write_text("def depth():\n    return 5\n")
    first = load_function(source, "train", "train")
    second = load_function(other, "train", "train")
    assert (first(0), second(0)) == (3, 5)


def test_a_folder_without_the_file_or_the_function_is_named(source: Path) -> None:
    with pytest.raises(ModelSpecError, match=r"has no predict\.py"):
        load_module(source, "predict")
    with pytest.raises(ModelSpecError, match="defines no function score"):
        load_function(source, "train", "score")


def test_loading_a_model_leaves_its_names_to_itself(source: Path) -> None:
    load_module(source, "train")
    assert "train" not in sys.modules
    assert "layers" not in sys.modules


def test_a_subfolder_travels_counts_and_is_imported(source: Path, tmp_path: Path) -> None:
    before = code_version(source)
    (source / "layers.py").unlink()
    (source / "layers").mkdir()
    (source / "layers" / "__init__.py").write_text("from .deep import depth\n")
    (source / "layers" / "deep.py").write_text("def depth():\n    return 5\n")
    (source / "layers" / "__pycache__").mkdir()
    (source / "layers" / "__pycache__" / "old.py").write_text("")
    version = code_version(source)
    wanted = lineage().request.model_copy(
        update={"storage_root": (tmp_path / "storage").as_uri(), "code_version": version}
    )

    send_code(wanted, source)
    code = fetch_code(wanted, tmp_path / "elsewhere")

    assert version != before
    assert load_function(code, "train", "train")(4) == 9
    assert not (code / "layers" / "__pycache__" / "old.py").exists()
