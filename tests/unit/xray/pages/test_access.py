"""Who may read the pages."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from ml_platform.errors import SettingsError
from ml_platform.settings import Settings
from ml_platform.xray.pages.access import COOKIE, access_for, after_login
from tests.support.xray_pages import pages_of

TOKEN = "correct horse battery staple"
EVERYWHERE = "0.0.0.0"


def settings(home: Path, **values: Any) -> Settings:
    return Settings(home=home, **values)


def with_token(home: Path) -> Settings:
    return settings(home, xray_token=SecretStr(TOKEN))


def test_on_a_network_nobody_reads_without_a_login(home: Path) -> None:
    with pytest.raises(SettingsError, match=r"bound to 0\.0\.0\.0") as raised:
        access_for(EVERYWHERE, settings(home))
    assert "MLP_XRAY_TOKEN=" in raised.value.hint
    assert "MLP_XRAY_USER_HEADER" in raised.value.hint


def test_a_token_that_can_be_guessed_is_refused_and_not_told(home: Path) -> None:
    with pytest.raises(SettingsError, match="has 6 characters, and needs 16") as raised:
        access_for("127.0.0.1", settings(home, xray_token=SecretStr("secret")))
    assert "secret" not in str(raised.value)


def test_a_token_is_in_no_text_of_its_owner(home: Path) -> None:
    assert TOKEN not in repr(with_token(home))
    assert TOKEN not in repr(access_for(EVERYWHERE, with_token(home)))


def test_who_has_not_logged_in_is_asked_to_and_then_comes_back(home: Path) -> None:
    with pages_of(with_token(home), host=EVERYWHERE) as url, httpx.Client(base_url=url) as person:
        asked = person.get("/?status=open")
        assert asked.status_code == 303
        assert asked.headers["location"] == "/login?next=%2F%3Fstatus%3Dopen"
        assert person.get("/static/style.css").status_code == 200

        wrong = person.post("/login", data={"token": "guess", "next": "/"})
        assert wrong.status_code == 403
        assert "That is not the token." in wrong.text

        right = person.post("/login", data={"token": TOKEN, "next": "/?status=open"})
        assert right.headers["location"] == "/?status=open"
        cookie = right.headers["set-cookie"]
        for flag in ("HttpOnly", "SameSite=strict", "Path=/"):
            assert flag in cookie
        assert TOKEN not in cookie
        assert person.get("/").status_code == 200

        person.post("/logout")
        assert person.get("/").status_code == 303


def test_behind_tls_the_login_is_kept_for_tls(home: Path) -> None:
    with pages_of(with_token(home), host=EVERYWHERE) as url:
        answer = httpx.post(
            f"{url}/login", data={"token": TOKEN}, headers={"x-forwarded-proto": "https"}
        )
    assert "Secure" in answer.headers["set-cookie"]


def test_a_cookie_of_another_token_is_none(home: Path) -> None:
    other = access_for(EVERYWHERE, settings(home, xray_token=SecretStr("x" * 16))).session
    with pages_of(with_token(home), host=EVERYWHERE) as url:
        assert httpx.get(url, headers={"cookie": f"{COOKIE}={other}"}).status_code == 303
        assert httpx.get(url, headers={"cookie": f"{COOKIE}={TOKEN}"}).status_code == 303


def test_a_program_sends_the_token(home: Path) -> None:
    with pages_of(with_token(home), host=EVERYWHERE) as url:
        refused = httpx.get(f"{url}/attempts.json")
        assert refused.status_code == 401
        assert "Authorization: Bearer" in refused.json()["hint"]
        known = {"authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{url}/attempts.json", headers=known).status_code == 200
        assert httpx.get(f"{url}/attempts.csv", headers={"authorization": TOKEN}).status_code == 401


def test_prometheus_reads_the_metrics_with_the_token_and_is_refused_without(home: Path) -> None:
    with pages_of(with_token(home), host=EVERYWHERE) as url:
        refused = httpx.get(f"{url}/metrics")
        assert refused.status_code == 401  # a redirection would lead it to a page, which it reads
        read = httpx.get(f"{url}/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert read.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE mlp_attempts_ended_total counter\n" in read.text


def test_a_proxy_says_who_has_logged_in(home: Path) -> None:
    proxied = settings(home, xray_user_header="X-Forwarded-User")
    with pages_of(proxied, host=EVERYWHERE) as url:
        assert httpx.get(url, headers={"x-forwarded-user": "ada"}).status_code == 200
        assert httpx.get(url, headers={"x-forwarded-user": ""}).status_code == 401
        assert "X-Forwarded-User" in httpx.get(url).text


def test_on_this_machine_the_pages_go_by_its_names_alone(home: Path) -> None:
    ours = settings(home, xray_url="https://xray.example/")
    with pages_of(ours) as url:
        for name in ("localhost", "127.0.0.1:9729", "[::1]:9729", "xray.example"):
            assert httpx.get(url, headers={"host": name}).status_code == 200
        for name in ("evil.example", "localhost.evil.example", ""):
            refused = httpx.get(url, headers={"host": name})
            assert refused.status_code == 400


def test_nothing_runs_that_is_not_ours_and_nothing_is_cached(home: Path) -> None:
    with pages_of(settings(home)) as url:
        for address in ("/", "/attempts.json", "/nothing"):
            headers = httpx.get(f"{url}{address}").headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert "server" not in headers


def test_a_page_of_others_logs_nobody_out(home: Path) -> None:
    with pages_of(with_token(home), host=EVERYWHERE) as url:
        for address in ("/login", "/logout"):
            told = {"sec-fetch-site": "cross-site"}
            assert httpx.post(f"{url}{address}", headers=told).status_code == 403


def test_the_pages_only_read(home: Path) -> None:
    with pages_of(settings(home)) as url:
        for verb in ("POST", "PUT", "DELETE", "PATCH"):
            assert httpx.request(verb, f"{url}/attempts").status_code == 405


@pytest.mark.parametrize(
    "address", ["//evil.example", "/\\evil.example", "https://evil", "", "/\nx"]
)
def test_a_login_leads_to_no_page_of_others(address: str) -> None:
    assert after_login(address) == "/"
