"""Alerts and dashboard: they ask for what X-Ray's metrics have, and each alert says what to do."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ml_platform.clusters.causes import Category, Cause
from ml_platform.xray.metrics import Known, exposition
from ml_platform.xray.pages.gathering import EVERY_S
from tests.support.xray import AT_S
from tests.unit.xray.test_metrics import a_bit_of_all

MONITORING: Final = Path(__file__).resolve().parents[3] / "deploy" / "monitoring"
RUNBOOK: Final = (MONITORING / "README.md").read_text()
DASHBOARD: Final[dict[str, Any]] = json.loads((MONITORING / "dashboard.json").read_text())
RULES: Final[list[dict[str, Any]]] = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS: Final = {str(rule["alert"]): rule for rule in RULES}
TARGETS: Final = [
    (str(panel["title"]), target) for panel in DASHBOARD["panels"] for target in panel["targets"]
]
QUERIES: Final = [
    *((name, str(rule["expr"])) for name, rule in ALERTS.items()),
    *((title, str(target["expr"])) for title, target in TARGETS),
]
OF_PROMETHEUS: Final = {"up": {"job", "instance"}}
GET_PROMTOOL: Final = "go install github.com/prometheus/prometheus/cmd/promtool@v0.316.0"
"""Takes minutes, for which CI has no time."""
WIDTH: Final = 24
"""Columns of a dashboard."""


@pytest.fixture(scope="module")
def labels_of() -> dict[str, set[str]]:
    """Each metric by its name, with the labels that it has where it has any."""
    found: dict[str, set[str]] = {name: set(labels) for name, labels in OF_PROMETHEUS.items()}
    for known in (a_bit_of_all(), Known(now_s=AT_S)):
        for family in text_string_to_metric_families(exposition(known).decode()):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def selectors(query: str) -> Iterator[promql_parser.VectorSelector]:
    """What a query selects, as Prometheus reads it."""
    found: list[promql_parser.VectorSelector] = []

    def visit(one: promql_parser.Expr) -> bool:
        match one:
            case promql_parser.VectorSelector():
                found.append(one)
            case promql_parser.MatrixSelector():
                found.append(one.vector_selector)
        return True

    promql_parser.walk(promql_parser.parse(query), visit)
    yield from found


@pytest.mark.parametrize(("name", "query"), QUERIES)
def test_each_query_is_one_and_asks_for_metrics_and_labels_that_there_are(
    name: str, query: str, labels_of: dict[str, set[str]]
) -> None:
    asked = list(selectors(query))
    assert asked
    for one in asked:
        assert one.name in labels_of, name
        assert {each.name for each in one.matchers.matchers} <= labels_of[one.name], name
        for grouped in re.findall(r"\bby \(([^)]*)\)", query):
            assert set(re.split(r",\s*", grouped)) <= labels_of[one.name], name


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_what_is_wrong_and_leads_to_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook"] == f"deploy/monitoring/README.md#{name.lower()}"
    _, _, after = RUNBOOK.partition(f"\n## {name}\n\n")
    assert len(after.partition("\n## ")[0].split()) > 20


def test_no_paragraph_is_of_an_alert_that_there_is_not() -> None:
    assert re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE) == list(ALERTS)


def test_each_metric_is_described(labels_of: dict[str, set[str]]) -> None:
    for name in labels_of.keys() - OF_PROMETHEUS.keys():
        assert re.sub("_(gcount|gsum)$", "_bucket", name) in RUNBOOK


def test_each_cause_of_a_failure_is_in_one_alert_but_that_somebody_wanted_it() -> None:
    named = {
        name: set(re.search(r'cause=~"([^"]*)"', ALERTS[name]["expr"])[1].split("|"))  # type: ignore[index]
        for name in ("TrainingsFailByInfrastructure", "TrainingsFailByTheirCode")
    }
    ours = {one.value for one in Cause if one.category is Category.INFRASTRUCTURE}
    assert named["TrainingsFailByInfrastructure"] == ours
    theirs = {one.value for one in Cause} - ours - {Cause.CANCELLED.value}
    assert named["TrainingsFailByTheirCode"] == theirs


def test_gathering_is_missed_after_many_turns_and_not_after_one() -> None:
    limit = re.search(r"> (\d+)$", ALERTS["XrayDoesNotGather"]["expr"])
    assert limit
    assert int(limit[1]) > 10 * EVERY_S


def test_the_job_that_is_looked_for_is_the_one_of_the_example() -> None:
    job = re.search(r'job="([^"]+)"', ALERTS["XrayIsAway"]["expr"])
    assert job
    assert f"job_name: {job[1]} " in RUNBOOK


def test_the_dashboard_is_one_that_grafana_11_reads() -> None:
    assert DASHBOARD["schemaVersion"] in range(36, 42)
    assert re.fullmatch(r"[\w-]{1,40}", DASHBOARD["uid"])
    assert set(DASHBOARD["time"]) == {"from", "to"}
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD)))
    assert used == set(variables)


def test_each_panel_asks_the_chosen_prometheus() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in DASHBOARD["panels"]:
        assert panel["type"] in ("stat", "timeseries")
        assert panel["datasource"] == chosen
        assert set(panel["fieldConfig"]) == {"defaults", "overrides"}
        assert panel["targets"]
    for title, target in TARGETS:
        assert target["datasource"] == chosen, title
        assert re.fullmatch("[A-Z]", target["refId"]), title
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= WIDTH
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.skipif(shutil.which("promtool") is None, reason=f"promtool is missing: {GET_PROMTOOL}")
def test_prometheus_itself_takes_rules_and_metrics() -> None:
    rules = ["promtool", "check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"]
    subprocess.run(rules, cwd=MONITORING, check=True)
    text = exposition(a_bit_of_all())
    subprocess.run(["promtool", "check", "metrics"], input=text, check=True)
