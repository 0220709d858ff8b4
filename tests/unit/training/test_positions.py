"""Ranks that wait for each other are told of, with where each is; on torch's own store."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ml_platform.training.positions import Position, Positions, apart, open_store, waiting_for_data

WITHIN_S = 30


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    yield open_store(0, lambda address: None)


class Told:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.event = threading.Event()

    def __call__(self, wrong: str) -> None:
        self.said.append(wrong)
        self.event.set()


def test_ranks_in_the_same_place_are_not_apart() -> None:
    assert apart([Position(epoch=2, batches=9), Position(epoch=2, batches=9)]) == ""


def test_ranks_that_are_apart_are_told_with_where_each_is() -> None:
    told = apart([Position(epoch=4, batches=50, ended=True), Position(epoch=5, batches=51)])
    assert "rank 0 has ended, after 50 batches" in told
    assert "rank 1 is in epoch 5, after 51 batches" in told


def test_a_rank_that_waits_for_data_is_told_of_as_that_and_not_as_stuck() -> None:
    both = [Position(epoch=1, batches=9), Position(epoch=1, batches=8, reading=True)]
    assert apart(both) == ""
    assert waiting_for_data(both) == "rank 1 waits for data of epoch 1, after 8 batches"


def test_a_rank_that_ends_before_the_other_is_told_of(store: Any) -> None:
    told = Told()
    first, second = (
        Positions(store, rank=rank, world_size=2, on_stuck=told, stuck_after_s=0.1, every_s=0.02)
        for rank in (0, 1)
    )
    first.start()
    second.start()
    assert list(first.along(iter([1, 2]), 0)) == [1, 2]
    assert next(second.along(iter([1, 2]), 0)) == 1
    first.end()
    try:
        assert told.event.wait(WITHIN_S)
        assert (
            "rank 0 has ended, after 2 batches; rank 1 is in epoch 0, after 1 batch"
            in (told.said[0])
        )
    finally:
        first.stop()
        second.stop()


def test_who_has_ended_waits_until_all_have(store: Any) -> None:
    told = Told()
    both = [
        Positions(store, rank=rank, world_size=2, on_stuck=told, stuck_after_s=60, every_s=0.02)
        for rank in (0, 1)
    ]
    both[0].end()
    waiting = threading.Thread(target=both[0].wait_for_all)
    waiting.start()
    assert waiting.is_alive()
    both[1].end()
    waiting.join(WITHIN_S)
    assert not waiting.is_alive()
