"""Dagster's pages in a browser, read as a person reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.support.dagster_server import DagsterServer


def graph_path(*unfolded: str) -> str:
    """The page of the asset graph with some groups unfolded; the others are a box each."""
    return "/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in unfolded)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A person at the Dagster UI.

    Attributes:
        server: The Dagster whose pages are read.
        page: The browser's tab.
        errors: What the pages wrote to the browser's console as an error.
    """

    server: DagsterServer
    page: Page
    errors: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a page of Dagster."""
        self.page.goto(f"{self.server.url}{path}")

    def sees(self, text: str) -> Locator:
        """The place where the page shows `text`; waits until it does."""
        found = self.page.get_by_text(text).filter(visible=True).first
        expect(found).to_be_visible()
        return found

    def row(self, key: str) -> Locator:
        """The row of a table of metadata whose key is `key`."""
        its_key = self.page.get_by_text(key, exact=True)
        return self.page.get_by_role("row").filter(has=its_key).first

    def markdown(self, key: str) -> Locator:
        """The window that opens on the row `key`; close it with the key Escape."""
        self.row(key).get_by_text("[Show Markdown]").click()
        return self.page.get_by_role("dialog")

    def width_of_picture(self, key: str) -> int:
        """Pixels of the picture behind the row `key`; 0 if the browser cannot draw it."""
        picture = self.markdown(key).locator("img")
        expect(picture).to_be_visible()
        width: int = picture.evaluate(
            "async (picture) => {await picture.decode(); return picture.naturalWidth }"
        )
        self.page.keyboard.press("Escape")
        return width


@contextmanager
def listening(reader: Reader) -> Iterator[Reader]:
    """Collect what the pages write to the console as an error meanwhile."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            reader.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def on_exception(error: Exception) -> None:
        reader.errors.append(str(error))

    reader.page.on("console", on_console)
    reader.page.on("pageerror", on_exception)
    try:
        yield reader
    finally:
        reader.page.remove_listener("console", on_console)
        reader.page.remove_listener("pageerror", on_exception)
