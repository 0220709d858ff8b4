import re
from typing import get_args

import pytest

from ml_platform.clusters.interface import ClusterPhase, ClusterView, HeadAddress, JobKey

KEY = JobKey(asset="flight_delay/model", partition="2013-03-01", training="abc")


def test_a_slug_is_short_lower_case_and_tells_trainings_of_a_partition_apart() -> None:
    other = JobKey(asset="flight_delay/model", partition="2013-03-01", training="def")
    assert KEY.slug().startswith("flight-delay-model-2013-03-01")
    assert len(KEY.slug()) <= 40
    assert KEY.slug() != other.slug()


@pytest.mark.parametrize("asset", ["1st/model", "Größe/model", "x" * 90, "a__b/model", "/"])
def test_a_slug_is_a_name_for_kubernetes_whatever_the_asset_is_called(asset: str) -> None:
    slug = JobKey(asset=asset, partition="2013-03-01", training="abc").slug()
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", slug)


def test_each_attempt_has_a_submission_id_of_its_own_that_is_always_the_same() -> None:
    assert KEY.submission_id(2) == f"{KEY.slug()}-2"
    assert KEY.submission_id(1) != KEY.submission_id(2)


def test_what_cannot_be_seen_is_not_gone() -> None:
    gone = {
        phase
        for phase in get_args(ClusterPhase)
        if ClusterView(name="a", provisioner="local", phase=phase).is_gone
    }
    assert gone == {"absent", "stopping", "failed", "lost"}


def test_a_token_is_sent_and_never_shown() -> None:
    head = HeadAddress(url="http://127.0.0.1:1", token="secret")
    assert head.headers == {"Authorization": "Bearer secret"}
    assert "secret" not in repr(head)
    assert HeadAddress(url="http://127.0.0.1:1").headers == {}
