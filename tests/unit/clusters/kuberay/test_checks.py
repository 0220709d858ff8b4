from dataclasses import replace
from typing import Any

import pytest

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.checks import mistakes, require_valid
from ml_platform.clusters.kuberay.config import KubeRayConfig, Limits
from ml_platform.errors import ModelSpecError
from tests.unit.clusters.kuberay.clusters import A100, CONFIG, CPU, SPOT, WITH_NODES, cluster


def _only(config: KubeRayConfig = CONFIG, name: str = "a", **spec: Any) -> str:
    (mistake,) = mistakes(name, cluster(**spec), config)
    return mistake


def _nodes(*kinds: NodeKind) -> KubeRayConfig:
    return replace(CONFIG, catalogue=Catalogue(nodes=kinds))


def test_nothing_is_wrong_with_a_small_cluster() -> None:
    assert mistakes("a", cluster(), CONFIG) == []
    assert mistakes("a", cluster(), WITH_NODES) == []


def test_all_that_is_wrong_is_said_at_once_with_what_to_do() -> None:
    spec = cluster(workers={"name": "headgroup"}, priority="Very High")
    with pytest.raises(ModelSpecError) as raised:
        require_valid("A", spec, CONFIG)
    assert [line[:16] for line in raised.value.message.splitlines()[1:]] == [
        "  - the name 'A'",
        "  - priority is ",
        "  - a worker gro",
    ]
    assert "nothing was made" in raised.value.hint


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a" * 48, "has 48 characters, KubeRay takes 47"),
        ("7-days", "'7-days' is none for KubeRay: wanted lower-case letters"),
        ("a_b", "'a_b' is none for KubeRay"),
        ("a\n", "is none for KubeRay"),
        ("", "'' is none for KubeRay"),
    ],
)
def test_a_name_that_kuberay_refuses(name: str, said: str) -> None:
    assert said in _only(name=name)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"workers": {"name": "headgroup"}}, "called headgroup, as KubeRay calls the head's"),
        ({"priority": "Very High"}, "priority is 'Very High', wanted the name of a priority class"),
        ({"queue": "team/a"}, "queue is 'team/a', wanted the name of a queue of Kueue"),
        ({"image": "registry/Our Image"}, "image is 'registry/Our Image', wanted"),
        ({"head": {"memory": "128Mi"}}, "head.memory is 128Mi, Ray does not start with less than"),
        ({"workers": {"memory": "64Mi"}}, "workers.memory is 64Mi, Ray does not start with less"),
        ({"workers": {"gpu": "a100"}}, "workers.gpu is a100, but gpus is 0"),
        ({"workers": {"gpu": "a100", "gpus": 1}}, "catalogue has no nodes with GPUs"),
    ],
)
def test_what_kuberay_refuses_or_waits_for(spec: dict[str, Any], said: str) -> None:
    assert said in _only(**spec)


@pytest.mark.parametrize(
    "image", ["ray", "a/b:1.0", "reg.example:5000/a/b__c:v1", f"a@sha256:{'0' * 64}"]
)
def test_an_image_as_kubernetes_takes_it(image: str) -> None:
    assert mistakes("a", cluster(image=image), CONFIG) == []


def test_more_groups_than_kueue_takes() -> None:
    workers = [{"name": f"g{number}"} for number in range(18)]
    assert "18 worker groups are queued in team, Kueue takes 17" in _only(
        workers=workers, queue="team"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image": ""}, "no image is named"),
        ({"environment": ""}, "the configuration's environment is empty"),
        ({"namespace": "No"}, "the namespace 'No' is none"),
        ({"image_pull_policy": "always"}, "'always', did you mean Always?"),
        ({"service_account": "Me"}, "service_account has 'Me'"),
        ({"env_from_secrets": ("A B",)}, "env_from_secrets has 'A B'"),
        ({"env": {"A B": "1"}}, "env sets 'A B', which is no name of a variable"),
        ({"env": {"RAY_ADDRESS": "auto"}}, "env sets RAY_ADDRESS, which KubeRay sets"),
        ({"env": {"WANDB_API_KEY": "x"}}, "env has WANDB_API_KEY in clear text"),
        ({"cpu_request_share": 0}, "cpu_request_share is 0"),
        ({"limits": Limits(gone_s=-1)}, "limits.gone_s is -1, wanted at least 0"),
        ({"limits": Limits(running_s=0)}, "limits.running_s is 0, wanted at least 1"),
        ({"limits": Limits(unsubmitted_s=1200)}, "wanted more than limits.start_s (1200)"),
    ],
)
def test_a_configuration_that_makes_no_cluster(changes: dict[str, Any], said: str) -> None:
    assert said in _only(replace(CONFIG, **changes))


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "GOOGLE_APPLICATION_CREDENTIALS"])
def test_a_variable_that_only_sounds_like_a_secret(name: str) -> None:
    assert mistakes("a", cluster(), replace(CONFIG, env={name: "1"})) == []


def test_a_kind_of_gpu_that_there_is_not() -> None:
    assert _only(WITH_NODES, workers={"gpu": "a10", "gpus": 1}) == (
        "workers.gpu is a10, which there is not, did you mean a100? there are a100, mi300"
    )


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ({"cpus": 64}, "nearest is cpu-16: 64 CPUs wanted, it has 15.5"),
        ({"memory": "2Ti"}, "2048Gi of memory wanted, it has 60Gi"),
        ({"cpus": 20, "memory": "100Gi"}, "20 CPUs wanted, it has 15.5, 100Gi of memory wanted"),
        ({"disk": "2Ti", "cpus": 2}, "nearest is cpu-16: 2048Gi of disk wanted, it has 100Gi"),
        ({"pod": {"nodeSelector": {"pool": "mine"}}}, "nodeSelector wants pool=mine, it has pool="),
    ],
)
def test_a_worker_that_no_node_holds_is_told_by_how_much(
    workers: dict[str, Any], said: str
) -> None:
    assert said in _only(_nodes(CPU), workers=workers)


def test_a_worker_with_more_gpus_than_a_node_has_is_told_of_the_nodes_with_its_kind() -> None:
    said = _only(WITH_NODES, workers={"gpus": 16, "gpu": "a100"})
    assert said.endswith("nearest is a100-8: 16 GPUs wanted, it has 8")


def test_a_worker_that_fits_spot_nodes_only_is_told_of_the_field() -> None:
    head = {"pod": {"nodeSelector": {"pool": "big"}}}
    small = NodeKind(name="small", cpus=4, memory="16Gi", labels={"pool": "big"})
    said = _only(_nodes(small, SPOT), head=head, workers={"cpus": 12})
    assert said.startswith(
        "a worker of workers fits no kind of node; nearest is cpu-16-spot: it is"
    )
    assert said.endswith("write `spot: true`")


def test_a_head_that_fits_spot_nodes_only() -> None:
    said = _only(_nodes(SPOT), workers={"spot": True})
    assert said.startswith("the head fits no kind of node; nearest is cpu-16-spot: it is spot")


def test_a_gang_larger_than_all_nodes_together_beside_the_head() -> None:
    four = _counted(CPU, 4)
    assert mistakes("a", cluster(workers={"cpus": 15, "count": 3}), _nodes(four)) == []
    assert _only(_nodes(four), workers={"cpus": 15, "count": 4}) == (
        "workers has 4 workers, beside the head at most 3 fit on 4 × cpu-16; "
        "make them fewer or smaller"
    )


def test_a_head_on_another_kind_of_node_takes_no_workers_place() -> None:
    config = _nodes(CPU, _counted(A100, 2))
    spec = {"workers": {"gpus": 8, "gpu": "a100", "cpus": 90, "count": 2}}
    assert mistakes("a", cluster(**spec), config) == []


def test_groups_that_fit_alone_but_not_at_once() -> None:
    workers = [{"name": name, "cpus": 15, "count": 2} for name in ("first", "second")]
    said = _only(_nodes(_counted(CPU, 3)), workers=workers)
    assert "do not fit at once on the nodes of the catalogue: 61 CPUs wanted, 46.5 there" in said


def test_groups_that_fit_by_their_sum_but_not_on_whole_nodes() -> None:
    nodes = _nodes(NodeKind(name="c12", cpus=12, memory="64Gi", count=3))
    workers = [{"name": name, "cpus": 8, "count": 2} for name in ("first", "second")]
    said = _only(nodes, workers=workers)
    assert "by their sums they would, but a worker of" in said
    assert mistakes("a", cluster(workers=workers[:1]), nodes) == []


def test_disks_that_fit_alone_but_not_at_once() -> None:
    workers = [{"name": name, "disk": "90Gi", "count": 2} for name in ("first", "second")]
    said = _only(_nodes(_counted(CPU, 3)), workers=workers)
    assert "360 GiB of disk wanted, 300 there" in said


def test_a_kind_of_node_of_which_there_is_none() -> None:
    assert _only(_nodes(_counted(CPU, 0))) == (
        "the head fits on 0 × cpu-16, of which there are none (count: 0)"
    )


def test_a_part_of_its_cpus_is_what_a_pod_takes_of_a_node() -> None:
    config = replace(_nodes(CPU), cpu_request_share=0.5)
    assert mistakes("a", cluster(workers={"cpus": 30}), config) == []


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        ({"toleration": []}, "workers.pod.toleration cannot be set, did you mean tolerations?"),
        ({"hostNetwork": True}, "workers.pod.hostNetwork cannot be set"),
        ({"tolerations": {}}, "workers.pod.tolerations is {}, wanted a list"),
        ({"tolerations": ["x"]}, "workers.pod.tolerations[0] is 'x', wanted a mapping"),
        ({"volumes": [{"emptyDir": {}}]}, "workers.pod.volumes[0] has no `name`"),
        (
            {"volumes": [{"name": "x", "hostPath": {}, "emptyDir": {}}]},
            "[x].hostPath cannot be set; ",
        ),
        (
            {"volumes": [{"name": "shared-mem", "emptyDir": {}}]},
            "is shared-mem, a volume of the platform's or of KubeRay's; rename it",
        ),
        ({"volumeMounts": [{"name": "x", "mountPath": "/x"}]}, "/x mounts x, volumes are none"),
        ({"volumeMounts": [{"name": "x", "mountPath": "x"}]}, "'x', wanted a path from the root"),
        ({"labels": {"ray.io/group": "x"}}, "is ray.io/group, which KubeRay and the platform"),
        ({"labels": {"app.kubernetes.io/name": "x"}}, "is app.kubernetes.io/name, which KubeRay"),
        ({"annotations": {"ray.io/overwrite-container-cmd": "true"}}, "which KubeRay and the pl"),
        ({"labels": {"team": "A team"}}, "team is 'A team', wanted at most 63 letters"),
        ({"labels": {"team": 7}}, "team is 7, wanted text; put it in quotes"),
        (
            {"labels": {"my team": "x"}},
            "a key of workers.pod.labels is 'my team', wanted `name` or",
        ),
        ({"nodeSelector": {"pool": 7}}, "nodeSelector.pool is 7, wanted text; put it in quotes"),
        ({"env": [{"name": "REDIS_USERNAME", "value": "x"}]}, "REDIS_USERNAME, which KubeRay sets"),
        ({"env": [{"name": "HF_TOKEN", "value": "x"}]}, "HF_TOKEN in clear text"),
        ({"env": ["HF_TOKEN=x"]}, "workers.pod.env[0] is no mapping, wanted one with `name`"),
    ],
)
def test_fields_of_a_pod_that_are_not_for_people(pod: dict[str, Any], said: str) -> None:
    assert said in _only(workers={"pod": pod})


def test_a_secret_by_reference_is_welcome() -> None:
    reference = {"secretKeyRef": {"name": "hf", "key": "token"}}
    pod = {"env": [{"name": "HF_TOKEN", "valueFrom": reference}]}
    assert mistakes("a", cluster(workers={"pod": pod}), CONFIG) == []


def test_a_mount_may_use_a_volume_of_the_configuration() -> None:
    config = replace(CONFIG, pod={"volumes": [{"name": "cache", "emptyDir": {}}]})
    pod = {"volumeMounts": [{"name": "cache", "mountPath": "/cache"}]}
    assert mistakes("a", cluster(workers={"pod": pod}), config) == []


def test_two_priorities_that_differ() -> None:
    said = _only(priority="low", head={"pod": {"priorityClassName": "high"}})
    assert said == ("priority is low and head.pod.priorityClassName is high; write one of the two")


def _counted(kind: NodeKind, count: int) -> NodeKind:
    return kind.model_copy(update={"count": count})


def test_a_cluster_that_grows_is_refused_by_kueue() -> None:
    said = _only(workers={"min": 1, "max": 4}, queue="team")
    assert "`min` and `max`, and a queue (team)" in said


def test_the_most_workers_are_to_fit_and_not_only_the_fewest() -> None:
    nodes = _nodes(replace_count(CPU, 3))
    said = _only(nodes, workers={"min": 1, "max": 9, "cpus": 15})
    assert "workers has up to 9 workers, beside the head at most 2 fit on 3 × cpu-16" in said


def test_the_autoscaler_is_a_part_of_the_head() -> None:
    head = {"cpus": 15, "memory": "59Gi"}
    assert mistakes("a", cluster(head=head), _nodes(CPU)) == []
    grown = cluster(head=head, workers={"min": 1, "max": 4})
    assert mistakes("a", grown, _nodes(CPU)) == []
    head = {"cpus": 15, "memory": "60Gi"}
    said = _only(_nodes(CPU), head=head, workers={"min": 1, "max": 4})
    assert "the head fits no kind of node" in said
    assert "61Gi of memory wanted" in said


def replace_count(kind: NodeKind, count: int) -> NodeKind:
    """The same kind of node, of which there are only so many."""
    return kind.model_copy(update={"count": count})
