"""How the provisioner `ephemeral` works on a Kubernetes cluster: values only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ml_platform.clusters.catalogue import Catalogue
from ml_platform.clusters.interface import JOB_START_S
from ml_platform.clusters.kuberay.checks.catalogue import catalogue_mistakes
from ml_platform.errors import SettingsError
from ml_platform.wrong_values import first_in_words, yaml_problem

DASHBOARD_PORT: Final = 8265
LONGEST_S: Final = 10 * 366 * 24 * 3600
"""Ten years. KubeRay's deadlines have 32 bits, and some are sums of what is here."""
_LEAST: Final = {
    **dict.fromkeys(("queue_s", "start_s", "job_start_s", "unsubmitted_s", "running_s"), 1),
    **{"gone_s": 0, "idle_s": 1, "unused_s": 0, "grace_s": 0},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Clocks of a cluster, one for each thing that can take long, in seconds.

    Attributes:
        queue_s: Waiting in a queue of Kueue; no failure of ours.
        start_s: From its admission until every pod is ready.
        job_start_s: From its submission until Ray runs the driver.
        unsubmitted_s: KubeRay removes a cluster to which nobody has submitted for so long.
        running_s: KubeRay removes a cluster that still runs after so long, whoever forgot it; later
            where a training's `max_runtime_s` is longer. One of a person's own may live for so long
            at most.
        gone_s: A finished cluster is kept for so long.
        idle_s: The autoscaler removes a worker that has had nothing to do for so long.
        unused_s: The reaper ends an interactive cluster on which no job has run for so long, and
            warns from half of it on; 0 for never.
        grace_s: Pods are given so long to end.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", hide_input_in_errors=True)

    queue_s: float = 24 * 3600.0
    start_s: float = 1200.0
    job_start_s: float = JOB_START_S
    unsubmitted_s: int = 1800
    running_s: int = 3 * 24 * 3600
    gone_s: int = 10
    idle_s: int = 300
    unused_s: int = 0
    grace_s: int = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class KubeRayConfig:
    """Where and how clusters are made.

    Attributes:
        namespace: Namespace of Kubernetes for all clusters.
        environment: Environment and sandbox; labels each object, and only what carries it is ours.
        image: For clusters whose spec names none. Every image holds this platform and its version
            of Ray (`RAY_VERSION`), which KubeRay is told of.
        context: Context of the kubeconfig; empty for its current one, or for the pod's own account.
        kubeconfig: The file; empty for the usual one, or for the pod's own account.
        service_account: Of head and workers; empty for the namespace's default. Its token is not
            given to them.
        image_pull_policy: As Kubernetes writes it; empty for its own choice.
        image_pull_secrets: Names of secrets.
        env: Variables of head and workers.
        env_from_secrets: Names of secrets whose keys become variables of head and workers.
        pod: More fields of every pod, as in a group's `pod`.
        schedulers: Names that a pod's `schedulerName` may have beside Kubernetes' own and that of
            `pod`: nobody serves a name that is misspelt, nor says so.
        cpu_request_share: What part of its CPUs a pod requests of Kubernetes; under 1 where a
            cluster is too small for what runs on it, such as kind on a laptop. Ray counts all.
        token_auth: Whether Ray asks for a token.
        token_secret: A secret that has it as `auth_token`, for all clusters; empty for one that
            KubeRay makes for each. Who may use the clusters then needs to read this secret alone.
        max_clusters: How many clusters this environment may have at once; those that are over do
            not count.
        catalogue: What nodes there are.
        limits: Clocks.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", hide_input_in_errors=True)

    namespace: str
    environment: str
    image: str = ""
    context: str = ""
    kubeconfig: str = ""
    service_account: str = ""
    image_pull_policy: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    env_from_secrets: tuple[str, ...] = ()
    pod: Mapping[str, Any] = field(default_factory=dict)
    schedulers: tuple[str, ...] = ()
    cpu_request_share: float = 1.0
    token_auth: bool = True
    token_secret: str = ""
    max_clusters: int = 20
    catalogue: Catalogue = field(default_factory=Catalogue)
    limits: Limits = field(default_factory=Limits)


def out_of_range(config: KubeRayConfig) -> Iterator[str]:
    """Numbers that cannot be, each with those that can."""
    for name, least in _LEAST.items():
        seconds = getattr(config.limits, name)
        if not least <= seconds <= LONGEST_S:  # nor is NaN
            yield (
                f"limits.{name} is {seconds}, wanted at least {least} and at most {LONGEST_S} "
                "(ten years)"
            )
    if config.max_clusters < 1:
        yield f"max_clusters is {config.max_clusters}, wanted at least 1"


def read_values(path: Path) -> dict[str, Any]:
    """What a YAML file says; its keys are the attributes of `KubeRayConfig`.

    Raises:
        SettingsError: it cannot be read, or is no mapping.
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text())
        return dict(found or {})
    except OSError as error:
        why: Any = error
    except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
        mark = getattr(error, "problem_mark", None)
        why = f"{yaml_problem(error)}{f' (line {mark.line + 1})' if mark else ''}"
    raise SettingsError(
        f"the clusters' configuration {path} cannot be read: {why}",
        hint="correct MLP_CLUSTERS_FILE, or the file.",
    )


def config_from(
    values: Mapping[str, Any], *, environment: str, image: str, where: str
) -> KubeRayConfig:
    """The configuration that these values say; `where` is named in errors.

    Raises:
        SettingsError: a key or a value is wrong; names it.
    """
    whole = {"environment": environment, "image": image} | dict(values)
    try:
        config = TypeAdapter(KubeRayConfig).validate_python(whole)
    except ValidationError as error:
        raise SettingsError(
            f"{where}: {first_in_words(error)}",
            hint="README has the keys of the clusters' configuration.",
        ) from None
    for wrong in (*out_of_range(config), *catalogue_mistakes(config.catalogue)):
        raise SettingsError(f"{where}: {wrong}", hint=f"mend it in {where}.")
    return config
