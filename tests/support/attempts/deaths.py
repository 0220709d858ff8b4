"""A first comer who is stopped before an act, for each act there is, and a second comer."""

import itertools
from collections.abc import Callable
from typing import Any, Final

from ml_platform.training.request import TrainingRequest
from tests.support.attempts.comers import come
from tests.support.attempts.world import JOIN_S, World

MOST: Final = 200

Stop = Callable[[World, int], int]
"""Sends the first comer, to be stopped before an act; returns their exit code."""


def before_file(world: World, act: int, **how: Any) -> int:
    """Stopped before the act on the file system of this number."""
    process = world.send(stops_at=act, **how)
    process.join(JOIN_S)
    assert process.exitcode is not None
    return process.exitcode


def before_question(world: World, act: int) -> int:
    """Killed when the head is asked for this many-th change, before it makes it."""
    gate = world.home / "gate"
    process = world.send(starts_when=gate)
    assert process.pid is not None
    world.head.kills_at, world.head.victim = act, process.pid
    gate.touch()
    process.join(JOIN_S)
    world.head.victim = 0
    assert process.exitcode is not None
    return process.exitcode


def after_each_death(
    new: Callable[[], World],
    stop: Stop,
    *,
    second: Callable[[World], TrainingRequest] = lambda world: world.request,
    run: str = "second",
    wrong: Callable[..., list[str]] = World.once,
) -> tuple[int, dict[int, list[str]]]:
    """How many acts there are, and what is wrong after the second comer, by act."""
    found: dict[int, list[str]] = {}
    for act in itertools.takewhile(lambda number: number < MOST, itertools.count(1)):
        world = new()
        if stop(world, act) == 0:
            return act - 1, found
        done = come(second(world), world.provisioner(), run=run)
        if broken := wrong(world, done):
            found[act] = broken
    return MOST, found
