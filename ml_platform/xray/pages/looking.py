"""Which page somebody means who looks for something."""

from ml_platform.errors import InputError
from ml_platform.xray.find import find_attempt, find_attempts
from ml_platform.xray.pages import addresses
from ml_platform.xray.store import Store


def page_of(store: Store, asked: str) -> str:
    """The address of what somebody looks for.

    Raises:
        InputError: it is nothing that is known; says what is near.
    """
    model, _, partition = asked.partition(" ")
    if partition:
        of_one = find_attempts(store, model, partition.strip())
        return addresses.training_page(of_one[0].training)
    if asked in store.models():
        return addresses.model_page(asked)
    if store.attempts(backfill=asked, limit=1):
        return addresses.backfill_page(asked)
    try:
        return addresses.attempt_page(find_attempt(store, asked).id)
    except InputError:
        find_attempts(store, asked)
        return addresses.run_page(asked)
