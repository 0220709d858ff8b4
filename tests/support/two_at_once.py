"""Which tests go to one process when two run at once: those of a file, most that start a Ray."""

from pathlib import PurePosixPath
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Two Rays that start at once on two cores are late for everything that has a limit of seconds.
_ONE_RAY_AT_A_TIME: Final = "on_ray"
_HAS_TIME: Final = "test_main_job.py"


class ByFixtures(LoadScopeScheduling):
    """Does not split a file, whose fixtures would then be made twice."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        path = PurePosixPath(file)
        together = path.parent.name == _ONE_RAY_AT_A_TIME and path.name != _HAS_TIME
        return str(path.parent) if together else file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who looks at pages goes last: Playwright leaves a loop that runs, and others start theirs."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFixtures:
    """For pytest-xdist, in place of its `--dist loadgroup`, which 3.8 cannot do with pytest 9.2."""
    return ByFixtures(config, log)
