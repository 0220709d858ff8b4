from itertools import pairwise

import pytest

from ml_platform.clusters.kuberay.diagnosis.events import merged_events
from ml_platform.clusters.kuberay.seen import Object
from tests.unit.clusters.kuberay.objects import event
from tests.unit.clusters.kuberay.recorded import BEGIN_S, View, moments, time_text

OF_KUBELET: Object = {
    "type": "Warning",
    "reason": "BackOff",
    "message": "Back-off restarting",
    "involvedObject": {"kind": "Pod", "name": "p", "uid": "u"},
    "source": {"component": "kubelet"},
    "count": 4,
    "firstTimestamp": time_text(1),
    "lastTimestamp": time_text(9),
}
ITS_TWIN: Object = {
    "type": "Warning",
    "reason": "BackOff",
    "note": "Back-off restarting",
    "regarding": {"kind": "Pod", "name": "p", "uid": "u"},
    "reportingController": "kubelet",
    "deprecatedCount": 4,
    "deprecatedFirstTimestamp": time_text(1),
    "deprecatedLastTimestamp": time_text(9),
}


@pytest.mark.parametrize("raw", [[OF_KUBELET], [ITS_TWIN], [OF_KUBELET, ITS_TWIN]])
def test_an_event_and_its_twin_of_the_other_api_are_one(raw: list[Object]) -> None:
    (said,) = merged_events(raw)
    assert (said.component, said.count, said.uid) == ("kubelet", 4, "u")
    assert (said.first_s, said.at_s) == (BEGIN_S + 1, BEGIN_S + 9)
    assert str(said) == "Pod p: BackOff: Back-off restarting"


def test_an_event_of_the_operator_has_neither_count_nor_old_times() -> None:
    raw = {
        "type": "Warning",
        "reason": "FailedToCreateWorkerPod",
        "message": "refused",
        "involvedObject": {"kind": "RayCluster", "name": "c"},
        "eventTime": time_text(2),
        "count": None,
        "lastTimestamp": None,
        "source": {},
        "reportingComponent": "raycluster-controller",
        "series": {"count": 2, "lastObservedTime": time_text(5)},
    }
    (said,) = merged_events([raw])
    assert (said.at_s, said.first_s) == (BEGIN_S + 5, BEGIN_S + 2)
    assert (said.count, said.component) == (2, "raycluster-controller")


def test_tries_that_differ_only_in_the_pods_random_name_are_one() -> None:
    texts = [f'pods "c-w-worker-{end}" is forbidden: quota' for end in ("2n482", "r7p5s")]
    raw = [event("FailedToCreateWorkerPod", text, "c", kind="RayCluster") for text in texts]
    assert len(merged_events(raw)) == 1


@pytest.mark.parametrize("view", ["core", "events.k8s.io", "both"])
def test_a_normal_start_has_no_warning(view: View) -> None:
    last = moments("rj-success", view=view)[-1]
    said = merged_events(last.events)
    assert said
    assert [str(one) for one in said if one.warning] == []


def test_they_come_oldest_first() -> None:
    last = moments("rj-driver-oomkilled-group", view="both")[-1]
    said = merged_events(last.events)
    assert all(one.at_s <= other.at_s for one, other in pairwise(said))


def test_sixteen_refusals_by_a_quota_are_one_thing_that_was_said() -> None:
    last = moments("rc-quota")[-1]
    refused = [e for e in merged_events(last.events) if e.reason == "FailedToCreateWorkerPod"]
    assert len(refused) == 1
