"""Pods of a Ray cluster as a diagnosis reads them: whose they are, and how their containers do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ml_platform.clusters.causes import Place
from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.diagnosis.events import EventSeen, seconds
from ml_platform.clusters.kuberay.seen import Object, Seen

HEAD_GROUP: Final = "headgroup"
"""KubeRay's name for the head among the groups."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """A container of a pod, with how it does now and how its last run ended."""

    name: str
    image: str
    init: bool
    ready: bool
    restarts: int
    state: Mapping[str, Any]
    last_state: Mapping[str, Any]
    spec: Mapping[str, Any]

    @property
    def running(self) -> Mapping[str, Any] | None:
        """Its run now; None if there is none."""
        return self.state.get("running")

    @property
    def waiting_reason(self) -> str:
        """Why it waits; empty if it does not."""
        return (self.state.get("waiting") or {}).get("reason") or ""

    @property
    def waiting_message(self) -> str:
        """More about why it waits."""
        return (self.state.get("waiting") or {}).get("message") or ""

    @property
    def why_it_waits(self) -> str:
        """The reason with what more is said of it; empty if it does not wait."""
        return ": ".join(filter(None, (self.waiting_reason, self.waiting_message)))

    @property
    def ended(self) -> Mapping[str, Any] | None:
        """How its latest run ended: the one that is over now, or the one before this."""
        return self.state.get("terminated") or self.last_state.get("terminated")

    @property
    def failures(self) -> int:
        """How often a run of it has ended that should not have; only init containers may end."""
        ended = self.ended
        if ended is None or (self.init and ended.get("exitCode") == 0):
            return 0
        return self.restarts + (0 if self.running is not None else 1)

    @property
    def memory_limit(self) -> str:
        """As its spec has it; empty if it has none."""
        return ((self.spec.get("resources") or {}).get("limits") or {}).get("memory") or ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """A pod of a Ray cluster."""

    raw: Object

    @property
    def _status(self) -> Mapping[str, Any]:
        return self.raw.get("status") or {}

    @property
    def spec(self) -> Mapping[str, Any]:
        """What was asked for."""
        return self.raw.get("spec") or {}

    @property
    def name(self) -> str:
        """Its name."""
        return self.raw["metadata"]["name"]

    @property
    def uid(self) -> str:
        """Its uid."""
        return self.raw["metadata"].get("uid") or ""

    @property
    def created_s(self) -> float:
        """When it was made, in seconds since 1970; 0 if that is not known."""
        return seconds(self.raw["metadata"].get("creationTimestamp"))

    @property
    def _labels(self) -> Mapping[str, str]:
        return self.raw["metadata"].get("labels") or {}

    @property
    def is_head(self) -> bool:
        """Whether it is a head."""
        return self._labels.get(labels.NODE_TYPE) == "head"

    @property
    def role(self) -> Literal["head", "worker"]:
        """What it is, as the first part of a place in a key."""
        return "head" if self.is_head else "worker"

    @property
    def group(self) -> str:
        """Its worker group, or KubeRay's name for the head's."""
        return self._labels.get(labels.GROUP) or (HEAD_GROUP if self.is_head else "")

    @property
    def where(self) -> str:
        """`head` or `worker/<group>`: its place in a key."""
        return "head" if self.is_head else f"worker/{self.group}"

    @property
    def place(self) -> Place:
        """Head or worker group."""
        return Place(kind="head") if self.is_head else Place(kind="group", name=self.group)

    @property
    def node(self) -> str:
        """Where it runs; empty before it has a node."""
        return self.spec.get("nodeName") or ""

    @property
    def is_going(self) -> bool:
        """Whether it is being deleted."""
        return bool(self.raw["metadata"].get("deletionTimestamp"))

    @property
    def goes_at_s(self) -> float:
        """When its grace is over, in seconds since 1970; 0 if it is not being deleted."""
        return seconds(self.raw["metadata"].get("deletionTimestamp"))

    @property
    def phase(self) -> str:
        """As Kubernetes says."""
        return self._status.get("phase") or ""

    @property
    def reason(self) -> str:
        """Why it is in its phase; mostly empty."""
        return self._status.get("reason") or ""

    @property
    def message(self) -> str:
        """More about that."""
        return self._status.get("message") or ""

    def condition(self, kind: str) -> Mapping[str, Any]:
        """A condition; empty if it is not said."""
        conditions = self._status.get("conditions") or ()
        return next((one for one in conditions if one["type"] == kind), {})

    @property
    def is_ready(self) -> bool:
        """Whether it runs, is ready and stays."""
        running = self.phase == "Running" and not self.is_going
        return running and self.condition("Ready").get("status") == "True"

    def containers(self) -> Iterator[Container]:
        """Those of which something is known, init containers first."""
        for init, specs, statuses in (
            (True, "initContainers", "initContainerStatuses"),
            (False, "containers", "containerStatuses"),
        ):
            by_name = {one["name"]: one for one in self.spec.get(specs) or ()}
            for status in self._status.get(statuses) or ():
                spec = by_name.get(status["name"], {})
                yield Container(
                    name=status["name"],
                    image=spec.get("image") or status.get("image") or "",
                    init=init,
                    ready=bool(status.get("ready")),
                    restarts=status.get("restartCount") or 0,
                    state=status.get("state") or {},
                    last_state=status.get("lastState") or {},
                    spec=spec,
                )

    def ray_container(self) -> Container | None:
        """The one that runs Ray: the first of the spec, which statuses need not begin with."""
        names = [one["name"] for one in self.spec.get("containers") or ()]
        found = [one for one in self.containers() if not one.init]
        return next((one for one in found if one.name in names[:1]), found[0] if found else None)


def pods_of(seen: Seen) -> tuple[Pod, ...]:
    """All pods, those on their way out too."""
    return tuple(Pod(raw=raw) for raw in seen.pods)


def gone_pods(seen: Seen) -> tuple[Pod, ...]:
    """All pods that are not there any more, as they were last."""
    return tuple(Pod(raw=raw) for raw in seen.gone)


def said_of_pods(
    pods: Iterable[Pod], events: Iterable[EventSeen]
) -> Mapping[str, tuple[EventSeen, ...]]:
    """What was said of each of these very pods, by name."""
    by_name: dict[str, list[EventSeen]] = {}
    for event in events:
        if event.kind == "Pod":
            by_name.setdefault(event.name, []).append(event)
    return {
        pod.name: tuple(e for e in by_name.get(pod.name, ()) if e.uid in ("", pod.uid))
        for pod in pods
    }


def started_s(container: Container) -> float:
    """When its run began, in seconds since 1970; 0 if that is not known."""
    return seconds((container.running or {}).get("startedAt"))


def line_of(pod: Pod, container: Container, otherwise: str = "") -> str:
    """A line of evidence: why a container waits, or what else there is to say of it."""
    said = container.why_it_waits or otherwise
    return f"Pod {pod.name}, container {container.name}: {said}"


def describe(pod: Pod) -> str:
    """The command that shows all of a pod."""
    namespace = pod.raw["metadata"].get("namespace")
    return f"kubectl describe pod {pod.name}" + (f" -n {namespace}" if namespace else "")
