"""The page of clusters: which there are, whose, and what is seen of them when not all are."""

from collections.abc import Iterator

import httpx
import pytest

from ml_platform.settings import Settings
from tests.support.xray import Training
from tests.support.xray_clusters import ADA, ADAS, JOBS, SomeClusters, clusters_of
from tests.support.xray_pages import ESCAPED, MARKUP, NOW_S, facts, id_of, pages_of


@pytest.fixture
def clusters(settings: Settings) -> Iterator[SomeClusters]:
    with clusters_of(settings) as some:
        yield some


@pytest.fixture
def reader(settings: Settings, clusters: SomeClusters) -> Iterator[httpx.Client]:
    priced = settings.model_copy(update={"price_cpu_hour": 1.0})
    with (
        pages_of(priced, inventory=clusters.inventory, acts=clusters.acts) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


def test_the_top_says_how_many_there_are_how_they_are_and_what_they_cost_an_hour(
    reader: httpx.Client,
) -> None:
    page = facts(reader, "/clusters.json")
    assert page["sentence"] == "1 cluster: 1 ready; it costs 2.00 an hour."
    (row,) = page["clusters"]
    assert (row["view"]["name"], row["whose"]) == (ADAS, ADA)
    # It was made an hour ago, and lives for one from now on.
    assert row["so_far"] == pytest.approx(2.0)
    assert row["expires_at_s"] == NOW_S + 3600
    assert row["view"]["spec"]["provisioner"] == "ephemeral"
    html = reader.get("/clusters").text
    assert page["sentence"] in html
    assert 'href="http://head.ray:8265"' in html


def test_the_cluster_of_an_attempt_leads_to_it_and_is_told_by_its_reason(
    settings: Settings, clusters: SomeClusters
) -> None:
    training = Training(storage_root=settings.storage_root)
    training.claim(at_s=NOW_S - 900, run="run-of-ada")
    name = f"{training.request.job_key().slug()}-1"
    (adas,) = clusters.server.objects[JOBS]
    clusters.server.make(
        JOBS,
        {
            "metadata": {
                "name": name,
                "labels": adas["metadata"]["labels"],
                "annotations": {"ml-platform/run": "run-of-ada"},
            },
            "status": {"jobDeploymentStatus": "Suspended", "message": MARKUP},
        },
    )
    with (
        pages_of(settings, inventory=clusters.inventory) as url,
        httpx.Client(base_url=url) as reader,
    ):
        page = facts(reader, "/clusters.json")
        assert page["sentence"] == "2 clusters: 1 ready, 1 in a queue."
        html = reader.get("/clusters").text
        assert ">flight_delay of 2013-03-14</a>" in html
        assert ESCAPED in html
        assert "<script>alert" not in html
        attempt = id_of(training, 1)
        assert f'href="/attempts/{attempt}"' in html
        assert f'href="/clusters#{name}"' in reader.get(f"/attempts/{attempt}").text


def test_without_any_cluster_it_says_who_makes_one(settings: Settings) -> None:
    with pages_of(settings) as url:
        html = httpx.get(f"{url}/clusters").text
    assert "There is no cluster now." in html
    assert "<code>mlp cluster up</code>" in html


def test_a_kubernetes_that_is_away_is_told_and_what_was_seen_stays_no_lie(
    reader: httpx.Client, clusters: SomeClusters
) -> None:
    clusters.server.before = lambda method, path: (503, b"{}")
    page = facts(reader, "/clusters.json")
    assert page["sentence"] == "No cluster can be seen now."
    assert page["trouble"].startswith("clusters of the provisioner ephemeral:")
    html = reader.get("/clusters").text
    assert "These may not be all" in html
    assert "A training makes a cluster" not in html


def test_nobody_is_asked_while_nobody_looks(reader: httpx.Client, clusters: SomeClusters) -> None:
    asked = len(clusters.server.requests)
    reader.get("/")
    assert len(clusters.server.requests) == asked
    for _ in range(5):
        reader.get("/clusters")
    # One look for all of them, which is two lists.
    assert len(clusters.server.requests) == asked + 2


def test_it_sorts_by_its_address_and_is_there_as_csv(reader: httpx.Client) -> None:
    text = reader.get("/clusters.csv").text
    header, row = text.splitlines()
    assert header.startswith("cluster,state,whose,doing,since,ends,an_hour,so_far")
    assert row.startswith(f"{ADAS},ready,{ADA}")
    assert 'aria-sort="descending"' in reader.get("/clusters?sort=-so_far").text
    assert reader.get("/clusters?sort=size").status_code == 400


def test_a_text_chooses_clusters_by_whatever_is_said_of_them(
    settings: Settings, clusters: SomeClusters
) -> None:
    training = Training(storage_root=settings.storage_root)
    training.claim(at_s=NOW_S - 900)
    name = f"{training.request.job_key().slug()}-1"
    (adas,) = clusters.server.objects[JOBS]
    labels = adas["metadata"]["labels"]
    clusters.server.make(JOBS, {"metadata": {"name": name, "labels": labels}, "status": {}})
    with (
        pages_of(settings, inventory=clusters.inventory) as url,
        httpx.Client(base_url=url) as reader,
    ):
        both = facts(reader, "/clusters.json")
        for text, found in (("FLIGHT_DELAY of", name), ("ada", ADAS)):
            page = facts(reader, f"/clusters.json?q={text}")
            assert [one["view"]["name"] for one in page["clusters"]] == [found]
            assert page["sentence"] == both["sentence"]
        html = reader.get("/clusters?q=ada&sort=-state").text
        assert 'href="/clusters?q=ada&amp;sort=cluster"' in html
        assert '<input type="hidden" name="sort" value="-state">' in html
        assert 'href="/clusters?sort=-state">Show all</a>' in html
        nothing = reader.get("/clusters?q=%3Cb%3E").text
        assert "No cluster is like that." in nothing
        assert 'value="&lt;b&gt;"' in nothing
