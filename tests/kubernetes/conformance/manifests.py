"""Manifests as in the recordings, with containers that run the chosen Ray."""

import copy
from pathlib import Path
from typing import Any

from tests.kubernetes.conformance.rays import STAND_IN, Ray
from tests.support.kuberay import ray_stand_in
from tests.support.kuberay.api import Object, Resource

CONFIG_MAP = Resource("ConfigMap", "v1", "configmaps")


class Manifests:
    """Makes manifests that run an image of the cluster at hand."""

    def __init__(self, image: str, ray: Ray) -> None:
        self.image = image
        self.ray = ray

    def group(self, name: str = "w", replicas: int = 1, **container: Any) -> Object:
        """A worker group."""
        return {
            "groupName": name,
            "replicas": replicas,
            "minReplicas": replicas,
            "maxReplicas": replicas,
            "rayStartParams": {"num-cpus": "1"},
            "template": _template(self._container("ray-worker", **container)),
        }

    def spec(
        self,
        groups: list[Object] | None = None,
        *,
        head_env: dict[str, str] | None = None,
        head_pod: Object | None = None,
        params: dict[str, str] | None = None,
        **other: Any,
    ) -> Object:
        """The spec of a RayCluster; one group of one worker unless told otherwise.

        Args:
            groups: Worker groups.
            head_env: More environment of the head's container.
            head_pod: More fields of the head's pod spec.
            params: More `rayStartParams` of the head.
            other: More fields of the spec.
        """
        template = _template(self._container("ray-head", env=head_env))
        template["spec"] |= head_pod or {}
        return {
            "rayVersion": "2.60.0",
            "headGroupSpec": {
                "rayStartParams": {"dashboard-host": "0.0.0.0", "num-cpus": "0", **(params or {})},
                "template": template,
            },
            "workerGroupSpecs": [self.group()] if groups is None else groups,
            **other,
        }

    def cluster(self, name: str = "rc1", **spec: Any) -> Object:
        """A RayCluster."""
        return {
            "apiVersion": "ray.io/v1",
            "kind": "RayCluster",
            "metadata": {"name": name},
            "spec": self.spec(**spec),
        }

    def job(self, name: str = "rj1", cluster: Object | None = None, **spec: Any) -> Object:
        """A RayJob in InteractiveMode; a field that is None is left out."""
        fields = {
            "submissionMode": "InteractiveMode",
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": 5,
            "activeDeadlineSeconds": 300,
            "preRunningDeadlineSeconds": 180,
            "backoffLimit": 0,
            "rayClusterSpec": cluster or self.spec(),
            **spec,
        }
        return {
            "apiVersion": "ray.io/v1",
            "kind": "RayJob",
            "metadata": {"name": name},
            "spec": {key: value for key, value in fields.items() if value is not None},
        }

    def _container(self, name: str, env: dict[str, str] | None = None, **other: Any) -> Object:
        fields = self.ray.container(name)
        variables = {**fields.pop("env"), **(env or {})}
        resources = {bound: fields.pop(bound) for bound in ("requests", "limits")}
        return {
            "name": name,
            "image": self.image,
            "imagePullPolicy": "Never",
            "env": [{"name": key, "value": value} for key, value in variables.items()],
            "resources": resources,
            **fields,
            **other,
        }


def stand_in_config_map(namespace: str) -> Object:
    """The stand-in as a program called `ray`."""
    program = Path(ray_stand_in.__file__).read_text()
    return {"metadata": {"name": STAND_IN, "namespace": namespace}, "data": {"ray": program}}


def requesting(group: Object, bound: str, resource: str, quantity: str) -> Object:
    """The group with one more resource among its requests or limits."""
    changed = copy.deepcopy(group)
    resources = changed["template"]["spec"]["containers"][0]["resources"]
    resources[bound] = {**resources[bound], resource: quantity}
    return changed


def _template(container: Object) -> Object:
    volume = {"name": STAND_IN, "configMap": {"name": STAND_IN, "defaultMode": 0o555}}
    return {"spec": {"containers": [container], "volumes": [volume]}}
