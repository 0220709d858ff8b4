"""What a model may not be called."""

import pytest

from ml_platform.model_folder.names import dbt_names, name_mistake
from tests.support.nodes import node, project

PROJECT = project(
    node("orders", group="marts"),
    node("sales", unique_id="source.p.till.sales", kind="source", key=("till", "sales")),
)


@pytest.mark.parametrize("name", ["data", "raw", "staging", "features", "broken_models", "class"])
def test_a_name_of_the_platform_is_refused_with_what_it_is(name: str) -> None:
    mistake = name_mistake(name, {})
    assert mistake is not None
    assert f"no model may be called {name!r}: that is " in mistake.message
    assert f"{name}_model" in mistake.hint


@pytest.mark.parametrize(
    ("name", "owner"), [("marts", "dbt models marts"), ("till", "source till")]
)
def test_a_name_of_the_dbt_project_is_refused(name: str, owner: str) -> None:
    mistake = name_mistake(name, dbt_names(PROJECT))
    assert mistake is not None
    assert mistake.message.endswith(owner)


def test_any_other_name_is_free() -> None:
    assert name_mistake("flight_delay", dbt_names(PROJECT)) is None
