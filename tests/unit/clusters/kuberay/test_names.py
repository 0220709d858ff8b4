"""No RayJob of ours takes the head's service of a RayCluster that has its name.

KubeRay (1.7.0) leads the service `<name>-head-svc`, whoever made it, to the head of a RayJob called
`<name>` once that is Running.
"""

import re

import pytest

from ml_platform.clusters.interface import JobKey
from ml_platform.clusters.kuberay.ephemeral import EphemeralProvisioner
from ml_platform.clusters.kuberay.expiry import extension
from ml_platform.clusters.kuberay.interactive_manifest import Wanted, interactive_manifest
from tests.unit.clusters.kuberay.clusters import CONFIG, cluster

OF_KUBERAY = re.compile(r".*-[bcdfghjklmnpqrstvwxz2456789]{5}")
"""The name of a RayCluster that KubeRay makes for a RayJob."""


@pytest.mark.parametrize("attempt", [1, 2, 22, 2222])
def test_the_name_of_an_attempts_rayjob_is_none_that_a_raycluster_has(attempt: int) -> None:
    key = JobKey(asset="flight_delay/model", partition="2013-03-01", training="abc")
    name = EphemeralProvisioner(CONFIG).cluster_name(key, attempt, cluster())
    assert re.fullmatch(rf".*-[0-9a-f]{{10}}-{attempt}", name)
    assert not OF_KUBERAY.fullmatch(name)


def test_an_interactive_rayjob_never_runs_as_nobody_names_its_job() -> None:
    wanted = Wanted(name="dev-ada", spec=cluster(), owner="ada@laptop", ttl_s=3600)
    made = interactive_manifest(wanted, CONFIG, now_s=0.0)
    made["metadata"]["creationTimestamp"] = "1970-01-01T00:00:00Z"
    assert made["spec"]["submissionMode"] == "InteractiveMode"
    assert "jobId" not in made["spec"]
    assert "jobId" not in extension(made, ttl_s=7200, now_s=0.0)["spec"]
