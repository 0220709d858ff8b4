"""What a command needs to run work here: definitions, instance, runner, progress and a log."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import dagster as dg

from ml_platform.backfill.chain import find_chain, load_definitions
from ml_platform.backfill.dagster_home import open_instance
from ml_platform.backfill.executor import Executor
from ml_platform.backfill.plan import Chain
from ml_platform.backfill.progress import ShowProgress, in_silence
from ml_platform.backfill.runner import Runner, settle_dead_runs
from ml_platform.clusters.open import resolved
from ml_platform.model_folder.read import ModelFolder
from ml_platform.place import claim_storage
from ml_platform.settings import Settings
from ml_platform.stages import STAGES, asset_key
from ml_platform.training.asset import RECIPE
from ml_platform.training.plan import make_request

MOST_MATERIALIZATIONS: Final = 1000
"""What Dagster hands out at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """The code location, and where its runs are recorded.

    Attributes:
        settings: Where things are.
        definitions: The code location.
        instance: Dagster's state.
        log: File for what the work itself writes.
        show_progress: Shows what the work does, and sends what it writes to the log.
    """

    settings: Settings
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    log: Path
    show_progress: ShowProgress = in_silence

    def chain(self, model: ModelFolder) -> Chain:
        """The assets of a model."""
        return find_chain(self.definitions, model)

    def there(self, chain: Chain) -> dict[str, set[str]]:
        """By asset key, the partitions that are materialized."""
        keys = [key for stage in STAGES[1:] for key in chain.assets(stage)]
        return {
            key: self.instance.get_materialized_partitions(dg.AssetKey.from_user_string(key))
            for key in keys
        }

    def outdated(self, model: ModelFolder, days: Sequence[str]) -> list[str]:
        """Those of `days` whose model was trained by another `defs.yaml` or other code."""
        if not days:
            return []
        today = make_request(
            model.plan,
            days[-1],
            [],
            storage_root=self.settings.storage_root,
            cluster=resolved(self.settings, model.plan.cluster),
        ).recipe_hash()
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(
                asset_key=asset_key(model.plan.name, "model"), asset_partitions=list(days)
            ),
            limit=MOST_MATERIALIZATIONS,
        ).records
        newest: dict[str, str] = {}
        for record in records:  # the newest first
            made = record.asset_materialization
            if made is not None and made.partition is not None and RECIPE in made.metadata:
                newest.setdefault(made.partition, str(made.metadata[RECIPE].value))
        return sorted(day for day, recipe in newest.items() if recipe != today)

    def sources_there(self, chain: Chain) -> set[str]:
        """The sources of a chain that are materialized."""
        return {
            key
            for key in chain.sources
            if self.instance.get_latest_materialization_event(dg.AssetKey.from_user_string(key))
        }

    @contextmanager
    def executor(self, chain: Chain) -> Iterator[Executor]:
        """Runs plans of a chain; what they write goes to the log meanwhile."""
        claim_storage(self.settings)
        settle_dead_runs(self.instance)
        with self.show_progress(self.log) as progress:
            runner = Runner(
                self.definitions, self.instance, self.settings, on_message=progress.message
            )
            yield Executor(chain, runner, progress)


@contextmanager
def open_session(
    settings: Settings, *, show_progress: ShowProgress = in_silence
) -> Iterator[Session]:
    """Load the code location and open Dagster's instance.

    Raises:
        PlatformError: one of them is not usable; says why.
    """
    log = settings.home / "logs" / f"mlp-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
    with open_instance(settings) as instance:
        yield Session(
            settings=settings,
            definitions=load_definitions(),
            instance=instance,
            log=log,
            show_progress=show_progress,
        )
