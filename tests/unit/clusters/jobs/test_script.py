"""A person's script on a head: sent once, submitted with its folder, found again and followed."""

from pathlib import Path

import pytest

from ml_platform.clusters.interface import Cluster, HeadAddress, JobRuntime
from ml_platform.clusters.jobs.look import attached_job, chosen_job, log_so_far
from ml_platform.clusters.jobs.package import Package, pack
from ml_platform.clusters.jobs.script import job_id, script_in, submit_script
from ml_platform.errors import InputError
from tests.unit.clusters.jobs.ray_jobs_server import TOKEN, RayJobsServer, ScriptedJob


@pytest.fixture
def cluster(server: RayJobsServer) -> Cluster:
    return Cluster(
        name="dev-ada",
        head=HeadAddress(url=server.url, token=TOKEN),
        runtime=JobRuntime(),
        incarnation="",
        is_gone=lambda: False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "train.py").write_text("print(1)\n")
    return tmp_path


def submit(cluster: Cluster, folder: Path, submission_id: str) -> Package:
    package = pack(folder)
    script = script_in(folder, folder / "jobs/train.py", ("--name", "it's"))
    submit_script(cluster, submission_id, script, package, owner="ada@laptop")
    return package


def test_the_script_runs_in_its_folder(
    server: RayJobsServer, cluster: Cluster, folder: Path
) -> None:
    package = submit(cluster, folder, "train-1")
    assert server.packages == {package.name: package.content}
    (body,) = server.submitted
    assert body["entrypoint"] == "exec python jobs/train.py --name 'it'\"'\"'s'"
    assert body["runtime_env"] == {"env_vars": {}, "working_dir": package.uri}
    assert body["metadata"] == {"script": "jobs/train.py", "owner": "ada@laptop"}


def test_a_folder_that_the_head_has_is_not_sent_again(
    server: RayJobsServer, cluster: Cluster, folder: Path
) -> None:
    submit(cluster, folder, "train-1")
    submit(cluster, folder, "train-2")
    assert [one for one in server.requests if one.startswith("PUT")] == [server.requests[1]]
    assert len(server.submitted) == 2


def test_a_head_that_stumbles_is_asked_again(
    server: RayJobsServer, cluster: Cluster, folder: Path
) -> None:
    server.failures = 2
    submit(cluster, folder, "train-1")
    assert len(server.submitted) == 1


def test_a_script_outside_of_what_travels_is_refused(folder: Path) -> None:
    (folder / "other").mkdir()
    with pytest.raises(InputError, match="is not in"):
        script_in(folder / "other", folder / "jobs/train.py", ())


def test_each_run_has_an_id_of_its_own() -> None:
    assert job_id(Path("My Train.py")).startswith("my-train-")
    assert job_id(Path("a.py")) != job_id(Path("a.py"))


def test_without_a_name_the_newest_job_is_meant(server: RayJobsServer, cluster: Cluster) -> None:
    server.jobs["old"] = ScriptedJob(statuses=["SUCCEEDED"], started_ms=1)
    server.jobs["new"] = ScriptedJob(statuses=["RUNNING"], started_ms=2, log="so far\n")
    assert chosen_job(cluster).submission_id == "new"
    assert chosen_job(cluster, "old").submission_id == "old"
    assert log_so_far(cluster, "new") == "so far\n"


def test_a_job_that_is_not_there_is_named_with_those_that_are(
    server: RayJobsServer, cluster: Cluster
) -> None:
    server.jobs["old"] = ScriptedJob(statuses=["SUCCEEDED"])
    with pytest.raises(InputError, match="no job odl; it has old"):
        chosen_job(cluster, "odl")


def test_who_only_looks_leaves_the_job_running(server: RayJobsServer, cluster: Cluster) -> None:
    server.jobs["train-1"] = ScriptedJob(statuses=["RUNNING"])
    with pytest.raises(KeyboardInterrupt), attached_job(cluster, "train-1"):
        raise KeyboardInterrupt
    assert server.jobs["train-1"].statuses == ["RUNNING"]
    assert not [one for one in server.requests if one.endswith("/stop")]


def test_a_log_that_breaks_off_is_followed_to_its_end(
    server: RayJobsServer, cluster: Cluster
) -> None:
    log = "first\nsecond\nthird\n"
    server.jobs["train-1"] = ScriptedJob(statuses=["RUNNING"], log=log, cuts=[8])
    lines: list[str] = []
    with attached_job(cluster, "train-1") as job:
        outcome = job.follow(on_log=lines.append)
    assert lines == ["first", "second", "third"]
    assert outcome.status == "succeeded"
