"""Which commit a checkout is of, and whether it is as that commit left it."""

import subprocess
from pathlib import Path
from typing import Final

TIMEOUT_S: Final = 10
CHANGED: Final = "with uncommitted changes"


def commit_of(checkout: Path) -> str:
    """The checkout's commit, and whether its files differ; empty where it has none, or no git.

    A commit alone would name code that nobody has trained.
    """
    commit = _git(checkout, "rev-parse", "HEAD")
    if not commit:
        return ""
    # Also files that git does not know: a new model's folder is one.
    changed = _git(checkout, "status", "--porcelain", "--", "ml_platform", "dbt_project")
    return commit if changed == "" else f"{commit} {CHANGED}"


def _git(checkout: Path, *arguments: str) -> str | None:
    try:
        found = subprocess.run(
            ["git", *arguments],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None
