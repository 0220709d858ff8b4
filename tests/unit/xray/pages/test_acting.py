"""Who may act on clusters from a page, what is noted of it, and how everybody else is refused."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from ml_platform.clusters.kuberay.start import PODS
from ml_platform.errors import SettingsError
from ml_platform.settings import Settings
from ml_platform.storage import Folder
from ml_platform.xray.acts import ActLog
from ml_platform.xray.pages.access import PROGRAM, access_for
from tests.support.xray_clusters import ADAS, JOBS, SomeClusters, clusters_of
from tests.support.xray_pages import NOW_S, facts, pages_of

TOKEN = "correct horse battery staple"
OPERATORS = "a token of the operators"
WITHIN_S = 30.0
PROXIED = "x-forwarded-user"


@pytest.fixture
def clusters(settings: Settings) -> Iterator[SomeClusters]:
    with clusters_of(settings) as some:
        yield some


@pytest.fixture
def guarded(settings: Settings) -> Settings:
    tokens = {"xray_token": SecretStr(TOKEN), "xray_operator_token": SecretStr(OPERATORS)}
    proxy = {"xray_user_header": "X-Forwarded-User", "xray_operators": "grace, on-call"}
    return settings.model_copy(update=tokens | proxy)


@pytest.fixture
def url(guarded: Settings, clusters: SomeClusters) -> Iterator[str]:
    with pages_of(guarded, host="0.0.0.0", inventory=clusters.inventory, acts=clusters.acts) as url:
        yield url


@pytest.fixture
def anybody(url: str) -> Iterator[Callable[..., httpx.Client]]:
    """Makes a client, logged in as told."""
    opened = []

    def client(*, token: str = "", name: str = "", proxied: str = "") -> httpx.Client:
        headers = {PROXIED: proxied} if proxied else {}
        one = httpx.Client(base_url=url, headers=headers)
        opened.append(one)
        if token:
            answer = one.post("/login", data={"token": token, "name": name, "next": "/clusters"})
            assert answer.headers["location"] == "/clusters"
        return one

    yield client
    for one in opened:
        one.close()


@pytest.fixture
def operator(anybody: Callable[..., httpx.Client]) -> httpx.Client:
    return anybody(token=OPERATORS, name="Ada L.")


def form_token(client: httpx.Client) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', client.get("/clusters").text)
    return found[1] if found else ""


def act(client: httpx.Client, verb: str, cluster: str = ADAS, **fields: str) -> httpx.Response:
    """Send the form of the page as a browser does."""
    data = {"form_token": form_token(client), "act": verb, "cluster": cluster} | fields
    return client.post("/clusters", data=data, headers={"sec-fetch-site": "same-origin"})


def newest(client: httpx.Client) -> dict[str, str]:
    """What was done last, once it has ended."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        found = facts(client, "/clusters.json")["acts"]
        if found and found[0]["outcome"] != "begun":
            return found[0]
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_an_operator_stops_a_cluster_and_it_is_noted_who(
    operator: httpx.Client, clusters: SomeClusters, settings: Settings
) -> None:
    # Those who watch are told: the watch of who stops it may have seen the pod already.
    clusters.server.after = lambda method, path: (
        clusters.server.remove(PODS, f"{ADAS}-head") if method == "DELETE" else None
    )
    assert act(operator, "stop").headers["location"] == "/clusters"

    done = newest(operator)
    assert (done["who"], done["verb"], done["target"]) == ("Ada L.", "stop", ADAS)
    assert (done["outcome"], done["message"]) == ("done", "it is gone")
    assert clusters.server.objects[JOBS] == []
    # Whoever serves the pages next finds it in the storage.
    log = ActLog(settings.storage_root)
    log.look(now_s=NOW_S)
    assert [(one.who, one.outcome) for one in log.newest()] == [("Ada L.", "done")]


def test_an_operator_extends_anybodys_cluster(
    operator: httpx.Client, clusters: SomeClusters
) -> None:
    act(operator, "extend", hours="4")

    assert newest(operator)["outcome"] == "done"
    (job,) = clusters.server.objects[JOBS]
    assert job["metadata"]["annotations"]["ml-platform/expires"] == "2026-11-28T21:00:00Z"
    # The page looks anew, however short ago it has.
    (row,) = facts(operator, "/clusters.json")["clusters"]
    assert row["expires_at_s"] == NOW_S + 4 * 3600


def test_what_cannot_be_done_is_told_with_why(operator: httpx.Client) -> None:
    act(operator, "extend", hours="1")  # it lives for one from now on already

    failed = newest(operator)
    assert failed["outcome"] == "failed"
    assert "longer than" in failed["message"]
    assert "longer than" in operator.get("/clusters").text


def test_an_operator_removes_what_nobody_needs(
    operator: httpx.Client, clusters: SomeClusters
) -> None:
    act(operator, "reap", cluster="")

    assert newest(operator)["message"] == "every cluster is needed"
    assert len(clusters.server.objects[JOBS]) == 1


def test_what_went_is_told_though_another_may_not_go(
    operator: httpx.Client, clusters: SomeClusters
) -> None:
    (adas,) = clusters.server.objects[JOBS]
    annotations = {**adas["metadata"]["annotations"], "ml-platform/expires": "2026-01-02T00:00:00Z"}
    for name in ("left", "protected"):
        own = {**adas["metadata"], "name": name, "uid": name, "annotations": annotations}
        clusters.server.objects[JOBS].append({**adas, "metadata": own})
    clusters.server.refused["DELETE protected"] = 422

    act(operator, "reap", cluster="")

    failed = newest(operator)
    assert failed["outcome"] == "failed"
    assert failed["message"].startswith(
        "removed left; not all could be looked at or removed: protected: Kubernetes refuses"
    )


@pytest.mark.parametrize("name", ["grace", "on-call"])
def test_a_name_that_the_proxy_says_may_act_where_it_is_an_operators(
    anybody: Callable[..., httpx.Client], name: str
) -> None:
    person = anybody(proxied=name)
    act(person, "reap", cluster="")
    assert newest(person)["who"] == name


def test_a_reader_sees_no_form_and_is_refused_with_what_it_takes(
    anybody: Callable[..., httpx.Client], clusters: SomeClusters
) -> None:
    for reader in (anybody(token=TOKEN), anybody(proxied="bob")):
        page = reader.get("/clusters").text
        assert "<form" in page  # the search above all pages
        assert 'name="act"' not in page
        assert "Log in as an operator" in page
        refused = act(reader, "stop")
        assert refused.status_code == 403
        assert "may read these pages, and not act on them" in refused.text
        assert "MLP_XRAY_OPERATORS" in refused.text
    assert clusters.log.newest() == ()
    assert len(clusters.server.objects[JOBS]) == 1


def test_who_has_not_logged_in_is_asked_to_and_nothing_is_done(
    anybody: Callable[..., httpx.Client], clusters: SomeClusters
) -> None:
    answer = anybody().post("/clusters", data={"act": "stop", "cluster": ADAS})
    assert answer.headers["location"] == "/login?next=%2F"
    assert clusters.log.newest() == ()


def test_a_form_of_somebody_elses_page_does_nothing(
    operator: httpx.Client, anybody: Callable[..., httpx.Client], clusters: SomeClusters
) -> None:
    stop = {"act": "stop", "cluster": ADAS}
    others = form_token(anybody(proxied="grace"))
    for token in ("", "0" * 64, others):
        refused = operator.post("/clusters", data=stop | {"form_token": token})
        assert refused.status_code == 403
        assert "was not sent by a page of these" in refused.text
    mine = form_token(operator)
    for site in ("cross-site", "same-site"):
        refused = operator.post(
            "/clusters", data=stop | {"form_token": mine}, headers={"sec-fetch-site": site}
        )
        assert refused.status_code == 403
    assert clusters.log.newest() == ()


def test_an_operator_says_who_they_are(url: str) -> None:
    answer = httpx.post(f"{url}/login", data={"token": OPERATORS, "name": "  "})
    assert answer.status_code == 400
    assert "Say who you are too" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_cookie_with_another_name_in_it_is_none(
    operator: httpx.Client, url: str, guarded: Settings
) -> None:
    access = access_for("0.0.0.0", guarded)
    mine = access.operator_session("Ada L.")
    forged = access.operator_session("eve").partition(".")[0] + "." + mine.partition(".")[2]
    for cookie, status in ((mine, 200), (forged, 303), (OPERATORS, 303), ("é.x", 303)):
        headers = {b"cookie": f"mlp_xray={cookie}".encode()}
        assert httpx.get(f"{url}/clusters", headers=headers).status_code == status


def test_a_program_acts_by_the_operators_token_and_reads_what_it_has_begun(
    url: str, anybody: Callable[..., httpx.Client]
) -> None:
    sent = {"authorization": f"Bearer {OPERATORS}"}
    begun = httpx.post(f"{url}/clusters.json", data={"act": "reap"}, headers=sent)
    assert begun.status_code == 202
    assert (begun.json()["who"], begun.json()["verb"]) == (PROGRAM, "reap")
    reader = {"authorization": f"Bearer {TOKEN}"}
    refused = httpx.post(f"{url}/clusters.json", data={"act": "reap"}, headers=reader)
    assert refused.status_code == 403
    assert "not act" in refused.json()["error"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"act": "stop", "cluster": "dev-bob"}, "there is no cluster"),
        ({"act": "extend", "cluster": ADAS, "hours": "1000"}, "not by"),
        ({"act": "burn", "cluster": ADAS}, "there is no act"),
    ],
)
def test_what_there_is_not_is_told_and_not_noted(
    operator: httpx.Client, clusters: SomeClusters, fields: dict[str, str], told: str
) -> None:
    answer = operator.post("/clusters", data=fields | {"form_token": form_token(operator)})
    assert answer.status_code == 400
    assert told in answer.text
    assert clusters.log.newest() == ()


def test_what_cannot_be_noted_is_not_done(
    operator: httpx.Client, clusters: SomeClusters, settings: Settings
) -> None:
    token = form_token(operator)
    folder = Path(Folder(settings.storage_root).path("xray"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "acts").write_text("a file where a folder is to be")

    answer = operator.post("/clusters", data={"act": "stop", "cluster": ADAS, "form_token": token})
    assert answer.status_code == 503
    assert len(clusters.server.objects[JOBS]) == 1


def test_on_this_machine_too_nobody_acts_without_a_role(
    settings: Settings, clusters: SomeClusters
) -> None:
    with pages_of(settings, inventory=clusters.inventory, acts=clusters.acts) as url:
        refused = httpx.post(f"{url}/clusters", data={"act": "stop", "cluster": ADAS})
        assert refused.status_code == 403
        assert "These pages only read" in httpx.get(f"{url}/clusters").text


def test_on_this_machine_an_operator_logs_in_though_everybody_reads(
    settings: Settings, clusters: SomeClusters
) -> None:
    ours = settings.model_copy(update={"xray_operator_token": SecretStr(OPERATORS)})
    with (
        pages_of(ours, inventory=clusters.inventory, acts=clusters.acts) as url,
        httpx.Client(base_url=url) as person,
    ):
        assert person.get("/clusters").status_code == 200
        person.post("/login", data={"token": OPERATORS, "name": "ada"})
        assert "ada, operator" in person.get("/clusters").text
        person.post("/logout")
        assert 'name="act"' not in person.get("/clusters").text


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"xray_operator_token": SecretStr("short")}, "has 5 characters"),
        (
            {"xray_operator_token": SecretStr(TOKEN), "xray_token": SecretStr(TOKEN)},
            "whoever reads could act",
        ),
        ({"xray_operators": "grace"}, "nothing says who somebody is"),
    ],
)
def test_roles_that_protect_nothing_are_refused_when_the_pages_are_served(
    settings: Settings, values: dict[str, object], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        access_for("127.0.0.1", settings.model_copy(update=values))
