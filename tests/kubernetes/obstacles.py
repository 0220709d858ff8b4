"""What cannot run here is left out, but in CI, which must run it, it fails."""

import os
from typing import Final

import pytest

REQUIRED: Final = "MLP_REQUIRE_KUBERNETES"


def insist_on(obstacle: str | None) -> None:
    """Leave the test out for what is in its way, or fail where it must run; None: nothing is."""
    if obstacle is None:
        return
    if os.environ.get("CI") == "true" or os.environ.get(REQUIRED):
        pytest.fail(
            f"{obstacle} (CI and {REQUIRED} do not let these tests be skipped)", pytrace=False
        )
    pytest.skip(obstacle)
