"""Names that are the same in every run, in place of the random ones."""

import re
from dataclasses import dataclass, field

from tests.kubernetes.conformance.texts import normalise_text
from tests.kubernetes.conformance.timeline import Entry


@dataclass(kw_only=True)
class StableNames:
    """Numbers, given out in the order of appearance.

    Two RayClusters with different suffixes are `rj1-<r>#1` and `#2`; the workers of a group are
    numbered through, successors included.
    """

    _clusters: dict[str, str] = field(default_factory=dict)
    _pods: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _lives: dict[tuple[str, str], int] = field(default_factory=dict)

    def cluster(self, name: str) -> str:
        """The name of a RayCluster, also before it is made."""
        if name not in self._clusters:
            self._clusters[name] = f"{normalise_text(name)}#{self._next(normalise_text(name))}"
        return self._clusters[name]

    def of(self, entry: Entry) -> str:
        """The name of an entry's object; of an Event that of the object that it is about."""
        if entry.kind == "Event":
            kind, _, name = entry.name.partition("/")
            return self._name(kind, name)
        labels = entry.fields.get("labels") or {}
        if labels.get("ray.io/cluster"):
            # Each kind has its own watch: a service may be seen before its cluster.
            self.cluster(labels["ray.io/cluster"])
        if entry.kind == "Pod" and entry.name not in self._pods:
            place = (
                f"{self.cluster(labels.get('ray.io/cluster', '?'))}/{labels.get('ray.io/group')}"
            )
            self._pods[entry.name] = f"{place}[{self._next(place)}]"
        stable = self._name(entry.kind, entry.name)
        key = (entry.kind, entry.name)
        if entry.change == "ADDED":
            self._lives[key] = self._lives.get(key, 0) + 1
        life = self._lives.get(key, 1)
        # The same name once more: a RayCluster that was deleted and made again, a RayJob too.
        again = life > 1 and entry.kind in ("RayCluster", "RayJob")
        return f"{stable} (life {life})" if again else stable

    def _name(self, kind: str, name: str) -> str:
        if kind == "RayCluster":
            return f"RayCluster/{self.cluster(name)}"
        if kind == "Pod":
            return f"Pod/{self._pods.get(name, normalise_text(name))}"
        for cluster, stable in self._clusters.items():
            if name == cluster or re.fullmatch(re.escape(cluster) + "-head-svc", name):
                return f"{kind}/{stable}{name.removeprefix(cluster)}"
        return f"{kind}/{normalise_text(name)}"

    def _next(self, name: str) -> int:
        self._counts[name] = self._counts.get(name, 0) + 1
        return self._counts[name]
