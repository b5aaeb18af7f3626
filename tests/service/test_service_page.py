"""The page in a real browser: what a person does with it, from the first drop to the last click."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from driving import (
    DESK,
    OWN,
    PHONE,
    a_file,
    button,
    draw_a_line,
    drop,
    held_back,
    job_id,
    png,
    restore,
    sent_by,
)
from PIL import Image
from running_services import databases, photo_bytes, served, served_idle, settings_in, wait_until
from skimage.data import astronaut

from browsing import opened_page
from resilver.ageing import AgeingRecipe, age
from resilver.service.database import Database
from resilver.service.keys import Keys


def another_tab(page: Any, address: str) -> Any:
    """In the same browser; what a tab keeps for itself, as a key, this one has not."""
    tab = page.context.new_page()
    tab.set_default_timeout(60_000)
    tab.goto(address)
    return tab


def remembered(page: Any) -> list[str]:
    return page.evaluate(
        "Object.keys(localStorage).filter(name => name.startsWith('resilver-photo'))"
    )


def enter_key(page: Any, opens: str, text: str) -> None:
    """By the button of that name."""
    button(page, opens).click()
    page.get_by_label("Key", exact=True).fill(text)
    button(page, "Use it").click()
    page.wait_for_selector("text=Key: in use")


@contextmanager
def keyed_service(
    folder: Path, *, works: bool = False, **changes: Any
) -> Generator[tuple[str, str]]:
    """A service of its own: its address, and a key to its fast lane."""
    with databases("sqlite", folder) as source, source.fresh(folder) as url:
        settings = replace(settings_in(folder, url), **changes)
        database = Database(url)
        _, text = Keys(database).create(
            "anna", lane="fast", photos=None, max_queued=50, max_megapixels=1e3
        )
        database.close()
        with served(settings, works=works) as address:
            yield address, text


# Behind a proxy nobody is at the machine itself.
PROXIED: dict[str, Any] = {"proxy": "127.0.0.1"}
FROM_AFAR = {"X-Forwarded-For": "203.0.113.9"}


def test_a_photo_is_looked_at_restored_and_compared(page: Any, server: str, tmp_path: Path) -> None:
    drop(page, server, a_file(tmp_path))
    page.get_by_role("heading", name="What was found", exact=True).wait_for()
    assert page.locator(".step").count() >= 2
    assert page.get_by_role("heading", name="grandmother.png").is_visible()
    restore(page)
    slider = page.get_by_role("slider", name="as it was before")
    cut = "document.getElementById('sheet').style.getPropertyValue('--cut')"
    slider.focus()
    page.keyboard.press("End")
    assert page.evaluate(cut) == "100%"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(cut) == "99%"
    box = page.locator("#sheet").bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 20)
    assert float(page.evaluate(cut).rstrip("%")) == pytest.approx(25, abs=1)
    button(page, "Larger").click()
    assert page.locator("#sheet").bounding_box()["width"] == pytest.approx(1.4 * box["width"], 1e-3)
    with page.expect_download() as download:
        button(page, "Download").click()
    assert download.value.suggested_filename == "grandmother-restored.png"
    with Image.open(download.value.path()) as saved:
        assert saved.size == (160, 120)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Full report").click()
    opened.value.wait_for_load_state()
    assert "resilver" in opened.value.content()


def test_steps_are_switched_off_and_turned_down(page: Any, server: str, tmp_path: Path) -> None:
    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    damage = page.get_by_role("checkbox", name="Damage", exact=True)
    damage.check()
    button(page, "Mark damage").click()
    draw_a_line(page, 4)
    damage.uncheck()  # what was marked is not sent: it would have no effect
    page.get_by_role("checkbox", name="Grain and noise").check()
    strength = page.get_by_role("slider", name="How strongly: Grain and noise")
    strength.fill("40")
    page.get_by_label("Save as").select_option("jpg")
    restore(page)
    report = httpx.get(f"{server}/v1/restorations/{job_id(page)}/report").json()
    stages = {stage["stage"]: stage for stage in report["stages"]}
    assert "repair" not in stages
    assert stages["denoise"]["strength"] == 0.4
    result = httpx.get(f"{server}/v1/restorations/{job_id(page)}/result")
    assert result.headers["Content-Type"] == "image/jpeg"


def test_damage_is_painted_by_pointer_and_by_keys(page: Any, server: str, tmp_path: Path) -> None:
    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    button(page, "Mark damage").click()
    page.locator("#paint-size").fill("60")
    box = draw_a_line(page, steps=8)
    page.locator("#viewer").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Space")
    button(page, "Undo").click()
    assert page.get_by_role("checkbox", name="Damage", exact=True).is_checked()
    assert page.evaluate("document.getElementById('paint-undo').disabled") is False
    restore(page)
    report = httpx.get(f"{server}/v1/restorations/{job_id(page)}/report").json()
    # A stroke is as wide as the brush, and ends round.
    area = 0.6 * box["width"] * 60 + np.pi * 30**2
    share = area / (box["width"] * box["height"])
    assert report["damage_share"]["painted"] == pytest.approx(share, rel=0.1)


def test_a_closer_look_is_taken_by_keys(page: Any, server: str, tmp_path: Path) -> None:
    def box() -> dict[str, float]:
        return page.locator("#sheet").bounding_box()

    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    viewer = page.get_by_role("group", name="The photo")
    for _ in range(2):
        viewer.focus()
        whole = box()
        page.keyboard.press("+")
        page.keyboard.press("=")
        assert box()["width"] == pytest.approx(1.4**2 * whole["width"], 1e-3)
        assert page.locator("#status").inner_text() == "2.0 times as large."
        middle = box()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert box()["x"] < middle["x"] - 20
        assert box()["y"] < middle["y"] - 20
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowUp")
        assert box() == pytest.approx(middle, abs=0.1)
        page.keyboard.press("-")
        assert box()["width"] == pytest.approx(1.4 * whole["width"], 1e-3)
        page.keyboard.press("Control+0")  # the browser's
        assert box()["width"] > whole["width"]
        page.keyboard.press("Home")
        assert box() == pytest.approx(whole, abs=0.1)
        page.keyboard.press("+")
        page.keyboard.press("0")
        assert box() == pytest.approx(whole, abs=0.1)
        if page.locator(".headline").count() == 0:
            restore(page)
            page.wait_for_selector("#slider:not([hidden])", state="attached")
    page.keyboard.press("+")
    page.keyboard.press("Tab")  # on to the line, which stays in sight
    assert page.evaluate("document.activeElement.id") == "slider"
    page.keyboard.press("Home")
    assert page.evaluate("document.getElementById('slider').value") == "0"
    assert box()["x"] >= page.locator("#viewer").bounding_box()["x"] - 1


def test_a_brush_that_is_moved_by_keys_stays_in_sight(
    page: Any, server: str, tmp_path: Path
) -> None:
    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    button(page, "Mark damage").click()
    page.get_by_role("group", name="The photo, to paint on").focus()
    for _ in range(4):
        page.keyboard.press("+")
    for _ in range(50):
        page.keyboard.press("Shift+ArrowRight")
    room = page.locator("#viewer").bounding_box()
    brush = page.locator("#brush").bounding_box()
    assert room["x"] <= brush["x"] + brush["width"] / 2 <= room["x"] + room["width"]
    sheet = page.locator("#sheet").bounding_box()
    assert sheet["x"] + sheet["width"] == pytest.approx(room["x"] + room["width"], abs=1)


def test_the_damage_that_was_found_lies_over_the_photo(
    page: Any, server: str, tmp_path: Path
) -> None:
    small = np.asarray(cv2.resize(astronaut(), (160, 160), interpolation=cv2.INTER_AREA))
    aged = age(small, 1, AgeingRecipe.demo()).photo
    damaged = png(np.round(255 * aged).astype(np.uint8))
    drop(page, server, {**a_file(tmp_path), "buffer": damaged})
    page.wait_for_selector(".step")
    answer = httpx.get(f"{server}/v1/restorations/{job_id(page)}/damage").content
    found = np.asarray(Image.open(io.BytesIO(answer)).convert("L")) > 127
    assert 0 < found.mean() < 0.3
    layer = page.locator("#damage")
    layer.wait_for()
    drawn = page.evaluate(
        """() => {
            const canvas = document.getElementById('damage');
            const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return {width: all.width, height: all.height, data: [...all.data]};
        }"""
    )
    tint = np.reshape(drawn["data"], (drawn["height"], drawn["width"], 4))
    assert np.array_equal(tint[..., 3] > 0, found), "nothing but the damage is tinted"
    red, green, blue = tint[found][:, :3].mean(axis=0)
    assert red > max(green, blue) + 100
    sheet = page.locator("#sheet").bounding_box()
    assert layer.bounding_box() == pytest.approx(sheet, abs=0.5), "it covers the photo"
    shown = page.get_by_role("checkbox", name="Show damage")
    shown.uncheck()
    assert layer.is_hidden()
    shown.check()
    assert layer.is_visible()


def two_soft_faces(folder: Path) -> dict[str, Any]:
    one = np.asarray(cv2.resize(astronaut()[20:220, 130:310], (110, 122)))
    soft = np.asarray(cv2.GaussianBlur(one, (0, 0), 3))
    return {**a_file(folder), "buffer": png(np.hstack([soft, soft[:, ::-1]]))}


def test_a_choice_of_faces_does_not_stand_in_the_way_of_none(
    page: Any, server: str, tmp_path: Path
) -> None:
    drop(page, server, two_soft_faces(tmp_path))
    page.wait_for_selector(".step")
    page.get_by_role("checkbox", name="Face 2").uncheck()
    page.locator("#step-faces").uncheck()
    restore(page)
    report = httpx.get(f"{server}/v1/restorations/{job_id(page)}/report").json()
    assert "faces" not in {stage["stage"] for stage in report["stages"]}


def test_faces_are_chosen(page: Any, server: str, tmp_path: Path) -> None:
    drop(page, server, two_soft_faces(tmp_path))
    page.wait_for_selector(".step")
    chosen = page.locator("rect.face.chosen")
    assert chosen.count() == 2
    second = page.get_by_role("checkbox", name="Face 2")
    assert second.is_checked()
    second.uncheck()
    assert chosen.count() == 1
    sheet = page.locator("#sheet").bounding_box()
    kept = chosen.bounding_box()
    restore(page)
    report = httpx.get(f"{server}/v1/restorations/{job_id(page)}/report").json()
    restored = {face["number"]: face["restored"] for face in report["faces"]}
    assert restored == {1: True, 2: False}
    # The frame lies where the face is.
    left = next(face["box"]["left"] for face in report["faces"] if face["number"] == 1)
    assert (kept["x"] - sheet["x"]) / sheet["width"] == pytest.approx(left / 220, abs=0.02)


def test_colours_are_asked_for_and_remembered(page: Any, server: str, tmp_path: Path) -> None:
    grey = np.asarray(Image.open(io.BytesIO(photo_bytes(tmp_path, 120, 160))).convert("L"))
    drop(page, server, {**a_file(tmp_path), "buffer": png(grey)})
    page.wait_for_selector(".step")
    page.get_by_role("checkbox", name="Colours", exact=True).check()
    page.get_by_label("A colour you remember").fill("#c03020")
    button(page, "I remember a colour").click()
    page.wait_for_selector("#panel [aria-pressed=true]")
    box = page.locator("#sheet").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    button(page, "Remove colour 1").wait_for()
    restore(page)
    report = httpx.get(f"{server}/v1/restorations/{job_id(page)}/report").json()
    assert report["coloured_share"] > 0.5
    assert "Colours guessed" in page.locator(".figures").inner_text()
    result = httpx.get(f"{server}/v1/restorations/{job_id(page)}/result").content
    red, green, blue = np.asarray(Image.open(io.BytesIO(result)).convert("RGB"))[60, 40].tolist()
    assert red > max(green, blue) + 20, "what was remembered is there"


def test_a_painted_colour_goes_with_all_photos(page: Any, server: str, tmp_path: Path) -> None:
    grey = np.asarray(Image.open(io.BytesIO(photo_bytes(tmp_path, 120, 160))).convert("L"))
    files: list[dict[str, Any]] = []
    for name, shown in (("first.png", grey), ("second.png", np.ascontiguousarray(grey.T))):
        files.append({**a_file(tmp_path), "name": name, "buffer": png(shown)})
    drop(page, server, *files)
    page.wait_for_selector(".step")
    page.get_by_role("checkbox", name="Colours", exact=True).check()
    page.get_by_label("A colour you remember").fill("#2040c0")
    button(page, "I remember a colour").click()
    draw_a_line(page, steps=20)
    assert page.locator("polyline.hint-line").count() == 2
    button(page, "The same colours for all photos").click()
    button(page, "Restore all 2").click()
    page.locator("#strip li").filter(has_text="restored").nth(1).wait_for(timeout=60_000)
    for at in (0, 1):
        page.locator("#strip button").nth(at).click()
        result = httpx.get(f"{server}/v1/restorations/{job_id(page)}/result").content
        pixels = np.asarray(Image.open(io.BytesIO(result)).convert("RGB")).astype(int)
        line = pixels[pixels.shape[0] // 2, pixels.shape[1] // 4 : -pixels.shape[1] // 4]
        assert (line[:, 2] > line[:, 0] + 15).mean() > 0.9, "all along the stroke"


def test_colours_of_other_photos_are_not_replaced_unasked(
    page: Any, server: str, tmp_path: Path
) -> None:
    drop(page, server, a_file(tmp_path, "first.png"), a_file(tmp_path, "second.png", 2))
    for name, colour in (("first.png", "#c03020"), ("second.png", "#2040c0")):
        page.locator("#strip button").filter(has_text=name).click()
        page.get_by_role("checkbox", name="Colours", exact=True).check()
        page.get_by_label("A colour you remember").fill(colour)
        button(page, "I remember a colour").click()
        draw_a_line(page, steps=2)
        button(page, "Remove colour 1").wait_for()
    asked: list[str] = []

    def answer(dialog: Any) -> None:
        asked.append(dialog.message)
        if len(asked) == 1:
            dialog.dismiss()
        else:
            dialog.accept()

    def colour_of_the_first() -> str:
        page.locator("#strip button").filter(has_text="first.png").click()
        return page.locator(".swatch").evaluate("one => one.style.background")

    page.on("dialog", answer)
    for wanted in ("rgb(192, 48, 32)", "rgb(32, 64, 192)"):
        page.locator("#strip button").filter(has_text="second.png").click()
        button(page, "The same colours for all photos").click()
        assert colour_of_the_first() == wanted
    question = "Colours were chosen for another photo already. Put these in their place?"
    assert asked == [question, question]


def test_a_sepia_print_becomes_neutral_and_larger(page: Any, server: str, tmp_path: Path) -> None:
    """Both by choices beside what was found: the tone, how large, how much of it is drawn."""
    grey = np.asarray(Image.open(io.BytesIO(photo_bytes(tmp_path, 120, 160))).convert("L"))
    sepia = np.clip(grey[..., None] * np.array([0.95, 0.8, 0.6]) + [12, 8, 4], 0, 255)
    drop(page, server, {**a_file(tmp_path), "buffer": png(sepia.astype(np.uint8))})
    page.wait_for_selector(".step")
    page.get_by_role("checkbox", name="Take a sepia tone away").check()
    page.get_by_label("Size").select_option("larger if it is tiny")
    drawn = page.get_by_label("How much of the new detail may be drawn")
    assert drawn.input_value() == "50"
    drawn.fill("0")
    restore(page)
    report = httpx.get(f"{server}/v1/restorations/{job_id(page)}/report").json()
    (enlarged,) = [stage for stage in report["stages"] if stage["stage"] == "upscale"]
    assert [model["name"] for model in enlarged["models"]] == ["upscale"], "nothing is drawn"
    result = httpx.get(f"{server}/v1/restorations/{job_id(page)}/result").content
    picture = Image.open(io.BytesIO(result)).convert("RGB")
    assert picture.size == (640, 480)
    pixels = np.asarray(picture).astype(int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).mean() < 3


def test_what_was_marked_is_unmarked(page: Any, server: str, tmp_path: Path) -> None:
    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    box = page.locator("#sheet").bounding_box()
    page.locator("#paint-size").fill("100")
    for name in ("Mark damage", "Unmark"):
        button(page, name).click()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    restore(page)
    report = httpx.get(f"{server}/v1/restorations/{job_id(page)}/report").json()
    assert report["damage_share"]["painted"] == 0.0


def test_a_photo_in_line_shows_its_place_and_is_cancelled(
    page: Any, idle: str, tmp_path: Path
) -> None:
    drop(page, idle, a_file(tmp_path))
    page.wait_for_selector("text=Next in line")
    sent = job_id(page)
    assert httpx.get(f"{idle}/v1/restorations/{sent}").json()["looks"]
    button(page, "Restore without waiting for this").click()
    page.wait_for_function("id => location.hash.slice(1) !== id", arg=sent)
    assert "place" in page.inner_html("#panel")
    button(page, "Cancel").click()
    page.wait_for_selector("text=It was cancelled")
    assert httpx.get(f"{idle}/v1/restorations/{job_id(page)}").json()["status"] == "cancelled"


def test_one_comes_back_by_the_link(page: Any, browser: Any, server: str, tmp_path: Path) -> None:
    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    restore(page)
    page.goto("about:blank")
    page.goto(server)  # the same browser knows its photos;
    page.wait_for_selector(".headline")
    assert page.get_by_role("heading", name="grandmother.png").is_visible()
    page.wait_for_function("document.getElementById('sheet').clientWidth > 200")
    with opened_page(browser, OWN, viewport=DESK) as elsewhere:  # any other one comes by the link
        elsewhere.goto(page.url)
        elsewhere.wait_for_selector(".headline")
        assert elsewhere.locator("#after").evaluate("image => image.naturalWidth") == 160
        button(elsewhere, "Change and restore again").click()
        elsewhere.wait_for_selector(".step")


def test_a_bad_file_is_refused_in_words(page: Any, server: str, tmp_path: Path) -> None:
    page.goto(server)
    bad = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture at all"}
    page.set_input_files("#file", [bad])
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "not" in alert.inner_text()
    button(page, "Remove").click()
    assert page.get_by_role("heading", name="Bring an old photograph back.").is_visible()


def test_a_photo_is_deleted_for_good(page: Any, server: str, tmp_path: Path) -> None:
    ids = sent_by(page)
    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    restore(page)
    assert len(remembered(page)) == 1
    page.reload()  # what was sent before is known from the last visit only
    page.wait_for_selector(".headline")
    button(page, "Change and restore again").click()
    page.wait_for_selector(".step")
    restore(page)
    assert len(set(ids)) == 3
    button(page, "Delete").click()
    page.wait_for_selector("#welcome:not([hidden])")
    for one in ids:
        assert httpx.get(f"{server}/v1/restorations/{one}").status_code == 404
    assert remembered(page) == []


def test_two_tabs_keep_the_photos_of_each_other(page: Any, idle: str, tmp_path: Path) -> None:
    page.goto(idle)
    other = another_tab(page, idle)
    for tab, name, seed in ((other, "uncle.png", 2), (page, "aunt.png", 1)):
        tab.set_input_files("#file", [a_file(tmp_path, name, seed)])
        tab.wait_for_selector(".ticket")
    third = another_tab(page, idle)
    third.get_by_role("heading", name="aunt.png").wait_for()  # the newest is shown
    assert third.locator(".strip-name").all_inner_texts() == ["uncle.png", "aunt.png"]
    button(third, "Cancel").click()
    button(third, "Remove").click()
    third.get_by_role("heading", name="uncle.png").wait_for()
    assert len(remembered(page)) == 1


def test_a_photo_outlives_a_service_that_is_too_busy(
    page: Any, server: str, tmp_path: Path
) -> None:
    def refuse(route: Any) -> None:
        route.fulfill(status=429, json={"detail": "too much at once"})

    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    jobs = "**/v1/restorations/*"
    page.route(jobs, refuse)
    page.reload()
    page.wait_for_selector("text=It cannot be fetched at the moment.")
    assert len(remembered(page)) == 1
    page.unroute(jobs)
    page.wait_for_selector(".step")
    assert page.get_by_role("heading", name="grandmother.png").is_visible()


def test_a_photo_whose_answer_was_lost_is_sent_once_all_the_same(page: Any, tmp_path: Path) -> None:
    """The connection breaks after the service has taken it: the page learns of it, and deletes."""
    lost: list[int] = []

    def lose(route: Any) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort("connectionreset")

    with served_idle(tmp_path) as address:
        listed = f"{address}/v1/restorations"
        page.route("**/v1/restorations", lose)
        drop(page, address, a_file(tmp_path))
        page.wait_for_selector(".ticket")
        assert lost == [202]
        assert len(httpx.get(listed).json()["restorations"]) == 1
        button(page, "Cancel").click()
        button(page, "Remove").click()
        wait_until(lambda: httpx.get(listed).json()["restorations"] == [], 30.0)
        page.goto("about:blank")  # it asks on how long the line is, and the service ends


def test_a_photo_half_sent_is_kept_or_broken_off(page: Any, tmp_path: Path) -> None:
    """Whoever leaves is asked first; who stops has sent nothing, and may go on."""
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    with served_idle(tmp_path) as address:
        held = held_back(page, "**/v1/restorations")
        drop(page, address, a_file(tmp_path))
        button(page, "Stop sending").hover()
        page.locator(".photo-name").click()  # a browser asks for those alone who did something
        page.once("dialog", stay)
        page.close(run_before_unload=True)
        wait_until(lambda: page.wait_for_timeout(100) is None and asked == ["beforeunload"], 30.0)
        button(page, "Stop sending").click()
        button(page, "Restore this photo").wait_for()
        assert len(held) == 1
        assert page.locator(".error").count() == 0
        assert httpx.get(f"{address}/v1/restorations").json()["restorations"] == []
        page.unroute("**/v1/restorations")
        button(page, "Restore this photo").click()
        page.wait_for_selector(".ticket")
        assert len(httpx.get(f"{address}/v1/restorations").json()["restorations"]) == 1


def test_a_photo_that_the_service_has_no_more_is_sent_again(
    page: Any, server: str, tmp_path: Path
) -> None:
    ids = sent_by(page)
    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    httpx.delete(f"{server}/v1/restorations/{ids[0]}").raise_for_status()  # as after a day
    restore(page)
    report = httpx.get(f"{server}/v1/restorations/{job_id(page)}/report")
    assert report.status_code == 200


def test_many_photos_come_back_as_one_zip(page: Any, server: str, tmp_path: Path) -> None:
    files = [
        a_file(tmp_path, "a.png", 1),
        a_file(tmp_path, "a.png", 2),
        a_file(tmp_path, "b.png", 3),
    ]
    drop(page, server, *files)
    page.wait_for_selector(".step")
    button(page, "Restore all 3").click()
    page.wait_for_selector("text=All 3 as zip")
    held = held_back(page, "**/result")
    with page.expect_download() as download:
        button(page, "All 3 as zip").click()
        for number in (1, 2, 3):
            page.wait_for_selector(f"text=Fetching photo {number} of 3")
            button(page, "All 3 as zip").click()  # is at it already
            wait_until(lambda: page.wait_for_timeout(50) is None and bool(held), 30.0)
            held.pop().continue_()
            assert not held
    page.wait_for_selector(".flash", state="hidden")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        names = sorted(archive.namelist())
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    assert names == ["a-restored-2.png", "a-restored.png", "b-restored.png"]
    assert all(picture.shape == (120, 160, 3) for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[1])


def test_a_photo_of_many_is_sent_once(page: Any, idle: str, tmp_path: Path) -> None:
    """Each time costs a credit: what was begun by itself meanwhile is not begun again."""
    drop(page, idle, *(a_file(tmp_path, f"{name}.png", seed) for seed, name in enumerate("abc")))
    page.wait_for_selector(".ticket")
    looked = job_id(page)
    button(page, "Restore without waiting for this").click()
    page.wait_for_function("id => location.hash.slice(1) !== id", arg=looked)
    page.locator("#strip button").nth(1).click()
    page.wait_for_selector(".ticket")
    button(page, "Cancel").click()
    sent = sent_by(page)
    held = held_back(page, "**/v1/restorations")
    button(page, "Restore all 2").click()
    page.locator("#strip button").nth(2).click()
    button(page, "Restore this photo").click()
    wait_until(lambda: page.wait_for_timeout(100) is None and len(held) == 2, 30.0)
    page.unroute("**/v1/restorations")  # what was held goes on
    page.locator("#strip li").filter(has_text="in line").nth(2).wait_for()
    page.wait_for_timeout(1000)
    assert len(sent) == 2


def test_a_refusal_stays_while_the_photo_is_looked_at(page: Any, idle: str, tmp_path: Path) -> None:
    drop(page, idle, a_file(tmp_path))
    page.wait_for_selector(".ticket")
    page.route(
        "**/v1/restorations",
        lambda route: route.fulfill(status=402, json={"detail": "no credits are left"}),
    )
    polled: list[str] = []
    page.on("response", lambda answer: polled.append(answer.url))
    button(page, "Restore without waiting for this").click()
    page.wait_for_selector("text=no credits are left")
    polled.clear()
    wait_until(lambda: page.wait_for_timeout(200) is None and len(polled) >= 2, 60.0)
    page.wait_for_timeout(300)
    assert page.get_by_role("alert").inner_text() == "no credits are left"


def test_a_result_that_came_in_part_is_fetched_again(
    page: Any, server: str, tmp_path: Path
) -> None:
    failed: list[str] = []

    def fail_once(route: Any) -> None:
        if failed:
            route.continue_()
            return
        failed.append(route.request.url)
        route.fulfill(status=429, json={"detail": "too busy"})

    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    page.route("**/report", fail_once)
    button(page, "Restore this photo").click()
    page.wait_for_selector("text=too busy It is tried again.")
    page.wait_for_selector(".headline")
    assert page.get_by_role("alert").count() == 0


def test_what_is_pressed_is_not_torn_out(page: Any, server: str, tmp_path: Path) -> None:
    """The strip and the panel keep their buttons while figures change."""
    drop(page, server, a_file(tmp_path, "a.png", 1), a_file(tmp_path, "b.png", 2))
    page.wait_for_selector(".step")
    page.evaluate("document.querySelector('#strip button').marked = true")
    button(page, "Restore all 2").click()
    page.wait_for_selector("text=All 2 as zip")
    assert page.evaluate("document.querySelector('#strip button').marked") is True


def test_a_key_opens_a_service(browser: Any, tmp_path: Path) -> None:
    with (
        keyed_service(tmp_path, **PROXIED) as (address, text),
        opened_page(browser, OWN, viewport=DESK, extra_http_headers=FROM_AFAR) as page,
    ):
        drop(page, address, a_file(tmp_path))
        page.get_by_role("alert").wait_for()
        enter_key(page, "A key is needed", text)
        button(page, "Restore this photo").click()
        page.wait_for_selector("text=Next in line")
        job = httpx.get(
            f"{address}/v1/restorations/{job_id(page)}",
            headers={"Authorization": f"Bearer {text}"},
        )
        assert job.json()["lane"] == "fast"


@pytest.mark.parametrize("public", [False, True])
def test_what_was_sent_with_a_key_comes_back_with_the_key(
    browser: Any, tmp_path: Path, public: bool
) -> None:
    def asks_for_the_key(tab: Any) -> None:
        tab.wait_for_selector("text=This photo needs its key.")
        assert job_id(tab) == sent, "the link is still there"
        enter_key(tab, "Enter a key", text)
        tab.wait_for_selector("text=Next in line")
        assert job_id(tab) == sent

    afar: dict[str, Any] = {"viewport": DESK, "extra_http_headers": FROM_AFAR}
    with keyed_service(tmp_path, **PROXIED, public=public) as (address, text):
        with opened_page(browser, OWN, **afar) as page:
            page.goto(address)
            enter_key(page, "Key" if public else "A key is needed", text)
            page.set_input_files("#file", [a_file(tmp_path)])
            page.wait_for_selector("text=Next in line")
            link, sent = page.url, job_id(page)
            for came_back in (address, link):
                tab = another_tab(page, came_back)
                asks_for_the_key(tab)
                assert tab.get_by_role("heading", name="grandmother.png").is_visible()
                tab.close()
            button(page, "Key: in use").click()
            button(page, "Forget it").click()
            asks_for_the_key(page)
        with opened_page(browser, OWN, **afar) as elsewhere:
            elsewhere.goto(link)
            asks_for_the_key(elsewhere)


def test_a_key_may_be_entered_when_a_photo_was_sent_already(page: Any, tmp_path: Path) -> None:
    with keyed_service(tmp_path) as (address, text):
        ids = sent_by(page)
        drop(page, address, a_file(tmp_path))
        page.wait_for_selector(".ticket")
        enter_key(page, "Key", text)
        button(page, "Restore without waiting for this").click()
        page.wait_for_function("id => location.hash.slice(1) !== id", arg=ids[0])
        headers = {"Authorization": f"Bearer {text}"}
        jobs = [f"{address}/v1/restorations/{one}" for one in ids]
        assert len(set(jobs)) == 2
        assert httpx.get(jobs[1], headers=headers).json()["lane"] == "fast"
        button(page, "Cancel").click()
        button(page, "Key: in use").click()
        button(page, "Forget it").click()
        page.wait_for_selector("text=This photo needs its key.")
        enter_key(page, "Enter a key", text)
        button(page, "Remove").click()
        page.wait_for_selector("#welcome:not([hidden])")
        assert httpx.get(jobs[0]).status_code == 404
        assert httpx.get(jobs[1], headers=headers).status_code == 404
        page.goto("about:blank")  # the server ends before the browser does


def test_a_link_is_copied(page: Any, idle: str, tmp_path: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    drop(page, idle, a_file(tmp_path))
    button(page, "Copy link").click()
    page.wait_for_selector(".flash")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_a_link_is_shown_where_the_browser_lets_nothing_be_copied(
    browser: Any, tmp_path: Path
) -> None:
    """As in the house: plain HTTP, at an address that is not this machine's own."""
    with (
        keyed_service(tmp_path, public=True) as (address, _),
        closing(browser.new_context(viewport=DESK)) as context,
    ):
        page = context.new_page()
        thrown: list[str] = []  # only that: of headers that need TLS the browser complains anyway

        def note(error: Any) -> None:
            thrown.append(str(error))

        page.on("pageerror", note)
        drop(page, address.replace("127.0.0.1", "0.0.0.0"), a_file(tmp_path))
        button(page, "Copy link").click()
        field = page.get_by_role("textbox", name="Link")
        field.wait_for()
        assert page.evaluate("isSecureContext") is False
        assert page.get_by_text("It can be copied from here").is_visible()
        assert field.input_value() == page.url
        assert field.get_attribute("readonly") is not None
        assert page.evaluate("getSelection().toString()") == page.url
        button(page, "Close").click()
        assert field.is_hidden()
        assert thrown == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_light_and_in_dark(
    browser: Any, server: str, tmp_path: Path, scheme: str
) -> None:
    def fits() -> bool:
        return page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    with opened_page(
        browser, OWN, viewport=PHONE, color_scheme=scheme, has_touch=True, is_mobile=True
    ) as page:
        page.goto(server)
        assert fits()
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", paper)[:3])) > 380) is (scheme == "light")
        page.set_input_files("#file", [a_file(tmp_path)])
        page.wait_for_selector(".step")
        assert fits()
        restore(page)
        assert fits()
        button(page, "Light or dark").click()
        other = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert other != paper


def test_everything_has_a_name_and_is_reached_by_keys(
    page: Any, server: str, tmp_path: Path
) -> None:
    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    for _ in range(2):
        nameless = page.evaluate(
            """[...document.querySelectorAll('button, input, select, a, canvas[tabindex]')]
            .filter(one => one.offsetParent !== null)
            .filter(one => !(one.ariaLabel || one.innerText?.trim() || one.labels?.length))
            .map(one => one.outerHTML)"""
        )
        assert nameless == []
        unreachable = page.evaluate(
            """[...document.querySelectorAll('button, input, select, a')]
            .filter(one => one.tabIndex < 0).map(one => one.outerHTML)"""
        )
        assert unreachable == []
        if page.locator(".headline").count() == 0:
            restore(page)
    assert "grandmother.png" in page.locator("#status").inner_text()
