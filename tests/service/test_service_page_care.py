"""The page in a real browser: nothing is taken out of a person's hands, or lost unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from driving import OWN, PHONE, a_file, button, drop, held_back, png, restore
from running_services import photo_bytes, wait_until

from browsing import opened_page

FOCUS = "document.activeElement.id || document.activeElement.tagName"


def choose(page: Any, name: str) -> None:
    """One of the photos, above the one that is shown."""
    page.locator("#strip button").filter(has_text=name).click()


def comes_true(page: Any, expression: str) -> None:
    """Asked again and again from outside: the page's policy lets nothing be evaluated in it."""
    wait_until(lambda: page.evaluate(expression) or page.wait_for_timeout(50), 60.0)


def meanwhile(page: Any, seconds: float = 0.3) -> None:
    """Long enough for what must not happen."""
    page.wait_for_timeout(1000 * seconds)


def test_the_focus_stays_where_the_person_is(page: Any, server: str, tmp_path: Path) -> None:
    """Whatever is drawn anew: on the same button, or, where it is gone, at the top of the panel."""
    held = held_back(page, "**/diagnosis")
    drop(page, server, a_file(tmp_path))
    begin = button(page, "Restore this photo")
    begin.focus()
    begin.hover()
    page.mouse.down()
    wait_until(lambda: page.wait_for_timeout(50) is None and bool(held), 30.0)
    held.pop().continue_()
    page.wait_for_selector("#damage-toggle:not([hidden])")
    assert page.locator(".step").count() == 0, "not while the button is pressed"
    page.mouse.up()
    page.wait_for_selector(".headline")
    assert page.evaluate(FOCUS) == "photo-name"
    button(page, "Change and restore again").press("Enter")
    button(page, "Back to the result").wait_for()
    assert page.evaluate(FOCUS) == "photo-name"
    button(page, "Back to the result").focus()
    page.evaluate("document.querySelector('#step-denoise').click()")  # draws the panel anew
    page.wait_for_selector(".step:has(#step-denoise)")
    assert page.evaluate(FOCUS) == "do-back"
    button(page, "Back to the result").press("Space")
    page.wait_for_selector(".headline")
    assert page.evaluate(FOCUS) == "photo-name"
    button(page, "Delete").press("Enter")
    page.wait_for_selector("#welcome:not([hidden])")
    assert page.evaluate(FOCUS) == "file"


def test_a_choice_that_is_open_stays(page: Any, server: str, tmp_path: Path) -> None:
    """A list is not torn out because another photo was looked at; the strip says that it was."""
    large = {**a_file(tmp_path), "buffer": photo_bytes(tmp_path, 300, 400)}
    drop(page, server, {**large, "name": "a.png"}, {**large, "name": "b.png"})
    page.wait_for_selector(".step")
    choose(page, "b.png")
    choose(page, "a.png")
    page.wait_for_selector(".step")
    page.locator("#ext").focus()
    page.evaluate("document.getElementById('ext').marked = true")
    page.locator("#strip li").filter(has_text="b.png").filter(has_text="looked at").wait_for()
    meanwhile(page)
    assert page.evaluate("document.getElementById('ext').marked") is True
    assert page.locator("#do-restore-all").count() == 0
    page.keyboard.press("Tab")
    button(page, "Restore all 2").wait_for()  # now that nobody chooses
    assert page.evaluate(FOCUS) == "do-restore"
    page.reload()
    page.wait_for_selector(".step")
    comes_true(page, "[...document.querySelectorAll('#strip img')].every(one => one.naturalWidth)")
    # Small, but for the one that is shown and has been fetched anyway.
    widths = page.evaluate(
        "[...document.querySelectorAll('#strip img')].map(one => one.naturalWidth)"
    )
    assert sorted(widths) == [256, 400]
    assert page.locator("#strip li").filter(has_text="looked at").count() == 2


def test_what_was_chosen_is_not_lost_unsaid(page: Any, idle: str, tmp_path: Path) -> None:
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    drop(page, idle, a_file(tmp_path, "a.png", 1), a_file(tmp_path, "b.png", 2))
    button(page, "Restore without waiting for this").click()
    page.wait_for_selector("text=Keep this page open: another photo has not been sent yet.")
    page.once("dialog", stay)
    page.close(run_before_unload=True)
    wait_until(lambda: page.wait_for_timeout(50) is None and asked == ["beforeunload"], 30.0)
    choose(page, "b.png")
    page.locator("#strip li").filter(has_text="in line").nth(1).wait_for()
    choose(page, "a.png")
    page.wait_for_selector("text=You can close this page meanwhile: this link brings you back.")
    with page.expect_event("close"):
        page.close(run_before_unload=True)


def test_what_was_stopped_or_refused_is_not_sent_by_itself(
    page: Any, idle: str, tmp_path: Path
) -> None:
    posted: list[str] = []

    def note(request: Any) -> None:
        if request.method == "POST":
            posted.append(request.url)

    page.on("request", note)
    held = held_back(page, "**/v1/restorations")
    bad = {"name": "bad.jpg", "mimeType": "text/plain", "buffer": b"not a picture at all"}
    drop(page, idle, a_file(tmp_path, "a.png", 1), bad, a_file(tmp_path, "c.png", 2))
    button(page, "Stop sending").click()
    button(page, "Restore this photo").wait_for()
    assert len(held) == 1
    page.unroute("**/v1/restorations")
    choose(page, "bad.jpg")
    page.get_by_role("alert").wait_for()
    assert len(posted) == 2
    for name in ("a.png", "bad.jpg", "a.png"):
        choose(page, name)
        page.get_by_role("heading", name=name).wait_for()
        meanwhile(page)
    assert len(posted) == 2
    button(page, "Restore all 2").click()  # not the one that was refused
    page.locator("#strip li").filter(has_text="in line").nth(1).wait_for()
    assert len(posted) == 4


def test_a_folder_is_dropped(page: Any, idle: str, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    (folder / "older").mkdir(parents=True)
    for place in ("2.png", "10.png", "older/scan.TIF", "notes.txt", ".hidden.png"):
        (folder / place).write_bytes(photo_bytes(tmp_path))
    page.goto(idle)
    page.wait_for_selector("#welcome:not([hidden])")
    devices = page.context.new_cdp_session(page)
    for dropped in ("empty", "album"):
        (tmp_path / dropped).mkdir(exist_ok=True)
        data = {"items": [], "files": [str(tmp_path / dropped)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            at = {"type": kind, "x": 400, "y": 400}
            devices.send("Input.dispatchDragEvent", {**at, "data": data})
        if dropped == "empty":
            page.wait_for_selector("text=There is no photo in what was dropped.")
    page.wait_for_selector(".ticket")
    assert page.locator(".strip-name").all_inner_texts() == ["2.png", "10.png", "scan.TIF"]


def test_a_file_that_is_gone_is_not_the_fault_of_the_service(
    page: Any, idle: str, tmp_path: Path
) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        path.write_bytes(photo_bytes(tmp_path))
    page.goto(idle)
    page.set_input_files("#file", paths)
    page.wait_for_selector(".ticket")
    comes_true(page, "document.querySelectorAll('#strip img')[1].naturalWidth > 0")
    paths[1].unlink()
    choose(page, "b.png")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "This file cannot be read any more" in alert.inner_text()


def swipe(page: Any, x: float, y: float, *, right: float = 0, down: float = 0) -> None:
    """With one finger."""
    devices = page.context.new_cdp_session(page)
    for step in range(11):
        point = {"x": x + right * step / 10, "y": y + down * step / 10}
        kind = "touchMove" if step else "touchStart"
        devices.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    devices.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    meanwhile(page)


def test_a_finger_scrolls_the_page_over_the_photo(
    browser: Any, server: str, tmp_path: Path
) -> None:
    cut = "document.getElementById('sheet').style.getPropertyValue('--cut')"
    with opened_page(browser, OWN, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        drop(page, server, a_file(tmp_path))
        page.wait_for_selector(".step")
        box = page.locator("#sheet").bounding_box()
        x, y = box["x"] + 0.7 * box["width"], box["y"] + 0.7 * box["height"]
        swipe(page, x, y, down=-100)
        assert page.evaluate("scrollY") > 50
        page.evaluate("scrollTo(0, 0)")
        button(page, "Mark damage").click()
        page.evaluate("scrollTo(0, 0)")
        swipe(page, x, y, down=-100)
        assert page.evaluate("scrollY") == 0, "it paints"
        button(page, "Mark damage").click()
        restore(page)
        page.wait_for_selector("#slider:not([hidden])", state="attached")
        page.evaluate("scrollTo(0, 0)")
        swipe(page, x, y, down=-100)
        assert page.evaluate("scrollY") > 50
        assert page.evaluate(cut) == "50%", "the line stays where it was"
        page.evaluate("scrollTo(0, 0)")
        swipe(page, x, y, right=-100)
        assert float(page.evaluate(cut).rstrip("%")) < 55
        assert page.evaluate(cut) != "50%"
        button(page, "Larger").click()
        page.evaluate("scrollTo(0, 0)")
        swipe(page, x, y, down=-100)
        assert page.evaluate("scrollY") == 0, "it moves the photo"


def test_a_stroke_ends_where_painting_does(page: Any, server: str, tmp_path: Path) -> None:
    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    button(page, "Mark damage").click()
    page.locator("#viewer").focus()
    for key in ("Space", "Shift+ArrowRight", "Escape", "+"):
        page.keyboard.press(key)
    marks = "document.getElementById('strokes').toDataURL()"
    before = page.evaluate(marks)
    room = page.locator("#viewer").bounding_box()
    page.mouse.move(room["x"] + room["width"] / 2, room["y"] + room["height"] / 2)
    page.mouse.down()
    page.mouse.move(room["x"] + room["width"] / 4, room["y"] + room["height"] / 4, steps=3)
    page.mouse.up()
    assert page.evaluate(marks) == before


def test_the_damage_of_another_photo_comes_too_late(page: Any, server: str, tmp_path: Path) -> None:
    """It took longer to be read than to go on to the next photo."""
    large = {**a_file(tmp_path, "large.png"), "buffer": photo_bytes(tmp_path, 300, 400)}
    everywhere = png(np.full((300, 400), 255, np.uint8))
    drop(page, server, large, a_file(tmp_path, "small.png", 2))

    def damage_everywhere(route: Any) -> None:
        route.fulfill(body=everywhere, content_type="image/png")

    page.route("**/damage", damage_everywhere)
    page.wait_for_selector(".step")
    page.unroute("**/damage")
    choose(page, "small.png")
    page.wait_for_selector(".step")
    page.evaluate(
        """() => {
            const own = createImageBitmap;
            window.createImageBitmap = async (...all) => {
                window.createImageBitmap = own;
                await new Promise((resolve) => (window.go = resolve));
                return own(...all);
            };
        }"""
    )
    choose(page, "large.png")
    comes_true(page, "'go' in window")
    choose(page, "small.png")
    meanwhile(page)
    page.evaluate("go()")
    meanwhile(page)
    tinted = page.evaluate(
        """() => {
            const { width, height } = document.getElementById('damage');
            const context = document.getElementById('damage').getContext('2d');
            const { data } = context.getImageData(0, 0, width, height);
            return data.filter((value, at) => at % 4 === 3 && value).length / (width * height);
        }"""
    )
    assert tinted < 0.5
