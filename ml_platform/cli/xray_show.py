"""How `mlp xray` shows what it found, for a person."""

from collections.abc import Sequence
from typing import Final

import typer
from rich.text import Text

from ml_platform.cli.output import BANG, counted, dim, harmless, note, print_table, say
from ml_platform.xray.findings.finding import Finding
from ml_platform.xray.gather import Gathered
from ml_platform.xray.listing import Details, Listed, Told
from ml_platform.xray.logs import KeptLog
from ml_platform.xray.timeline import Doing, Times
from ml_platform.xray.words import clock_time, moment, moment_and_zone, money, shortened, span

MARKS: Final = {
    "open": Text("goes on", style="cyan"),
    "succeeded": Text("succeeded", style="green"),
    "failed": Text("failed", style="red"),
    "superseded": Text("superseded", style="dim"),
}
MOST_UNREADABLE: Final = 5
MOST_OF_WHY: Final = 80
"""Characters in a list; `show` has it all."""


def show_listed(found: Sequence[Listed]) -> None:
    """A line an attempt."""
    if not found:
        say("no such attempt is known; `mlp xray gather --all` finds trainings of before X-Ray")
        return
    rows = [
        (
            one.attempt.short_id,
            one.attempt.model,
            one.attempt.partition,
            moment(one.attempt.claimed_at_s),
            _took(one.times),
            MARKS.get(one.attempt.status, one.attempt.status),
            shortened(_cause(one), MOST_OF_WHY),
        )
        for one in found
    ]
    columns = ("attempt", "model", "partition", "claimed", "ran", "", "why")
    print_table(columns, rows, right=("ran",))


def show_details(found: Details) -> None:
    """What is known of an attempt, its timeline, and how it ended."""
    one, spent = found.attempt, found.times
    checkpoint = (
        f"epoch {one.checkpoint_epoch} of attempt {one.checkpoint_attempt}"
        if one.checkpoint_epoch is not None
        else ""
    )
    facts = [
        ("id", one.id),
        ("status", MARKS.get(one.status, one.status)),
        ("now", _doing(found.doing) if found.doing else ""),
        ("progress", found.progress.told if found.progress else ""),
        ("claimed", moment_and_zone(one.claimed_at_s)),
        ("ended", moment_and_zone(one.ended_at_s) if one.ended_at_s else ""),
        ("queued", span(spent.queued_s) if spent.queued_s else ""),
        ("starting", span(spent.starting_s)),
        ("ran", span(spent.ran_s) if spent.ran_s is not None else ""),
        ("cost", _cost_of(found)),
        ("run", one.run),
        ("retry of", one.root if one.root != one.run else ""),
        ("cluster", one.cluster),
        ("on", f"{one.spec_in_words} ({one.place})"),
        ("image", one.image),
        ("job", one.job),
        ("rung", f"{one.rung}" if one.rung else ""),
        ("workers started again", f"{one.worker_restarts}" if one.worker_restarts else ""),
        ("newest checkpoint", checkpoint),
        ("platform", one.platform_version),
        ("folder", one.folder_uri),
    ]
    title = f"attempt {one.number} at {one.model} of {one.partition}"
    print_table((title, ""), [row for row in facts if row[1]])
    if found.phases:
        rows = [
            (
                phase.name,
                clock_time(phase.began_at_s),
                "" if phase.seconds is None else span(phase.seconds),
                phase.state,
                phase.detail,
            )
            for phase in found.phases
        ]
        print_table(("phase", "began", "took", "", "how"), rows, right=("took",))
    for finding in found.findings:
        show_finding(finding)
    _show_failure(found)


def show_finding(finding: Finding) -> None:
    """What was found, by what that is seen, and what to do."""
    say(Text(f"{finding.name} ({finding.confidence}):", style="yellow"), finding.sentence)
    for line in finding.evidence:
        say(" ", dim(line))
    say("  →", finding.next_step)


def show_story(found: Told) -> None:
    """Its lines."""
    for line in found.lines:
        say(line)


def show_log(log: KeptLog) -> None:
    """The lines on standard output, and beside it which other logs there are."""
    others = [one for one in log.sources if one != log.source]
    more = f"; --source {', '.join(others)} for the others" if others else ""
    note(dim(f"the last {counted(len(log.lines), 'line')} of {log.source}{more}"))
    for line in log.lines:
        typer.echo(harmless(line))


def show_gathered(found: Gathered) -> None:
    """How much, and what is missing."""
    samples = f", {counted(found.samples, 'object')} of samples" if found.samples else ""
    say(f"{counted(found.new, 'new attempt')}, {found.again} read again{samples}")
    note_gathered(found)


def note_gathered(found: Gathered) -> None:
    """Say what is missing, if something is."""
    if found.trouble:
        note(BANG, f"not all is gathered: {found.trouble}")
        note("  → `mlp xray gather` goes on with it, for as long as it takes")
    for one in found.unreadable[:MOST_UNREADABLE]:
        what = f"{one.object_uri} cannot be read, and is tried again: {one.reason}"
        note(BANG, what)
    if len(found.unreadable) > MOST_UNREADABLE:
        note(f"  and {len(found.unreadable) - MOST_UNREADABLE} more")


def _show_failure(found: Details) -> None:
    one = found.attempt
    if one.traceback:
        say(dim(one.traceback.rstrip()))
    if one.message:
        place = f" in {one.cause_place}" if one.cause_place else ""
        say(Text(harmless(f"{one.cause}{place}:"), style="red"), one.message)
    for line in one.evidence:
        say(" ", dim(line))
    if one.hint:
        say("  →", one.hint)


def _cost_of(found: Details) -> str:
    cost = found.cost
    if cost.total is None:
        return "unknown"
    what = "wasted" if cost.wasted else f"idle {money(cost.idle)}" if cost.idle else ""
    return f"{money(cost.total)}, {what}".removesuffix(", ")


def _took(spent: Times) -> str:
    return "–" if spent.ran_s is None else span(spent.ran_s)


def _cause(one: Listed) -> str:
    if one.doing is not None:
        told = _doing(one.doing)
        return f"{told}; {one.progress.told}" if one.progress else told
    place = f" in {one.attempt.cause_place}" if one.attempt.cause_place else ""
    return f"{one.attempt.cause}{place}"


def _doing(doing: Doing) -> str:
    told = f"{doing.state} for {span(doing.seconds)}"
    return f"{told}: {doing.reason}" if doing.reason else told
