"""How the operator is set up: flags and variables that the double obeys, all others end it.

A setting that it passed over would make it another operator than the one that was asked for.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.support.kuberay.not_covered import VARIABLES, refusal

DEFAULT_RESYNC_S: Final = 300
DEFAULT_STATUS_CHECK_TIMEOUT_S: Final = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What can be set.

    Attributes:
        health_host: Where the health probe is answered; empty for everywhere.
        health_port: On which port.
        domain: The cluster's, in which services have their names.
        resync_s: After how long a RayCluster is looked at though nothing has changed.
        status_check_timeout_s: For how long a dashboard may give no usable answer.
    """

    health_host: str
    health_port: int
    domain: str
    resync_s: int
    status_check_timeout_s: int


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Settings from the command line and the environment.

    Raises:
        SystemExit: there is one that the double does not cover; it has been said which.
    """
    parser = argparse.ArgumentParser(prog="kuberay-double", description=__doc__, allow_abbrev=False)
    parser.add_argument("--health-probe-bind-address", default=":8082", metavar="HOST:PORT")
    parser.add_argument(
        "--enable-leader-election",
        nargs="?",
        const="true",
        metavar="true|false",
        help="taken and not needed: there is one double and no lease",
    )
    options, unknown = parser.parse_known_args(arguments)
    unknown += [f"the variable {name}" for name in VARIABLES if environment.get(name)]
    if refused := refusal(unknown):
        parser.error(refused)
    host, _, port = options.health_probe_bind_address.rpartition(":")
    return Settings(
        health_host=host,
        health_port=int(port),
        domain=environment.get("CLUSTER_DOMAIN") or "cluster.local",
        resync_s=_positive(
            environment.get("RAYCLUSTER_DEFAULT_REQUEUE_SECONDS_ENV"), DEFAULT_RESYNC_S
        ),
        status_check_timeout_s=_positive(
            environment.get("RAYJOB_STATUS_CHECK_TIMEOUT_SECONDS"), DEFAULT_STATUS_CHECK_TIMEOUT_S
        ),
    )


def _positive(value: str | None, default: int) -> int:
    return int(value) if value and value.isdigit() and int(value) > 0 else default
