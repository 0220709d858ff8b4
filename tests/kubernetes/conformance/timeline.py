"""Timelines: recorded ones from `traces/`, and ones being observed; both in the same format.

Random suffixes are `<r1>`, `<r2>` … in order of appearance, the namespace is `<ns>`.
"""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

from tests.support.kuberay.api import Object

TRACES: Final = Path(__file__).parent / "traces"
OVERTAKEN_S: Final = 0.5
SUFFIX: Final = "[bcdfghjklmnpqrstvwxz2456789]{5}"
UID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: when (seconds), of what, how, and the fields of it that clients depend on."""

    t: float
    kind: str
    name: str
    change: str
    fields: Object


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """A scenario from its first create to its last object, and what was there at the end."""

    scenario: str
    entries: tuple[Entry, ...]
    end: Object

    @classmethod
    def from_json(cls, document: Object) -> Self:
        entries = [
            Entry(e["t"], e["kind"], e["name"], e["change"], e.get("part") or {})
            for e in document["timeline"]
        ]
        # Each kind has a watch of its own, and Events may overtake what they are about.
        entries.sort(key=lambda e: e.t + (OVERTAKEN_S if e.kind == "Event" else 0.0))
        return cls(scenario=document["situation"], entries=tuple(entries), end=document["end"])


@cache
def recorded(scenario: str) -> Timeline:
    """The timeline of the real operator."""
    return Timeline.from_json(json.loads((TRACES / f"{scenario}.json").read_text()))


@dataclass(kw_only=True)
class Draft:
    """A timeline that grows; names are made anonymous when it is finished."""

    scenario: str
    namespace: str
    entries: list[Object] = field(default_factory=list)
    end: Object = field(default_factory=dict)
    suffixes: list[str] = field(default_factory=list)

    def learn(self, kind: str, item: Object) -> None:
        """Notice the random part of an object's name."""
        meta = item["metadata"]
        generated = meta.get("generateName")
        if generated:
            self._suffix(meta["name"].removeprefix(generated))
        if kind == "RayCluster":
            for owner in meta.get("ownerReferences") or []:
                self._suffix_after(owner["name"], meta["name"])
        if kind == "RayJob":
            name = (item.get("status") or {}).get("rayClusterName", "")
            self._suffix_after(meta["name"], name)

    def finished(self) -> Timeline:
        """With anonymous names."""
        text = json.dumps({"timeline": self.entries, "end": self.end}, ensure_ascii=False)
        found = sorted((s for s in self.suffixes if s in text), key=text.index)
        for number, suffix in enumerate(found, start=1):
            text = re.sub(rf"(?<![A-Za-z0-9]){suffix}(?![A-Za-z0-9])", f"<r{number}>", text)
        text = UID.sub("<uid>", text.replace(self.namespace, "<ns>"))
        document: dict[str, Any] = json.loads(text)
        return Timeline.from_json({"situation": self.scenario, **document})

    def _suffix_after(self, owner: str, name: str) -> None:
        if name.startswith(f"{owner}-"):
            self._suffix(name.removeprefix(f"{owner}-"))

    def _suffix(self, text: str) -> None:
        if re.fullmatch(SUFFIX, text) and text not in self.suffixes:
            self.suffixes.append(text)
