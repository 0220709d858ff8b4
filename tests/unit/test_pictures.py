"""Pictures: small PNGs of the promised size that say in words what they show."""

import io

import numpy as np
import pytest
from PIL import Image

from ml_platform.evaluation.metrics import Scored
from ml_platform.evaluation.pictures import calibration_curve
from ml_platform.pictures import Picture
from ml_platform.training.pictures import learning_curve
from ml_platform.training.result import EpochRecord
from ml_platform.training_set.drift import Drift
from ml_platform.training_set.pictures import feature_drift


def calibration() -> Picture:
    random = np.random.default_rng(1)
    probabilities = random.random(800)
    scored = Scored(random.random(800) < probabilities, probabilities)
    return calibration_curve({"candidate": scored, "champion": scored})


def learning() -> Picture:
    losses = [0.60, 0.50, 0.55]
    return learning_curve(
        [
            EpochRecord(epoch=epoch, metrics={"train_loss": loss - 0.01, "validation_loss": loss})
            for epoch, loss in enumerate(losses)
        ]
    )


def drift() -> Picture:
    return feature_drift([Drift(column=f"column_{n}", psi=n / 20) for n in range(14)])


PICTURES = [calibration(), learning(), drift()]


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_fits_the_metadata_view(picture: Picture) -> None:
    assert Image.open(io.BytesIO(picture.png)).size == (520, 320)
    assert len(picture.markdown) < 40_000


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_stands_on_white(picture: Picture) -> None:
    corner = Image.open(io.BytesIO(picture.png)).convert("RGB").getpixel((0, 319))
    assert corner == (255, 255, 255)


def test_markdown_carries_the_picture_and_its_words() -> None:
    assert learning().markdown.startswith("![Loss over 3 epochs; lowest validation loss 0.5000 ")
    assert "](data:image/png;base64,iVBOR" in learning().markdown


def test_the_words_for_drift_count_large_shifts() -> None:
    assert drift().alt == "Drift of 14 columns, 8 with a large shift"


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert calibration().png == calibration().png


@pytest.mark.parametrize(
    "history",
    [
        [],
        [EpochRecord(epoch=0, metrics={"train_loss": 0.5})],
        [EpochRecord(epoch=epoch, metrics={"other": 1.0}) for epoch in (4, 5)],
    ],
)
def test_a_short_history_or_other_metrics_are_no_error(history: list[EpochRecord]) -> None:
    assert learning_curve(history).alt.startswith("Loss over ")
