"""Which lines of a Ray job's log become events of the Dagster run."""

import pytest

from ml_platform.training.log_reader import JobLogReader


class Listener:
    def __init__(self) -> None:
        self.events: list[str] = []
        self.output: list[str] = []
        self.reader = JobLogReader(self.events.append, write=self.output.append)


def test_what_train_py_prints_becomes_an_event_and_output() -> None:
    listener = Listener()

    listener.reader.on_line("(RayTrainWorker pid=7) 12 rows have no carrier")

    assert listener.events == ["12 rows have no carrier"]
    assert listener.output == ["(RayTrainWorker pid=7) 12 rows have no carrier\n"]


@pytest.mark.parametrize(
    "line",
    [
        "(RayTrainWorker pid=7) Setting up process group for: env:// [rank=0, world_size=2]",
        "(RayTrainWorker pid=7) Wrapping provided model in DistributedDataParallel.",
        "(RayTrainWorker pid=7) Reporting training result 1: TrainingReport(checkpoint=None)",
        "(TrainController pid=6) Started training worker group of size 2",
    ],
)
def test_what_ray_says_of_itself_is_output_only(line: str) -> None:
    listener = Listener()

    listener.reader.on_line(line)

    assert listener.events == []
    assert listener.output == [f"{line}\n"]
