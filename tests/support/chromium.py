"""The distribution's Chromium, driven by playwright; playwright never downloads its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import BrowserContext, sync_playwright

INSTALL: Final = "Chromium is missing: apt-get install chromium"
WIDTH_PX: Final = 1600
HEIGHT_PX: Final = 1000
# On a busy machine a page of Dagster takes its time.
TIMEOUT_S: Final = 60.0

FLAGS: Final = (
    # Tests may run as root in a container, where Chromium has no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    # No calls home: a closed network refuses them, many at a time.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
)


def find_chromium() -> str | None:
    """The executable, if it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium(executable: str, *, height_px: int = HEIGHT_PX) -> Iterator[BrowserContext]:
    """A headless Chromium with a fresh profile.

    Args:
        executable: What `find_chromium` found.
        height_px: Height of its window.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        context = browser.new_context(
            viewport={"width": WIDTH_PX, "height": height_px},
            # Texts with times of day read the same on every machine.
            timezone_id="UTC",
            locale="en-US",
        )
        context.set_default_timeout(TIMEOUT_S * 1000)
        yield context
        browser.close()
