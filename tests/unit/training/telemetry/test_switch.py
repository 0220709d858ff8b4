"""Whether what runs on a cluster records, as its pods say."""

import pytest

from ml_platform.training.telemetry.switch import records


@pytest.mark.parametrize("environ", [{}, {"MLP_RECORDING": ""}, {"MLP_RECORDING": "on"}])
def test_it_records_unless_it_is_told_not_to(environ: dict[str, str]) -> None:
    assert records(environ)


def test_it_does_not_where_its_pods_say_so() -> None:
    assert not records({"MLP_RECORDING": "off"})
