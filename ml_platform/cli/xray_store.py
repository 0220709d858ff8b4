"""The store as each command of `mlp xray` opens it: with what is new, as far as there was time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ml_platform.xray.attempt import AttemptRecord
    from ml_platform.xray.prices import Prices
    from ml_platform.xray.store import Store

GATHER_WITHIN_S: Final = 5.0
"""Before a question is answered; what is not gathered by then comes next time."""


@contextmanager
def gathered_store() -> "Iterator[Store]":
    """The store with the attempts that are new; says so if that is not all."""
    from ml_platform.cli.output import working
    from ml_platform.cli.xray_show import note_gathered
    from ml_platform.errors import PlatformError
    from ml_platform.settings import load_settings
    from ml_platform.xray.gather import Gathered, gather
    from ml_platform.xray.parallel import Deadline
    from ml_platform.xray.store import open_store

    settings = load_settings()
    with open_store(settings) as store:
        with working("gathering what is new"):
            try:
                deadline = Deadline(GATHER_WITHIN_S)
                result = gather(store, settings.storage_root, samples=False, deadline=deadline)
            except PlatformError as error:  # what is known is told all the same
                result = Gathered(trouble=error.message)
        note_gathered(result)
        yield store


def gather_measured(store: "Store", attempts: "Sequence[AttemptRecord]") -> None:
    """Gather what these attempts measured; says so if that is not all."""
    from ml_platform.cli.output import working
    from ml_platform.cli.xray_show import note_gathered
    from ml_platform.errors import PlatformError
    from ml_platform.xray.gather import Gathered
    from ml_platform.xray.parallel import Deadline
    from ml_platform.xray.sample_gathering import gather_samples

    with working("gathering what was measured"):
        try:
            deadline = Deadline(GATHER_WITHIN_S)
            trouble = gather_samples(store.sample_store, attempts, deadline=deadline).trouble
        except PlatformError as error:
            trouble = error.message
    note_gathered(Gathered(trouble=trouble))


def known_prices() -> "Prices":
    """The prices; none, and a word about it, if what has them is not usable."""
    from ml_platform.cli.output import BANG, note
    from ml_platform.errors import SettingsError
    from ml_platform.settings import load_settings
    from ml_platform.xray.prices import Prices, prices_of

    try:
        return prices_of(load_settings())
    except SettingsError as error:  # what happened is told all the same
        note(BANG, f"no cost is known: {error.message}")
        return Prices()


def loud_findings() -> frozenset[str]:
    """Findings that are told without being asked for.

    Raises:
        SettingsError: one of them is none.
    """
    from ml_platform.settings import load_settings
    from ml_platform.xray.findings.judges import loud_names

    return loud_names(load_settings().xray_findings)
