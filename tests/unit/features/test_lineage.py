"""Column lineage read out of compiled SQL."""

import pytest
from sqlglot.errors import SqlglotError

from ml_platform.features.lineage import column_lineage

FLIGHTS, PLANES = '"db"."raw"."flights"', '"db"."raw"."planes"'
PARENTS = {FLIGHTS: ["id", "tail", "delay", "day"], PLANES: ["tail", "seats"]}


def test_columns_come_through_steps_and_joins() -> None:
    sql = f"""
        with late as (select *, delay * 2 as doubled from {FLIGHTS} where day is not null)
        select late.id, late.doubled + planes.seats as mixed
        from late left join {PLANES} as planes on planes.tail = late.tail
    """
    assert column_lineage(sql, ["id", "mixed"], PARENTS, dialect="duckdb") == {
        "id": [(FLIGHTS, "id")],
        "mixed": [(FLIGHTS, "delay"), (PLANES, "seats")],
    }


def test_a_count_is_made_of_no_column() -> None:
    sql = f"select day, count(*) as n from {FLIGHTS} group by day"
    assert column_lineage(sql, ["n"], PARENTS, dialect="duckdb") == {"n": []}


def test_bigquerys_names_are_understood() -> None:
    relation = "`project`.`raw`.`flights`"
    sql = f"select safe_cast(delay as string) as said from {relation}"
    assert column_lineage(sql, ["said"], {relation: ["delay"]}, dialect="bigquery") == {
        "said": [(relation, "delay")]
    }


def test_sql_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(SqlglotError):
        column_lineage("select from where", ["x"], {}, dialect="duckdb")
