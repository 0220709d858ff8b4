"""Draws the README's picture of the asset graph from a platform home that has run the main job.

`python -m tests.browser.screenshot`, or `make screenshot`; the home is that of the settings.
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, expect

from ml_platform.settings import load_settings
from tests.support.chromium import INSTALL, TIMEOUT_S, WIDTH_PX, chromium, find_chromium
from tests.support.dagster_pages import graph_path
from tests.support.dagster_server import dagster_server

PICTURE: Final = Path(__file__).parent / "asset_graph.png"
# Raw tables and staging stay folded up: unfolded they take half of the picture.
UNFOLDED: Final = ("features", "flight_delay")
HEIGHT_PX: Final = 900
COLOURS: Final = 128
SETTLED_MS: Final = 3000


def main() -> int:
    """Draw the picture; returns the exit code."""
    executable = find_chromium()
    if executable is None:
        sys.stderr.write(f"{INSTALL}\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="screenshot_") as folder:
        home = Path(folder) / "home"
        # The daemon writes into its home.
        shutil.copytree(load_settings().home, home, ignore=shutil.ignore_patterns("ray"))
        with (
            dagster_server(home, Path(folder) / "server.log") as server,
            chromium(executable, height_px=HEIGHT_PX) as context,
        ):
            expect.set_options(timeout=TIMEOUT_S * 1000)
            page = context.new_page()
            page.goto(server.url + graph_path(*UNFOLDED))
            PICTURE.write_bytes(graph_picture(page))
    sys.stdout.write(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes\n")
    return 0


def graph_picture(page: Page) -> bytes:
    """The page's graph as a PNG with a palette, the flow as large as it gets."""
    expect(page.get_by_text("training_set").first).to_be_visible()
    page.get_by_text("Hide navigation").click()
    page.get_by_role("button").filter(has=page.get_by_label("panel_show_right")).last.click()
    # On an empty place: fits the graph into the room that there is now.
    page.mouse.dblclick(WIDTH_PX * 0.65, HEIGHT_PX * 0.9)
    # Nothing says when the graph has stopped moving and its nodes have their status.
    page.wait_for_timeout(SETTLED_MS)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
