"""What is wrong with a cluster before anything is created, in words for whoever wrote it.

KubeRay says of an invalid RayCluster one Event and nothing more, and takes much on which it then
waits for ever: a node that no pod fits, a queue that is none, a group called like its own.
Duplicate groups and sizes that are none are refused by the spec itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ml_platform.clusters.kuberay.checks import words
from ml_platform.clusters.kuberay.checks.catalogue import catalogue_mistakes
from ml_platform.clusters.kuberay.checks.fit import fit_mistakes, gpu_kind_mistakes
from ml_platform.clusters.kuberay.checks.pod_fields import pod_field_mistakes, scheduler_mistakes
from ml_platform.clusters.kuberay.checks.variables import variable_mistakes
from ml_platform.clusters.kuberay.checks.volumes import mount_mistakes
from ml_platform.clusters.kuberay.config import KubeRayConfig, Limits, out_of_range
from ml_platform.clusters.kuberay.manifests import spec_text
from ml_platform.clusters.kuberay.pod_fields import merged
from ml_platform.clusters.spec import ClusterSpec, memory_bytes
from ml_platform.errors import ModelSpecError
from ml_platform.wrong_values import of_another_form, shown_name, shown_word

LONGEST_NAME: Final = 47
HEAD_GROUP: Final = "headgroup"
MOST_QUEUED_GROUPS: Final = 17
"""Kueue takes no more sets of pods, one of which is the head."""
LEAST_MEMORY: Final = "256Mi"
"""Ray refuses an object store under 75 MiB, and gives it 30 % of what is free."""
DEFAULT_SCHEDULER: Final = "default-scheduler"
MOST_ANNOTATIONS: Final = 256 * 1024 - 4096
"""Bytes of all annotations of one object; what is taken off is for ours and KubeRay's."""
PULL_POLICIES: Final = ("", "Always", "IfNotPresent", "Never")


def mistakes(name: str, spec: ClusterSpec, config: KubeRayConfig) -> list[str]:
    """Everything that is wrong with a cluster, each with what was found and what is wanted."""
    found = [
        *_name_mistakes(name, spec, config),
        *_image_mistakes(spec, config),
        *_group_mistakes(spec),
        *_config_mistakes(config),
        *(list(out_of_range(config)) or _limit_mistakes(config.limits)),
        *catalogue_mistakes(config.catalogue),
        *_pod_mistakes(spec, config),
        *gpu_kind_mistakes(spec, config.catalogue),
    ]
    # What is wrong already is part of the sum: what came out would be of no use.
    return found or list(fit_mistakes(spec, config))


def require_valid(
    name: str, spec: ClusterSpec, config: KubeRayConfig, *, typed: str = "the `cluster` section"
) -> None:
    """Refuse a cluster that would not come up; `typed` is where a person wrote it.

    Raises:
        ModelSpecError: with everything that is wrong.
    """
    found = mistakes(name, spec, config)
    if found:
        listed = "".join(f"\n  - {mistake}" for mistake in found)
        raise ModelSpecError(
            f"the cluster {shown_name(name)} cannot be made as it is written:{listed}",
            hint=f"mend {typed}, or the configuration of clusters; nothing was made.",
        )


def _name_mistakes(name: str, spec: ClusterSpec, config: KubeRayConfig) -> Iterator[str]:
    # Whether a RayCluster has this name is not looked at. KubeRay leads the service
    # `<name>-head-svc` of that one to the head of a RayJob, but only of one that is Running: an
    # attempt's has a name that no RayCluster has, as it ends in a hash and a number, and an
    # interactive one stays Waiting, as nobody writes its `spec.jobId`.
    if len(name) > LONGEST_NAME:
        said = f"the name {shown_name(name)} has {len(name)} characters"
        yield f"{said}, KubeRay takes {LONGEST_NAME}"
    if not words.is_dns_1035(name):
        yield (
            f"the name {shown_name(name)} is none for KubeRay: wanted {words.LABEL_RULE}, a letter "
            "first"
        )
    if not words.is_dns_label(config.namespace):
        yield of_another_form("namespace", config.namespace, words.LABEL_RULE)
    if spec.priority and not words.is_subdomain(spec.priority):
        yield of_another_form("priority", spec.priority, "the name of a priority class")
    if spec.queue and not words.is_dns_label(spec.queue):
        yield of_another_form("queue", spec.queue, "the name of a queue of Kueue")


def _pod_mistakes(spec: ClusterSpec, config: KubeRayConfig) -> Iterator[str]:
    groups: dict[str, Mapping[str, Any]] = {
        "head.pod": spec.head.pod,
        **{f"{shown_name(each.name)}.pod": each.pod for each in spec.groups},
    }
    pods = {"the configuration's pod": config.pod, **groups}
    found = [one for where, pod in pods.items() for one in pod_field_mistakes(where, pod)]
    yield from found
    theirs = config.pod.get("schedulerName", DEFAULT_SCHEDULER)
    schedulers = tuple(dict.fromkeys((DEFAULT_SCHEDULER, *config.schedulers, str(theirs))))
    for where, pod in groups.items():
        yield from scheduler_mistakes(where, pod, schedulers)
    for where, pod in pods.items():
        priority = pod.get("priorityClassName", spec.priority)
        if spec.priority and priority != spec.priority:
            yield f"priority and {where}.priorityClassName name two; write one of them"
    if not found:
        for where, pod in groups.items():
            fields = merged(config.pod, pod)
            yield from pod_field_mistakes(f"{where} + the configuration's pod", fields)
            yield from mount_mistakes(where, fields)
            items = fields.get("annotations", {}).items()
            texts = (text for item in items for text in item)
            yield from _size_mistakes(f"the annotations of {where} have", texts)
        kept = "the cluster, which is kept in an annotation of the RayJob, has"
        yield from _size_mistakes(kept, [spec_text(spec)])


def _size_mistakes(what: str, texts: Iterable[str]) -> Iterator[str]:
    size = sum(len(text.encode()) for text in texts)
    if size > MOST_ANNOTATIONS:
        yield f"{what} {size} bytes, Kubernetes takes {MOST_ANNOTATIONS}; write less"


def _image_mistakes(spec: ClusterSpec, config: KubeRayConfig) -> Iterator[str]:
    image = spec.image or config.image
    if not image:
        yield "no image is named; write `image` in the cluster, or in the configuration for all"
    elif not words.is_image(image):
        yield of_another_form("image", image, "`registry/name:tag` in lower case")


def _group_mistakes(spec: ClusterSpec) -> Iterator[str]:
    sizes = {"head": spec.head.memory}
    for group in spec.groups:
        if group.name == HEAD_GROUP:
            yield f"a worker group is called {HEAD_GROUP}, as KubeRay calls the head's; rename it"
        sizes[shown_name(group.name)] = group.memory
    if spec.queue and len(spec.groups) > MOST_QUEUED_GROUPS:
        yield (
            f"{len(spec.groups)} worker groups are queued in {shown_name(spec.queue)}, Kueue takes "
            f"{MOST_QUEUED_GROUPS}; join some"
        )
    if spec.queue and spec.is_elastic:
        yield (
            "there are worker groups with `min` and `max`, and a queue "
            f"({shown_name(spec.queue)}): Kueue admits clusters of a fixed size; write `count`, "
            "or leave `queue` out"
        )
    for where, memory in sizes.items():
        if memory_bytes(memory) < memory_bytes(LEAST_MEMORY):
            yield f"{where}.memory is {memory}, Ray does not start with less than {LEAST_MEMORY}"


def _config_mistakes(config: KubeRayConfig) -> Iterator[str]:
    if not config.environment:
        yield "the configuration's environment is empty; without it no cluster is known as ours"
    if config.image_pull_policy not in PULL_POLICIES:
        near = words.did_you_mean(config.image_pull_policy, PULL_POLICIES)
        yield f"image_pull_policy is {shown_word(config.image_pull_policy)}{near}"
    if not 0 < config.cpu_request_share <= 1:
        yield f"cpu_request_share is {config.cpu_request_share}, wanted over 0 and at most 1"
    for where, names in {
        "image_pull_secrets": config.image_pull_secrets,
        "env_from_secrets": config.env_from_secrets,
        "service_account": (config.service_account,) if config.service_account else (),
        "token_secret": (config.token_secret,) if config.token_secret else (),
    }.items():
        for name in names:
            if not words.is_subdomain(name):
                yield of_another_form(where, name, words.OBJECT_RULE)
    if config.token_secret and not config.token_auth:
        yield "token_secret is set and token_auth is false; write one of the two"
    for variable, value in config.env.items():
        yield from variable_mistakes("env", variable, value)


def _limit_mistakes(limits: Limits) -> Iterator[str]:
    # KubeRay's deadline says only that it has passed; ours knows the cause.
    if limits.unsubmitted_s <= limits.start_s:
        yield (
            f"limits.unsubmitted_s is {limits.unsubmitted_s}, wanted more than limits.start_s "
            f"({limits.start_s:g}): KubeRay would remove a cluster that may still start"
        )
    if limits.running_s < limits.unsubmitted_s:
        yield (
            f"limits.running_s is {limits.running_s}, wanted at least limits.unsubmitted_s "
            f"({limits.unsubmitted_s}): KubeRay counts both from the start of a cluster"
        )
