"""Recordings that are not observed, and why: what they show is not proven of the double.

What else the double does not cover it refuses: see `tests.support.kuberay.not_covered`. No test may
lean on any of it.
"""

from typing import Final

NOT_RUN: Final = {
    "rj-k8sjobmode-success": "K8sJobMode: a submitter job, which the double does not make",
    "rj-active-deadline": "its point is a backoffLimit of 1; InteractiveMode refuses one, and its "
    "deadline is rj-interactive-active-deadline",
    "rj-user-error-backoff1": "backoffLimit, which InteractiveMode refuses",
    "rj-prerunning-deadline-backoff1": "backoffLimit, which InteractiveMode refuses",
    "rj-head-killed-while-running": "the operator submits again in HTTPMode only; the other half "
    "is rj-interactive-head-killed",
    "rj-driver-oomkilled-group": "the operator submits again and again in HTTPMode only; the death "
    "is rc-head-oomkilled-group",
}
