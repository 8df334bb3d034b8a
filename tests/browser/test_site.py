"""The documentation site, read from its folder without a network, on a phone and on a desktop.

make docs builds it. LINKSIM_SCREENSHOTS names a folder for pictures.
"""

import os
from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "site"
PAGES = sorted(str(page.relative_to(SITE)) for page in SITE.rglob("*.html") if page.name != "404.html")
SIZES = {390: 844, 1440: 1000}


@pytest.fixture(scope="module", params=SIZES)
def page(request, browser):
    """A page of a browser, which collects what goes wrong on it."""
    size = {"width": request.param, "height": SIZES[request.param]}
    context = browser.new_context(viewport=size, offline=True)
    opened = context.new_page()
    opened.wrong = []

    def note_request(asked):
        if not asked.url.startswith((SITE.as_uri(), "data:", "blob:")):
            opened.wrong.append(f"requested {asked.url}")

    opened.on("request", note_request)
    opened.on("requestfailed", lambda asked: opened.wrong.append(f"failed {asked.url}"))
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    opened.on(
        "console", lambda message: message.type == "error" and opened.wrong.append(f"console {message.text}")
    )
    yield opened
    context.close()


def test_the_site_is_built():
    assert len(PAGES) > 40, "run make docs"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_window_and_asks_no_server(page, name):
    page.wrong.clear()
    page.goto((SITE / name).as_uri(), wait_until="load")
    assert page.locator("h1").first.is_visible()
    beyond = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
    if folder := os.environ.get("LINKSIM_SCREENSHOTS"):
        path = Path(folder) / f"{name.replace('/', '-')}-{page.viewport_size['width']}.png"
        page.screenshot(path=path)
    assert beyond <= 0
    assert broken == []
    assert page.wrong == []


@pytest.mark.parametrize("name", ["training.html", "conventions.html", "files.html"])
def test_wide_tables_scroll_inside_the_page(page, name):
    page.goto((SITE / name).as_uri())
    wide = page.evaluate(
        """[...document.querySelectorAll("article table")].filter(table => {
            const frame = table.closest(".md-typeset__scrollwrap");
            return table.getBoundingClientRect().right > window.innerWidth
                && !(frame && getComputedStyle(frame).overflowX === "auto");
        }).length"""
    )
    assert page.locator("article table").count() > 0
    assert wide == 0


def test_search_works_without_a_server(page):
    page.goto((SITE / "index.html").as_uri())
    if page.viewport_size["width"] < 1000:
        page.locator("label[for=__search].md-header__button").click()
    page.locator("input.md-search__input").click()
    page.keyboard.type("posterior mean")
    page.locator(".md-search-result__item").first.wait_for()
    assert page.locator(".md-search-result__item").count() > 3
