"""What `mlp model show` says of a version."""

from datetime import UTC, datetime

import pytest

from ml_platform.cli.show import show_details
from ml_platform.clusters.spec import ClusterSpec, WorkerGroup
from ml_platform.registry.listing import VersionDetails, VersionRow
from tests.support.lineages import lineage


def details_on(cluster: ClusterSpec) -> VersionDetails:
    made = lineage()
    request = made.request.model_copy(update={"cluster": cluster})
    return VersionDetails(
        row=VersionRow(
            model="flight_delay",
            version=3,
            partition="2013-03-14",
            champion=True,
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            roc_auc=0.7,
            log_loss=0.4,
        ),
        lineage=made.model_copy(update={"request": request}).model_dump(mode="json"),
        metrics={},
        gates=(),
        promotion="",
        files="file:///model",
        url="http://127.0.0.1:5000",
    )


def test_the_workers_of_a_version_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    show_details(details_on(ClusterSpec(provisioner="local", workers=WorkerGroup(count=2))))

    assert "local, 2 × 1 CPU, 4Gi" in capsys.readouterr().out


def test_so_are_several_groups_of_workers(capsys: pytest.CaptureFixture[str]) -> None:
    groups = (WorkerGroup(name="own", count=1), WorkerGroup(name="spot", count=3, spot=True))

    show_details(details_on(ClusterSpec(provisioner="ephemeral", workers=groups)))

    assert "ephemeral, 1 × 1 CPU, 4Gi; 3 × 1 CPU, 4Gi" in capsys.readouterr().out
