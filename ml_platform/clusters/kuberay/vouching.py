"""What the watches of a cluster say of a job that runs on it, so that its head need not be asked.

KubeRay asks the head for the job each 3 s and writes what has changed into the RayJob; the kubelet
probes the head, which the pod tells. Neither is believed when it speaks of an end, but that a job
goes on, while both say so, is looked at now and then only.
"""

from ml_platform.clusters.kuberay.diagnosis.pods import Pod
from ml_platform.clusters.kuberay.seen import Object, Watched, is_going
from ml_platform.clusters.kuberay.start import JOBS, PODS
from ml_platform.clusters.kuberay.views import head_incarnation
from ml_platform.errors import ClusterError


def vouches(watch: Watched, uid: str, incarnation: str, submission_id: str) -> bool:
    """Whether all is seen to be well with a job.

    Args:
        watch: Of the cluster's `life`.
        uid: Of its RayJob.
        incarnation: The life of the head that took the job.
        submission_id: The job.
    """
    if not watch.is_current(JOBS, PODS):
        return False
    try:
        jobs, pods = watch.objects(JOBS), watch.objects(PODS)
    except ClusterError:  # a right was taken away: nothing is known
        return False
    is_ready = any(pod.is_head and pod.is_ready for pod in map(_pod, pods))
    its = [one for one in jobs if one["metadata"]["uid"] == uid]
    return (
        is_ready
        and head_incarnation(pods) == incarnation
        and any(_says_it_runs(one, submission_id) for one in its)
    )


def _pod(raw: Object) -> Pod:
    return Pod(raw=raw)


def _says_it_runs(job: Object, submission_id: str) -> bool:
    status = job.get("status") or {}
    said = tuple(status.get(key) for key in ("jobId", "jobStatus", "jobDeploymentStatus"))
    # Set while KubeRay itself gets no answer from the head.
    is_unsure = bool(status.get("jobStatusCheckFailureStartTime"))
    return said == (submission_id, "RUNNING", "Running") and not is_unsure and not is_going(job)
