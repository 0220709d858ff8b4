"""What decides the outcome of a training names it, and nothing else does."""

import json
from pathlib import Path
from typing import Any

import pytest

from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.training.request import (
    PACKAGE_ROOT,
    SnapshotRef,
    TrainingRequest,
    code_reference,
    code_version,
)
from tests.support.lineages import lineage
from tests.support.trainings import TROUBLED

REQUEST = lineage().request


def with_training(**changes: Any) -> TrainingRequest:
    return REQUEST.model_copy(update={"training": REQUEST.training.model_copy(update=changes)})


def with_cluster(**changes: Any) -> TrainingRequest:
    return REQUEST.model_copy(update={"cluster": ClusterSpec(**changes)})


SAME = {
    "memory": with_cluster(workers=WorkerGroup(memory="64Gi")),
    "cpus": with_cluster(workers=WorkerGroup(cpus=8), head=HeadGroup(cpus=4, memory="8Gi")),
    "gpu kind": with_cluster(workers=WorkerGroup(gpu="a100")),
    "image": with_cluster(image="registry/image:2"),
    "worker retries": with_training(worker_retries=9),
    "infrastructure retries": with_training(infrastructure_retries=9),
    "checkpoints": with_training(checkpoint_every_s=1.0),
    "limit": with_training(max_runtime_s=600),
    "silence": with_training(no_progress_s=600),
    "storage": REQUEST.model_copy(update={"storage_root": "gs://bucket/elsewhere"}),
    "code folder": REQUEST.model_copy(update={"code": "/somewhere/else"}),
    "platform": REQUEST.model_copy(update={"platform_version": "0.2.0"}),
    "groups": with_cluster(workers=(WorkerGroup(name="a", count=1),)),
    "empty days": REQUEST.model_copy(
        update={"features": REQUEST.features.model_copy(update={"empty_days": "allowed"})}
    ),
}
OTHER = {
    "workers": with_cluster(workers=WorkerGroup(count=2)),
    "gpus": with_cluster(workers=WorkerGroup(gpus=1)),
    "threads": with_training(threads=2),
    "seed": with_training(seed=6),
    "parameters": with_training(parameters={"learning_rate": 0.02}),
    "validation share": with_training(validation_share=0.2),
    "code": REQUEST.model_copy(update={"code_version": "c0df"}),
    "rows": REQUEST.model_copy(
        update={"snapshots": (SnapshotRef(partition="2013-03-14", version="bbb", rows=1),)}
    ),
    "columns": REQUEST.model_copy(
        update={"features": REQUEST.features.model_copy(update={"numbers": ("distance", "wind")})}
    ),
    "a person's wish": REQUEST.model_copy(update={"retrain": "run-7"}),
}


@pytest.mark.parametrize("what", SAME)
def test_what_does_not_decide_the_outcome_makes_no_other_training(what: str) -> None:
    assert SAME[what].inputs_hash() == REQUEST.inputs_hash()
    assert SAME[what].recipe_hash() == REQUEST.recipe_hash()
    assert SAME[what].job_key() == REQUEST.job_key()


@pytest.mark.parametrize("what", OTHER)
def test_what_decides_the_outcome_makes_another_training(what: str) -> None:
    assert OTHER[what].inputs_hash() != REQUEST.inputs_hash()
    assert OTHER[what].folder_uri != REQUEST.folder_uri


def test_workers_in_two_groups_train_as_in_one() -> None:
    one = with_cluster(workers=WorkerGroup(count=3))
    two = with_cluster(
        workers=(WorkerGroup(name="a", count=1), WorkerGroup(name="b", count=2, memory="8Gi"))
    )
    assert one.inputs_hash() == two.inputs_hash()


def test_the_recipe_is_what_people_wrote_without_the_rows() -> None:
    assert OTHER["rows"].recipe_hash() == REQUEST.recipe_hash()
    assert OTHER["a person's wish"].recipe_hash() == REQUEST.recipe_hash()
    assert OTHER["parameters"].recipe_hash() != REQUEST.recipe_hash()


def test_a_request_is_the_same_after_its_way_through_a_file() -> None:
    assert TrainingRequest.model_validate_json(REQUEST.model_dump_json()) == REQUEST


def test_a_request_that_the_registry_keeps_from_before_is_still_read() -> None:
    old = json.loads(REQUEST.model_dump_json()) | {"schema_version": 1, "attempt": "run-7"}
    for added_since in ("retrain", "platform_version"):
        del old[added_since]
    for added_since in ("threads", "infrastructure_retries"):
        del old["training"][added_since]
    found = TrainingRequest.model_validate_json(json.dumps(old))
    assert (found.schema_version, found.retrain) == (1, "run-7")
    assert found.snapshots == REQUEST.snapshots


def test_a_folder_of_the_package_is_named_without_the_machines_path() -> None:
    inside = PACKAGE_ROOT / "defs" / "models" / "flight_delay"
    assert code_reference(inside) == "defs/models/flight_delay"
    assert Path(code_reference(TROUBLED)) == TROUBLED.resolve()
    assert REQUEST.model_copy(update={"code": code_reference(TROUBLED)}).code_folder == TROUBLED


def test_the_code_that_judges_a_model_does_not_make_another_training(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("a = 1")
    before = code_version(tmp_path)
    (tmp_path / "evaluate.py").write_text("b = 1")
    (tmp_path / "notes.md").write_text("c")
    assert code_version(tmp_path) == before
    (tmp_path / "layers.py").write_text("d = 1")
    assert code_version(tmp_path) != before


def test_renaming_a_file_makes_another_version(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text("a = 1")
    before = code_version(tmp_path)
    (tmp_path / "layers.py").rename(tmp_path / "blocks.py")
    assert code_version(tmp_path) != before
