"""All that is looked for in an attempt, and which of it is told without being asked for."""

import difflib
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from ml_platform.errors import SettingsError
from ml_platform.xray.findings import (
    checkpoints,
    communication_bound,
    gpu_left_idle,
    idle_gpus,
    input_bound,
    memory_limit,
    no_progress,
    over_provisioned,
    queueing,
    recompute,
    slower,
    start_up,
    straggler,
)
from ml_platform.xray.findings.finding import Finding, Judge, Seen

# What stops a training first, then what slows it, then what it costs.
JUDGES: Final[Mapping[str, Judge]] = MappingProxyType(
    {
        no_progress.NAME: no_progress.no_progress,
        memory_limit.NAME: memory_limit.memory_limit,
        straggler.NAME: straggler.straggler,
        input_bound.NAME: input_bound.input_bound,
        communication_bound.NAME: communication_bound.communication_bound,
        recompute.NAME: recompute.recompute,
        checkpoints.OFTEN: checkpoints.checkpoints_too_often,
        checkpoints.SELDOM: checkpoints.checkpoints_too_seldom,
        slower.NAME: slower.slower,
        queueing.NAME: queueing.queueing,
        start_up.NAME: start_up.start_up,
        gpu_left_idle.NAME: gpu_left_idle.gpu_left_idle,
        idle_gpus.NAME: idle_gpus.idle_gpus,
        over_provisioned.NAME: over_provisioned.over_provisioned,
    }
)
EVERY: Final = "all"


def findings_of(seen: Seen, *, loud: Collection[str] = ()) -> tuple[Finding, ...]:
    """What was found, what weighs most first; all but what is `loud` is quiet."""
    found = (judge(seen) for judge in JUDGES.values())
    return tuple(one.aloud(loud) for one in found if one is not None)


def loud_names(text: str) -> frozenset[str]:
    """The findings that a person has turned on: names with commas between them, or `all`.

    Raises:
        SettingsError: there is none of that name.
    """
    names = [one for part in text.split(",") if (one := part.strip())]
    if EVERY in names:
        return frozenset(JUDGES)
    for name in names:
        if name not in JUDGES:
            near = difflib.get_close_matches(name, JUDGES, n=1)
            meant = f", did you mean {near[0]}?" if near else ""
            raise SettingsError(
                f"MLP_XRAY_FINDINGS: there is no finding {name!r}{meant}",
                hint=f"it takes {EVERY}, or some of {', '.join(JUDGES)}.",
            )
    return frozenset(names)
