"""What a person does on the page, for its tests in a browser."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from running_services import photo_bytes

DESK = {"width": 1280, "height": 860}
PHONE = {"width": 375, "height": 740}
OWN = r"(http://127\.0\.0\.1:|blob:)"


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


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def sent_by(page: Any) -> list[str]:
    """The ids of what the page sends from now on."""
    ids: list[str] = []

    def note(answer: Any) -> None:
        if answer.request.method == "POST" and answer.status == 202:
            ids.append(answer.headers["location"].rpartition("/")[2])

    page.on("response", note)
    return ids


def held_back(page: Any, path: str) -> list[Any]:
    """What the page asks for there from now on, which gets no answer until it is let go on."""
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route(path, hold)
    return held


def restore(page: Any) -> None:
    button(page, "Restore this photo").click()
    page.wait_for_selector(".headline")
