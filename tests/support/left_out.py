"""One line about the tests on Kubernetes where they are left out: what lacks, or how to run them.

A plugin for all tests and no hook of `tests/kubernetes`: when several processes run the tests, only
those load that folder, and what they would say is heard by nobody.
"""

from typing import Final

import pytest

_HOW: Final = "`make kubernetes-test` runs them"


def line(marks: str) -> str | None:
    """What is said of a session; None if it does not leave these tests out.

    Args:
        marks: The expression that chooses tests by their marks, as given to `-m`.
    """
    if "not kubernetes" not in marks:
        return None
    from tests.kubernetes.testbed import programs

    return f"tests on Kubernetes not run: {programs.missing() or _HOW}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say it at the end of the report."""
    said = line(config.getoption("markexpr"))
    if said:
        terminalreporter.write_line(said)
