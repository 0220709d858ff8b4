import math
from dataclasses import replace
from typing import Any

import pytest

from ml_platform.clusters.kuberay.checks.valid import mistakes, require_valid
from ml_platform.clusters.kuberay.config import KubeRayConfig, Limits
from ml_platform.errors import ModelSpecError
from tests.unit.clusters.kuberay.clusters import CONFIG, WITH_NODES, cluster


def _only(config: KubeRayConfig = CONFIG, name: str = "a", **spec: Any) -> str:
    (mistake,) = mistakes(name, cluster(**spec), config)
    return mistake


def test_nothing_is_wrong_with_a_small_cluster() -> None:
    assert mistakes("a", cluster(), CONFIG) == []
    assert mistakes("a", cluster(), WITH_NODES) == []


def test_all_that_is_wrong_is_said_at_once_with_what_to_do() -> None:
    spec = cluster(workers={"name": "headgroup"}, priority="Very High")
    with pytest.raises(ModelSpecError) as raised:
        require_valid("A", spec, CONFIG)
    assert [line[:16] for line in raised.value.message.splitlines()[1:]] == [
        "  - the name A i",
        "  - priority is ",
        "  - a worker gro",
    ]
    assert "nothing was made" in raised.value.hint


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a" * 48, "has 48 characters, KubeRay takes 47"),
        ("7-days", "the name 7-days is none for KubeRay: wanted lower-case letters"),
        ("a_b", "the name a_b is none for KubeRay"),
        ("a\n", "is none for KubeRay"),
        ("", "the name … is none for KubeRay"),
    ],
)
def test_a_name_that_kuberay_refuses(name: str, said: str) -> None:
    assert said in _only(name=name)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"workers": {"name": "headgroup"}}, "called headgroup, as KubeRay calls the head's"),
        ({"priority": "Very High"}, "priority is other text, wanted the name of a priority class"),
        ({"queue": "team/a"}, "queue is other text, wanted the name of a queue of Kueue"),
        ({"image": "registry/Our Image"}, "image is other text, wanted"),
        ({"head": {"memory": "128Mi"}}, "head.memory is 128Mi, Ray does not start with less than"),
        ({"workers": {"memory": "64Mi"}}, "workers.memory is 64Mi, Ray does not start with less"),
        ({"workers": {"gpu": "a100"}}, "workers.gpu is a100, but gpus is 0"),
        ({"workers": {"gpu": "a100", "gpus": 1}}, "catalogue has no nodes with GPUs"),
    ],
)
def test_what_kuberay_refuses_or_waits_for(spec: dict[str, Any], said: str) -> None:
    assert said in _only(**spec)


@pytest.mark.parametrize(
    "image",
    [
        *("ray", "a/b:1.0", "reg.example:5000/a/b__c:v1", "Reg/a-b:1", "a--b"),
        *(f"a@sha256:{'0' * 64}", f"a:1@sha256:{'0' * 64}", "[2001:db8::1]:5000/a"),
    ],
)
def test_an_image_as_kubernetes_takes_it(image: str) -> None:
    assert mistakes("a", cluster(image=image), CONFIG) == []


@pytest.mark.parametrize(
    "image",
    [
        *("reg/x:1é", "a..b/c:1", "a___b:1", "a/B:1", "x:", "x:1\n", "-a/b", "a-/b", "a//b"),
        *("reg/x@sha256:abc", f"a@md5:{'0' * 32}", f"a:{'1' * 129}", "a/" * 128 + "a"),
    ],
)
def test_an_image_that_no_runtime_of_containers_takes(image: str) -> None:
    assert _only(image=image).startswith("image is other text, wanted")


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
        ({"namespace": "No"}, "namespace is other text, wanted lower-case"),
        ({"image_pull_policy": "always"}, "'always', did you mean Always?"),
        ({"service_account": "Me"}, "service_account is other text, wanted the name of an object"),
        ({"env_from_secrets": ("A B",)}, "env_from_secrets is other text"),
        ({"env": {"A B": "1"}}, "env sets …, which is no name of a variable"),
        ({"env": {"A B=secret": "1"}}, "env sets …, which is no name of a variable"),
        ({"env": {"RAY_ADDRESS": "auto"}}, "env sets RAY_ADDRESS, which KubeRay sets"),
        ({"env": {"PYTHONDONTWRITEBYTECODE": "1"}}, "env sets PYTHONDONTWRITEBYTECODE"),
        ({"env": {"WANDB_API_KEY": "x"}}, "env has WANDB_API_KEY in clear text"),
        ({"token_secret": "A B"}, "token_secret is other text, wanted the name of an object"),
        ({"token_secret": "a", "token_auth": False}, "token_secret is set and token_auth is false"),
        ({"cpu_request_share": 0}, "cpu_request_share is 0"),
        ({"limits": Limits(gone_s=-1)}, "limits.gone_s is -1, wanted at least 0"),
        ({"limits": Limits(running_s=0)}, "limits.running_s is 0, wanted at least 1"),
        ({"limits": Limits(unsubmitted_s=1200)}, "wanted more than limits.start_s (1200)"),
        ({"limits": Limits(running_s=1000)}, "wanted at least limits.unsubmitted_s (1800)"),
        ({"limits": Limits(start_s=0)}, "limits.start_s is 0, wanted at least 1 and at most"),
        ({"limits": Limits(start_s=-5)}, "limits.start_s is -5, wanted at least 1"),
        ({"limits": Limits(start_s=math.nan)}, "limits.start_s is nan, wanted at least 1"),
        ({"limits": Limits(queue_s=-1)}, "limits.queue_s is -1, wanted at least 1"),
        ({"limits": Limits(queue_s=math.inf)}, "limits.queue_s is inf, wanted at least 1"),
        ({"limits": Limits(job_start_s=-1)}, "limits.job_start_s is -1, wanted at least 1"),
        ({"limits": Limits(running_s=2**40)}, "limits.running_s is 1099511627776, wanted"),
        ({"limits": Limits(unsubmitted_s=2**33)}, "limits.unsubmitted_s is 8589934592, wanted"),
        ({"max_clusters": 0}, "max_clusters is 0, wanted at least 1"),
    ],
)
def test_a_configuration_that_makes_no_cluster(changes: dict[str, Any], said: str) -> None:
    assert said in _only(replace(CONFIG, **changes))


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "GOOGLE_APPLICATION_CREDENTIALS"])
def test_a_variable_that_only_sounds_like_a_secret(name: str) -> None:
    assert mistakes("a", cluster(), replace(CONFIG, env={name: "1"})) == []


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        ({"toleration": []}, "workers.pod.toleration cannot be set, did you mean tolerations?"),
        ({"hostNetwork": True}, "workers.pod.hostNetwork cannot be set"),
        ({"tolerations": {}}, "workers.pod.tolerations is a mapping, wanted a list"),
        ({"env": {"TOKEN": "secret"}}, "workers.pod.env is a mapping, wanted a list"),
        ({"tolerations": ["x"]}, "workers.pod.tolerations[0] is text, wanted a mapping"),
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
        (
            {"volumeMounts": [{"name": "x", "mountPath": "x"}]},
            "is other text, wanted a path from the root",
        ),
        ({"labels": {"ray.io/group": "x"}}, "is ray.io/group, which KubeRay and the platform"),
        ({"labels": {"app.kubernetes.io/name": "x"}}, "is app.kubernetes.io/name, which KubeRay"),
        ({"annotations": {"ray.io/overwrite-container-cmd": "true"}}, "which KubeRay and the pl"),
        ({"labels": {"team": "A team"}}, "team is other text, wanted at most 63 letters"),
        ({"labels": {"team": 7}}, "team is a number, wanted text; put it in quotes"),
        (
            {"labels": {"my team": "x"}},
            "a key of workers.pod.labels is other text, wanted `name` or",
        ),
        (
            {"nodeSelector": {"pool": 7}},
            "nodeSelector.pool is a number, wanted text; put it in quotes",
        ),
        ({"env": [{"name": "REDIS_USERNAME", "value": "x"}]}, "REDIS_USERNAME, which KubeRay sets"),
        ({"env": [{"name": "HF_TOKEN", "value": "x"}]}, "HF_TOKEN in clear text"),
        ({"env": ["HF_TOKEN=x"]}, "workers.pod.env[0] is text, wanted a mapping"),
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


def test_annotations_that_are_too_large_for_a_pod_or_for_the_cluster() -> None:
    large = {"annotations": {"why": "x" * 150_000}}
    assert mistakes("a", cluster(head={"pod": large}), CONFIG) == []
    of_a_pod = mistakes("a", cluster(head={"pod": large}), replace(CONFIG, pod=_more(large)))
    assert [one[:40] for one in of_a_pod] == ["the annotations of head.pod have 300010 "]
    (of_both,) = mistakes("a", cluster(head={"pod": large}, workers={"pod": large}), CONFIG)
    assert of_both.startswith("the cluster, which is kept in an annotation of the RayJob, has 300")


def _more(pod: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {"annotations": {f"not-{key}": text for key, text in pod["annotations"].items()}}


def test_fields_of_a_group_that_do_not_go_with_those_of_the_configuration() -> None:
    spread = {"topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ours, theirs = ({"topologySpreadConstraints": [spread | {"maxSkew": skew}]} for skew in (1, 2))
    found = mistakes("a", cluster(head={"pod": theirs}), replace(CONFIG, pod=ours))
    assert found == [
        "head.pod + the configuration's pod.topologySpreadConstraints has zone with ScheduleAnyway "
        "twice"
    ]


def test_two_priorities_that_differ() -> None:
    said = _only(priority="low", head={"pod": {"priorityClassName": "high"}})
    assert said == ("priority and head.pod.priorityClassName name two; write one of them")


def test_a_cluster_that_grows_is_refused_by_kueue() -> None:
    said = _only(workers={"min": 1, "max": 4}, queue="team")
    assert "`min` and `max`, and a queue (team)" in said
