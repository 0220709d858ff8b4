"""Tables: sorted, and as CSV."""

import pytest

from ml_platform.errors import InputError
from ml_platform.xray.pages.attempts_table import Chosen
from ml_platform.xray.pages.table import Column, ordered, to_csv

Row = tuple[str, float | None]
COLUMNS: tuple[Column[Row], ...] = (
    Column(name="name", value=lambda row: row[0]),
    Column(name="ran_s", value=lambda row: row[1]),
)


@pytest.mark.parametrize(
    ("sort", "expected"), [("", "bca"), ("name", "abc"), ("-ran_s", "bac"), ("ran_s", "abc")]
)
def test_rows_without_a_value_come_last(sort: str, expected: str) -> None:
    rows: list[Row] = [("b", 2.0), ("c", None), ("a", 1.0)]
    assert "".join(name for name, _ in ordered(rows, COLUMNS, sort)) == expected


def test_a_column_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(InputError, match="'size'") as raised:
        ordered([], COLUMNS, "-size")
    assert "name, ran_s" in raised.value.hint


def test_no_cell_of_csv_is_a_formula() -> None:
    rows: list[Row] = [("=cmd()", 1.23456), ('a "b", c\nd', None)]
    assert to_csv(rows, COLUMNS) == ('name,ran_s\r\n\'=cmd(),1.23456\r\n"a ""b"", c\nd",\r\n')


def test_who_adds_a_column_of_csv_has_the_sum_of_the_page() -> None:
    rows: list[Row] = [("a", 0.0004), ("b", 0.1 + 0.2)]
    cells = [line.rpartition(",")[2] for line in to_csv(rows, COLUMNS).splitlines()[1:]]
    assert cells == ["0.0004", "0.3"]


def test_an_address_has_what_is_not_usual_alone() -> None:
    assert Chosen().query == ""
    chosen = Chosen(model="a b", sort="ran_s")
    assert chosen.query == "?model=a+b&sort=ran_s"
    assert chosen.sorted_by("ran_s") == "?model=a+b&sort=-ran_s"
    assert chosen.more() == "?model=a+b&sort=ran_s&limit=200"
    assert Chosen(limit=1000).more() == ""
