import threading
from pathlib import Path

import pytest

from ml_platform.storage import Folder
from ml_platform.training.heartbeat import heartbeat
from ml_platform.training.record import Attempt


class Heart(Attempt):
    """An attempt that notes each beat, and whose storage fails at some of them."""

    def __init__(self, training: Folder, *, failing: tuple[int, ...] = ()) -> None:
        super().__init__(training, 1)
        self.beats: list[bytes] = []
        self.third = threading.Event()
        self._failing = failing

    def beat(self, content: bytes) -> None:
        self.beats.append(content)
        if len(self.beats) >= 3:
            self.third.set()
        if len(self.beats) in self._failing:
            raise OSError("the bucket is away")
        super().beat(content)


@pytest.fixture
def training(tmp_path: Path) -> Folder:
    return Folder(tmp_path.as_uri())


def test_each_beat_differs_from_the_last_and_from_those_of_others(training: Folder) -> None:
    heart = Heart(training)
    with heartbeat(heart, "mine", every_s=0.01):
        assert heart.third.wait(30)
    assert heart.beats[:3] == [b"mine 0\n", b"mine 1\n", b"mine 2\n"]


def test_a_storage_that_is_away_for_a_beat_is_tried_at_the_next(
    training: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    heart = Heart(training, failing=(1, 2))
    with heartbeat(heart, "mine", every_s=0.01):
        assert heart.third.wait(30)
    assert heart.heartbeat()
    assert capsys.readouterr().err.count("no heartbeat of attempt 1") == 2


def test_it_ends_with_the_block_also_by_an_exception(training: Folder) -> None:
    heart = Heart(training)
    with pytest.raises(ValueError, match="x"), heartbeat(heart, "mine", every_s=60):
        raise ValueError("x")
    assert not [one for one in threading.enumerate() if one.name == "heartbeat"]


def test_an_attempt_without_a_follower_has_no_heartbeat(training: Folder) -> None:
    assert Attempt(training, 1).heartbeat() == b""
