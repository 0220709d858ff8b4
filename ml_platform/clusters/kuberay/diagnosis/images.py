"""Images that are not on their node: for ever, until a registry answers, or until somebody pushes.

The registry's own words decide. A limit of its rate speaks of authentication, and a token that
cannot be fetched of authorization, so what passes by itself is looked for first.
"""

import re
from collections.abc import Sequence
from typing import Final

from ml_platform.clusters.causes import Cause
from ml_platform.clusters.kuberay.diagnosis.diagnoses import Diagnosis, diagnosis
from ml_platform.clusters.kuberay.diagnosis.events import EventSeen
from ml_platform.clusters.kuberay.diagnosis.pods import Container, Pod, line_of

PULL_AGAIN_S: Final = 30.0
"""Time for two more pulls: what is pushed together with the start may come a moment later."""

_PULL: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "SignatureValidationFailed"}
)
_TOO_MANY: Final = re.compile(r"\b429\b|too ?many ?requests|rate limit", re.IGNORECASE)
_NO_NAME: Final = re.compile(
    r"no such host|server misbehaving|temporary failure in name resolution", re.IGNORECASE
)
_AWAY: Final = re.compile(
    r"\b5\d\d (?:internal|not impl|bad gateway|service|gateway|server)|status(?: code)?:? 5\d\d\b"
    r"|time-?out|timed out|deadline exceeded|connection (?:refused|reset)|unreachable"
    r"|no route to host|unexpected EOF|: EOF",
    re.IGNORECASE,
)
_NO_ROOM: Final = re.compile(r"no space left", re.IGNORECASE)
_DENIED: Final = re.compile(
    r"unauthorized|denied|forbidden|\b40[13]\b|authentication required|authorization failed"
    r"|no basic auth",
    re.IGNORECASE,
)
_MISSING: Final = re.compile(
    r"not found|manifest unknown|name unknown|does not exist", re.IGNORECASE
)
_NAMES: Final = re.compile(r'"[^"]*"|\bhttps?://\S+')
"""An image and a registry may be called by any of these words."""
_AGAIN: Final = "Nothing: it is tried again. "


def image_trouble(pod: Pod, container: Container, events: Sequence[EventSeen]) -> Diagnosis | None:
    """Why the image of a container that waits is not there; None if it waits for something else.

    Args:
        pod: Whose container it is.
        container: It.
        events: What was said of the pod.
    """
    match container.waiting_reason:
        case "ErrImageNeverPull":
            return _never_pulled(pod, container)
        case "InvalidImageName":
            return _bad_name(pod, container)
        case reason if reason in _PULL:
            return _not_pulled(pod, container, events)
    return None


def _never_pulled(pod: Pod, container: Container) -> Diagnosis:
    return diagnosis(
        f"image-never-pull/{pod.role}/{container.image}",
        "broken",
        pod.place,
        f"Image {container.image} of the {pod.place} is not on the node, and may not be pulled.",
        "Load the image onto the nodes, or set the clusters' `image_pull_policy` to IfNotPresent.",
        evidence=[line_of(pod, container)],
    )


def _bad_name(pod: Pod, container: Container) -> Diagnosis:
    return diagnosis(
        f"image-name/{pod.role}/{container.image}",
        "broken",
        pod.place,
        f"{container.image!r} is no name of an image.",
        "Correct `image` in the cluster's spec: registry/name:tag.",
        evidence=[line_of(pod, container)],
        cause=Cause.BAD_INPUT,
    )


def _not_pulled(pod: Pod, container: Container, events: Sequence[EventSeen]) -> Diagnosis:
    failed = [
        event.message
        for event in events
        if event.reason == "Failed" and container.image in event.message
    ]
    # Old kubelets say why only in the Event, and while they pause not even there.
    why = container.waiting_message if ": " in container.waiting_message else ""
    why = why or (failed[-1] if failed else container.waiting_message)
    said, hint, give_up_after_s = _meaning(_NAMES.sub("", why.replace(container.image, "")))
    return diagnosis(
        f"image/{pod.role}/{container.image}",
        "starting",
        pod.place,
        f"Image {container.image} of the {pod.place} {said}: {why}",
        hint,
        evidence=[line_of(pod, container), *failed],
        give_up_after_s=give_up_after_s,
    )


def _meaning(why: str) -> tuple[str, str, float | None]:
    """What is said of it, what to do, and how long it may last."""
    if _TOO_MANY.search(why):
        hint = "A secret in the clusters' `image_pull_secrets`, or a mirror, has a higher limit."
        return "could not be pulled yet", _AGAIN + hint, None
    if _NO_NAME.search(why):
        hint = "If it lasts, correct the registry in `image`, or see to the nodes' DNS."
        return "could not be pulled yet", _AGAIN + hint, None
    if _AWAY.search(why):
        return "could not be pulled yet", f"{_AGAIN}If it lasts, look at the registry.", None
    if _NO_ROOM.search(why):
        hint = "Its node's disk is full: make room there, or start again on another node."
        return "could not be pulled", hint, None
    if _DENIED.search(why):
        hint = "Name a secret that may in the clusters' `image_pull_secrets`, and see whether the "
        hint += "image exists: a registry may answer so for one that does not."
        return "may not be pulled", hint, PULL_AGAIN_S
    if _MISSING.search(why):
        hint = "Correct `image` in the cluster's spec, or push the image."
        return "is not found", hint, PULL_AGAIN_S
    hint = "If it lasts, look at the registry, and at its certificate."
    return "could not be pulled", _AGAIN + hint, None
