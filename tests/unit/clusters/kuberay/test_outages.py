"""An API server that is away is told once an outage, also before anything is made."""

from ml_platform.clusters.kuberay.api import KubernetesApi
from ml_platform.clusters.kuberay.outages import ANOTHER_AFTER_S, Outages
from ml_platform.errors import ApiAwayError
from ml_platform.xray.records import Recorder
from tests.unit.clusters.fake_time import FakeTime
from tests.unit.clusters.kuberay.kubernetes_server import kubernetes_server, status

AWAY_NOW = status(503, "not yet")
AWAY = ApiAwayError("the API server there does not answer: 503")


def test_each_outage_is_told_once() -> None:
    time, told = FakeTime(), list[str]()
    outages = Outages(Recorder(lambda one: told.append(one.detail)), "team", clock=time.clock)
    for _ in range(5):
        outages.met(AWAY)
        time.sleep(ANOTHER_AFTER_S / 4)
    assert told == ["starting: the API server there does not answer: 503"]
    time.sleep(ANOTHER_AFTER_S)
    outages.met(AWAY)
    assert len(told) == 2


def test_a_question_is_told_of_only_within_the_block() -> None:
    told: list[ApiAwayError] = []
    with kubernetes_server() as server:
        failures = iter([AWAY_NOW, None, AWAY_NOW, None])
        server.before = lambda method, path: next(failures)
        api = KubernetesApi(server.access, sleep=lambda seconds: None)
        with api.telling(told.append):
            assert api.list("/pods") == []
        assert len(told) == 1
        assert api.list("/pods") == []
        assert len(told) == 1
