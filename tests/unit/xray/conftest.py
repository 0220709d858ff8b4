"""Fixtures of tests on the store: a storage, and a database beside it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ml_platform.settings import Settings
from ml_platform.xray.database import VERSIONS
from ml_platform.xray.store import Store, open_store
from tests.support.xray import Training

CURRENT: Final = max(one.name[1:5] for one in VERSIONS.glob("v*.py"))
"""The version of this program's tables."""
NEWER: Final = f"{int(CURRENT) + 1:04d}"
NEXT: Final = f'''
"""Made up: the cost of an attempt."""

import sqlalchemy as sa
from alembic import op

revision = "{NEWER}"
down_revision = "{CURRENT}"


def upgrade() -> None:
    op.add_column("xray_attempts", sa.Column("cost", sa.Double))
'''


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with open_store(settings) as store:
        yield store


@pytest.fixture
def training(settings: Settings) -> Training:
    return Training(storage_root=settings.storage_root)


@pytest.fixture
def newer(tmp_path: Path) -> tuple[Path, ...]:
    """The migrations of the next version of the program."""
    folder = tmp_path / "newer"
    shutil.copytree(VERSIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / f"v{NEWER}_cost.py").write_text(NEXT)
    return (folder,)
