"""A session whose progress is shown on this terminal."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from ml_platform.backfill.session import Session, open_session
from ml_platform.cli.output import working
from ml_platform.cli.progress import on_terminal
from ml_platform.settings import Settings


@contextmanager
def terminal_session(settings: Settings, *, every_message: bool = False) -> Iterator[Session]:
    """Open a session; `every_message` keeps what the work says on lines of their own.

    Raises:
        PlatformError: the code location or Dagster's instance is not usable; says why.
    """
    with ExitStack() as opened:
        with working("loading the code location"):
            show = partial(on_terminal, every_message=every_message)
            session = opened.enter_context(open_session(settings, show_progress=show))
        yield session
