"""How a batch goes through its photos: nothing stops it, nothing half-written remains.

Photos are real files; the pipeline, whose own tests are elsewhere, is replaced at its seam by one
that brightens, fails or is interrupted on demand.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_sample import sample_report

from resilver.batch import (
    Assignment,
    Naming,
    Outcome,
    Result,
    Summary,
    explain,
    restore_each,
    select,
)
from resilver.errors import OptionError, PhotoDenied, PhotoExists, PhotoNotWritten
from resilver.photo import Photo
from resilver.photofile.source_types import INPAINTED_BY_NETWORK
from resilver.photofile.writing import write_text
from resilver.report import Report
from resilver.stages.draft import Mark
from resilver.version import SOFTWARE


class Brightener:
    """Adds ten to every pixel and reports a scratch; raises what it is told to, by photo name."""

    factor = 1  # times larger, as a person may ask of the real one

    def __init__(self, **raises: BaseException) -> None:
        self.raises = raises
        self.begun: list[str] = []

    def enlargement(self, photo: Photo) -> int:
        assert photo.source is not None
        return self.factor

    def restore(
        self, photo: Photo, progress: Callable[[str, float], None] | None = None
    ) -> tuple[Photo, Report]:
        assert progress is not None
        assert photo.source is not None
        self.begun.append(photo.source.stem)
        progress("repair", 0.5)
        if photo.source.stem in self.raises:
            raise self.raises[photo.source.stem]
        before = photo.preview(1600)
        marks = np.zeros(photo.size, np.uint8)
        marks[5] = Mark.SCRATCH
        report = sample_report(before, marks, source=photo.source.name)
        repair, *rest = report.stages
        report = replace(report, stages=(replace(repair, changed_share=1.0), *rest))
        said = photo.metadata.for_result(photo.size, SOFTWARE, INPAINTED_BY_NETWORK)
        return photo.evolve(pixels=photo.pixels + np.uint8(10), metadata=said), report


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    for index, name in enumerate("abc"):
        Image.new("RGB", (40, 30), (50 * index, 90, 120)).save(tmp_path / f"{name}.png")
    return tmp_path


def _run(
    folder: Path, pipeline: Brightener, naming: Naming | None = None
) -> tuple[list[Outcome], Path]:
    out = folder / "out"
    naming = naming or Naming(out)
    paths = sorted(folder.glob("*.*"))
    return list(
        restore_each(select(paths, naming).assignments, pipeline, overwrite=naming.overwrite)
    ), out


def test_every_photo_is_restored_and_saved(scans: Path) -> None:
    outcomes, out = _run(scans, Brightener())
    assert [outcome.error for outcome in outcomes] == [None, None, None]
    assert sorted(path.name for path in out.iterdir()) == [
        "a_restored.png",
        "b_restored.png",
        "c_restored.png",
    ]
    with Image.open(out / "b_restored.png") as picture:
        assert picture.getpixel((3, 3)) == (60, 100, 130)


def test_results_say_what_they_are(scans: Path) -> None:
    _, out = _run(scans, Brightener())
    data = (out / "a_restored.png").read_bytes()
    assert b"compositeWithTrainedAlgorithmicMedia" in data
    assert b"resilver 0." in data


def test_reports_lie_beside_the_result(scans: Path) -> None:
    out = scans / "out"
    _run(scans, Brightener(), Naming(out, reports=("html", "json")))
    assert (out / "a_report.html").read_text("utf-8").startswith("<!doctype html>")
    assert '"source": "b.png"' in (out / "b_report.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (OptionError("the mask is 3 x 3 pixels, the photo 40 x 30"), "the mask is 3 x 3"),
        (MemoryError(), "there is not enough memory"),
        (ZeroDivisionError("division\nby zero"), "ZeroDivisionError: division by zero; "),
    ],
)
def test_a_photo_that_fails_is_named_and_the_rest_goes_on(
    scans: Path, raised: Exception, words: str
) -> None:
    outcomes, out = _run(scans, Brightener(b=raised))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    error = outcomes[1].error
    assert error is not None
    assert error.startswith(f"{scans / 'b.png'}: ")
    assert words in error
    assert "\n" not in error
    assert len(list(out.iterdir())) == 2


@pytest.mark.parametrize(("width", "factor"), [(17_000, 1), (9_000, 2)])
def test_result_that_its_format_cannot_hold_is_not_worked_on(
    tmp_path: Path, width: int, factor: int
) -> None:
    Image.new("RGB", (width, 8)).save(tmp_path / "a.png")
    pipeline = Brightener()
    pipeline.factor = factor
    outcomes, out = _run(tmp_path, pipeline, Naming(tmp_path / "out", extension=".webp"))
    words = f"WEBP holds at most 16383 pixels a side, not {factor * width}"
    assert outcomes[0].error == f"{tmp_path / 'a.png'}: {out / 'a_restored.webp'}: {words}"
    assert pipeline.begun == []
    _run(tmp_path, pipeline, Naming(tmp_path / "out", extension=".jpg"))
    assert pipeline.begun == ["a"]


def test_an_unreadable_photo_does_not_stop_the_rest(scans: Path) -> None:
    (scans / "b.png").write_bytes((scans / "b.png").read_bytes()[:40])
    outcomes, _ = _run(scans, Brightener())
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]


def test_a_result_that_cannot_be_written_leaves_nothing_behind(scans: Path) -> None:
    out = scans / "out"
    out.mkdir()
    (out / "b").write_bytes(b"in the way")
    assignments = [
        Assignment(scans / "a.png", (Result(out / "a.png"),)),
        Assignment(scans / "b.png", (Result(out / "b" / "b.png"),)),  # its folder is a file
        Assignment(scans / "c.png", (Result(out / "c.png"),)),
    ]
    outcomes = list(restore_each(assignments, Brightener()))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    error = outcomes[1].error
    assert error is not None
    assert error.startswith(f"{scans / 'b.png'}: {out / 'b'}: cannot be made a folder")
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b", "c.png"]


def test_a_photo_without_its_report_is_not_left_behind(
    scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Running again once there is room, say, does the photo; what was there before stays there."""
    out = scans / "out"
    result = Result(out / "a.png", (("json", out / "a_report.json"), ("html", out / "a.html")))

    def full(path: Path, text: str, *, overwrite: bool) -> None:
        if path.suffix == ".html":
            raise PhotoNotWritten(path, "the disk is full")
        write_text(path, text, overwrite=overwrite)

    with monkeypatch.context() as patched:
        patched.setattr("resilver.batch.running.write_text", full)
        (outcome,) = restore_each([Assignment(scans / "a.png", (result,))], Brightener())
        assert outcome.error is not None
        assert outcome.error.endswith("a.html: the disk is full")
        assert list(out.iterdir()) == []
    (out / "a.html").mkdir()
    (outcome,) = restore_each(
        [Assignment(scans / "a.png", (result,))], Brightener(), overwrite=True
    )
    assert "this is a folder" in (outcome.error or "")
    assert [path.name for path in out.iterdir()] == ["a.html"]


def test_what_cannot_be_written_is_not_worked_on(scans: Path) -> None:
    (scans / "file").write_bytes(b"in the way")
    assignments = [
        Assignment(scans / "a.png", (Result(scans / "file" / "a.png"),)),
        Assignment(scans / "b.png", (Result(scans / ("d" * 300) / "b.png"),)),
        Assignment(scans / "c.png", (Result(scans / "out" / "deep" / "c.png"),)),
    ]
    pipeline = Brightener()
    outcomes = list(restore_each(assignments, pipeline))
    assert pipeline.begun == ["c"]
    assert [outcome.error is None for outcome in outcomes] == [False, False, True]
    assert "cannot be made a folder (File name too long)" in (outcomes[1].error or "")
    assert [path.name for path in (scans / "out" / "deep").iterdir()] == ["c.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that even root cannot write to")
def test_a_folder_that_holds_no_files_is_found_out_before_the_work(scans: Path) -> None:
    pipeline = Brightener()
    (outcome,) = restore_each(
        [Assignment(scans / "a.png", (Result(Path("/proc/a.png")),))], pipeline
    )
    assert pipeline.begun == []
    assert outcome.error is not None
    assert outcome.error.startswith(f"{scans / 'a.png'}: /proc: ")


def test_a_photo_that_fails_leaves_no_stray_files(scans: Path) -> None:
    out = scans / "out"
    (scans / "a.png").write_bytes(b"no image")
    unreadable = Assignment(scans / "a.png", (Result(out / "a.png"),))
    assert [one.error is None for one in restore_each([unreadable], Brightener())] == [False]
    assert not out.exists()
    failing = Assignment(scans / "b.png", (Result(out / "b.png"),))
    pipeline = Brightener(b=MemoryError())
    assert [one.error is None for one in restore_each([failing], pipeline)] == [False]
    assert list(out.iterdir()) == []


def test_a_file_that_appears_meanwhile_is_not_overwritten(scans: Path) -> None:
    out = scans / "out"
    assignments = select(sorted(scans.glob("*.png")), Naming(out)).assignments
    out.mkdir()
    (out / "b_restored.png").write_bytes(b"precious")
    outcomes = list(restore_each(assignments, Brightener()))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert (out / "b_restored.png").read_bytes() == b"precious"


def test_an_interrupt_passes_through_and_leaves_whole_files_only(scans: Path) -> None:
    out = scans / "out"
    naming = Naming(out, reports=("html",))
    assignments = select(sorted(scans.glob("*.png")), naming).assignments
    done: list[Outcome] = []
    with pytest.raises(KeyboardInterrupt):
        done.extend(restore_each(assignments, Brightener(b=KeyboardInterrupt())))
    assert sorted(path.name for path in out.iterdir()) == ["a_report.html", "a_restored.png"]


def test_progress_counts_up_for_every_photo(scans: Path) -> None:
    told: list[tuple[int, str, float]] = []

    def progress(index: int, step: str, share: float) -> None:
        told.append((index, step, share))

    assignments = select(sorted(scans.glob("*.png")), Naming(scans / "out")).assignments
    list(restore_each(assignments, Brightener(), progress=progress))
    assert [index for index, _, _ in told] == sorted(index for index, _, _ in told)
    for photo in range(3):
        shares = [share for index, _, share in told if index == photo]
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_the_summary_counts_what_became_of_each(scans: Path) -> None:
    outcomes, _ = _run(scans, Brightener(c=OptionError("no")))
    summary = Summary()
    for outcome in outcomes:
        summary = summary.count(outcome)
    assert (summary.restored, summary.unchanged, summary.failed) == (2, 0, 1)


def test_an_error_about_the_result_names_the_photo_as_well() -> None:
    source = Path("scans/a.png")
    full = PhotoNotWritten(Path("out/a.png"), "the disk is full")
    assert explain(source, full) == f"{source}: {full}"
    denied = PhotoDenied(source, "no permission to read it")
    assert explain(source, denied) == str(denied)
    there = PhotoExists("out.png")
    assert str(there) == "out.png: the file exists; overwrite=True replaces it"
    assert explain(source, there).endswith("out.png: the file exists; --overwrite replaces it")
