"""The API server forgets what was: a watch or a list that goes on from there gets a 410 Gone."""

import json
import urllib.request
from typing import Any

from tests.kubernetes.faults.recovery import until_node_is_back
from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.node import Node


def forget(node: Node) -> int:
    """Make every resource version until now too old; returns etcd's revision.

    etcd is compacted. That alone is not noticed, since the API server answers from the memory it
    has of the last changes, so it starts again (3 s): it then remembers nothing older than now.
    """
    revision = _revision()
    _ask("kv/compaction", {"revision": str(revision), "physical": True})
    node.component("kube-apiserver").restart()
    until_node_is_back(node, after="kube-apiserver")
    return revision


def _revision() -> int:
    any_key = {"key": "AA==", "range_end": "AA==", "count_only": True}
    return int(_ask("kv/range", any_key)["header"]["revision"])


def _ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A question to etcd's gateway, which speaks JSON."""
    request = urllib.request.Request(f"{layout.ETCD}/v3/{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return dict(json.load(answer))
