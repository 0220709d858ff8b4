"""Looks at the pages that links lead to: are they there, and are they ours?"""

from typing import Final

import httpx

from ml_platform.backfill.dagster_client import DagsterClient
from ml_platform.backfill.dagster_home import open_instance
from ml_platform.backfill.server_identity import find_server
from ml_platform.health.look import Look, reached
from ml_platform.health.ports import (
    Pages,
    dagster_pages,
    holder,
    is_local,
    mlflow_pages,
    xray_pages,
)
from ml_platform.model_folder.read import model_names
from ml_platform.registry.store import embedded_file, serves_store
from ml_platform.settings import Settings

ANSWER_WITHIN_S: Final = 3.0


def dagster_look(settings: Settings) -> Look:
    """Dagster's pages, to which runs are linked and work may be handed."""
    name, url = "Dagster's pages", settings.dagster_url
    pages = dagster_pages(settings)
    if not DagsterClient(url).answers():
        return _not_there(name, url, pages)
    models = model_names()
    with open_instance(settings) as instance:
        server = find_server(settings, instance, models) if models else None
    if server is not None and server.stranger:
        return _stranger(name, f"{url} is not of this installation: {server.stranger}", pages)
    return reached(name, url)


def mlflow_look(settings: Settings) -> Look:
    """MLflow's pages, to which versions are linked."""
    name, url = "MLflow's pages", settings.mlflow_pages
    pages, file = mlflow_pages(settings), embedded_file(settings)
    if pages is None or file is None:
        return reached(name, url)
    if not is_local(url) or holder(pages.port) is None:
        return _not_there(name, url, pages)
    if not serves_store(url, file):
        return _stranger(name, f"{url} does not show {file}, but another store or no MLflow", pages)
    return reached(name, url)


def xray_look(settings: Settings) -> Look:
    """X-Ray's pages, to which trainings are linked."""
    name, url = "X-Ray's pages", settings.xray_url.rstrip("/")
    try:
        answer = httpx.get(f"{url}/health", timeout=ANSWER_WITHIN_S)
        if answer.text == "ok\n":
            return reached(name, url)
        found = f"{url}/health answers with {answer.status_code}, and not as X-Ray does"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        found = f"{url} does not answer: {error}"
    if is_local(url):
        return _not_there(name, url, xray_pages(settings))
    fix = "serve them there (`mlp xray serve --host 0.0.0.0`), or correct MLP_XRAY_URL."
    return Look(group="reachable", name=name, state="note", value=found, fix=fix)


def _not_there(name: str, url: str, pages: Pages) -> Look:
    taken = holder(pages.port) if is_local(url) else None
    if taken is not None:
        return _stranger(name, f"port {pages.port} is taken by {taken}", pages)
    return reached(name, f"{url} does not answer: `make dev` starts it when you want it")


def _stranger(name: str, found: str, pages: Pages) -> Look:
    fix = f"set {pages.variable} to another port, where `make dev` then starts ours."
    return Look(group="reachable", name=name, state="note", value=found, fix=fix)
