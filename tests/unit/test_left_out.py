"""What `make test` leaves out is said at its end."""

import subprocess
import sys

import pytest

from ml_platform.settings import PROJECT_ROOT
from tests.support.left_out import line

_BEGIN = "tests on Kubernetes not run: "


def test_tests_on_kubernetes_that_are_left_out_are_one_line_with_how_to_run_them() -> None:
    # A process of its own collects, as with the two of `make test`, so no hook of a folder is
    # heard. All tests of this file need a node: none is run.
    options = ("-n", "1", "-m", "not kubernetes and not browser", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options, "tests/kubernetes/test_kuberay.py"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True)
    (said,) = [text for text in done.stdout.splitlines() if text.startswith(_BEGIN)]
    assert "`make kubernetes-test`" in said


@pytest.mark.parametrize("marks", ["", "kubernetes", "browser"])
def test_a_session_that_does_not_leave_them_out_says_nothing_of_them(marks: str) -> None:
    assert line(marks) is None
