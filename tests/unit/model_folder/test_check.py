"""`mlp model check`: each mistake with its place and its cure, and nothing is run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ml_platform.cli.show import show_check
from ml_platform.errors import ModelSpecError
from ml_platform.model_folder.check import CheckReport, check_model
from ml_platform.model_folder.scaffold import FLIGHTS, scaffold
from ml_platform.settings import Settings
from ml_platform.training.result import PhaseRecord, TrainingResult
from ml_platform.warehouse.duckdb import DuckDBWarehouse
from tests.support.xray import AT_S, OUT_OF_MEMORY, Training

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    scaffold("ltv", FLIGHTS, tmp_path / "models")
    return tmp_path / "models"


def change(models: Path, file: str, old: str, new: str) -> None:
    path = models / "ltv" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def check(models: Path, settings: Settings, partition: str = "2013-03-15") -> CheckReport:
    return check_model("ltv", settings, partition=partition, models=models, now=NOW)


def only_mistake(report: CheckReport) -> tuple[str, str, str]:
    (mistake,) = report.mistakes
    return mistake.place.partition(":")[0], mistake.message, mistake.hint


def test_a_new_model_passes_its_own_check(models: Path, settings: Settings) -> None:
    report = check(models, settings)
    assert report.mistakes == ()
    assert report.plan is not None
    assert len(report.plan.missing) == 7


def test_a_misspelt_key_is_shown_with_its_line(models: Path, settings: Settings) -> None:
    change(models, "defs.yaml", "window_days", "window_day")
    (mistake,) = check(models, settings).mistakes
    line = (models / "ltv" / "defs.yaml").read_text().splitlines()[(mistake.line or 0) - 1]
    assert "did you mean window_days?" in mistake.message
    assert "window_day:" in line


def test_what_dagster_refuses_is_a_mistake(models: Path, settings: Settings) -> None:
    change(models, "defs.yaml", "team:", "")
    file, message, _ = only_mistake(check(models, settings))
    assert file == "defs.yaml"
    assert "is no owner" in message


def test_a_name_that_is_taken_is_a_mistake(models: Path, settings: Settings) -> None:
    (models / "ltv").rename(models / "features")
    report = check_model("features", settings, models=models, now=NOW)
    assert "no model may be called 'features'" in report.mistakes[0].message


def test_an_unknown_feature_column_is_shown_with_near_ones(
    models: Path, settings: Settings
) -> None:
    settings.home.mkdir()
    with DuckDBWarehouse(settings.duckdb_file) as warehouse:
        warehouse.run("CREATE SCHEMA ml_local")
        warehouse.run(
            "CREATE TABLE ml_local.flight_features AS SELECT '' AS flight_id, now() AS "
            "scheduled_departure_at, now() AS features_known_at, current_date AS partition_date, "
            "1 AS is_late, '' AS carrier, '' AS origin, '' AS dest, 1.0 AS distance_miles, 1.0 AS "
            "departure_minute_of_day, 1.0 AS carrier_late_rate_7d"
        )
    file, message, hint = only_mistake(check(models, settings))
    assert file == "defs.yaml"
    assert "flight_features has no column carrier_late_rate_28d" in message
    assert "carrier_late_rate_7d" in hint


def test_a_column_of_a_type_that_cannot_be_is_shown_with_its_line(
    models: Path, settings: Settings
) -> None:
    settings.home.mkdir()
    with DuckDBWarehouse(settings.duckdb_file) as warehouse:
        warehouse.run("CREATE SCHEMA ml_local")
        warehouse.run(
            "CREATE TABLE ml_local.flight_features AS SELECT '' AS flight_id, now() AS "
            "scheduled_departure_at, now() AS features_known_at, current_date AS partition_date, "
            "1 AS is_late, '' AS carrier, '' AS origin, '' AS dest, DATE '2013-03-01' AS "
            "distance_miles, 1.0 AS departure_minute_of_day, 1.0 AS carrier_late_rate_28d"
        )
    (finding,) = check(models, settings).mistakes
    line = (models / "ltv" / "defs.yaml").read_text().splitlines()[(finding.line or 0) - 1]
    assert finding.message == (
        "distance_miles of flight_features is date32[day] and cannot be a number"
    )
    assert "distance_miles" in line


def test_a_window_before_the_first_partition_says_how_much_later(
    models: Path, settings: Settings
) -> None:
    _, message, hint = only_mistake(check(models, settings, "2013-01-04"))
    assert "the first partition is 2013-01-01" in message
    assert hint == "take a partition at least 3 days later, or a shorter window."


def test_a_partition_in_the_future_says_how_much_earlier(models: Path, settings: Settings) -> None:
    _, message, hint = only_mistake(check(models, settings, "2014-01-02"))
    assert "the last day with data is 2013-12-31" in message
    assert hint == "take a partition at least 2 days earlier."


def test_a_train_py_that_cannot_be_imported_is_shown_with_its_line(
    models: Path, settings: Settings
) -> None:
    change(models, "train.py", "import torch", "import trch")
    mistakes = check(models, settings).mistakes
    assert any("train.py" in one.file and "trch" in one.message for one in mistakes)


def test_a_train_py_that_is_no_python_is_shown_once(models: Path, settings: Settings) -> None:
    change(models, "train.py", "import torch", "import torch (")
    change(models, "defs.yaml", "window_days", "window_day")
    found = check(models, settings).mistakes
    assert sorted({one.file for one in found}) == ["defs.yaml", "train.py"]
    assert len([one for one in found if one.file == "train.py"]) == 1


def test_a_file_that_is_no_yaml_is_shown_with_its_line(models: Path, settings: Settings) -> None:
    change(models, "defs.yaml", "attributes:", "attributes: [")
    file, message, _ = only_mistake(check(models, settings))
    assert file == "defs.yaml"
    assert "is no YAML" in message


def test_an_unknown_model_is_answered_with_the_known_ones(models: Path, settings: Settings) -> None:
    with pytest.raises(ModelSpecError, match="there is no model 'lvt'; there is ltv"):
        check_model("lvt", settings, models=models)


def test_a_model_is_not_begun_over_another(models: Path) -> None:
    with pytest.raises(ModelSpecError, match="ltv"):
        scaffold("ltv", FLIGHTS, models)


def test_a_preset_becomes_the_cluster_of_the_plan(models: Path, settings: Settings) -> None:
    settings.home.mkdir()
    file = settings.home / "clusters.yaml"
    file.write_text("presets: {large: {workers: {count: 3, memory: 8Gi}}}\n")
    settings = settings.model_copy(update={"clusters_file": file})
    change(models, "defs.yaml", "workers: {count: 1, cpus: 1, memory: 2Gi}", "preset: large")
    report = check(models, settings)
    assert report.mistakes == ()
    assert report.plan is not None
    assert report.plan.cluster.worker_count == 3


def test_a_preset_that_there_is_not_is_shown_with_its_line(
    models: Path, settings: Settings
) -> None:
    change(models, "defs.yaml", "  cluster:\n", "  cluster:\n    preset: smal\n")
    report = check(models, settings)
    (mistake,) = report.mistakes
    line = (models / "ltv" / "defs.yaml").read_text().splitlines()[(mistake.line or 0) - 1]
    assert "local has no preset smal, did you mean small?" in mistake.message
    assert "preset: smal" in line
    assert report.plan is None


def test_it_says_what_a_training_takes_and_costs_as_those_before_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scaffold("flight_delay", FLIGHTS, tmp_path / "models")
    settings = Settings(home=tmp_path / "home", provisioner="ephemeral", price_cpu_hour=1.0)
    training = Training(storage_root=settings.storage_root)
    training.train(1, failure=OUT_OF_MEMORY)
    training.train(2, at_s=AT_S + 900)
    phases = (PhaseRecord(name="fit", seconds=600.0),)
    inputs = training.request.inputs_hash()
    training.record.commit(TrainingResult(inputs_hash=inputs, rows=1000, phases=phases))
    report = check_model(
        "flight_delay", settings, partition="2013-03-15", models=tmp_path / "models", now=NOW
    )
    assert report.plan is not None
    assert report.plan.earlier is not None
    assert report.plan.expected is not None
    paid_s = 2 * 630.0
    cost = training.cluster.cpus * paid_s / 3600
    assert report.plan.earlier.cost == pytest.approx(cost)
    hour = report.plan.cluster.cpus
    assert report.plan.expected.price == pytest.approx(report.plan.expected.seconds / 3600 * hour)
    show_check(report)
    assert f"23:00 min and cost {cost:.2f}" in capsys.readouterr().out


def test_what_was_never_trained_opens_no_database(models: Path, settings: Settings) -> None:
    report = check(models, settings)
    assert report.plan is not None
    assert report.plan.earlier is None
    assert not (settings.home / "xray").exists()
