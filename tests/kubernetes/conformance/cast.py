"""Who is who: objects by their part in a situation instead of their random names."""

import re
from dataclasses import dataclass, field

from tests.kubernetes.conformance.plain import plain
from tests.kubernetes.conformance.timeline import Entry


@dataclass(kw_only=True)
class Cast:
    """Roles, given out in the order of appearance.

    Two RayClusters with different suffixes are `rj1-<r>#1` and `#2`; the workers of a group are
    numbered through, successors included.
    """

    _clusters: dict[str, str] = field(default_factory=dict)
    _pods: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _lives: dict[tuple[str, str], int] = field(default_factory=dict)

    def cluster(self, name: str) -> str:
        """The role of a RayCluster, also before it is made."""
        if name not in self._clusters:
            self._clusters[name] = f"{plain(name)}#{self._next(plain(name))}"
        return self._clusters[name]

    def role(self, entry: Entry) -> str:
        """The role of an entry's object; for an Event that of the object that it is about."""
        if entry.kind == "Event":
            kind, _, name = entry.name.partition("/")
            return self._role(kind, name)
        labels = entry.part.get("labels") or {}
        if labels.get("ray.io/cluster"):
            # Each kind has its own watch: a service may be seen before its cluster.
            self.cluster(labels["ray.io/cluster"])
        if entry.kind == "Pod" and entry.name not in self._pods:
            place = (
                f"{self.cluster(labels.get('ray.io/cluster', '?'))}/{labels.get('ray.io/group')}"
            )
            self._pods[entry.name] = f"{place}[{self._next(place)}]"
        role = self._role(entry.kind, entry.name)
        key = (entry.kind, entry.name)
        if entry.change == "ADDED":
            self._lives[key] = self._lives.get(key, 0) + 1
        life = self._lives.get(key, 1)
        # The same name once more: a RayCluster that was deleted and made again, a RayJob too.
        again = life > 1 and entry.kind in ("RayCluster", "RayJob")
        return f"{role} (life {life})" if again else role

    def _role(self, kind: str, name: str) -> str:
        if kind == "RayCluster":
            return f"RayCluster/{self.cluster(name)}"
        if kind == "Pod":
            return f"Pod/{self._pods.get(name, plain(name))}"
        for cluster, role in self._clusters.items():
            if name == cluster or re.fullmatch(re.escape(cluster) + "-head-svc", name):
                return f"{kind}/{role}{name.removeprefix(cluster)}"
        return f"{kind}/{plain(name)}"

    def _next(self, name: str) -> int:
        self._counts[name] = self._counts.get(name, 0) + 1
        return self._counts[name]
