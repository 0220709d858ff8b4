"""X-Ray's pages as a person reads them: in both themes, on a desk and on a phone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Dialog, Error, Page, Request, expect
from pydantic import SecretStr

from ml_platform.settings import Settings
from tests.support.chromium import HEIGHT_PX, WIDTH_PX
from tests.support.xray_clusters import ADAS, clusters_of
from tests.support.xray_pages import MARKUP, Story, addresses, archive, id_of, pages_of, tell_story

pytestmark = pytest.mark.browser

NAMES = (
    "overview",
    "attempt",
    "measured",
    "log",
    "training",
    "model",
    "run",
    "backfill",
    "clusters",
    "costs",
    "compare",
)
BUDGETS = "{teams: {growth: {per_day: 0.5}}, assets: {flight_delay/model: {per_day: 2}}}"
OPERATORS = "a token of the operators"
SIZES = {"desk": (1280, 800), "phone": (375, 700)}
# Each text whose contrast with what is behind it is less than WCAG wants of small text.
TOO_FAINT = """() => {
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const found = rgb(getComputedStyle(one).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const one of document.querySelectorAll("body *")) {
    const text = [...one.childNodes].find((node) => node.nodeType === 3 && node.data.trim());
    if (!text || !one.getClientRects().length || one.tagName === "title") continue;
    const style = getComputedStyle(one);
    const a = light(rgb(one.tagName === "text" ? style.fill : style.color));
    const b = light(ground(one));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${text.data.trim().slice(0, 40)}`);
  }
  return faint;
}"""

# Each line of a picture whose name and length lie over each other.
OVER_EACH_OTHER = """() => [...document.querySelectorAll("text.lane")].filter((lane) => {
  const took = lane.nextElementSibling;
  const [a, b] = [lane.getBoundingClientRect(), took.getBoundingClientRect()];
  return b.width && a.right > b.left;
}).map((lane) => lane.textContent)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody at X-Ray's pages.

    Attributes:
        url: Where they are.
        page: The browser's tab.
        errors: What the pages wrote to the console as an error.
        elsewhere: What they asked of others.
    """

    url: str
    page: Page
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        self.page.goto(f"{self.url}{address}")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Story]:
    home = tmp_path_factory.mktemp("xray") / "home"
    home.mkdir()
    file = home / "clusters.yaml"
    file.write_text(f"namespace: ray\nbudgets: {BUDGETS}")
    settings = Settings(
        home=home,
        clusters_file=file,
        price_cpu_hour=1.0,
        xray_findings="straggler",
        xray_operator_token=SecretStr(OPERATORS),
    )
    return settings, tell_story(settings.storage_root)


@pytest.fixture(scope="module")
def url(written: tuple[Settings, Story]) -> Iterator[str]:
    settings, _ = written
    with (
        clusters_of(settings) as clusters,
        pages_of(settings, inventory=clusters.inventory, acts=clusters.acts) as url,
    ):
        yield url


@pytest.fixture
def story(written: tuple[Settings, Story]) -> Story:
    return written[1]


@pytest.fixture
def person(tab: Page, url: str) -> Iterator[Person]:
    """Who reads; an error in the console, or a word with anybody else, fails the test."""
    reading = Person(url=url, page=tab)

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            reading.errors.append(f"{message.text} ({tab.url})")

    def on_error(error: Error) -> None:
        reading.errors.append(str(error))

    def on_request(request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(url).netloc:
            reading.elsewhere.append(request.url)

    def on_dialog(dialog: Dialog) -> None:
        reading.errors.append(dialog.message)
        dialog.dismiss()

    heard: dict[Any, Any] = {
        "dialog": on_dialog,
        "console": on_console,
        "pageerror": on_error,
        "request": on_request,
    }
    for name, listener in heard.items():
        tab.on(name, listener)
    yield reading
    for name, listener in heard.items():
        tab.remove_listener(name, listener)
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": WIDTH_PX, "height": HEIGHT_PX})
    assert reading.errors == []
    assert reading.elsewhere == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_each_page_reads_in_both_themes_on_a_desk_and_on_a_phone(
    person: Person, story: Story, name: str, theme: Literal["light", "dark"], size: str
) -> None:
    width, height = SIZES[size]
    person.page.emulate_media(color_scheme=theme)
    person.page.set_viewport_size({"width": width, "height": height})
    person.open(addresses(story)[name])

    expect(person.page.locator("h1")).to_be_visible()
    widest = person.page.evaluate("document.documentElement.scrollWidth")
    assert widest <= width, "it has to be scrolled sideways"
    assert person.page.evaluate(TOO_FAINT) == []
    assert person.page.evaluate(OVER_EACH_OTHER) == []


def test_what_others_have_written_does_nothing(person: Person, story: Story) -> None:
    person.open(f"/attempts/{id_of(story.failed, 2)}")

    why = person.page.get_by_role("region", name="Why it ended")
    expect(why.get_by_text(MARKUP).first).to_be_visible()
    expect(person.page.locator("[data-part] .log")).to_contain_text(MARKUP)


def test_what_was_found_and_measured_unfolds(person: Person, story: Story) -> None:
    person.open(addresses(story)["measured"])

    expect(person.page.get_by_text("Rank 1 on node 10.0.0.1 took").first).to_be_visible()
    folded = person.page.locator(".findings").get_by_text("memory_limit")
    expect(folded).to_be_hidden()
    person.page.get_by_text("that nobody has turned on").click()
    expect(folded).to_be_visible()
    person.page.get_by_text("Each worker's time, as a table").click()
    expect(person.page.get_by_role("cell", name="7 min 15 s")).to_be_visible()
    areas = person.page.locator("path.area")
    expect(areas).to_have_count(6)
    widths = [box["width"] for one in areas.all() if (box := one.bounding_box())]
    assert len(widths) == 6
    assert min(widths) > 500


def test_costs_are_told_by_another_part_and_sorted(person: Person) -> None:
    person.open("/costs")
    person.page.get_by_label("By").select_option("run")

    # Four runs, and two budgets below them.
    expect(person.page.locator("tbody tr")).to_have_count(6)
    person.page.get_by_role("link", name="Wasted").click()
    expect(person.page.locator("th[aria-sort=ascending]")).to_have_text("Wasted")
    assert "by=run" in person.page.url


def test_a_filter_applies_at_once_and_stays_in_the_address(person: Person) -> None:
    person.open("/")
    person.page.get_by_label("State").select_option("failed")

    expect(person.page.locator("tbody tr")).to_have_count(3)
    assert "status=failed" in person.page.url
    person.page.get_by_role("link", name="Ran").click()
    expect(person.page.locator("th[aria-sort=ascending]")).to_have_text("Ran")
    assert "status=failed" in person.page.url


def test_a_person_without_a_mouse_comes_to_an_attempt(person: Person) -> None:
    person.open("/?status=succeeded")
    person.page.keyboard.press("Tab")
    expect(person.page.get_by_text("Skip to the content")).to_be_focused()
    person.page.keyboard.press("Enter")
    for _ in range(40):
        person.page.keyboard.press("Tab")
        if person.page.evaluate("document.activeElement.closest('tbody') !== null"):
            break
    person.page.keyboard.press("Enter")

    expect(person.page.locator("h1")).to_contain_text("succeeded at")


def test_the_log_of_an_attempt_that_goes_on_grows_by_itself(person: Person, story: Story) -> None:
    person.open(f"/attempts/{id_of(story.running, 1)}/log")
    expect(person.page.get_by_role("log")).to_contain_text("epoch 1")

    archive(story.running.record.attempt(1), "epoch 2", at=16)

    expect(person.page.get_by_role("log")).to_contain_text("epoch 2")


@pytest.fixture
def operator(person: Person) -> Iterator[Person]:
    person.open("/login?next=/clusters")
    person.page.get_by_label("Token").fill(OPERATORS)
    person.page.get_by_label("Your name").fill("grace")
    person.page.get_by_role("button", name="Log in").click()
    yield person
    person.page.context.clear_cookies()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_operators_forms_read_in_both_themes_on_a_desk_and_on_a_phone(
    operator: Person, theme: Literal["light", "dark"], size: str
) -> None:
    width, height = SIZES[size]
    operator.page.emulate_media(color_scheme=theme)
    operator.page.set_viewport_size({"width": width, "height": height})
    operator.page.get_by_text(f"Stop {ADAS}…").click()

    expect(operator.page.get_by_role("button", name="Stop it now")).to_be_visible()
    assert operator.page.evaluate("document.documentElement.scrollWidth") <= width
    assert operator.page.evaluate(TOO_FAINT) == []


def test_a_reader_is_led_to_the_login_and_an_operator_extends_and_stops_a_cluster(
    person: Person, operator: Person
) -> None:
    page = operator.page
    page.get_by_role("button", name="Log out").click()
    person.open("/clusters")
    expect(page.get_by_role("button", name="Extend")).to_have_count(0)
    page.get_by_role("link", name="Log in as an operator").click()
    page.get_by_label("Token").fill(OPERATORS)
    page.get_by_label("Your name").fill("grace")
    page.get_by_role("button", name="Log in").click()

    page.get_by_label("Let it live").select_option("4")
    page.get_by_role("button", name="Extend").click()

    done = page.get_by_role("region", name="What was done from here")
    expect(done.get_by_role("row").nth(1)).to_contain_text(f"extend {ADAS} by 4 h")
    expect(done.get_by_role("row").nth(1)).to_contain_text("grace")
    expect(done.get_by_role("row").nth(1)).to_contain_text("it lives for 4 h from then on")

    page.get_by_text(f"Stop {ADAS}…").click()
    page.get_by_role("button", name="Stop it now").click()
    # Its head is in no hurry: that it is being stopped is told meanwhile.
    expect(done.get_by_role("row").nth(1)).to_contain_text(f"stop {ADAS}")
    expect(done.get_by_role("row").nth(1)).to_contain_text("goes on")


def test_times_are_in_the_readers_zone(person: Person, story: Story) -> None:
    browser = person.page.context.browser
    assert browser is not None
    with browser.new_context(timezone_id="Asia/Kolkata", locale="en-US") as elsewhere:
        page = elsewhere.new_page()
        page.goto(f"{person.url}{addresses(story)['training']}")
        expect(page.locator("h1")).to_contain_text("2026-11-28 20:28 IST")
        expect(page.locator("td time").first).to_contain_text("2026-11-28 20:03")
