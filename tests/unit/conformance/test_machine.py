"""A machine is starved while its processors have next to no idle time, seconds on end."""

from tests.kubernetes.conformance.machine import Sample, longest_stretch_s

TICKS_A_SECOND = 200


def samples(*idle_shares: float) -> list[Sample]:
    """One sample a second, with this share of idle ticks before each but the first."""
    idle = [round(TICKS_A_SECOND * share) for share in idle_shares]
    return [
        Sample(at=float(number), ticks=TICKS_A_SECOND * number, idle=sum(idle[:number]))
        for number in range(len(idle) + 1)
    ]


def test_a_machine_with_time_to_spare_is_not_starved() -> None:
    assert longest_stretch_s(samples(0.5, 0.06, 0.9)) == 0


def test_the_longest_stretch_counts() -> None:
    assert longest_stretch_s(samples(0.0, 0.5, 0.01, 0.0, 0.04, 0.5, 0.0)) == 3


def test_nothing_seen_is_not_starved() -> None:
    assert longest_stretch_s([]) == longest_stretch_s(samples()) == 0


def test_what_a_hypervisor_takes_away_is_not_idle() -> None:
    sample = Sample.from_stat(5.0, "cpu  10 1 20 100 3 0 4 50 7 0\ncpu0 …")
    assert sample == Sample(at=5.0, ticks=188, idle=100)
