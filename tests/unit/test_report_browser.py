"""The report page in a real browser: it comes alive, obeys mouse and keys, and asks for nothing.

Chromium is driven by its own protocol over two pipes, so that no driver has to be installed.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_sample import sample_report
from skimage import data

from resilver.reporting import to_html
from resilver.stages.draft import Mark

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--window-size=1000,900", "--remote-debugging-pipe",
)  # fmt: skip


# Chromium reads commands from descriptor 3 and answers on 4.
LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page of a headless Chromium."""

    def __init__(self, program: str, profile: Path) -> None:
        read_end, self._write = os.pipe()
        self._read, write_end = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(read_end), str(write_end), program, *FLAGS,
             f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(read_end, write_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read_end)
        os.close(write_end)
        self._buffer = b""
        self._sent = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        (page,) = [target["targetId"] for target in targets if target["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command and waits for its answer; events met on the way are kept."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def visit(self, url: str) -> None:
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def value(self, expression: str) -> Any:
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key: str, code: int) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def mouse(self, kind: str, x: float, y: float) -> None:
        self.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1
        )

    def close(self) -> None:
        os.close(self._write)  # Chromium ends when its command pipe does
        self._process.wait(timeout=20)
        os.close(self._read)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._read], [], [], 30)[0], "Chromium does not answer"
            chunk = os.read(self._read, 1 << 20)
            assert chunk, "Chromium has ended"
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None
    )
    if program is None:
        pytest.skip("no Chromium is installed")
    opened = Browser(program, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    before = np.ascontiguousarray(data.astronaut()[:400, 60:460])
    marks = np.zeros(before.shape[:2], np.uint8)
    before[100:110, 20:380] = 250
    marks[100:110, 20:380] = Mark.SCRATCH
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(to_html(sample_report(before, marks)), "utf-8")
    return path.as_uri()


CUT = "getComputedStyle(document.getElementById('stage')).getPropertyValue('--cut')"


def test_the_page_comes_alive_without_errors_and_asks_for_nothing(
    browser: Browser, page: str
) -> None:
    browser.visit(page)
    assert browser.value("document.documentElement.className") == "live"
    assert browser.value(CUT) == "50%"
    requested = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in requested if not url.startswith("data:")] == [page]
    bad = ("Runtime.exceptionThrown", "Log.entryAdded")
    assert [event for event in browser.events if event["method"] in bad] == []


def test_the_pictures_are_drawn_and_lie_on_each_other(browser: Browser, page: str) -> None:
    browser.visit(page)
    boxes = browser.value(
        "[...document.querySelectorAll('#stage figure svg')].map(svg => {"
        "const b = svg.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]})"
    )
    assert boxes[0] == boxes[1]
    assert boxes[0][2] == pytest.approx(boxes[0][3], abs=2)  # the sample is square
    assert boxes[0][2] > 400


def test_arrow_keys_move_the_slider(browser: Browser, page: str) -> None:
    browser.visit(page)
    browser.value("document.getElementById('slider').focus()")
    browser.press("ArrowRight", 39)
    assert browser.value(CUT) == "51%"
    browser.press("Home", 36)
    assert browser.value(CUT) == "0%"
    assert browser.value("document.getElementById('slider').ariaValueText") == "0 percent before"


def test_dragging_moves_the_slider(browser: Browser, page: str) -> None:
    browser.visit(page)
    box = browser.value(
        "(() => {const b = document.getElementById('stage').getBoundingClientRect();"
        "return {x: b.x, y: b.y, width: b.width, height: b.height}})()"
    )
    y = box["y"] + box["height"] / 2
    browser.mouse("mousePressed", box["x"] + box["width"] / 2, y)
    browser.mouse("mouseMoved", box["x"] + box["width"] * 0.8, y)
    browser.mouse("mouseReleased", box["x"] + box["width"] * 0.8, y)
    assert float(browser.value(CUT).rstrip("%")) == pytest.approx(80, abs=1)


@pytest.mark.parametrize("name", ["damage", "changed", "invented"])
def test_each_map_is_hidden_until_asked_for_by_keyboard(
    browser: Browser, page: str, name: str
) -> None:
    browser.visit(page)
    shown = f"getComputedStyle(document.querySelector('.overlay.{name}')).display"
    assert browser.value(shown) == "none"
    browser.value(f"document.getElementById('show-{name}').focus()")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key=" ", code="Space", text=" ",
                 windowsVirtualKeyCode=32)  # fmt: skip
    browser.call("Input.dispatchKeyEvent", type="keyUp", key=" ", code="Space",
                 windowsVirtualKeyCode=32)  # fmt: skip
    assert browser.value(shown) == "block"


def test_without_scripts_both_pictures_stand_side_by_side(browser: Browser, page: str) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.visit(page)
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    boxes = browser.value(
        "[...document.querySelectorAll('#stage figure')].map("
        "figure => figure.getBoundingClientRect().x)"
    )
    after_x, before_x = boxes
    assert before_x < after_x
    assert browser.value("getComputedStyle(document.querySelector('.cut')).display") == "none"


def test_dark_and_light_differ_and_keep_their_contrast(browser: Browser, page: str) -> None:
    browser.visit(page)
    papers: list[str] = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.call("Emulation.setEmulatedMedia", features=features)
        ink, paper = browser.value(
            "(() => {const s = getComputedStyle(document.body);"
            "return [s.color, s.backgroundColor]})()"
        )
        assert abs(_lightness(ink) - _lightness(paper)) > 170
        papers.append(paper)
    assert papers[0] != papers[1]


def test_nothing_sticks_out_on_a_telephone(browser: Browser, page: str) -> None:
    browser.call("Emulation.setDeviceMetricsOverride", width=360, height=740,
                 deviceScaleFactor=1, mobile=True)  # fmt: skip
    try:
        browser.visit(page)
        assert browser.value("document.documentElement.scrollWidth") <= 360
    finally:
        browser.call("Emulation.clearDeviceMetricsOverride")


def _lightness(colour: str) -> float:
    red, green, blue = (int(part) for part in colour[4:-1].split(","))
    return 0.3 * red + 0.6 * green + 0.1 * blue
