"""A Report as an HTML page: whole in itself, small, safe, and true to the report's pictures."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from PIL import Image
from report_sample import DAMAGE_SHA, sample_faces, sample_report
from skimage import data

from resilver.report import Report
from resilver.reporting import to_html
from resilver.reporting.words import DAMAGE_KINDS
from resilver.stages.draft import Finding, Mark

VOID = {"meta", "input", "br", "image", "img"}


class _Outline(HTMLParser):
    """Collects tags and fails on tags that do not close."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.extend((name, value or "") for name, value in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.extend((name, value or "") for name, value in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)


@pytest.fixture(scope="module")
def report() -> Report:
    before = np.ascontiguousarray(data.astronaut()[:300, 100:400])
    marks = np.zeros(before.shape[:2], np.uint8)
    before[50:54, 20:260] = 250
    marks[50:54, 20:260] = Mark.SCRATCH
    marks[200:230, 200:240] = Mark.STAIN
    return sample_report(before, marks)


def _picture(page: str, name: str) -> Image.Image:
    found = re.search(rf'id="{name}"[^>]*><image href="data:image/(\w+);base64,([^"]+)"', page)
    assert found is not None
    return Image.open(io.BytesIO(base64.b64decode(found[2])))


def test_the_page_is_well_formed_and_says_it_in_plain_words(report: Report) -> None:
    text = " ".join(" ".join(_Outline(to_html(report)).text).split())
    for words in (
        "What we found",
        "What we did",
        "What is made up",
        "We mended the damage.",
        "Left alone: below its threshold.",
        "Stains and mould",
        "2.5",
        DAMAGE_SHA,
        "learned from data with limits on its use",
        "It is no evidence of who a person is",
    ):
        assert words in text


def test_nothing_is_loaded_from_anywhere(report: Report) -> None:
    outline = _Outline(to_html(report))
    for name, value in outline.attributes:
        if name in ("src", "href", "srcset", "action", "poster", "data"):
            assert value.startswith(("data:image/", "#"))
        assert not name.startswith("on")
        assert name != "style"


def test_the_policy_allows_exactly_the_style_and_script_inside(report: Report) -> None:
    page = to_html(report)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]


def test_file_names_and_notices_cannot_become_markup(report: Report) -> None:
    name = "</title><script>alert(1)</script>\"'&\x1b$software.jpg"
    hostile = replace(report, source=name, notices=("<img src=x onerror=alert(2)>",))
    page = to_html(hostile)
    _Outline(page)
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert "&lt;/title&gt;&lt;script&gt;" in page
    assert "$software.jpg" in page


def test_hostile_words_of_a_stage_are_escaped_everywhere(report: Report) -> None:
    first = report.stages[0]
    finding = replace(first.finding, words="<b>x</b>", stage="<i>s</i>")
    measured = replace(first.finding.measurements[0], name="<u>n</u>", unit="<s>u</s>")
    record = replace(
        first,
        finding=replace(finding, measurements=(measured,)),
        why="<em>w</em>",
        models=(("<q>m</q>", "<tt>h</tt>", "<dfn>l</dfn>"),),
    )
    page = to_html(replace(report, stages=(record,), format="<a>", software="<del>"))
    assert not re.search(r"<(b|i|u|s|em|q|tt|dfn|a|del)>", page)


def test_the_pictures_are_those_of_the_report(report: Report) -> None:
    page = to_html(report)
    for name, expected in (("picture-before", report.before), ("picture-after", report.after)):
        shown = np.asarray(_picture(page, name).convert("RGB"), np.float32)
        assert shown.shape == expected.shape
        assert np.abs(shown - expected).mean() < 6.0


def test_faces_are_shown_before_and_after(report: Report) -> None:
    picture = np.ascontiguousarray(report.before[:192, :192])
    page = to_html(replace(report, faces=sample_faces(picture)))
    text = " ".join(" ".join(_Outline(page).text).split())
    assert "Restored: detail is lost" in text
    assert "this may no longer be the same person" in text
    assert "Left alone: hidden on purpose: pixelated." in text
    assert "a plausible guess, and no evidence of who a person is" in text
    shown = re.findall(
        r'<img src="data:image/jpeg;base64,([^"]+)"[^>]* alt="Face (\d) (\w+)"', page
    )
    assert [(number, when) for _, number, when in shown] == [("1", "before"), ("1", "after")]
    for (data_, _number, _when), expected in zip(shown, (picture, 255 - picture), strict=True):
        found = np.asarray(Image.open(io.BytesIO(base64.b64decode(data_))), np.float32)
        assert np.abs(found - expected).mean() < 8.0
    assert "<h2>Faces</h2>" not in to_html(report)


def test_of_many_faces_the_pictures_get_smaller(report: Report) -> None:
    face = sample_faces(np.ascontiguousarray(report.before[:192, :192]))[0]
    sizes: list[int] = []
    for count in (1, 12, 400):
        faces = tuple(replace(face, number=index + 1) for index in range(count))
        found = re.findall(
            r'<img src="data:image/jpeg;base64,([^"]+)"', to_html(replace(report, faces=faces))
        )
        sizes.append(Image.open(io.BytesIO(base64.b64decode(found[0]))).width)
        assert len(found) == 2 * count if count < 400 else 0 < len(found) < 2 * count
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[1] >= sizes[2] >= 64


def test_no_speck_vanishes_from_a_map_that_has_to_be_smaller(report: Report) -> None:
    """Most of it is full of dust, which takes the map down to its smallest size."""
    dust = np.random.default_rng(0).random((1600, 1600)) < 0.25
    dust[:, 1400:] = False
    specks = np.array([(y, x) for y in range(3, 1590, 13) for x in range(1410, 1590, 11)])
    dust[specks[:, 0], specks[:, 1]] = True
    page = to_html(replace(report, invented=np.where(dust, 255, 0).astype(np.uint8)))
    shown = np.asarray(_picture(page, "map-invented").convert("RGBA"))[..., 3] > 0
    assert shown.shape == (640, 640)
    near = cv2.dilate(shown.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert near[specks[:, 0] * 2 // 5, specks[:, 1] * 2 // 5].all()


def test_the_maps_mark_exactly_what_the_report_marks(report: Report) -> None:
    page = to_html(report)
    invented = np.asarray(_picture(page, "map-invented").convert("RGBA"))
    assert np.array_equal(invented[..., 3] > 0, report.invented > 0)
    damage = np.asarray(_picture(page, "map-damage").convert("RGBA"))
    assert np.array_equal(damage[..., 3] > 0, report.damage > 0)
    colours = {kind.mark: kind.colour for kind in DAMAGE_KINDS}
    for mark in (Mark.SCRATCH, Mark.STAIN):
        pixel = damage[report.damage == mark][0]
        assert "#{:02x}{:02x}{:02x}".format(*pixel[:3]) == colours[mark]


def test_the_heat_grows_with_the_change_and_is_clear_without(report: Report) -> None:
    changed = np.zeros((300, 300), np.uint8)
    changed[50:100, :] = 6
    changed[200:250, :] = 120
    page = to_html(replace(report, changed=changed))
    alpha = np.asarray(_picture(page, "map-changed").convert("RGBA"))[..., 3]
    assert alpha[150, 150] == 0
    assert 0 < alpha[75, 150] < alpha[225, 150]


def test_the_page_stays_small_whatever_it_shows(report: Report) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (1600, 1600, 3), dtype=np.uint8)
    marks = rng.integers(0, 32, (1600, 1600), dtype=np.uint8)
    worst = replace(
        report,
        before=noise,
        after=noise[::-1].copy(),
        changed=marks * np.uint8(8),
        invented=(marks & np.uint8(1)) * np.uint8(255),
        damage=marks,
        faces=tuple(
            replace(sample_faces(noise[index : index + 192, :192])[0], number=index + 1)
            for index in range(40)
        ),
    )
    assert len(to_html(worst).encode("utf-8")) < 1_500_000


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (700, 2)])
def test_odd_pictures_make_a_page_too(report: Report, shape: tuple[int, int]) -> None:
    tiny = sample_report(np.full((*shape, 3), 90, np.uint8), np.ones(shape, np.uint8))
    page = to_html(tiny)
    assert _picture(page, "picture-before").size == (shape[1], shape[0])


def test_a_photo_left_alone_is_said_to_be(report: Report) -> None:
    still = tuple(
        replace(r, strength=0.0, changed_share=0.0, finding=replace(r.finding, act=False))
        for r in report.stages
    )
    page = to_html(replace(report, stages=still, invented_share=0.0, changed_share=0.0))
    assert "Nothing was found that needed mending" in page
    assert "No part of the picture was made up." in page


def test_a_step_that_changed_nothing_is_not_said_to_have(report: Report) -> None:
    repair, *others = report.stages
    idle = replace(repair, changed_share=0.0, mean_change_255=0.0, why="forced")
    page = to_html(replace(report, stages=(idle, *others)))
    assert "Changed nothing" not in page
    assert "Ran, and nothing looks different (forced)." in page
    assert "Took 2.8 s." in page
    assert "Mended the damage" not in page


@pytest.mark.parametrize(("network", "told"), [("upscale", False), ("vivid", True)])
def test_only_a_network_that_draws_makes_up_detail(
    report: Report, network: str, told: bool
) -> None:
    larger = replace(
        report.stages[0],
        finding=Finding("upscale", act=True, words="Made twice as large."),
        models=((network, "c0" * 32, "clean"),),
    )
    page = to_html(replace(report, stages=(*report.stages, larger), enlarged=2))
    assert ("fewer pixels than you see now" in page) == told
