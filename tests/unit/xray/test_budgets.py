"""What teams and assets may spend, as people write it, and what of it is spent."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from ml_platform.clusters.spec import HeadGroup, WorkerGroup
from ml_platform.errors import SettingsError
from ml_platform.settings import Settings
from ml_platform.xray.attempt import AttemptRecord
from ml_platform.xray.budget_spending import budget_spending
from ml_platform.xray.budgets import (
    Budget,
    Budgets,
    Limit,
    Period,
    Spent,
    began_s,
    budgets_of,
    ends_s,
    spent,
)
from ml_platform.xray.paid import PaidSince
from ml_platform.xray.prices import Prices
from ml_platform.xray.store import Store
from tests.support.xray import AT_S
from tests.unit.xray.test_costs import FLAT, HOUR_S, OF_HOUR, SPEC, hour_long
from tests.unit.xray.test_store import keep

MIDNIGHT: Final = datetime(2026, 11, 28, tzinfo=UTC).timestamp()
"""Of the day of `AT_S`."""


def written(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "clusters.yaml"
    file.write_text(text)
    return Settings(home=tmp_path, clusters_file=file)


def limit(period: Period = "day", amount: float = 10.0) -> Limit:
    return Limit(kind="team", name="growth", period=period, amount=amount, warn_from=0.8)


def spent_of(
    store: Store, *attempts: AttemptRecord, amount: float = 10.0, prices: Prices = FLAT
) -> Spent:
    """What these of the team have spent of a limit of the day, two hours after `AT_S`."""
    keep(store, *(replace(one, team="growth") for one in attempts))
    now_s = AT_S + 2 * HOUR_S
    paid = store.paid.since(began_s("day", now_s), now_s=now_s)
    return spent(limit(amount=amount), paid, prices, now_s=now_s)


def test_budgets_stand_in_the_file_of_clusters_by_team_and_by_asset(tmp_path: Path) -> None:
    teams = "teams: {growth: {per_month: 500, per_day: 40}}"
    text = f"budgets: {{{teams}, assets: {{ltv/model: {{per_day: 9}}}}}}"
    found = budgets_of(written(tmp_path, text))
    told = [(one.key, one.amount) for one in found.of(team="growth", model="ltv")]
    assert told == [
        ("budgets.teams.growth.per_day", 40),
        ("budgets.teams.growth.per_month", 500),
        ("budgets.assets.ltv/model.per_day", 9),
    ]
    assert found.of(team="risk", model="flight_delay") == ()
    assert found.of(team="", model="flight_delay") == ()


def test_a_team_may_be_written_as_an_owner_is(tmp_path: Path) -> None:
    settings = written(tmp_path, "budgets: {teams: {'team:growth': {per_day: 40}}}")
    assert budgets_of(settings).of(team="growth", model="ltv")[0].name == "growth"


def test_without_a_file_or_without_budgets_nothing_is_limited(tmp_path: Path) -> None:
    assert budgets_of(Settings(home=tmp_path)) == Budgets()
    assert budgets_of(written(tmp_path, "namespace: ray")) == Budgets()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{teams: {growth: {}}}", r"teams\.growth: write `per_day`, `per_month` or both"),
        ("{teams: {growth: {per_week: 1}}}", r"teams\.growth\.per_week: there is no such key"),
        ("{teams: {growth: {per_day: 0}}}", r"teams\.growth\.per_day: .* greater than 0"),
        (
            "{teams: {growth: {per_day: 1, warn_from: 80}}}",
            r"warn_from: .* less than or equal to 1",
        ),
        ("{assets: {ltv: {per_day: 1}}}", r"'ltv' is no asset that is trained: .* ltv/model"),
        ("{assets: {ltv/champion: {per_day: 1}}}", r"write it as ltv/model"),
        ("[growth]", r"budgets: Input should be"),
    ],
)
def test_a_budget_that_cannot_be_is_told_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(SettingsError, match=told) as error:
        budgets_of(written(tmp_path, f"budgets: {text}"))
    assert "clusters.yaml: budgets" in error.value.message


def test_a_day_and_a_month_are_those_of_utc() -> None:
    assert began_s("day", AT_S) == MIDNIGHT
    assert ends_s("day", AT_S) == MIDNIGHT + 24 * HOUR_S
    assert began_s("month", AT_S) == datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    assert ends_s("month", AT_S) == datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    in_december = datetime(2026, 12, 31, 23, tzinfo=UTC).timestamp()
    assert ends_s("month", in_december) == datetime(2027, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("attempt", "of_hour"),
    [
        (hour_long(), 1.0),
        (hour_long(status="open", ended_at_s=None), 2.0),
        (hour_long(ready_at_s=None), 0.0),
        (hour_long(ready_at_s=MIDNIGHT - HOUR_S, ended_at_s=MIDNIGHT + HOUR_S / 2), 0.5),
        (hour_long(ready_at_s=MIDNIGHT - HOUR_S, ended_at_s=MIDNIGHT), 0.0),
    ],
    ids=["today", "goes on", "waits", "over midnight", "yesterday"],
)
def test_of_an_attempt_counts_what_was_paid_for_in_the_period(
    store: Store, attempt: AttemptRecord, of_hour: float
) -> None:
    found = spent_of(store, attempt)
    assert found.amount == pytest.approx(of_hour * OF_HOUR)
    assert found.unknown == 0


@pytest.mark.parametrize(
    ("amount", "is_near", "is_over"), [(1.0, True, True), (1.2, True, False), (2.0, False, False)]
)
def test_from_a_share_of_it_a_budget_is_near_and_from_all_of_it_over(
    store: Store, amount: float, is_near: bool, is_over: bool
) -> None:
    found = spent_of(store, hour_long(), amount=amount * OF_HOUR)
    assert (found.is_near, found.is_over) == (is_near, is_over)


def test_attempts_of_one_limit_are_summed_whatever_cluster_they_had(store: Store) -> None:
    one_worker = WorkerGroup(count=1, cpus=4, memory="8Gi")
    smaller = SPEC.model_copy(update={"workers": one_worker})
    unpriced = SPEC.model_copy(update={"provisioner": ""})
    found = spent_of(
        store,
        hour_long(1),
        hour_long(2, status="failed", ready_at_s=AT_S + HOUR_S / 2),
        hour_long(3, spec=smaller),
        hour_long(4, spec=unpriced),
        hour_long(5, spec=unpriced, ready_at_s=None),
        hour_long(6, ended_at_s=MIDNIGHT - HOUR_S, ready_at_s=MIDNIGHT - 2 * HOUR_S),
        hour_long(7, status="open", ended_at_s=None, ready_at_s=AT_S + 3 * HOUR_S),
    )
    assert found.amount == pytest.approx(1.5 * OF_HOUR + 5 * 0.1 + 10 * 0.01)
    assert found.unknown == 1


def test_of_a_team_and_of_an_asset_is_summed_what_is_theirs(store: Store) -> None:
    keep(
        store,
        hour_long(1, team="growth"),
        hour_long(2, team="growth", model="ltv"),
        hour_long(3, team="risk", model="ltv"),
    )
    budget = Budget(per_day=10.0, per_month=100.0)
    budgets = Budgets(
        teams={"growth": budget, "nobody": budget}, assets={"ltv/model": Budget(per_day=10.0)}
    )
    found = budget_spending(store, budgets.limits(), prices=FLAT, now_s=AT_S + 2 * HOUR_S)
    assert [(one.limit.key, one.amount / OF_HOUR) for one in found] == [
        ("budgets.teams.growth.per_day", 2),
        ("budgets.teams.growth.per_month", 2),
        ("budgets.teams.nobody.per_day", 0),
        ("budgets.teams.nobody.per_month", 0),
        ("budgets.assets.ltv/model.per_day", 2),
    ]


def test_what_has_no_price_is_told_beside_the_sum(store: Store) -> None:
    found = spent_of(store, hour_long(), prices=Prices())
    assert (found.amount, found.unknown) == (0.0, 1)
    assert found.in_words() == (
        "team growth has spent 0.00 of its budget of 10.00 for today (UTC), 0 %; "
        "of 1 of its attempts the cost is unknown"
    )


def test_ten_attempts_at_a_tenth_of_a_budget_have_spent_it() -> None:
    small = SPEC.model_copy(
        update={"workers": WorkerGroup(count=1, cpus=1), "head": HeadGroup(cpus=1)}
    )
    one = PaidSince(
        team="growth",
        model="ltv",
        spec=small.model_dump(mode="json"),
        attempts=1,
        paid_s=HOUR_S / 2,
    )
    found = spent(limit(amount=1.0), [one] * 10, Prices(cpu=0.1), now_s=AT_S)
    assert (found.amount, found.is_over) == (1.0, True)
