"""A training is done once, wherever a process dies and however many come: on a file system."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from ml_platform.clusters.causes import Cause, Failure, Place
from ml_platform.clusters.interface import ClusterView
from ml_platform.errors import ClusterStartError, UserCodeError
from ml_platform.storage import Folder
from ml_platform.training.attempts import AttemptLoop
from ml_platform.training.checkpoints import newest_checkpoint, read_checkpoint
from tests.support.attempts.clusters import FileProvisioner
from tests.support.attempts.comers import Heard, come, write_checkpoints
from tests.support.attempts.deaths import after_each_death, before_file, before_question
from tests.support.attempts.head import EPOCHS, Fate, TrainingHead
from tests.support.attempts.world import PROCESSES, World, new_world
from tests.unit.clusters.fake_time import FakeTime

# Code, request, claim, cluster, ready, end, and the cluster's removal.
FEWEST_ACTS = 7


@pytest.fixture(scope="module")
def head() -> Iterator[TrainingHead]:
    with TrainingHead() as head:
        yield head


@pytest.fixture
def new(head: TrainingHead, tmp_path: Path) -> Callable[[], World]:
    return partial(new_world, head, tmp_path)


@pytest.fixture
def world(new: Callable[[], World]) -> World:
    return new()


def test_a_killed_comer_is_followed_by_another_and_one_training_is_done(
    new: Callable[[], World],
) -> None:
    acts, wrong = after_each_death(new, before_file)

    assert wrong == {}
    assert acts >= FEWEST_ACTS


def test_more_memory_after_a_death_does_not_make_it_two_trainings(
    new: Callable[[], World],
) -> None:
    acts, wrong = after_each_death(new, before_file, second=lambda world: world.with_memory("8Gi"))

    assert wrong == {}
    assert acts >= FEWEST_ACTS


def test_a_comer_who_is_killed_while_the_head_is_asked_leaves_one_training(
    new: Callable[[], World],
) -> None:
    acts, wrong = after_each_death(
        new, before_question, second=lambda world: world.with_memory("8Gi")
    )

    assert wrong == {}
    assert acts == 2  # the submission, and the log of the job


def test_an_interrupted_comer_leaves_what_another_goes_on_from(new: Callable[[], World]) -> None:
    acts, wrong = after_each_death(new, partial(before_file, how="interrupt"), wrong=World.wrong)

    assert wrong == {}
    assert acts >= FEWEST_ACTS


def test_the_retry_of_an_interrupted_run_goes_on(new: Callable[[], World]) -> None:
    def retry(world: World) -> list[str]:
        before_file(world, 5, how="interrupt", run="root")
        come(world.request, world.provisioner(), run="retry", root="root")
        return world.wrong()

    assert retry(new()) == []


def test_a_run_that_is_resumed_when_its_pod_was_taken_away_goes_on(world: World) -> None:
    before_file(world, 5, how="interrupt", run="run")

    done = come(world.request, world.provisioner(), run="run")

    assert world.wrong(done) == []


@pytest.mark.parametrize("act", ["begin", "half", "outcome", "result"])
def test_a_killed_driver_is_replaced_without_anybody_coming(world: World, act: str) -> None:
    world.head.fates = [Fate(dies=act)]

    done = come(world.request, world.provisioner())

    assert world.wrong(done) == []
    trained = [epoch for driver in world.head.drivers for epoch in driver.epochs]
    assert trained == list(range(EPOCHS))


def test_a_lost_head_is_replaced_and_the_training_goes_on_from_its_checkpoint(
    world: World,
) -> None:
    world.head.fates = [Fate(dies="half", with_it=world.lose_head)]
    heard = Heard()

    done = come(world.request, world.provisioner(), heard=heard)

    assert world.wrong(done) == []
    assert [report.ended.failure.cause for report in heard.failed if report.ended.failure] == [
        Cause.HEAD_LOST
    ]
    assert [driver.resumed_from for driver in world.head.drivers] == [None, 1]


def test_a_head_that_was_lost_while_nobody_looked_is_replaced(new: Callable[[], World]) -> None:
    def lost_in_between(world: World, act: int) -> int:
        code = before_file(world, act)
        world.lose_head()
        return code

    acts, wrong = after_each_death(new, lost_in_between, wrong=World.wrong)

    assert wrong == {}
    assert acts >= FEWEST_ACTS


def test_another_head_under_the_same_name_is_no_reason_to_submit_again(world: World) -> None:
    before_question(world, 2)
    world.lose_head()
    name = world.record.attempts()[0].claim()
    assert name is not None
    (world.home / f"{name.cluster}.json").write_text("another life")

    done = come(world.request, world.provisioner())

    assert world.wrong(done) == []
    assert [body["submission_id"][-2:] for body in world.head.submitted[-2:]] == ["-1", "-2"]


@pytest.mark.parametrize("count", [2, 5])
def test_those_who_come_at_once_end_with_one_training(world: World, count: int) -> None:
    assert world.send_at_once(count) == [0] * count
    assert world.once() == []


@pytest.mark.parametrize("count", [2, 5])
def test_those_who_come_at_once_and_want_other_clusters_end_with_one_result(
    world: World, count: int
) -> None:
    gate = world.home / "gate"
    processes = [
        world.send(world.with_memory(f"{one + 1}Gi"), starts_when=gate, run=f"run-{one}")
        for one in range(count)
    ]
    gate.touch()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0] * count
    assert world.wrong() == []
    assert len(world.record.attempts()) <= 2 * count


def test_one_who_comes_when_all_is_done_asks_nobody(world: World) -> None:
    come(world.request, world.provisioner())
    asked = len(world.head.requests)

    again = come(world.with_memory("8Gi"), world.provisioner())

    assert again.reused
    assert len(world.head.requests) == asked
    assert world.once(again) == []
    assert world.provisioner().inventory() == []


class Unseen(FileProvisioner):
    """A provisioner who cannot be asked what there is."""

    def look(self, name: str) -> ClusterView:
        return ClusterView(name=name, provisioner=self.kind, phase="unknown")


def test_a_cluster_that_cannot_be_seen_is_not_gone(world: World) -> None:
    before_question(world, 2)

    done = come(
        world.with_memory("8Gi"), Unseen(world.home, world.head.url, world.request.folder_uri)
    )

    assert world.once(done) == []


def test_an_attempt_of_another_machine_is_waited_for_while_its_follower_lives(
    world: World,
) -> None:
    first = world.send(place="there", abandoned_after_s=60)

    done = come(world.request, world.provisioner(place="here", abandoned_after_s=60))
    first.join()

    assert first.exitcode == 0
    assert world.once(done) == []


def test_an_attempt_of_another_machine_whose_follower_is_silent_is_given_up(world: World) -> None:
    gate = world.home / "gate"
    process = world.send(place="there", abandoned_after_s=180, starts_when=gate)
    assert process.pid is not None
    world.head.kills_at, world.head.victim = 2, process.pid
    gate.touch()
    process.join()
    time = FakeTime()

    done = come(
        world.request,
        world.provisioner(place="here", abandoned_after_s=180),
        loop=partial(AttemptLoop, clock=time.clock, sleep=time.sleep),
    )

    assert world.wrong(done) == []
    assert [driver.resumed_from for driver in world.head.drivers] == [None, 1]
    assert 180 <= time.now - FakeTime().now < 200
    late, _ = world.head.drivers
    late.go_on()
    assert world.record.result() == done.result


def test_a_start_that_failed_is_tried_again_and_then_named(world: World) -> None:
    heard = Heard()

    with pytest.raises(ClusterStartError, match="no machine is free"):
        come(world.request, world.provisioner(refuses=9), heard=heard)

    assert heard.decisions == ["WAIT", "GIVE_UP"]
    assert world.head.drivers == []


def test_a_retry_counts_its_roots_attempts_and_a_person_begins_anew(world: World) -> None:
    user_code = Failure(
        cause=Cause.USER_CODE, place=Place(kind="worker"), message="it raised", hint="mend it."
    )
    world.head.fates = [Fate(fails=user_code)]

    with pytest.raises(UserCodeError):
        come(world.request, world.provisioner(), run="root")
    with pytest.raises(UserCodeError):
        come(world.request, world.provisioner(), run="retry", root="root")
    assert len(world.head.drivers) == 1

    done = come(world.request, world.provisioner(), run="by hand")

    assert world.wrong(done) == []


def test_a_checkpoint_is_whole_or_none_wherever_its_writer_dies(tmp_path: Path) -> None:
    wrong = {}
    for act in itertools.count(1):
        training = tmp_path / str(act)
        report = tmp_path / f"{act}.epoch"
        process = PROCESSES.Process(target=write_checkpoints, args=(training.as_uri(), act, report))
        process.start()
        process.join()
        told = int(report.read_text()) if report.exists() else -1
        found, texts = newest_in(training, tmp_path / "scratch")
        if found not in (told, told + 1) or texts - {f"epoch {found}"}:
            wrong[act] = f"told of {told}, found {found}: {texts}"
        if process.exitcode == 0:
            break

    assert wrong == {}
    assert act > 4 * 3


def newest_in(training: Path, scratch: Path) -> tuple[int, set[str]]:
    """Epoch and content of the newest checkpoint."""
    folder = Folder(training.as_uri())
    newest = newest_checkpoint(folder)
    if newest is None:
        return -1, set()
    with read_checkpoint(folder, newest, scratch) as files:
        return newest.epoch, {path.read_text() for path in files.iterdir()}
