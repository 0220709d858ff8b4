"""A training is named by what decides its outcome."""

from tests.support.lineages import lineage


def test_whether_a_day_may_be_empty_does_not_make_another_training() -> None:
    request = lineage().request
    features = request.features.model_copy(update={"empty_days": "allowed"})
    allowing = request.model_copy(update={"features": features})
    assert allowing.inputs_hash() == request.inputs_hash()
    assert allowing.recipe_hash() == request.recipe_hash()
