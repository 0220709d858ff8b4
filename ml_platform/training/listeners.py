"""Who is told while a training runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ml_platform.clusters.ladder import Decision
from ml_platform.training.record import Claim, Ended
from ml_platform.xray.records import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedReport:
    """An attempt that has failed.

    Attributes:
        claim: Who tried what.
        ended: Why it ended.
        logs: The last lines of its cluster by source, if this process has read them.
    """

    claim: Claim
    ended: Ended
    logs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listeners:
    """Who is told while a training runs.

    Attributes:
        on_log: Called with each line of a job's log.
        on_event: Called with each event.
        on_attempt: Called when an attempt has failed.
        on_decision: Called with what follows it.
        on_warning: Called with what a person may want to know before an attempt begins.
    """

    on_log: Callable[[str], None]
    on_event: Callable[[Event], None] = lambda event: None
    on_attempt: Callable[[EndedReport], None] = lambda report: None
    on_decision: Callable[[Decision], None] = lambda decision: None
    on_warning: Callable[[str], None] = lambda line: None
