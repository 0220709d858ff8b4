"""The keys of a model's assets."""

import subprocess
import sys

import pytest

from ml_platform.stages import MODEL_STAGES, ModelStage, asset_key, asset_name


@pytest.mark.parametrize("stage", MODEL_STAGES)
def test_the_name_of_an_asset_is_its_key_as_dagster_writes_it(stage: ModelStage) -> None:
    assert asset_name("flight_delay", stage) == asset_key("flight_delay", stage).to_user_string()


def test_who_reads_the_record_of_a_training_does_not_import_dagster() -> None:
    code = "import sys, ml_platform.training.record; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
