"""What KubeRay is asked for when a person wants a cluster, and how that one is seen."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ml_platform.clusters.kuberay import labels
from ml_platform.clusters.kuberay.config import KubeRayConfig
from ml_platform.clusters.kuberay.interactive_manifest import Wanted, interactive_manifest
from ml_platform.clusters.kuberay.owner import default_name
from ml_platform.clusters.kuberay.views import view_of
from ml_platform.errors import InputError, ModelSpecError
from tests.unit.clusters.kuberay.clusters import CONFIG, WITH_NODES, cluster
from tests.unit.clusters.kuberay.objects import container, pod, running

NOW_S = datetime.fromisoformat("2026-01-02T12:00:00Z").timestamp()
ADA = "ada@laptop"


def manifest(config: KubeRayConfig = CONFIG, *, ttl_s: float = 3600, **spec: Any) -> dict[str, Any]:
    wanted = Wanted(name="dev-ada", spec=cluster(**spec), owner=ADA, ttl_s=ttl_s)
    return interactive_manifest(wanted, config, now_s=NOW_S)


def test_the_server_itself_holds_the_end_and_people_can_read_it() -> None:
    made = manifest()
    assert made["spec"]["preRunningDeadlineSeconds"] == 3600
    assert made["spec"]["shutdownAfterJobFinishes"] is True
    assert "jobId" not in made["spec"]
    assert made["metadata"]["annotations"][labels.EXPIRES] == "2026-01-02T13:00:00Z"
    assert made["metadata"]["annotations"][labels.OWNER] == ADA


def test_a_cluster_may_live_for_less_than_a_start_may_take() -> None:
    assert manifest(ttl_s=600)["spec"]["preRunningDeadlineSeconds"] == 600


def test_nobody_gets_a_cluster_for_longer_than_a_training() -> None:
    with pytest.raises(InputError, match="72 h"):
        manifest(ttl_s=3600 * 24 * 3 + 1)


def test_what_no_node_holds_is_refused_before_anything_is_made() -> None:
    with pytest.raises(ModelSpecError, match="h100") as raised:
        manifest(WITH_NODES, workers={"gpu": "h100", "gpus": 1})
    assert raised.value.hint.startswith("mend the options")


def test_its_image_is_the_platforms_and_stands_in_the_spec_that_is_compared() -> None:
    assert manifest() != manifest(replace(CONFIG, image="registry.example/platform:2"))


@pytest.mark.parametrize(
    ("owner", "name"),
    [(ADA, "dev-ada"), ("Ada.L@x", "dev-ada-l"), ("root@7", "dev-root"), ("ö@x", "dev")],
)
def test_a_name_comes_from_the_person(owner: str, name: str) -> None:
    assert default_name(owner) == name


HEAD = pod("c-head", head=True, containers=[container("ray-head", state=running(), ready=True)])


def seen(deployment: str, **status: str) -> dict[str, Any]:
    made = manifest()
    made["metadata"] |= {"uid": "u", "creationTimestamp": "2026-01-02T12:00:00Z"}
    return {**made, "status": {"jobDeploymentStatus": deployment, **status}}


def test_it_is_ready_while_a_head_runs_and_belongs_to_its_owner() -> None:
    view = view_of(seen("Waiting"), [HEAD], name="dev-ada")
    assert view.phase == "ready"
    assert view.users == (ADA,)
    assert view.details["expires"] == "2026-01-02T13:00:00Z"


def test_it_is_ready_before_kuberay_has_looked_if_somebody_saw_it_so() -> None:
    job = seen("Initializing")
    job["metadata"]["annotations"][labels.INCARNATION] = "the first"
    assert view_of(job, [HEAD], name="dev-ada").phase == "ready"


def test_it_starts_again_while_its_head_is_replaced() -> None:
    view = view_of(seen("Waiting"), [], name="dev-ada")
    assert (view.phase, view.reason) == ("starting", "its head is not running")


def test_at_its_end_it_has_expired_and_not_failed() -> None:
    view = view_of(seen("Failed", reason="PreRunningDeadlineExceeded"), [], name="dev-ada")
    assert (view.phase, view.reason) == ("stopping", "it expired at 2026-01-02T13:00:00Z")
