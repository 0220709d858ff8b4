"""Ray Train leaves every failure to the driver, which alone knows the newest checkpoint.

Its policy is private to it, so that another release which retries by itself is seen here.
"""

import pytest

from ml_platform.training.entrypoint import failures_are_the_drivers


@pytest.mark.parametrize("preempted", [False, True], ids=["a death", "a preempted node"])
def test_workers_are_not_started_again_behind_the_drivers_back(preempted: bool) -> None:
    from ray.train.v2._internal.execution.failure_handling.default import DefaultFailurePolicy
    from ray.train.v2._internal.execution.failure_handling.failure_policy import FailureDecision
    from ray.train.v2.api.exceptions import PreemptionError, WorkerGroupError
    from ray.train.v2.api.preemption import PreemptionInfo

    error = (
        PreemptionError(PreemptionInfo(deadline_ms=None, preempted_node_to_ranks={"n": [0]}))
        if preempted
        else WorkerGroupError("one died", worker_failures={0: RuntimeError("killed")})
    )
    policy = DefaultFailurePolicy(failures_are_the_drivers())
    assert policy.make_decision(error) is FailureDecision.RAISE
