"""It took long until its driver began, though it waited in no queue."""

import re
from typing import Final

from ml_platform.xray.findings.finding import Finding, Seen
from ml_platform.xray.records import PULLING
from ml_platform.xray.words import span

NAME: Final = "start_up"
LEAST_S: Final = 180.0
"""A node that an autoscaler adds takes two minutes by itself."""
SHARE: Final = 0.2
"""Of the whole attempt; the start of a day's training may take some minutes."""
DOMINATES: Final = 0.5
_IMAGE: Final = re.compile(r"image (\S+) took")
_PULLS: Final = re.compile(r"pulls image (\S+) .*since (\d+) s")


def start_up(seen: Seen) -> Finding | None:
    """Judged by its length and its share of the attempt; tells which part was the longest."""
    one, times = seen.attempt, seen.times
    total_s = times.starting_s + (times.ran_s or 0.0)
    if times.starting_s < LEAST_S or times.starting_s < SHARE * total_s:
        return None
    end_s = seen.now_s if one.ended_at_s is None else one.ended_at_s
    ready_s = end_s if one.ready_at_s is None else one.ready_at_s
    cluster_s = max(0.0, ready_s - one.claimed_at_s - (times.queued_s or 0.0))
    driver_s = max(0.0, times.starting_s - cluster_s)
    image, pulled_s = _pulled(seen)
    parts = [("the cluster", cluster_s), ("the driver", driver_s)]
    if image and pulled_s >= DOMINATES * times.starting_s:
        longest, next_step = f"pulling the image {image}", _smaller_image()
    elif cluster_s >= driver_s:
        longest, next_step = (
            "the cluster",
            f"`mlp xray show {one.short_id}` says what it waited for.",
        )
    else:
        longest, next_step = (
            "its driver",
            f"`mlp xray logs {one.short_id}` shows what it did first: imports of train.py, mostly.",
        )
    return Finding(
        name=NAME,
        sentence=f"It took {span(times.starting_s)} to start, most of it for {longest}.",
        evidence=(
            *(f"{name}: {span(seconds)}" for name, seconds in parts),
            *([f"image {image}: pulled for some {span(pulled_s)}"] if image else []),
        ),
        confidence="medium",
        next_step=next_step,
    )


def _pulled(seen: Seen) -> tuple[str, float]:
    """The image that was pulled the longest, and for how long.

    As Kubernetes has it; of an attempt from before that was recorded, until something else was
    told.
    """
    recorded = [one for one in seen.events if one.name == PULLING and one.seconds is not None]
    if recorded:
        whole = max(recorded, key=lambda one: one.seconds or 0.0)
        image = _IMAGE.match(whole.detail)
        return (image[1] if image else "", whole.seconds or 0.0)
    told = sorted((one for one in seen.events if one.name == "cluster"), key=lambda one: one.at_s)
    longest = ("", 0.0)
    for index, one in enumerate(told):
        match = _PULLS.search(one.detail)
        if match is None:
            continue
        others = (
            next_one.at_s for next_one in told[index + 1 :] if match[1] not in next_one.detail
        )
        until_s = next(others, one.at_s)
        seconds = float(match[2]) + until_s - one.at_s
        longest = max(longest, (match[1], seconds), key=lambda pair: pair[1])
    return longest


def _smaller_image() -> str:
    return (
        "a smaller image (`docker image history IMAGE` names its largest layers), or one that the "
        "nodes hold already."
    )
