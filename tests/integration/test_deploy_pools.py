"""The pools of production's instance, on a real PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
import yaml

from ml_platform.backfill.pools import PoolLimit, ensure_limits, pools_of
from ml_platform.settings import PROJECT_ROOT
from tests.support.postgres import NotInstalledError, Postgres, running_postgres

pytestmark = pytest.mark.integration


@dg.asset(pool="ray")
def trained() -> int:
    """Runs in a pool."""
    return 1


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    try:
        with running_postgres() as server:
            yield server
    except NotInstalledError as reason:
        pytest.skip(str(reason))


def instance_of(
    folder: Path, postgres: Postgres, *, default_limit: int | None = None
) -> dg.DagsterInstance:
    """Production's storage and limits, on the test's server."""
    deployed = yaml.safe_load((PROJECT_ROOT / "deploy" / "dagster.yaml").read_text())
    database = deployed["storage"]["postgres"]["postgres_db"] | {
        "hostname": postgres.host,
        "port": postgres.port,
        "username": postgres.username,
        "password": postgres.password,
        "db_name": postgres.database,
    }
    concurrency = deployed["concurrency"]
    if default_limit is not None:
        concurrency["pools"]["default_limit"] = default_limit
    wanted = {"storage": {"postgres": {"postgres_db": database}}, "concurrency": concurrency}
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_text(yaml.safe_dump(wanted))
    return dg.DagsterInstance.from_config(str(folder))


def test_pools_made_by_several_at_once_work_also_under_another_default(
    postgres: Postgres, tmp_path: Path
) -> None:
    with instance_of(tmp_path / "one", postgres) as instance:
        # As a run does that comes first.
        instance.event_log_storage.initialize_concurrency_limit_to_default("warehouse")

        def make(_: int) -> list[PoolLimit]:
            return ensure_limits(instance, ["ray", "warehouse"])

        with ThreadPoolExecutor(4) as processes:
            made = [limit for limits in processes.map(make, range(4)) for limit in limits]
        assert {(one.pool, one.limit) for one in made} == {("ray", 4), ("warehouse", 4)}
        assert dg.materialize([trained], instance=instance).success
    with instance_of(tmp_path / "other", postgres, default_limit=6) as instance:
        assert dg.materialize([trained], instance=instance).success
        assert ensure_limits(instance, ["ray"]) == [PoolLimit(pool="ray", limit=4, new=False)]


def test_every_pool_of_the_assets_is_known() -> None:
    assert pools_of(dg.Definitions(assets=[trained])) == ["ray"]
