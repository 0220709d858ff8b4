"""What pods see of this machine; without a node."""

from pathlib import Path

import pytest

from tests.kubernetes.testbed.image import why_no_ray


@pytest.mark.parametrize("environment", ["/srv/my work/.venv", "/srv/a:b/.venv"])
def test_an_environment_from_which_ray_cannot_preload_its_library_is_told(environment: str) -> None:
    assert environment in (why_no_ray(Path(environment)) or "")


def test_other_odd_paths_do_for_ray() -> None:
    assert why_no_ray(Path("/srv/w%41#ü/.venv")) is None
