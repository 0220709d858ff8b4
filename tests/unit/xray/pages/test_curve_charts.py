"""What trainings reported of their epochs, as lines."""

import httpx

from ml_platform.settings import Settings
from ml_platform.xray.curves import Curves
from ml_platform.xray.pages.curve_charts import MOST_CHARTS, MOST_POINTS, curve_charts
from tests.support.xray import Training, epochs_of
from tests.support.xray_pages import id_of, pages_of


def reported(*epochs: dict[str, float], first: int = 0) -> Curves:
    numbered = tuple({"epoch": float(number)} | one for number, one in enumerate(epochs, first))
    return Curves(metrics=epochs[-1], epochs=numbered)


def test_a_line_goes_from_the_first_epoch_to_the_last_and_what_is_most_is_at_the_top() -> None:
    (chart,) = curve_charts({"": reported({"loss": 4.0}, {"loss": 1.0}, {"loss": 2.0})})
    assert (chart.first, chart.last, chart.least, chart.most) == (0, 2, 1.0, 4.0)
    (line,) = chart.lines
    assert line.path == "M0.00 0.00 L50.00 100.00 L100.00 66.67"
    assert chart.told == "loss from epoch 0 to 2, at the end 2"


def test_two_share_one_scale_though_one_goes_on_from_a_checkpoint() -> None:
    a, b = reported({"loss": 4.0}, {"loss": 2.0}), reported({"loss": 3.0}, {"loss": 0.0}, first=3)
    (chart,) = curve_charts({"A": a, "B": b})
    assert [one.path for one in chart.lines] == [
        "M0.00 0.00 L25.00 50.00",
        "M75.00 25.00 L100.00 100.00",
    ]


def test_what_tells_most_comes_first_and_what_never_changes_not_at_all() -> None:
    one = {"loss": 1.0, "lr": 0.1, "val_auc": 0.5} | {f"m{n}": 0.0 for n in range(9)}
    other = {"loss": 0.5, "lr": 0.1, "val_auc": 0.6} | {f"m{n}": 1.0 for n in range(9)}
    charts = curve_charts({"": reported(one, other)})
    assert [chart.metric for chart in charts[:2]] == ["val_auc", "loss"]
    assert "lr" not in {chart.metric for chart in charts}
    assert len(charts) == MOST_CHARTS


def test_a_long_line_is_thinned_and_keeps_its_end() -> None:
    (chart,) = curve_charts({"": reported(*({"loss": 1.0 * n} for n in range(10_000)))})
    (line,) = chart.lines
    assert line.path.count(" L") < MOST_POINTS + 1
    assert line.path.endswith("L100.00 0.00")


def test_nothing_is_drawn_of_what_reported_nothing_or_once() -> None:
    assert curve_charts({"": Curves()}) == ()
    assert curve_charts({"A": reported({"loss": 1.0}), "B": Curves()}) == ()


def test_the_pages_of_an_attempt_and_of_two_that_are_compared_have_them(
    settings: Settings,
) -> None:
    ids = []
    for partition, losses in (("2013-03-14", (0.5, 0.4)), ("2013-03-15", (0.5, 0.3))):
        one = Training(storage_root=settings.storage_root, partition=partition)
        one.reports(1, *epochs_of(*losses))
        one.train(1)
        ids.append(id_of(one, 1))
    with pages_of(settings) as url, httpx.Client(base_url=url) as reader:
        page = reader.get(f"/attempts/{ids[0]}").text
        assert "What it reported" in page
        assert "validation_loss from epoch 0 to 1, at the end 0.4" in page
        both = reader.get(f"/compare?a={ids[0]}&b={ids[1]}").text
        assert "validation_loss from epoch 0 to 1, at the end A 0.4, B 0.3" in both
