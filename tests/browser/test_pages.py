"""What a person finds on Dagster's pages after the main job has run."""

import re

import dagster as dg
import pytest
from playwright.sync_api import expect

from tests.support.dagster_pages import Reader, graph_path
from tests.support.dagster_server import DagsterServer
from tests.support.homes import MODEL, TRAINED_DAY, dagster_of

pytestmark = pytest.mark.browser

LOCATION = "/locations/__repository__@ml_platform"
# Of each resource what it is, one of its fields, and what that field says of itself.
RESOURCES = {
    "clusters": ("Where training runs", "idle_timeout_s", "when nobody uses it"),
    "dbt": ("The dbt project whose models", "project_dir", "Folder of the dbt project."),
    "registry": ("The MLflow that keeps model versions", "namespace", "Environment and sandbox"),
    "storage": ("Object storage for training sets", "root", "the cluster must reach the same"),
    "warehouse": ("The engine that holds raw tables", "feature_schema", "of the feature tables"),
}
GROUPS = ("raw", "staging", "features", MODEL)


@pytest.fixture(scope="module")
def training_run(server: DagsterServer) -> str:
    """The run that trained the model."""
    with dagster_of(server.home) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey([MODEL, "model"]))
    assert event is not None
    return event.run_id


def test_the_graph_shows_the_flow_from_raw_tables_to_the_champion(reader: Reader) -> None:
    reader.open(graph_path(*GROUPS))

    tables = ("flights", "stg_flights", "flight_features")
    stages = ("training_set", "model", "evaluation", "champion")
    for name in (*GROUPS, *tables, *stages):
        expect(reader.page.locator("svg").get_by_text(name, exact=True).first).to_be_visible()


def test_the_page_of_a_model_says_what_it_is_and_how_it_learned(reader: Reader) -> None:
    reader.open(f"/assets/{MODEL}/model")

    reader.sees("Will this flight arrive 15 or more minutes late?")
    reader.sees("The model trained by Ray on the 28 days up to the partition.")
    reader.sees(TRAINED_DAY)
    for fact in ("flight-operations", "PyTorch", "Ray"):
        reader.sees(fact)
    for key in ("train_loss", "best_validation_loss", "seed", "code_version", "inputs_hash"):
        expect(reader.row(key)).to_be_visible()
    expect(reader.row("mlflow_run").get_by_role("link").first).to_be_visible()
    assert reader.width_of_picture("learning_curve") > 0


def test_the_page_of_an_evaluation_compares_the_model_with_its_rivals(reader: Reader) -> None:
    reader.open(f"/assets/{MODEL}/evaluation")

    reader.sees("The partition's model scored on the 3 days after it")
    scores = reader.row("scores")
    for rival in ("the base rate", "the logistic regression", "the gradient-boosted trees"):
        expect(scores).to_contain_text(rival)
    expect(reader.row("gates")).to_contain_text("ROC AUC")
    assert reader.width_of_picture("calibration") > 0


def test_a_gate_reads_as_a_sentence_with_its_numbers(reader: Reader) -> None:
    reader.open(
        f"/assets/{MODEL}/evaluation?view=checks&checkDetail=log_loss_better_than_base_rate"
    )

    reader.sees("A gate: the champion moves only if it passes.")
    sentence = r"Log loss 0\.\d+ is (not )?better than the base rate's 0\.\d+"
    expect(reader.page.get_by_text(re.compile(sentence)).first).to_be_visible()
    expect(reader.page.get_by_text(TRAINED_DAY).first).to_be_visible()


def test_the_drift_of_a_training_set_is_a_sentence_and_a_picture(reader: Reader) -> None:
    reader.open(f"/assets/{MODEL}/training_set?view=checks&checkDetail=drift")

    reader.sees("The features moved no more since the day before than is usual.")
    reader.sees("differs from")
    assert reader.width_of_picture("picture") > 0


def test_the_page_of_the_champion_says_why_it_moved_or_stayed(reader: Reader) -> None:
    reader.open(f"/assets/{MODEL}/champion")

    reader.sees("The version that serves")
    expect(reader.row("reason")).to_contain_text("gate")
    expect(reader.row("champion")).to_be_visible()


def test_a_feature_table_shows_its_columns_and_what_they_are_made_of(reader: Reader) -> None:
    reader.open("/assets/flight_features")

    expect(reader.row("carrier_late_rate_7d")).to_contain_text("float")
    reader.sees("Two-letter code of the airline.")
    origins = reader.markdown("columns_made_of")
    expect(origins).to_contain_text("carrier_delay_history.late_rate_7d")
    reader.page.keyboard.press("Escape")


def test_the_page_of_a_run_shows_each_epoch(reader: Reader, training_run: str) -> None:
    reader.open(f"/runs/{training_run}")
    reader.page.get_by_placeholder("Filter…").fill("epoch 0:")

    reader.sees("epoch 0: train_loss")
    reader.sees(f"partition: {TRAINED_DAY}")


def test_the_schedules_say_when_they_run(reader: Reader) -> None:
    reader.open("/automation")

    reader.sees("data_nightly")
    reader.sees("At 02:00 AM UTC")
    reader.sees(f"{MODEL}_nightly")


def test_the_resources_of_the_code_location_are_listed(reader: Reader) -> None:
    reader.open(f"{LOCATION}/resources")

    for name in RESOURCES:
        # The name of such a link has that of its icon in it.
        link = reader.page.get_by_role("link").filter(has_text=name)
        expect(link.filter(visible=True).first).to_be_visible()


@pytest.mark.parametrize("name", list(RESOURCES))
def test_the_page_of_a_resource_says_what_it_is_and_what_each_value_means(
    reader: Reader, name: str
) -> None:
    described, field, meaning = RESOURCES[name]

    reader.open(f"{LOCATION}/resources/{name}")

    reader.sees(described)
    expect(reader.row(field)).to_contain_text(meaning)


def test_the_launchpad_offers_the_resources_with_their_values(
    reader: Reader, server: DagsterServer
) -> None:
    reader.open(f"{LOCATION}/jobs/{MODEL}_nightly/playground")

    reader.sees("Where training runs")
    reader.sees(f"file://{server.home}/storage/local")


def test_the_pools_that_limit_the_work_are_listed(reader: Reader) -> None:
    reader.open("/deployment/concurrency")

    for pool in ("ray", "warehouse", "champion"):
        expect(reader.page.get_by_role("link", name=pool, exact=True)).to_be_visible()
