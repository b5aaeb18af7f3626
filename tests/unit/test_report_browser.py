"""The report page in a real browser: it comes alive, obeys mouse and keys, and asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from report_sample import sample_report
from skimage import data

from browsing import chromium, opened_page
from resilver.reporting import to_html
from resilver.stages.draft import Mark

OWN = r"(file://.*/report\.html$|data:)"
DESK = {"width": 1000, "height": 900}
CUT = "getComputedStyle(document.getElementById('stage')).getPropertyValue('--cut')"
BOX = """selector => [...document.querySelectorAll(selector)].map(one => {
    const box = one.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    before = np.ascontiguousarray(data.astronaut()[:400, 60:460])
    marks = np.zeros(before.shape[:2], np.uint8)
    before[100:110, 20:380] = 250
    marks[100:110, 20:380] = Mark.SCRATCH
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(to_html(sample_report(before, marks)), "utf-8")
    return path.as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The report; fails if it complains, or asks for anything beside itself."""
    with opened_page(browser, OWN, viewport=DESK) as page:
        page.goto(address)
        yield page


def test_the_page_comes_alive(page: Any) -> None:
    assert page.evaluate("document.documentElement.className") == "live"
    assert page.evaluate(CUT) == "50%"


def test_the_pictures_are_drawn_and_lie_on_each_other(page: Any) -> None:
    boxes = page.evaluate(BOX, "#stage figure svg")
    assert boxes[0] == boxes[1]
    assert boxes[0][2] == pytest.approx(boxes[0][3], abs=2)  # the sample is square
    assert boxes[0][2] > 400


def test_arrow_keys_move_the_slider(page: Any) -> None:
    page.locator("#slider").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(CUT) == "51%"
    page.keyboard.press("Home")
    assert page.evaluate(CUT) == "0%"
    assert page.evaluate("document.getElementById('slider').ariaValueText") == "0 percent before"


def test_dragging_moves_the_slider(page: Any) -> None:
    box = page.locator("#stage").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, y)
    page.mouse.up()
    assert float(page.evaluate(CUT).rstrip("%")) == pytest.approx(80, abs=1)


@pytest.mark.parametrize("name", ["damage", "changed", "invented"])
def test_each_map_is_hidden_until_asked_for_by_keyboard(page: Any, name: str) -> None:
    shown = f"getComputedStyle(document.querySelector('.overlay.{name}')).display"
    assert page.evaluate(shown) == "none"
    page.locator(f"#show-{name}").focus()
    page.keyboard.press("Space")
    assert page.evaluate(shown) == "block"


def test_without_scripts_both_pictures_stand_side_by_side(browser: Any, address: str) -> None:
    with opened_page(browser, OWN, viewport=DESK, java_script_enabled=False) as page:
        page.goto(address)
        after, before = page.locator("#stage figure").all()
        assert before.bounding_box()["x"] < after.bounding_box()["x"]
        assert not page.locator(".cut").is_visible()


def test_dark_and_light_differ_and_keep_their_contrast(page: Any) -> None:
    papers: list[str] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        ink, paper = page.evaluate(
            "(() => {const s = getComputedStyle(document.body);"
            "return [s.color, s.backgroundColor]})()"
        )
        assert abs(_lightness(ink) - _lightness(paper)) > 170
        papers.append(paper)
    assert papers[0] != papers[1]


def test_nothing_sticks_out_on_a_telephone(browser: Any, address: str) -> None:
    phone = {"width": 360, "height": 740}
    with opened_page(browser, OWN, viewport=phone, is_mobile=True, has_touch=True) as page:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for threshold in page.locator(".measured td:nth-child(4)").all():  # none is out of sight
            box = threshold.bounding_box()
            assert box["x"] + box["width"] <= 360


def _lightness(colour: str) -> float:
    red, green, blue = (int(part) for part in colour[4:-1].split(","))
    return 0.3 * red + 0.6 * green + 0.1 * blue
