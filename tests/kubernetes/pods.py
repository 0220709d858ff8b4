"""Small pods for tests: made, waited for, asked what they said."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.kubernetes.testbed.cluster import Cluster

_END_S: Final = 60


def pod(
    cluster: Cluster,
    namespace: str,
    name: str,
    command: Sequence[str],
    *,
    image: str | None = None,
    env: Mapping[str, str] | None = None,
    **container: Any,
) -> dict[str, Any]:
    """A pod of one container that runs once, as whoever the image says.

    Args:
        cluster: Whose image it runs.
        namespace: Where it belongs.
        name: Its name.
        command: What it runs.
        image: Another image than the project's.
        env: Variables of its environment.
        container: More fields of its container.
    """
    variables = [{"name": key, "value": value} for key, value in (env or {}).items()]
    only = {
        "name": "main",
        "image": image or cluster.image,
        "imagePullPolicy": "Never",
        "command": list(command),
        "env": variables,
        **container,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True},
            "containers": [only],
        },
    }


def create(cluster: Cluster, *objects: Mapping[str, Any]) -> None:
    """Make the objects."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    cluster.kubectl("create", "--filename", "-", stdin=text)


def wait(cluster: Cluster, namespace: str, name: str, condition: str) -> None:
    """Wait until a pod is in this condition, such as `condition=Ready`; a minute at most."""
    where = (f"pod/{name}", f"--namespace={namespace}")
    cluster.kubectl("wait", *where, f"--for={condition}", f"--timeout={_END_S}s")


def output(
    cluster: Cluster, namespace: str, name: str, command: Sequence[str], **options: Any
) -> str:
    """Run a pod to its successful end; what it wrote."""
    create(cluster, pod(cluster, namespace, name, command, **options))
    wait(cluster, namespace, name, "jsonpath={.status.phase}=Succeeded")
    return cluster.kubectl("logs", name, f"--namespace={namespace}")
