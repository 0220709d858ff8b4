"""What a backfill would run, from what is there."""

from ml_platform.backfill.plan import Chain, Plan, plan_backfill, ranges
from ml_platform.partitions import day_range, parse_day
from ml_platform.stages import Stage

CHAIN = Chain(
    model="ltv",
    window_days=3,
    holdout_days=1,
    sources=("raw/flights",),
    features=("flight_features",),
)
ALL_DAYS = set(day_range(parse_day("2013-03-01"), parse_day("2013-03-31")))


def plan(*days: str, through: Stage = "champion", **there: set[str]) -> Plan:
    keys = {name.replace("__", "/"): made for name, made in there.items()}
    return plan_backfill(CHAIN, days, there=keys, through=through)


def steps(made: Plan) -> list[tuple[str, str, str]]:
    return [
        (
            "+".join(step.stages),
            step.days[0] if step.days else "",
            step.days[-1] if step.days else "",
        )
        for step in made.steps
    ]


def test_windows_and_held_out_days_are_built_at_once_and_days_follow_in_order() -> None:
    assert steps(plan("2013-03-10", "2013-03-11")) == [
        ("source", "", ""),
        ("features", "2013-03-08", "2013-03-12"),
        ("training_set", "2013-03-08", "2013-03-12"),
        ("model+evaluation+champion", "2013-03-10", "2013-03-10"),
        ("model+evaluation+champion", "2013-03-11", "2013-03-11"),
    ]


def test_what_is_there_is_not_made_again() -> None:
    done = plan(
        "2013-03-10",
        flight_features=ALL_DAYS,
        ltv__training_set=ALL_DAYS,
        ltv__model=ALL_DAYS,
        ltv__evaluation=ALL_DAYS,
        ltv__champion=ALL_DAYS,
    )
    assert done.steps == ()
    assert done.ready_days == ("2013-03-10",)


def test_what_follows_a_new_model_is_made_again() -> None:
    made = plan(
        "2013-03-10",
        flight_features=ALL_DAYS,
        ltv__training_set=ALL_DAYS,
        ltv__evaluation=ALL_DAYS,
        ltv__champion=ALL_DAYS,
    )
    assert steps(made) == [("model+evaluation+champion", "2013-03-10", "2013-03-10")]


def test_up_to_the_training_set_it_is_that_of_the_days_alone() -> None:
    made = plan(
        "2013-03-10", "2013-03-11", through="training_set", ltv__training_set={"2013-03-10"}
    )
    assert steps(made) == [
        ("source", "", ""),
        ("features", "2013-03-11", "2013-03-11"),
        ("training_set", "2013-03-11", "2013-03-11"),
    ]
    assert made.ready_days == ("2013-03-10",)


def test_a_small_hole_in_a_range_is_filled_and_a_large_one_is_not() -> None:
    days = ["2013-03-01", "2013-03-03", "2013-03-20"]
    assert [(one[0], one[-1]) for one in ranges(days)] == [
        ("2013-03-01", "2013-03-03"),
        ("2013-03-20", "2013-03-20"),
    ]
