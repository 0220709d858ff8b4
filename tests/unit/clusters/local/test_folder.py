import json
import stat
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ml_platform.clusters.local.folder import ClusterFolder, LaunchRequest, State
from ml_platform.processes import Identity, myself

STATE = State(
    phase="ready",
    keeper=Identity(pid=1, started=2.0),
    mark="mark",
    temp_dir="/nowhere",
    url="http://127.0.0.1:1",
    ray=Identity(pid=3, started=4.0),
)
REQUEST = LaunchRequest(
    spec_hash="abc",
    spec={"provisioner": "local"},
    cpus=3,
    object_store_bytes=1,
    idle_timeout_s=1.0,
    orphan_grace_s=2.0,
    start_timeout_s=3.0,
)


@pytest.fixture
def folder(tmp_path: Path) -> ClusterFolder:
    folder = ClusterFolder(tmp_path / "abc")
    folder.make()
    return folder


def test_state_and_request_are_read_back_as_they_were_written(folder: ClusterFolder) -> None:
    folder.write_state(STATE)
    folder.write_launch_request(REQUEST)
    assert folder.state() == STATE
    assert folder.launch_request() == REQUEST


def test_a_state_without_ray_is_read_back(folder: ClusterFolder) -> None:
    folder.write_state(replace(STATE, ray=None))
    assert folder.state() == replace(STATE, ray=None)


def test_a_new_folder_has_neither_state_nor_request(folder: ClusterFolder) -> None:
    assert folder.state() is None
    assert folder.launch_request() is None


def test_only_its_owner_may_read_the_token(folder: ClusterFolder) -> None:
    folder.write_token("secret")
    assert folder.token_file.read_text() == "secret"
    assert stat.S_IMODE(folder.token_file.stat().st_mode) == 0o600


def test_forgetting_a_cluster_removes_its_temporary_folder_token_and_state(
    folder: ClusterFolder, tmp_path: Path
) -> None:
    temp_dir = tmp_path / "ray"
    temp_dir.mkdir()
    state = replace(STATE, temp_dir=str(temp_dir))
    folder.write_state(state)
    folder.write_token("secret")
    folder.forget(state)
    assert folder.state() is None
    assert not temp_dir.exists()
    assert not folder.token_file.exists()


def test_a_lease_names_the_process_that_holds_it(folder: ClusterFolder) -> None:
    folder.take_lease("model-2013-03-01")
    assert folder.live_leases() == [f"model-2013-03-01 (process {myself().pid})"]


def test_two_leases_of_one_process_count_twice(folder: ClusterFolder) -> None:
    first = folder.take_lease("a")
    folder.take_lease("b")
    first.unlink()
    assert folder.live_leases() == [f"b (process {myself().pid})"]


def test_the_lease_of_a_process_that_died_is_removed(folder: ClusterFolder) -> None:
    dead = {**asdict(replace(myself(), started=1.0)), "holder": "dead"}
    lease = folder.leases / "1-dead.json"
    lease.write_text(json.dumps(dead))
    assert folder.live_leases() == []
    assert not lease.exists()


def test_a_held_lock_is_not_given_twice(folder: ClusterFolder) -> None:
    with folder.locked(), folder.locked_if_free() as alone:
        assert not alone


def test_a_lock_is_free_again_after_use(folder: ClusterFolder) -> None:
    with folder.locked():
        pass
    with folder.locked_if_free() as alone:
        assert alone


def test_there_is_one_keeper_at_a_time(folder: ClusterFolder) -> None:
    with folder.kept() as first, folder.kept() as second:
        assert (first, second) == (True, False)
