"""What somebody wrote into the wrong place may be a secret: no message has it."""

import copy
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from ml_platform.clusters.catalogue import Catalogue, NodeKind
from ml_platform.clusters.kuberay.checks.valid import require_valid
from ml_platform.clusters.kuberay.config import config_from, read_values
from ml_platform.clusters.presets import ClusterSection, Presets
from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup
from ml_platform.errors import PlatformError
from ml_platform.kubernetes_config import KubernetesConfig
from ml_platform.model_folder.broken import broken_definitions
from ml_platform.model_folder.read import ModelFolder, read_folder
from ml_platform.model_folder.scaffold import FLIGHTS, scaffold
from ml_platform.settings import load_settings
from ml_platform.wrong_values import first_in_words
from tests.support.kuberay.pod_fields import TAKEN
from tests.unit.clusters.kuberay.clusters import CONFIG, WITH_NODES, cluster

# Put together here, so that no scanner of repositories takes it for a real one.
MARK: Final = "mArKeR0"
SECRET: Final = "hf" + "_" + MARK + "123456789abcdefghij"
DASHED: Final = "-".join(("sk", "proj", MARK, "123_456", "789abcdefghij"))
VALUES: Final[tuple[Any, ...]] = (
    SECRET,
    DASHED,
    f"HF_TOKEN={SECRET}",
    f"{SECRET} and more",
    [SECRET],
    {"name": SECRET},
    {"HF_TOKEN": SECRET},
)
WRONG: Final[tuple[Any, ...]] = (
    *VALUES,
    {f"HF_TOKEN={SECRET}": None},
    {SECRET: "x"},
    {DASHED: "x"},
)
SPEC: Final[dict[str, Any]] = {
    "provisioner": "ephemeral",
    "head": {"cpus": 1, "memory": "4Gi", "disk": "20Gi", "pod": {}},
    "workers": {
        **{"name": "workers", "count": 1, "cpus": 1, "memory": "4Gi", "disk": "20Gi"},
        **{"gpus": 1, "gpu": "a100", "spot": False, "pod": {"env": [{"name": "A", "value": "1"}]}},
    },
    "image": "registry.example/platform:1",
    "priority": "low",
    "queue": "team",
}
CONFIGURATION: Final[dict[str, Any]] = {
    **{"namespace": "ray", "image": "registry.example/p:1", "service_account": "a"},
    **{"image_pull_policy": "Always", "image_pull_secrets": ["a"], "env": {"A": "1"}},
    **{"env_from_secrets": ["a"], "pod": {"labels": {"a": "b"}}, "cpu_request_share": 1.0},
    **{"token_auth": True, "max_clusters": 2, "limits": {"start_s": 5}, "schedulers": ["a"]},
    "catalogue": {"nodes": [{"name": "n", "cpus": 2, "memory": "4Gi", "labels": {"a": "b"}}]},
}


def spoilt(value: Any) -> Iterator[Any]:
    """The value with a secret in each place of it in turn, and of each form."""
    yield from WRONG
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ({**value, key: one} for one in spoilt(inner))
            yield {**{k: v for k, v in value.items() if k != key}, SECRET: inner}
        yield {**value, SECRET: "x"}
        yield {**value, DASHED: "x"}
        yield {**value, f"PASSWORD={SECRET}": "x"}
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from ([*value[:number], one, *value[number + 1 :]] for one in spoilt(inner))
        yield from ([*value, one] for one in WRONG)


def said_of(error: BaseException) -> str:
    """All that a log or Dagster would have of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)


def judged(spec: Any, *, pod: dict[str, Any] | None = None) -> str:
    """What is said of a cluster by pydantic and by the checks; empty if it is taken."""
    try:
        made = ClusterSpec.model_validate(spec)
    except ValidationError as error:
        return first_in_words(error)
    try:
        for config in (CONFIG, WITH_NODES, replace(CONFIG, pod=pod or {})):
            require_valid("a", made, config)
    except PlatformError as error:
        return said_of(error)
    return ""


@pytest.mark.parametrize("fields", TAKEN, ids=lambda fields: "-".join(fields))
def test_no_mistake_in_a_field_of_a_pod_shows_what_stands_there(
    fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    name, of_field = next(iter(fields.items()))
    wrong = [{**fields, name: one} for one in spoilt(of_field)]
    found = [judged(cluster(workers={"pod": pod})) for pod in wrong]
    found += [judged(cluster(), pod=pod) for pod in wrong]

    assert len([one for one in found if one]) > len(WRONG)
    assert [one for one in found if MARK in one] == []
    assert MARK not in caplog.text


def test_no_mistake_in_a_cluster_shows_what_stands_there() -> None:
    found = [judged(one) for one in spoilt(SPEC)]

    assert len([one for one in found if one]) > len(SPEC) * len(WRONG)
    assert [one for one in found if MARK in one] == []


@pytest.mark.parametrize(
    "kind", [ClusterSpec, HeadGroup, WorkerGroup, NodeKind, Catalogue, KubernetesConfig]
)
def test_pydantics_own_text_does_not_show_it_either(kind: type[BaseModel]) -> None:
    # In Python a cluster is written without any of our words around it.
    found = [refused(kind, {name: wrong}) for name in kind.model_fields for wrong in VALUES]

    assert len([one for one in found if one]) > len(kind.model_fields)
    assert [one for one in found if MARK in one] == []


def refused(kind: type[BaseModel], values: dict[str, Any]) -> str:
    """All that a log would have of pydantic's own error; empty if the values are taken."""
    try:
        kind.model_validate(values)
    except ValidationError as error:
        return said_of(error)
    return ""


def test_no_mistake_beside_a_preset_or_in_one_shows_what_stands_there() -> None:
    found = []
    for wrong in spoilt(SPEC):
        presets = Presets(environment="prod", where="x", values={"whole": SPEC, "wrong": wrong})
        for value in ("wrong", {"preset": "whole", **wrong} if isinstance(wrong, dict) else wrong):
            try:
                presets.resolved(ClusterSection.model_validate(value))
            except ValidationError as error:
                found.append(first_in_words(error))
            except PlatformError as error:
                found.append(said_of(error))

    assert len(found) > len(SPEC) * len(WRONG)
    assert [one for one in found if MARK in one] == []


def test_no_mistake_in_the_configuration_of_clusters_shows_what_stands_there() -> None:
    found = []
    for wrong in spoilt(CONFIGURATION):
        if not isinstance(wrong, dict):
            continue
        try:
            config = config_from(wrong, environment="ci", image="", where="clusters.yaml")
            require_valid("a", cluster(), config)
        except PlatformError as error:
            found.append(said_of(error))

    assert len(found) > len(CONFIGURATION) * len(WRONG)
    assert [one for one in found if MARK in one] == []


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a model that is well."""
    scaffold("ltv", FLIGHTS, tmp_path / "models")
    return tmp_path / "models" / "ltv"


def test_no_mistake_in_the_cluster_of_a_model_is_shown_with_it_by_dagster(model: Path) -> None:
    file, found = model / "defs.yaml", []
    content = yaml.safe_load(file.read_text())
    for wrong in spoilt(SPEC):
        changed = copy.deepcopy(content)
        changed["attributes"]["cluster"] = wrong
        file.write_text(yaml.safe_dump(changed))
        read = read_folder(model)
        if isinstance(read, ModelFolder):
            continue
        definitions = broken_definitions("ltv", read, load_settings())
        found += [spec.description or "" for spec in definitions.resolve_all_asset_specs()]
        found += [one.message + one.hint for one in read]

    assert len(found) > len(SPEC) * len(WRONG)
    assert [one for one in found if MARK in one] == []


@pytest.mark.parametrize(
    "text",
    [
        *(f"a: *{SECRET}", f"a: !{SECRET} x", f"a: [{SECRET}", f"a: b: {SECRET}", f"{SECRET}: @"),
        *(f'a: "{SECRET}', f"a: &{SECRET} b\nc: &{SECRET} d", f"a: !!int {SECRET}", f"- {SECRET}"),
        *(f"a: !x!{SECRET} b", f"a: !!float {SECRET}", f"a: !!timestamp {SECRET}", SECRET),
    ],
)
def test_what_is_no_yaml_is_not_shown(text: str, model: Path, tmp_path: Path) -> None:
    for file in (model / "defs.yaml", tmp_path / "clusters.yaml"):
        file.write_text(text)
    read = read_folder(model)
    with pytest.raises(PlatformError) as raised:
        read_values(tmp_path / "clusters.yaml")

    assert not isinstance(read, ModelFolder)
    assert MARK not in "".join(one.message + one.hint for one in read)
    assert MARK not in said_of(raised.value)
