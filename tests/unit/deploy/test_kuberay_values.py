"""The values that KubeRay's own Helm chart is installed with here."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
VALUES = ROOT / "deploy" / "kuberay-values.yaml"
PAGES = (ROOT / "deploy" / "README.md", ROOT / "tests" / "kubernetes" / "README.md")
INSTALL = re.compile(r"helm install [^`|]*?(?=\n\w|\n`|`|$)", re.DOTALL)


@pytest.fixture
def values() -> dict[str, Any]:
    return dict(yaml.safe_load(VALUES.read_text()))


def test_kuberays_own_init_container_is_switched_off(values: dict[str, Any]) -> None:
    # The chart copies the list into the operator's container. Its values are strings there, and
    # Kubernetes refuses any other.
    assert values["env"] == [{"name": "ENABLE_INIT_CONTAINER_INJECTION", "value": "false"}]


def test_nothing_else_of_the_chart_is_changed(values: dict[str, Any]) -> None:
    assert set(values) == {"env"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_who_installs_the_operator_is_told_to_with_these_values(page: Path) -> None:
    [command] = INSTALL.findall(page.read_text())
    assert "--values deploy/kuberay-values.yaml" in command
    assert "--version 1.7.0" in command
