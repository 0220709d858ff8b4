"""Forks of the fork server that have imported Ray as well, each for one set of Ray's variables.

Ray reads its variables while it is imported, the id of the job among them, so its import cannot be
shared by all. But jobs are numbered: what the workers of the next job will bring is known, and so
is what a driver will, and a supervisor, which belongs to the head's own job. A spare serves whoever
brings the very variables with which it imported Ray; the others are forked without Ray, as ever.
"""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from ml_platform.clusters.local.fork_client import send_message
from ml_platform.clusters.local.forks import (
    STREAMS,
    Forks,
    Request,
    import_all,
    receive,
    settle,
)
from ml_platform.processes import die_with_parent

RAY_MODULES: Final = (
    "ray.dag.output_node",
    "ray.data._internal.issue_detection.issue_detector_manager",
    "ray.train.torch",
    "ray.tune",  # unpickling Ray Train's controller and workers imports it
    "ray.job_submission",
    "ray._private.workers.default_worker",
    "ray.dashboard.modules.job.job_supervisor",
)
PREFIX: Final = "RAY_"
JOB: Final = "RAY_JOB_ID"
JOB_BYTES: Final = 4
NO_JOB: Final = b"\xff" * JOB_BYTES
HEADS_OWN_JOB: Final = 1
# Of variables, for which spares are kept: drivers, supervisors, workers, and one more.
KINDS: Final = 4
# What Ray reads when it connects, not when it is imported: the job's environment and metadata.
READ_LATER: Final = frozenset({"RAY_JOB_CONFIG_JSON_ENV_VAR"})

Variables = dict[str, str]


def variables_of(environment: Mapping[str, str]) -> Variables:
    """Those that Ray may read while it is imported."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name not in READ_LATER
    }


class Foresight:
    """Tells from the variables that were brought so far which will be brought next.

    Drivers, supervisors and the workers of jobs bring each their own; the job's id apart, they
    bring the same every time.
    """

    def __init__(self) -> None:
        self._kinds: dict[frozenset[tuple[str, str]], int] = {}  # to the newest job, oldest first

    def note(self, variables: Variables) -> None:
        """Somebody brought these."""
        others = dict(variables)
        job = bytes.fromhex(others.pop(JOB, ""))
        if job == NO_JOB:
            return  # started ahead by Ray, for whoever comes
        number = int.from_bytes(job, "little")
        kind = frozenset(others.items())
        newest = max(number, self._kinds.pop(kind, 0))
        self._kinds[kind] = newest
        while len(self._kinds) > KINDS:
            del self._kinds[next(iter(self._kinds))]

    def wanted(self) -> list[Variables]:
        """Those worth a spare, the most useful first: the next job's, the same again."""
        again, following = [], []
        for kind, newest in reversed(self._kinds.items()):
            others = dict(kind)
            if newest == 0:
                again.append(others)  # drivers, whose job has no id yet
                continue
            again.append(others | _job(newest))
            if newest != HEADS_OWN_JOB:  # that of all supervisors
                following.append(others | _job(newest + 1))
        return following + again


def _job(number: int) -> Variables:
    return {JOB: number.to_bytes(JOB_BYTES, "little").hex()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Spare:
    """A child that forks for those who bring `variables`; it leaves when `channel` is closed."""

    pid: int
    variables: Variables
    channel: socket.socket


class Spares:
    """The spares of a fork server.

    Args:
        forks: The server's own.
        modules: What a spare imports.
    """

    def __init__(self, forks: Forks, modules: tuple[str, ...]) -> None:
        self._forks = forks
        self._modules = modules
        self._foresight = Foresight()
        self._spares: list[Spare] = []
        self._leaving: set[int] = set()

    def hand_over(self, request: Request) -> bool:
        """Let a spare serve the request; False if there is none for it."""
        variables = variables_of(request.content["env"])
        self._foresight.note(variables)
        spare = next((one for one in self._spares if one.variables == variables), None)
        if spare is None:
            return False
        try:
            files = [request.client.fileno(), *request.streams]
            send_message(spare.channel, request.content, files)
        except OSError:
            return False  # it died; `_dismiss` follows
        request.close()
        return True

    def prepare(self) -> bool:
        """Come closer to the spares that are wanted, and no others, by at most one more.

        Each imports for seconds, and all at once would keep a training from its processors.

        Returns:
            Whether all are there.
        """
        wanted = self._foresight.wanted()
        for spare in [one for one in self._spares if one.variables not in wanted]:
            self._dismiss(spare)
        self._leaving = {pid for pid in self._leaving if os.waitpid(pid, os.WNOHANG)[0] == 0}
        there = [spare.variables for spare in self._spares]
        lacking = [variables for variables in wanted if variables not in there]
        if lacking:
            self._start(lacking[0])
        return not lacking

    def _start(self, variables: Variables) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._forks.let_go()
            ours.close()
            _be_a_spare(theirs, variables, self._modules)
        theirs.close()
        spare = Spare(pid=pid, variables=variables, channel=ours)
        self._spares.append(spare)
        # A spare never says anything: what can be read is its end.
        self._forks.watch(ours, lambda: self._dismiss(spare))

    def _dismiss(self, spare: Spare) -> None:
        self._spares.remove(spare)
        self._leaving.add(spare.pid)
        self._forks.forget(spare.channel)


def _be_a_spare(channel: socket.socket, variables: Variables, modules: tuple[str, ...]) -> NoReturn:
    """Import, and fork until the channel is closed and the last fork has ended."""
    code = 1
    try:
        die_with_parent()
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            del os.environ[name]
        os.environ.update(variables)
        # Of a Ray that has no such generator nothing is imported ahead.
        with contextlib.suppress(Exception), ray_keeps_its_generator():
            import_all(modules)
        settle()
        forks = Forks()

        def take() -> None:
            try:
                content, (client, *streams) = receive(channel, 1 + STREAMS)
            except (OSError, ValueError):
                forks.forget(channel)
                return
            of_client = socket.socket(fileno=client)
            forks.fork_for(Request(client=of_client, content=content, streams=streams))

        forks.watch(channel, take)
        while forks.busy:
            forks.wait()
        code = 0
    except BaseException:  # boundary: a fork must not return into the code of its parent
        sys.excepthook(*sys.exc_info())
    os._exit(code)


@contextlib.contextmanager
def ray_keeps_its_generator() -> Iterator[None]:
    """Name actor classes without Ray's own generator of random names.

    Ray's library seeds it when it draws for the first time, which is when a module of Ray's that
    declares an actor is imported. All forks would go on from that seed and so name their objects
    alike; unused, each seeds its own.
    """
    import ray.actor

    class Named:
        @staticmethod
        def from_random() -> ray.ActorClassID:
            return ray.ActorClassID(os.urandom(ray.ActorClassID.size()))

    kept = ray.actor.ActorClassID
    ray.actor.ActorClassID = Named
    try:
        yield
    finally:
        ray.actor.ActorClassID = kept
