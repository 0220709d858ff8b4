"""Models are loaded each by itself: a broken one is shown as broken, and stops no other."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from ml_platform.errors import ModelSpecError, SettingsError
from ml_platform.model_folder.load import ModelFolders
from ml_platform.model_folder.names import BROKEN_GROUP
from ml_platform.model_folder.scaffold import FLIGHTS, scaffold
from ml_platform.resources import resources_from
from ml_platform.settings import load_settings

DAY = "2013-03-15"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The folders of two models that are well."""
    folder = tmp_path / "models"
    for name in ("ltv", "churn"):
        scaffold(name, FLIGHTS, folder)
    return folder


def loaded(models: Path) -> dg.Definitions:
    context = dg.ComponentTree.for_test().load_context.for_path(models)
    resources = dg.Definitions(resources=resources_from(load_settings()).by_key())
    definitions = dg.Definitions.merge(ModelFolders().build_defs(context), resources)
    dg.Definitions.validate_loadable(definitions)
    return definitions


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def broken(definitions: dg.Definitions) -> dict[str, str]:
    """The broken models, and what the UI says of each."""
    return {
        spec.key.path[0]: str(spec.description)
        for spec in definitions.resolve_all_asset_specs()
        if spec.group_name == BROKEN_GROUP
    }


def groups(definitions: dg.Definitions) -> set[str]:
    """The groups of models; the feature table, which is not made here, is in none of them."""
    specs = definitions.resolve_all_asset_specs()
    return {spec.group_name for spec in specs if len(spec.key.path) > 1 and spec.group_name}


def jobs(definitions: dg.Definitions) -> Sequence[str]:
    return sorted(job.name for job in definitions.jobs or ())


def test_models_that_are_well_have_a_group_and_a_job_each(models: Path) -> None:
    definitions = loaded(models)
    assert groups(definitions) == {"ltv", "churn"}
    assert jobs(definitions) == ["churn_nightly", "ltv_nightly"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("window_days", "window_day", "did you mean window_days?"),
        ("owners", "owner", "there is no key owner"),
        ("attributes:", "attributes: [", "is no YAML"),
        ("TrainedModel", "TrainedModl", "wanted ml_platform.component.TrainedModel"),
        ("team:", "", "is no owner"),
        ("attributes:", "post_processing: {}\nattributes:", "there is no key post_processing"),
    ],
)
def test_a_mistake_in_one_defs_yaml_breaks_that_model_alone(
    models: Path, old: str, new: str, said: str
) -> None:
    change(models / "ltv" / "defs.yaml", old, new)

    definitions = loaded(models)

    assert list(broken(definitions)) == ["ltv"]
    assert said in broken(definitions)["ltv"]
    assert groups(definitions) == {"churn", BROKEN_GROUP}
    assert jobs(definitions) == ["churn_nightly"]


def test_a_broken_model_is_shown_with_file_line_and_cure(models: Path) -> None:
    change(models / "ltv" / "defs.yaml", "window_days", "window_day")
    text = (models / "ltv" / "defs.yaml").read_text()
    line = text[: text.index("window_day")].count("\n") + 1

    description = broken(loaded(models))["ltv"]

    assert f"`ltv/defs.yaml:{line}`" in description
    assert "`mlp model check ltv` looks again" in description


def test_a_wrong_owner_is_shown_with_its_line_and_cure(models: Path) -> None:
    change(models / "ltv" / "defs.yaml", "team:", "")
    text = (models / "ltv" / "defs.yaml").read_text()
    line = text[: text.index("owners")].count("\n") + 1

    description = broken(loaded(models))["ltv"]

    assert f"`ltv/defs.yaml:{line}`" in description
    assert "team:name" in description


def test_a_budget_that_cannot_be_read_is_no_models_mistake(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clusters.yaml"
    file.write_text("budgets: {teams: {growth: {}}}")
    monkeypatch.setenv("MLP_CLUSTERS_FILE", str(file))
    with pytest.raises(SettingsError, match=r"clusters\.yaml: budgets\.teams\.growth: write"):
        loaded(models)
    file.write_text("budgets: {teams: {growth: {per_day: 5}}}")
    assert broken(loaded(models)) == {}


def test_a_link_that_leads_nowhere_is_named(models: Path) -> None:
    (models / "ltv" / "layers.py").symlink_to(models / "nowhere.py")
    assert "`ltv/layers.py`: No such file" in broken(loaded(models))["ltv"]


@pytest.mark.parametrize("file", ["train.py", "evaluate.py", "layers.py"])
def test_a_file_that_is_no_python_breaks_that_model_alone(models: Path, file: str) -> None:
    (models / "ltv" / file).write_text("import math\n\ndef train(:\n")
    definitions = loaded(models)
    assert f"`ltv/{file}:3`: is no Python: invalid syntax" in broken(definitions)["ltv"]
    assert jobs(definitions) == ["churn_nightly"]


def test_a_byte_that_no_source_has_is_named(models: Path) -> None:
    (models / "ltv" / "layers.py").write_bytes(b"x = 1\0\n")
    assert "`ltv/layers.py`: is no Python" in broken(loaded(models))["ltv"]


@pytest.mark.parametrize("file", ["defs.yaml", "train.py", "evaluate.py"])
def test_a_missing_file_breaks_that_model_alone(models: Path, file: str) -> None:
    (models / "ltv" / file).unlink()
    assert f"`ltv/{file}`: is missing" in broken(loaded(models))["ltv"]


@pytest.mark.parametrize(
    "name", ["data", "features", "raw", "staging", "broken_models", "Flight-Delay", "class"]
)
def test_a_name_that_cannot_be_breaks_that_model_alone(models: Path, name: str) -> None:
    (models / "ltv").rename(models / name)

    definitions = loaded(models)

    assert "rename the folder" in broken(definitions)[name]
    assert groups(definitions) == {"churn", BROKEN_GROUP}


def test_what_is_left_of_a_model_of_another_branch_is_no_model(models: Path) -> None:
    (models / "gone" / "__pycache__").mkdir(parents=True)
    (models / "gone" / "__pycache__" / "train.cpython-311.pyc").touch()
    (models / ".new-1").mkdir()
    assert broken(loaded(models)) == {}


def test_to_make_a_broken_model_raises_what_is_wrong(models: Path) -> None:
    change(models / "ltv" / "defs.yaml", "window_days", "window_day")
    job = loaded(models).resolve_implicit_global_asset_job_def()

    with pytest.raises(ModelSpecError, match=r"the model ltv is broken: defs\.yaml:"):
        job.execute_in_process(
            partition_key=DAY, asset_selection=[dg.AssetKey(["ltv", "training_set"])]
        )


def test_the_assets_of_a_broken_model_keep_their_keys_and_partitions(models: Path) -> None:
    (models / "ltv" / "train.py").unlink()
    specs = [
        spec for spec in loaded(models).resolve_all_asset_specs() if spec.group_name == BROKEN_GROUP
    ]
    stages = ["champion", "evaluation", "model", "training_set"]
    assert sorted(spec.key.path[1] for spec in specs) == stages
    assert all(spec.partitions_def is not None for spec in specs)
