"""Runs scenarios side by side, as many as the node has room for."""

import json
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.kubernetes.conformance.garbage_collector import wait_for_the_collector
from tests.kubernetes.conformance.machine import Watch
from tests.kubernetes.conformance.manifests import Manifests
from tests.kubernetes.conformance.recorder import Recorder
from tests.kubernetes.conformance.run import Run
from tests.kubernetes.conformance.scenario import SCENARIOS, Scenario
from tests.kubernetes.conformance.timeline import Timeline, recorded
from tests.support.kuberay.api import Api

RUN_AGAIN: Final = "run again"
"""The property of a test's report that tells of a second try."""


class PodSlots:
    """So many pods may be there at once; who asks for more gets all."""

    def __init__(self, count: int) -> None:
        self._all = self._free = count
        self._changed = threading.Condition()

    def acquire(self, count: int) -> None:
        """Wait for that many."""
        taken = min(count, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= taken)
            self._free -= taken

    def release(self, count: int) -> None:
        """Give them back."""
        with self._changed:
            self._free += min(count, self._all)
            self._changed.notify_all()


class Runner:
    """One run of many scenarios; each has a future of its timeline."""

    def __init__(self, api: Api, manifests: Manifests, timelines: Path) -> None:
        self._api = api
        self._manifests = manifests
        self._timelines = timelines
        self._recorder = Recorder(api)
        self._pod_slots = PodSlots(manifests.ray.pod_slots)
        self._machine = Watch()
        self._futures: dict[str, Future[Timeline]] = {}
        self._times: dict[str, tuple[float, float]] = {}

    def start(self, names: Iterable[str]) -> None:
        """Begin with all of these; those that must be alone come last, one by one."""
        wait_for_the_collector(self._api, self._manifests)
        self._recorder.start()
        self._machine.start()
        scenarios = [SCENARIOS[name] for name in names]
        # The long ones first: otherwise the run waits for one of them at its end.
        together = [s for s in scenarios if not s.alone]
        together.sort(key=lambda s: recorded(s.name).entries[-1].t, reverse=True)
        pool = ThreadPoolExecutor(max_workers=max(1, len(together)), thread_name_prefix="run")
        for each in together:
            self._futures[each.name] = pool.submit(self._run, each)
        pool.shutdown(wait=False)
        others = list(self._futures.values())
        single = ThreadPoolExecutor(max_workers=1, thread_name_prefix="alone")
        for each in scenarios:
            if each.alone:
                self._futures[each.name] = single.submit(self._run_alone, each, others)
        single.shutdown(wait=False)

    def timeline(self, name: str) -> Timeline:
        """What was seen; waits for the end of the run and raises what went wrong in it."""
        return self._futures[name].result()

    def starved_s(self, name: str) -> float:
        """How long the machine had no processor time left while this ran."""
        return self._machine.starved_s(*self._times[name])

    def run_again(self, name: str) -> Timeline:
        """Once more, with nothing beside it."""
        wait(self._futures.values())
        return self._run(SCENARIOS[name])

    def stop(self) -> None:
        """Wait for all, and stop recording."""
        wait(self._futures.values())
        self._recorder.stop()
        self._machine.stop()

    def _run_alone(self, scenario: Scenario, others: list[Future[Timeline]]) -> Timeline:
        wait(others)
        return self._run(scenario)

    def _run(self, scenario: Scenario) -> Timeline:
        self._pod_slots.acquire(scenario.pods)
        started = time.time()
        run = Run(self._api, self._recorder, self._manifests, scenario.name)
        try:
            run.set_up()
            scenario.steps(run)
            run.finish()
        finally:
            run.tear_down()
            self._pod_slots.release(scenario.pods)
            timeline = run.observed.draft.finished()
            again = scenario.name in self._times
            self._times[scenario.name] = (started, time.time())
            self._keep(timeline, time.time() - started, again=again)
        return timeline

    def _keep(self, timeline: Timeline, seconds: float, *, again: bool) -> None:
        """In the format of the recordings, to lay beside them."""
        document = {
            "situation": timeline.scenario,
            "seconds": round(seconds, 1),
            "timeline": [asdict(entry) for entry in timeline.entries],
            "end": timeline.end,
        }
        lines = json.dumps(document, ensure_ascii=False).replace('}, {"t":', '},\n{"t":')
        name = f"{timeline.scenario}.again.json" if again else f"{timeline.scenario}.json"
        (self._timelines / name).write_text(lines)
