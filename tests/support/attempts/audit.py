"""What must hold of a training's record at every moment, looked at from outside."""

from ml_platform.training.record import TrainingRecord


def broken_rules(uri: str, *, submission: str = "", cluster: str = "") -> list[str]:
    """The rules that do not hold in the training's folder now.

    Args:
        uri: The folder.
        submission: A job that is about to be submitted.
        cluster: A cluster that is about to be made.
    """
    record = TrainingRecord(uri)
    claims = [claim for one in record.attempts() if (claim := one.claim()) is not None]
    open_ones = [one.number for one in record.attempts() if not one.has_ended()]
    broken = []
    if len(open_ones) > 1:
        broken.append(f"attempts {open_ones} are open at once")
    if [claim.number for claim in claims] != list(range(1, len(claims) + 1)):
        broken.append(f"attempts are numbered {[claim.number for claim in claims]}")
    if submission and submission not in {claim.submission_id for claim in claims}:
        broken.append(f"no claim names job {submission}")
    if cluster and cluster not in {claim.cluster for claim in claims}:
        broken.append(f"no claim names cluster {cluster}")
    if (submission or cluster) and record.result() is not None:
        broken.append(f"{submission or cluster} comes after the result")
    return broken


def broken_by_claim(names: list[str], claim: str) -> list[str]:
    """What is wrong with writing the file `claim` beside the files `names` of its training."""
    number = int(claim.split("/")[-2])
    earlier = {f"attempts/{before:04d}" for before in range(1, number)}
    not_ended = [one for one in sorted(earlier) if f"{one}/ended.json" not in names]
    broken = [f"{claim} is written before {one} has ended" for one in not_ended]
    if "result.json" in names:
        broken.append(f"{claim} is written after the result")
    return broken
