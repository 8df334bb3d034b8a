"""The audit's page in a browser: offline, choices, narrow screens.

Needs Chromium and playwright. LINKSIM_AUDIT_PAGE names a page to test beside a made-up one,
LINKSIM_SCREENSHOTS a folder for pictures of both.
"""

import os
from pathlib import Path

import pytest
from helpers.audit_result import TEMPS, audit_result, hostile_result

from linksim_benchmarks.audit.page import audit_page

SIZES = {1280: 900, 390: 844}


GIVEN = os.environ.get("LINKSIM_AUDIT_PAGE")


@pytest.fixture(scope="module", params=["made-up", "given"] if GIVEN else ["made-up"])
def address(request, tmp_path_factory):
    if GIVEN and request.param == "given":
        return Path(GIVEN).resolve().as_uri()
    return audit_page(audit_result(temps=TEMPS), tmp_path_factory.mktemp("page") / "audit.html").as_uri()


@pytest.fixture
def screenshots(request, tmp_path):
    page = request.node.callspec.params["address"]
    folder = Path(os.environ.get("LINKSIM_SCREENSHOTS") or tmp_path) / page
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def opened(browser, address):
    """Opens the page at a width; afterwards nothing may have gone wrong or been requested elsewhere."""
    contexts, wrong, allowed = [], [], ["data:"]

    def note_request(request):
        if not request.url.startswith(tuple(allowed)):
            wrong.append(f"requested {request.url}")

    def note_console(message):
        if message.type in ("error", "warning"):
            wrong.append(message.text)

    def open_(width=1280, fragment="", page_address=address, **options):
        contexts.append(
            browser.new_context(viewport={"width": width, "height": SIZES[width]}, offline=True, **options)
        )
        page = contexts[-1].new_page()
        page.on("console", note_console)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", note_request)
        page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        allowed.append(page_address)
        page.goto(page_address + fragment)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not wrong


def values(page, attribute):
    """All values of a data attribute in the page, and those of which something is visible."""
    elements = page.locator(f"[{attribute}]").all()
    everything = {element.get_attribute(attribute) for element in elements}
    return everything, {element.get_attribute(attribute) for element in elements if element.is_visible()}


def test_nothing_goes_wrong_and_every_image_is_drawn(opened):
    page = opened()
    assert page.locator("h1").is_visible()
    broken = page.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => null, () => i.alt)))"
        ".then(found => found.filter(alt => alt !== null))"
    )
    assert page.locator("img").count() > 0
    assert broken == []


def test_injected_code_does_not_run(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.injected = 1';"
        " document.body.append(s); const i = document.createElement('img');"
        " i.setAttribute('onerror', 'window.injected = 1'); i.src = 'missing.png'; document.body.append(i); }"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.injected") is None
    context.close()


def test_choosing_the_snr(opened):
    page = opened()
    everything, shown = values(page, "data-snr")
    if len(everything) < 2:
        assert page.locator("#snr").count() == 0
        return
    assert shown == {page.locator("#snr").input_value()}
    for snr in everything:
        page.select_option("#snr", snr)
        assert values(page, "data-snr")[1] == {snr}
        assert f"snr={snr}" in page.url
    page.reload()
    assert values(page, "data-snr")[1] == {snr}


def test_choosing_the_snr_by_keyboard(opened):
    page = opened()
    if len(values(page, "data-snr")[0]) < 2:
        assert page.locator("#snr").count() == 0
        return
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "snr"
    before = page.locator("#snr").input_value()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    after = page.locator("#snr").input_value()
    assert values(page, "data-snr")[1] == {after}
    page.keyboard.press("Home")
    assert {before, after, page.locator("#snr").input_value()} > {after}


def test_choosing_the_checkpoint(opened):
    page = opened()
    everything, shown = values(page, "data-checkpoint")
    assert shown == everything
    if len(everything) < 2:
        assert page.locator("input[name=checkpoint]").count() == 0
        return
    for one in everything:
        page.check(f"input[name=checkpoint][value='{one}']")
        assert values(page, "data-checkpoint")[1] == {one}
        assert f"checkpoint={one}" in page.url
    page.check("input[value=both]")
    assert values(page, "data-checkpoint")[1] == everything
    assert page.locator("#checkpoints").is_visible()


def test_both_checkpoints_stand_side_by_side(opened):
    page = opened()
    cards = page.locator("#figures .group:visible .card:visible")
    if len(values(page, "data-checkpoint")[0]) < 2:
        assert page.locator("input[name=checkpoint]").count() == 0
        return
    first, second = cards.nth(0).bounding_box(), cards.nth(1).bounding_box()
    assert first["y"] == pytest.approx(second["y"])
    assert first["x"] + first["width"] <= second["x"]


def test_a_link_carries_the_choice(opened):
    page = opened()
    everything, _ = values(page, "data-snr")
    for snr in sorted(everything)[:2]:
        fragment = f"#snr={snr}&checkpoint=0"
        assert values(opened(fragment=fragment), "data-snr")[1] == {snr}


def test_a_nonsense_link_changes_nothing(opened):
    plain, odd = opened(), opened(fragment="#snr=<b>&checkpoint=7&%%%")
    assert values(odd, "data-snr") == values(plain, "data-snr")


def test_without_javascript_everything_shows(opened):
    page = opened(java_script_enabled=False)
    for attribute in ("data-snr", "data-checkpoint"):
        everything, shown = values(page, attribute)
        assert shown == everything
    assert not page.locator("#controls").is_visible()


@pytest.mark.parametrize("width", SIZES)
def test_it_fits_the_screen(opened, screenshots, width):
    page = opened(width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=screenshots / f"audit-{width}.png", full_page=True)
    choices = page.locator("input[name=checkpoint]").count()
    if choices:
        page.check("input[name=checkpoint][value='0']")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=screenshots / f"audit-{width}-one.png", full_page=True)


@pytest.mark.parametrize("width", SIZES)
def test_it_fits_the_screen_without_javascript(opened, width):
    page = opened(width, java_script_enabled=False)
    wide = [card.bounding_box() for card in page.locator(".card, h1, h2, h3, p, pre, img").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in wide if box)


@pytest.mark.parametrize("width", SIZES)
def test_hostile_text_does_nothing(opened, tmp_path, width):
    page = opened(width, page_address=audit_page(hostile_result(), tmp_path / "audit.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.check("input[name=checkpoint][value='1']")
    page.select_option("#snr", "0")
    assert values(page, "data-checkpoint")[1] == {"1"}


def test_it_prints(opened, screenshots):
    page = opened()
    page.emulate_media(media="print")
    assert not page.locator("#controls").is_visible()
    page.pdf(path=screenshots / "audit.pdf", format="A4")
