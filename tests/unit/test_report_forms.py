"""A Report as JSON and as a terminal table, the words both share, and the IPTC term."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from report_sample import DAMAGE_SHA, sample_faces, sample_report
from rich.console import Console

from resilver.report import Report
from resilver.reporting import digital_source_type, to_json, to_table
from resilver.reporting.words import (
    deed,
    duration,
    figure,
    headline,
    limit,
    percent,
    printable,
    telling,
)
from resilver.stages.draft import Mark, Measurement


def _picture(height: int = 60, width: int = 80) -> np.ndarray:
    ramp = np.linspace(30, 220, width, dtype=np.float32)
    return np.repeat(np.repeat(ramp[None, :, None], height, 0), 3, 2).astype(np.uint8)


@pytest.fixture
def report() -> Report:
    before = _picture()
    marks = np.zeros(before.shape[:2], np.uint8)
    before[20:23, 10:70] = 255
    marks[20:23, 10:70] = Mark.SCRATCH
    before[40:50, 30:36] = 20
    marks[40:50, 30:36] = Mark.STAIN | Mark.DUST
    return sample_report(before, marks, notices=("Only page 1 of 3 was restored.",))


def _idle(report: Report) -> Report:
    stages = tuple(
        replace(record, strength=0.0, why="nothing to do", changed_share=0.0)
        for record in report.stages
    )
    return replace(report, stages=stages, changed_share=0.0, invented_share=0.0)


def _printed(report: Report, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(to_table(report))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("width", [30, 40, 60, 69, 70, 80, 200])
def test_a_terminal_of_any_width_shows_every_word_and_figure(report: Report, width: int) -> None:
    printed = _printed(report, width)
    assert "\N{HORIZONTAL ELLIPSIS}" not in printed
    assert max(map(len, printed.splitlines())) <= width
    words = set(printed.split())
    for record in report.stages:
        said = [record.finding.words, deed(record), duration(record.seconds)]
        said += [limit(one) for one in telling(record.finding.measurements)]
        assert set(" ".join(said).split()) <= words


def test_the_keys_of_the_json_stay(report: Report) -> None:
    values: dict[str, Any] = json.loads(to_json(report))
    assert list(values) == [
        "schema", "schema_version", "software", "source", "size", "result_size", "enlarged",
        "bit_depth", "grey", "format", "headline", "seconds", "changed_share", "invented_share",
        "coloured_share",
        "damage_share", "stages", "faces", "notices", "left_out", "pictures", "evidence",
    ]  # fmt: skip
    assert (values["schema"], values["schema_version"]) == ("resilver.report", 1)
    assert list(values["stages"][0]) == [
        "stage", "found", "words", "measurements", "acted", "strength", "why", "seconds",
        "changed_share", "mean_change_255", "models",
    ]  # fmt: skip


def test_the_json_holds_what_the_report_says(report: Report) -> None:
    values: dict[str, Any] = json.loads(to_json(report))
    assert values["size"] == {"height": 120, "width": 160}
    assert values["damage_share"]["scratch"] == pytest.approx(180 / 4800)
    assert values["stages"][0]["models"][0] == {
        "name": "damage",
        "sha256": DAMAGE_SHA,
        "licence": "clean",
    }
    measured = values["stages"][1]["measurements"][0]
    assert (measured["value"], measured["threshold"]) == (1.6, 2.5)
    assert values["notices"] == ["Only page 1 of 3 was restored."]


def test_the_pictures_are_replaced_by_their_statistics(report: Report) -> None:
    pictures: dict[str, Any] = json.loads(to_json(report))["pictures"]
    assert pictures["before"]["largest_255"] == 255
    assert pictures["after"]["largest_255"] < 255
    assert pictures["before"]["mean_255"] == pytest.approx(float(report.before.mean()), abs=1e-3)
    assert pictures["invented"]["share"] == pytest.approx(240 / 4800)
    # A pixel of two kinds counts for both.
    assert pictures["damage"]["share"]["stain"] == pytest.approx(60 / 4800)
    assert pictures["damage"]["share"]["dust"] == pytest.approx(60 / 4800)


def test_a_figure_that_is_not_finite_becomes_null(report: Report) -> None:
    first = report.stages[0]
    odd = replace(
        first.finding, measurements=(Measurement("noise", float("nan"), "", float("inf")),)
    )
    stages = (replace(first, finding=odd), *report.stages[1:])
    text = to_json(replace(report, stages=stages))
    assert json.loads(text)["stages"][0]["measurements"][0] == {
        "name": "noise",
        "value": None,
        "unit": "",
        "threshold": None,
    }


def test_a_file_name_of_broken_bytes_gives_text_that_can_be_encoded(report: Report) -> None:
    text = to_json(replace(report, source="gr\udcffn.jpg"))
    assert json.loads(text.encode("utf-8"))["source"] == "gr\\udcffn.jpg"


def test_the_table_tells_what_was_found_done_and_made_up(report: Report) -> None:
    text = _printed(report)
    assert "grandmother.jpg" in text
    assert "We mended the damage. 5.0 % of the picture is made up." in text
    assert "noise 1.6 grey levels of 255, acts from 2.5" in " ".join(text.split())
    assert "Left alone: below its threshold." in text
    assert "Scratches, creases and cracks 3.8 %" in text
    assert "Note: Only page 1 of 3 was restored." in text


def test_what_was_done_to_each_face_is_told(report: Report) -> None:
    with_faces = replace(report, faces=sample_faces(_picture()))
    first, second = json.loads(to_json(with_faces))["faces"]
    assert first == {
        "number": 1,
        "box": {"left": 20.0, "top": 20.0, "right": 70.0, "bottom": 85.0},
        "points": [{"x": x, "y": y} for x, y in with_faces.faces[0].points],
        "verdict": "lost detail",
        "words": "detail is lost: its edges are blurred by 3.1 px",
        "restored": True,
        "identity_similarity": 0.41,
        "warning": "this may no longer be the same person: similarity 0.41, under 0.5",
    }
    assert (second["verdict"], second["restored"], second["warning"]) == ("hidden", False, None)
    text = " ".join(_printed(with_faces).split())
    assert "Face 1: Restored: detail is lost" in text
    assert "Likeness before and after 0.41 of 1." in text
    assert "Warning: face 1: this may no longer be the same person" in text
    assert "Face 2: Left alone: hidden on purpose: pixelated." in text
    assert "no evidence of who a person is" in text
    assert "no evidence of who a person is" not in _printed(report)
    unmeasured = replace(with_faces.faces[0], similarity=None, warning="")
    told = " ".join(_printed(replace(report, faces=(unmeasured,))).split())
    assert "Likeness before and after was not measured." in told


def test_a_file_name_cannot_command_the_terminal(report: Report) -> None:
    text = _printed(replace(report, source="[red]\x1b[2Jgone\n.jpg"))
    assert "[red]\\x1b[2Jgone\\n.jpg" in text
    assert "\x1b" not in text


def test_the_headline_of_a_photo_left_alone(report: Report) -> None:
    nothing = _idle(report)
    quiet = tuple(
        replace(record, finding=replace(record.finding, act=False)) for record in nothing.stages
    )
    assert headline(replace(nothing, stages=quiet)) == (
        "Nothing was found that needed mending: the photo comes back as it was."
    )
    assert "switched off" in headline(nothing)
    fewer = replace(nothing, stages=quiet[:1], left_out=("denoise",))
    assert "The steps that ran found nothing" in headline(fewer)
    assert headline(replace(nothing, stages=())).startswith("No step was run")


def test_a_deed_names_its_strength_and_any_reason_but_the_finding(report: Report) -> None:
    record = replace(report.stages[0], strength=0.5, why="forced")
    assert deed(record) == "Mended the damage at 50.0 % strength (forced)."
    assert deed(replace(record, strength=1.0, why="found")) == "Mended the damage."


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (1e-6, "under 0.01 %"),
        (0.00703, "0.70 %"),
        (0.0314, "3.1 %"),
        (0.9996, "nearly 100 %"),
        (1.0, "100 %"),
    ],
)
def test_percent(share: float, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(9.96, "10 s"), (59.7, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_figures_keep_three_digits_that_matter() -> None:
    assert [figure(value) for value in (0.04213, 3.14159, 12345.6)] == ["0.0421", "3.14", "12346"]


def test_printable_text_stays_as_it_is() -> None:
    assert printable("Grüße aus Łódź 1931 ❤.jpg") == "Grüße aus Łódź 1931 ❤.jpg"


def test_the_source_type_follows_what_was_done(report: Report) -> None:
    by_network = digital_source_type(report)
    assert by_network is not None
    assert by_network.endswith("/compositeWithTrainedAlgorithmicMedia")
    classical = replace(report.stages[0], models=report.stages[0].models[:1])
    by_algorithm = digital_source_type(replace(report, stages=(classical, report.stages[1])))
    assert by_algorithm is not None
    assert by_algorithm.endswith("/compositeSynthetic")
    corrected = digital_source_type(replace(report, invented_share=0.0))
    assert corrected is not None
    assert corrected.endswith("/algorithmicallyEnhanced")
    assert digital_source_type(_idle(report)) is None
