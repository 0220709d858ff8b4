"""What a model may not be called."""

import pytest

from ml_platform.model_folder.names import dbt_names, name_mistake

MANIFEST = {
    "nodes": {
        "model.shop.orders": {"resource_type": "model", "fqn": ["shop", "marts", "orders"]},
        "test.shop.unique": {"resource_type": "test", "fqn": ["shop", "unique"]},
    },
    "sources": {"source.shop.till.sales": {"source_name": "till"}},
}


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
    mistake = name_mistake(name, dbt_names(MANIFEST))
    assert mistake is not None
    assert mistake.message.endswith(owner)


def test_any_other_name_is_free() -> None:
    assert name_mistake("flight_delay", dbt_names(MANIFEST)) is None
