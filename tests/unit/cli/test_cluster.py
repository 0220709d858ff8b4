"""What `mlp cluster` says of clusters that somebody else has made."""

import pytest

from ml_platform.cli.cluster_show import show_reaped
from ml_platform.clusters.interface import Reaped

KEPT = Reaped(name="queued", reason="it has no run", removed=False, kept="until tomorrow")
GOES = Reaped(name="left", reason="its run ended", removed=False)


def test_what_is_kept_is_told_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    show_reaped([KEPT])
    said = capsys.readouterr().out
    assert "kept" in said
    assert "it has no run; until tomorrow" in said
    assert "--yes" not in said


def test_what_would_go_is_told_with_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    show_reaped([KEPT, GOES])
    said = capsys.readouterr().out
    assert "not removed" in said
    assert "`mlp cluster reap --yes` removes them" in said
