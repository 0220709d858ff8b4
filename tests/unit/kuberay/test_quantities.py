import pytest

from tests.support.kuberay.quantities import total, whole


@pytest.mark.parametrize(
    ("quantity", "value"), [("2", 2), ("1500m", 2), ("1Gi", 1 << 30), ("1k", 1000), (3, 3)]
)
def test_a_quantity_is_rounded_up_to_a_whole_number(quantity: str | int, value: int) -> None:
    assert whole(quantity) == value


@pytest.mark.parametrize(
    ("quantities", "sum_of_them"),
    [
        ([], "0"),
        (["100m", "100m"], "200m"),
        (["500m", "1500m"], "2"),
        (["1Gi", "512Mi"], "1536Mi"),
        (["1Gi", "1Gi"], "2Gi"),
    ],
)
def test_a_sum_has_the_largest_unit_that_leaves_no_fraction(
    quantities: list[str], sum_of_them: str
) -> None:
    assert total(quantities) == sum_of_them
