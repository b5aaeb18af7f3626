"""The page in a real browser: what a person does with it, from the first drop to the last click."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from running_services import databases, photo_bytes, served, served_idle, settings_in

from browsing import chromium, opened_page
from resilver.service.database import Database
from resilver.service.keys import Keys

DESK = {"width": 1280, "height": 860}
PHONE = {"width": 375, "height": 740}
OWN = r"(http://127\.0\.0\.1:|blob:)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server without a worker: whatever is sent stays in line."""
    with served_idle(tmp_path_factory.mktemp("idle")) as address:
        yield address


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    with opened_page(browser, OWN, viewport=DESK) as page:
        yield page


def a_file(folder: Path, name: str = "grandmother.png", seed: int = 1) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/png", "buffer": photo_bytes(folder, 120, 160, seed)}


def drop(page: Any, address: str, *files: dict[str, Any]) -> None:
    page.goto(address)
    page.set_input_files("#file", list(files))


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def draw_a_line(page: Any, steps: int) -> dict[str, float]:
    """Across the middle of the photo, from a fifth to four fifths; gives the photo's box."""
    box: dict[str, float] = page.locator("#sheet").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], middle, steps=steps)
    page.mouse.up()
    return box


def job_id(page: Any) -> str:
    return page.url.partition("#")[2]


def restore(page: Any) -> None:
    button(page, "Restore this photo").click()
    page.wait_for_selector(".headline")


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
    damage.uncheck()
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


def test_colours_are_asked_for_and_remembered(page: Any, server: str, tmp_path: Path) -> None:
    grey = np.asarray(Image.open(io.BytesIO(photo_bytes(tmp_path, 120, 160))).convert("L"))
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG")
    drop(page, server, {**a_file(tmp_path), "buffer": out.getvalue()})
    page.wait_for_selector(".step")
    page.get_by_role("checkbox", name="Colours", exact=True).check()
    page.get_by_label("A colour you remember").fill("#c03020")
    button(page, "I remember a colour").click()
    box = page.locator("#sheet").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    button(page, "Remove colour 1").wait_for()
    restore(page)
    report = httpx.get(f"{server}/v1/restorations/{job_id(page)}/report").json()
    assert report["coloured_share"] > 0.5
    result = httpx.get(f"{server}/v1/restorations/{job_id(page)}/result").content
    red, green, blue = np.asarray(Image.open(io.BytesIO(result)).convert("RGB"))[60, 40].tolist()
    assert red > max(green, blue) + 20, "what was remembered is there"


def test_a_painted_colour_goes_with_all_photos(page: Any, server: str, tmp_path: Path) -> None:
    grey = np.asarray(Image.open(io.BytesIO(photo_bytes(tmp_path, 120, 160))).convert("L"))
    files: list[dict[str, Any]] = []
    for name, shown in (("first.png", grey), ("second.png", np.ascontiguousarray(grey.T))):
        out = io.BytesIO()
        Image.fromarray(shown).save(out, "PNG")
        files.append({**a_file(tmp_path), "name": name, "buffer": out.getvalue()})
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
    drop(page, server, a_file(tmp_path))
    page.wait_for_selector(".step")
    restore(page)
    known = page.evaluate("localStorage.getItem('resilver-photos')")
    ids = re.findall(r'"(?:look|work)":"([^"]+)"', known)
    assert len(ids) == 2
    button(page, "Delete").click()
    page.wait_for_selector("#welcome:not([hidden])")
    for one in ids:
        assert httpx.get(f"{server}/v1/restorations/{one}").status_code == 404
    assert page.evaluate("localStorage.getItem('resilver-photos')") == "[]"


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
    with page.expect_download() as download:
        button(page, "All 3 as zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        names = sorted(archive.namelist())
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    assert names == ["a-restored-2.png", "a-restored.png", "b-restored.png"]
    assert all(picture.shape == (120, 160, 3) for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[1])


def test_a_key_opens_a_public_service(browser: Any, tmp_path: Path, photo: bytes) -> None:
    with databases("sqlite", tmp_path) as source, source.fresh(tmp_path) as url:
        # Behind a proxy nobody is at the machine itself.
        settings = replace(settings_in(tmp_path, url), proxy="127.0.0.1")
        database = Database(url)
        _, text = Keys(database).create(
            "anna", lane="fast", photos=None, max_queued=50, max_megapixels=1e3
        )
        database.close()
        with served(settings, works=False) as address:
            headers = {"X-Forwarded-For": "203.0.113.9"}
            with opened_page(browser, OWN, viewport=DESK, extra_http_headers=headers) as page:
                drop(page, address, a_file(tmp_path))
                page.get_by_role("alert").wait_for()
                button(page, "A key is needed").click()
                page.get_by_label("Key", exact=True).fill(text)
                button(page, "Use it").click()
                page.wait_for_selector("text=Key: in use")
                button(page, "Restore this photo").click()
                page.wait_for_selector("text=Next in line")
                job = httpx.get(
                    f"{address}/v1/restorations/{job_id(page)}",
                    headers={"Authorization": f"Bearer {text}"},
                )
                assert job.json()["lane"] == "fast"


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
