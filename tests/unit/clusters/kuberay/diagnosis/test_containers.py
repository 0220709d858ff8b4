import pytest

from ml_platform.clusters.causes import Cause, Place
from ml_platform.clusters.kuberay.diagnosis.diagnose import diagnose
from tests.unit.clusters.kuberay.objects import (
    container,
    ended,
    event,
    only_finding,
    pod,
    running,
    seen_of,
    waiting,
)
from tests.unit.clusters.kuberay.recorded import time_text

INITIALIZING = container(state=waiting("PodInitializing"))


def test_a_secret_that_is_missing_is_named_and_may_still_come() -> None:
    state = waiting("CreateContainerConfigError", 'secret "wandb" not found')
    found = only_finding(seen_of(pod(containers=[container(state=state)])))
    assert found.key == "container-config/worker/w/ray-worker"
    assert 'secret "wandb" not found' in found.failure.message
    assert (found.state, found.give_up_after_s) == ("starting", 60.0)


def test_an_init_container_that_fails_is_named_with_its_exit_code_and_may_pass_yet() -> None:
    init = container("fetch", state=ended(3), restarts=1)
    found = only_finding(seen_of(pod(init=[init], containers=[INITIALIZING])))
    assert found.key == "init/worker/w/fetch"
    assert "init container fetch of the group w has failed 2 times: exit code 3" in (
        found.failure.message
    )
    assert (found.state, found.give_up_after_s) == ("starting", None)
    assert found.failure.hint.endswith("kubectl logs c-w-worker-abcde -n ns -c fetch --previous")


def test_a_program_that_cannot_be_started_three_times_is_missing_for_good() -> None:
    said = 'exec: "python": executable file not found in $PATH'
    init = container(
        "fetch",
        state=waiting("RunContainerError", said),
        last=ended(128, "StartError", message=said),
        restarts=2,
    )
    found = only_finding(seen_of(pod(init=[init], containers=[INITIALIZING])))
    assert (found.key, found.state) == ("init/worker/w/fetch", "broken")
    assert "has failed 3 times: exit code 128, its program could not be started, StartError" in (
        found.failure.message
    )
    assert found.failure.evidence[-1] == said


def test_an_init_container_that_failed_in_pods_made_anew_is_ended_after_three() -> None:
    init = container("fetch", state=ended(3))
    seen = seen_of(pod(init=[init], containers=[INITIALIZING]))
    assert only_finding(seen, recreations={"w": 1}).state == "starting"
    found = only_finding(seen, recreations={"w": 2})
    assert (found.state, found.give_up_after_s) == ("broken", 0.0)


def test_recreations_count_for_each_pod_of_a_group() -> None:
    init = container("fetch", state=ended(3))
    pods = [pod(name, init=[init], containers=[INITIALIZING]) for name in ("a", "b", "c", "d")]
    assert only_finding(seen_of(*pods), recreations={"w": 4}).state == "starting"


def test_pods_that_vanish_again_and_again_are_named_though_nobody_saw_of_what() -> None:
    seen = seen_of(pod())
    assert diagnose(seen, recreations={"w": 2}) == ()
    assert only_finding(seen, recreations={"w": 3}).key == "made-anew/worker/w"


def test_memory_of_an_init_container_is_named_and_is_no_matter_of_the_groups_memory() -> None:
    init = container("wait-gcs-ready", state=ended(137, "OOMKilled"), restarts=2)
    spec = {
        "initContainers": [
            {"name": "wait-gcs-ready", "resources": {"limits": {"memory": "256Mi"}}},
        ]
    }
    found = only_finding(seen_of(pod(init=[init], containers=[INITIALIZING], spec=spec)))
    assert (found.key, found.state) == ("init-oom/worker/w/wait-gcs-ready", "broken")
    assert found.failure.cause is Cause.START_FAILED
    assert "memory limit of 256Mi" in found.failure.message
    assert "ENABLE_INIT_CONTAINER_INJECTION" in found.failure.hint


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("preflight-dcgm-diag", "DCGM's diagnosis"),
        ("preflight-nccl-loopback", "the GPUs of the node"),
    ],
)
def test_a_check_of_gpus_before_the_start_names_the_node(name: str, check: str) -> None:
    init = container(name, state=ended(1))
    found = only_finding(seen_of(pod(init=[init], containers=[INITIALIZING])))
    assert found.key == f"preflight/{name}/worker/w"
    assert found.failure.place == Place(kind="node", name="node-1")
    assert check in found.failure.message
    assert "kubectl cordon node-1" in found.failure.hint
    assert found.give_up_after_s == 60.0


CHECKS = ["preflight-dcgm-diag", "preflight-nccl-loopback", "preflight-nccl-allreduce"]


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_of_gpus_that_dies_of_memory_says_nothing_of_its_node(name: str) -> None:
    init = container(name, state=ended(137, "OOMKilled"), restarts=2)
    spec = {"initContainers": [{"name": name, "resources": {"limits": {"memory": "1Gi"}}}]}
    found = only_finding(seen_of(pod(init=[init], containers=[INITIALIZING], spec=spec)))
    assert (found.key, found.state) == (f"init-oom/worker/w/{name}", "broken")
    assert found.failure.place == Place(kind="group", name="w")
    assert "memory limit of 1Gi" in found.failure.message
    assert "cordon" not in found.failure.hint


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(
    ("code", "why"),
    [
        (126, "its command cannot be executed"),
        (127, "its command does not exist"),
        (128, "its program could not be started"),
    ],
)
def test_a_check_of_gpus_that_could_not_run_is_a_matter_of_its_image_and_command(
    name: str, code: int, why: str
) -> None:
    init = container(name, state=ended(code))
    found = only_finding(seen_of(pod(init=[init], containers=[INITIALIZING])))
    assert found.key == f"preflight-not-run/{name}/worker/w"
    assert found.failure.place == Place(kind="group", name="w")
    assert f"{name} of the group w could not run: exit code {code}, {why}." in found.failure.message
    assert found.failure.hint.startswith("Correct its image or its command")
    assert found.give_up_after_s == 60.0


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("code", [137, 143])
def test_a_check_of_gpus_that_somebody_ends_says_nothing_of_its_node(name: str, code: int) -> None:
    init = container(name, state=ended(code))
    found = only_finding(seen_of(pod(init=[init], containers=[INITIALIZING])))
    assert found.key == f"preflight-killed/{name}/worker/w"
    assert found.failure.place == Place(kind="group", name="w")
    assert "was ended by somebody else, and not at its memory limit" in found.failure.message
    assert "kubectl describe pod" in found.failure.hint
    assert "cordon" not in found.failure.hint


def test_a_check_of_the_whole_gang_blames_none_of_its_nodes_and_names_all_that_took_part() -> None:
    test = "preflight-nccl-allreduce"
    pods = [
        pod(f"w-{n}", init=[container(test, state=state)], spec={"nodeName": f"node-{n}"})
        for n, state in enumerate([ended(1), running(), ended(0)])
    ]
    elsewhere = pod("w-9", init=[container("fetch", state=running())], spec={"nodeName": "node-9"})
    found = only_finding(seen_of(*pods, elsewhere))
    assert found.failure.place == Place(kind="group", name="w")
    assert "These nodes took part: node-0, node-1, node-2." in found.failure.message
    assert "cordon" not in found.failure.hint
    assert found.give_up_after_s == 60.0


def test_the_last_lines_come_from_the_caller_or_from_what_the_container_left() -> None:
    state = ended(1, message="No module named torch")
    seen = seen_of(pod(containers=[container(state=state)]))
    assert only_finding(seen).failure.evidence[-1] == "No module named torch"
    logs = {"c-w-worker-abcde/ray-worker": ["first", "last"]}
    assert only_finding(seen, logs=logs).failure.evidence[-2:] == ("first", "last")


def test_a_ray_container_that_ends_with_success_is_a_crash_too() -> None:
    state = waiting("CrashLoopBackOff")
    one = container(state=state, last=ended(0, "Completed"), restarts=2)
    found = only_finding(seen_of(pod(containers=[one])))
    assert (found.key, found.state) == ("crash/worker/w/ray-worker", "broken")


def test_a_command_that_does_not_exist_is_said_in_words() -> None:
    found = only_finding(seen_of(pod(containers=[container(state=ended(127))])))
    assert "exit code 127, its command does not exist" in found.failure.message


def test_a_container_that_is_ready_again_is_no_trouble() -> None:
    one = container(state=running(), last=ended(1), restarts=5, ready=True)
    assert diagnose(seen_of(pod(containers=[one], phase="Running", ready=True))) == ()


def test_a_pod_on_its_way_out_ends_as_it_likes() -> None:
    one = container(state=ended(137))
    assert diagnose(seen_of(pod(containers=[one], phase="Failed", going=True))) == ()


def test_a_large_image_is_named_after_half_a_minute() -> None:
    one = pod(containers=[container(state=waiting("ContainerCreating"))])
    pulling = event("Pulling", 'Pulling image "registry.local/train:1"', one["metadata"]["name"])
    assert diagnose(seen_of(one, events=[pulling], t=29)) == ()
    found = only_finding(seen_of(one, events=[pulling], t=31))
    assert (found.key, found.state) == ("pulling/worker/registry.local/train:1", "starting")
    assert "since 31 s" in found.failure.message


def test_an_image_that_a_container_runs_is_pulled_whatever_else_waits() -> None:
    """That it is pulled is not watched for: every pod says so."""
    init = container("wait", state=running(20))
    one = pod(init=[init], containers=[container(state=waiting("PodInitializing"))])
    pulling = event("Pulling", 'Pulling image "registry.local/wait:1"', one["metadata"]["name"])
    of_init = dict(pulling["involvedObject"]) | {"fieldPath": "spec.initContainers{wait}"}
    said = [{**pulling, "involvedObject": of_init}]
    assert diagnose(seen_of(one, events=said, t=60)) == ()


def test_a_node_that_begins_nothing_of_a_pod_is_named_after_a_minute() -> None:
    given = {"type": "PodScheduled", "status": "True", "lastTransitionTime": time_text(0)}
    one = pod(containers=[container(state=waiting("ContainerCreating"))], conditions=[given])
    assert diagnose(seen_of(one, t=59)) == ()
    found = only_finding(seen_of(one, t=61))
    assert (found.key, found.state) == ("unbegun/worker/w", "starting")
    assert "was given to node node-1 61 s ago" in found.failure.message


def test_a_pod_whose_containers_have_begun_is_not_one_of_which_nothing_has() -> None:
    given = {"type": "PodScheduled", "status": "True", "lastTransitionTime": time_text(0)}
    one = pod(containers=[container(state=running(50))], conditions=[given])
    assert diagnose(seen_of(one, t=61)) == ()


def test_a_volume_that_does_not_come_is_named() -> None:
    one = pod(containers=[container(state=waiting("ContainerCreating"))])
    failed = event("FailedMount", 'MountVolume.SetUp failed for volume "x"', "c-w-worker-abcde")
    found = only_finding(seen_of(one, events=[failed]))
    assert found.key == "set-up/worker/w/FailedMount"
    assert 'volume "x"' in found.failure.message


def test_a_head_that_runs_and_never_gets_ready_is_named_with_its_probe() -> None:
    head = pod("h", containers=[container("ray-head", state=running())], head=True, phase="Running")
    worker = pod(init=[container("wait", state=running())], containers=[INITIALIZING])
    probe = event("Unhealthy", "Readiness probe failed: refused", "h")
    assert diagnose(seen_of(head, worker, events=[probe], t=89)) == ()
    found = only_finding(seen_of(head, worker, events=[probe], t=91))
    assert found.key == "not-ready/head/ray-head"
    assert "Readiness probe failed" in found.failure.evidence[0]


def test_a_worker_that_never_finds_a_ready_head_is_named() -> None:
    ray = container("ray-head", state=running(), ready=True)
    head = pod("h", containers=[ray], head=True, phase="Running", ready=True)
    worker = pod(init=[container("wait", state=running())], containers=[INITIALIZING])
    assert only_finding(seen_of(head, worker, t=91)).key == "not-ready/worker/w/wait"


def test_a_worker_that_waits_for_a_head_which_is_ready_cannot_reach_it() -> None:
    ray = container("ray-head", state=running(), ready=True)
    head = pod("h", containers=[ray], head=True, phase="Running", ready=True)
    waits = container("wait-for-head", state=running())
    worker = pod(init=[waits], containers=[INITIALIZING])
    assert diagnose(seen_of(head, worker, t=9)) == ()
    found = only_finding(seen_of(head, worker, t=91))
    assert found.key == "head-unreached/worker/w"
    assert "cannot reach the head, which has been ready for 91 s" in found.failure.message
    assert "networkpolicies" in found.failure.hint


def test_a_worker_that_has_begun_to_wait_a_moment_ago_is_given_time_to_reach_the_head() -> None:
    ray = container("ray-head", state=running(), ready=True)
    head = pod("h", containers=[ray], head=True, phase="Running", ready=True)
    waits = container("wait-for-head", state=running(85))
    assert diagnose(seen_of(head, pod(init=[waits], containers=[INITIALIZING]), t=91)) == ()
