"""Whether a cluster takes the job of a training, whose driver starts while workers join."""

from ml_platform.clusters.kuberay.diagnosis.pods import Pod, pods_of
from ml_platform.clusters.kuberay.seen import Seen, is_going


def takes_jobs(seen: Seen, workers: int) -> bool:
    """Whether the head is ready, and Ray starts in so many workers.

    What may keep a worker away for long, or for ever, is behind it then: its node, its image, its
    volumes, its waiting for the head. Ray Train waits for the rest, which takes a third of the time
    from create to the first line of user code.
    """
    if seen.ray_cluster is None or is_going(seen.ray_cluster):
        return False
    pods = pods_of(seen)
    heads = [pod for pod in pods if pod.is_head and pod.is_ready]
    return len(heads) == 1 and workers <= sum(not pod.is_head and _starts(pod) for pod in pods)


def _starts(pod: Pod) -> bool:
    container = pod.ray_container()
    if container is None or container.running is None:
        return False
    # One that ends again and again runs for a moment each time.
    return pod.is_ready or container.restarts == 0
