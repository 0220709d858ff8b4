"""What is looked at of a cluster, as an API server answers it."""

from ml_platform.clusters.kuberay.start import seen_by
from ml_platform.clusters.kuberay.subjects import subjects
from ml_platform.clusters.kuberay.watch import Watch
from tests.unit.clusters.kuberay.kubernetes_server import kubernetes_server
from tests.unit.clusters.kuberay.objects import event, pod


def test_of_events_that_are_no_warnings_only_those_come_that_no_status_says() -> None:
    reasons = ["Scheduled", "Pulling", "Pulled", "Created", "Started", "TriggeredScaleUp"]
    said = [
        {**event(reason, "", "w"), "type": "Normal", "metadata": {"uid": reason}}
        for reason in reasons
    ]
    said += [{**event("FailedMount", "", "w"), "metadata": {"uid": "a warning"}}]
    with kubernetes_server() as server:
        server.objects = {"pods": [pod("w")], "events": [*said]}
        with Watch(server.access, subjects("ns", "c")) as watch:
            assert watch.wait_for_lists(10)
            seen = seen_by(watch, "u", 0.0)
    assert [one["reason"] for one in seen.events] == ["Pulling", "TriggeredScaleUp", "FailedMount"]
