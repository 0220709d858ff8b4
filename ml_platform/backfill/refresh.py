"""Brings a feature table up to its model's columns: some days with new columns, or all anew."""

from dataclasses import dataclass

from ml_platform.backfill.runner import Runner, RunOutcome, settle_dead_runs
from ml_platform.backfill.session import Session
from ml_platform.errors import DbtProjectError, PartitionError, WarehouseError
from ml_platform.features.nodes import Node
from ml_platform.features.outcome import look
from ml_platform.features.project import load_project
from ml_platform.features.schema_change import OnSchemaChange
from ml_platform.partitions import day_range, days_in_words, parse_day
from ml_platform.settings import Settings
from ml_platform.stages import FEATURES
from ml_platform.warehouse.open import open_warehouse


@dataclass(frozen=True, kw_only=True, slots=True)
class Refresh:
    """What is to be built.

    Attributes:
        table: The asset's key.
        days: Its partitions, oldest first.
        full: Whether the table is made anew; else its new columns are appended.
        rows: Rows that the table has now.
    """

    table: str
    days: tuple[str, ...]
    full: bool
    rows: int


def plan_refresh(
    settings: Settings, table: str, *, first: str | None, last: str | None, full: bool
) -> Refresh:
    """The days of a refresh: those from `first` to `last`, or all that the table has.

    Raises:
        DbtProjectError: the project has no such table.
        PartitionError: neither days nor a full refresh are asked for, or both.
        WarehouseError: the table is not there yet, so it has nothing to refresh.
    """
    found = _table(settings, table)
    if full is (first is not None or last is not None) or (first is None) is not (last is None):
        raise PartitionError(
            "a refresh is of some days or of all that the table has",
            hint="give --from and --to, or --full.",
        )
    with open_warehouse(settings) as warehouse:
        there = look(warehouse, found)
    days = sorted(there.by_day or ())
    if full and not days:
        raise WarehouseError(
            f"{found.ref} has no days that could be built anew",
            hint=f"build its first ones: `mlp features refresh {table} --from DAY --to DAY`.",
        )
    begin, end = (days[0], days[-1]) if full else (first or "", last or "")
    wanted = day_range(parse_day(begin), parse_day(end))
    return Refresh(table=table, days=tuple(wanted), full=full, rows=there.rows)


def run_refresh(session: Session, refresh: Refresh) -> RunOutcome:
    """Build it in this process, as one run of Dagster."""
    settle_dead_runs(session.instance)
    config = {
        "full_refresh": refresh.full,
        "on_schema_change": OnSchemaChange.append.name,
    }
    with session.show_progress(session.log) as progress:
        runner = Runner(
            session.definitions, session.instance, session.settings, on_message=progress.message
        )
        with progress.step(f"{refresh.table} {days_in_words(refresh.days)}") as step:
            outcome = runner.run([refresh.table], refresh.days, config={FEATURES: config})
            step.status = "done" if outcome.succeeded else "failed"
    return outcome


def _table(settings: Settings, name: str) -> Node:
    found = load_project(settings).named(name)
    if found is None or not found.is_daily or found.materialized == "view":
        raise DbtProjectError(
            f"the dbt project has no feature table {name}",
            hint="`mlp doctor` says which project it is; a table is named as its asset is, and has "
            "an event day.",
        )
    return found
