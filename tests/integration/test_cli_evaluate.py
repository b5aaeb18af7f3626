"""`resilver evaluate` as a person runs it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from browsing import chromium, opened_page
from resilver.cli import app
from resilver.commands.evaluating import folders, named_files
from resilver.errors import OptionError
from resilver.evaluate.evaluation import Attempt, Evaluation, Judged
from resilver.evaluate.metrics import PSNR
from resilver.evaluate.results import Stamp
from resilver.evaluate.running import thumbnail
from resilver.evaluate.sheet import to_html
from resilver.evaluate.values import Setting
from resilver.models.store import bundled_model


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite `clean` of two photos: one as it was, one with a name that HTML must not obey."""
    folder = tmp_path_factory.mktemp("eval")
    (folder / "clean").mkdir()
    rng = np.random.default_rng(5)
    for name in ("a <b> & 'c'", "b"):
        coarse = rng.random((4, 5, 3), np.float32)
        levels = cv2.resize(coarse, (120, 96), interpolation=cv2.INTER_CUBIC) * 120 + 60
        cv2.imwrite(str(folder / "clean" / f"{name}.png"), np.clip(levels, 0, 255))
    return folder


def test_the_list_names_every_suite() -> None:
    result = run("evaluate", "--list")
    assert result.exit_code == 0, result.output
    for name in ("clean", "aged", "repair", "denoise", "tone", "faces256", "faces512", "old"):
        assert re.search(rf"^ {name} ", result.stdout, re.MULTILINE)
    assert "patchmatch *" in result.stdout


@pytest.fixture(scope="module")
def written(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    files = ("--json", out / "clean.json", "--html", out / "clean.html")
    result = run("evaluate", "clean", "--data", data, "--threads", "1", *files)
    assert result.exit_code == 0, result.output
    assert "| SSIM of luma |" in result.stdout
    assert re.search(r"networks: .*damage", result.stdout)
    return out


def test_json_holds_the_figures_of_every_picture(written: Path) -> None:
    value = json.loads((written / "clean.json").read_text("utf-8"))
    assert [one["name"] for one in value["pictures"]] == ["a <b> & 'c'", "b"]
    ours = [one["contenders"]["resilver"]["figures"] for one in value["pictures"]]
    assert all(figures["SSIM of luma"] > 0.99 for figures in ours)
    summary = value["groups"][0]["metrics"]["SSIM of luma"]["resilver"]
    assert summary["count"] == 2
    assert summary["worst"] == min(figures["SSIM of luma"] for figures in ours)
    assert value["stamp"]["models"].startswith("colourise ")
    assert (value["photos"], value["threads"], value["networks"]) == (None, 1, {})
    assert value["data"].endswith("eval0")


def test_a_network_that_takes_part_is_known_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "kodak").mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "kodak" / "a.png"), picture)
    own = bundled_model("denoise")
    files = ("--network", f"mine={own.path}", "--json", tmp_path / "x.json", "--photos", "1")
    result = run("evaluate", "denoise", "--data", tmp_path, *files)
    assert result.exit_code == 0, result.output
    assert f"Network mine: {own.card.sha256[:8]}." in result.stdout
    value = json.loads((tmp_path / "x.json").read_text("utf-8"))
    assert value["networks"] == {"mine": own.card.sha256}
    assert (value["photos"], value["threads"]) == (1, None)


def test_files_that_are_there_are_not_replaced_unasked(written: Path, data: Path) -> None:
    result = run("evaluate", "clean", "--data", data, "--json", written / "clean.json")
    assert result.exit_code == 1
    assert "--overwrite replaces it" in result.stderr
    assert "SSIM" not in result.stdout  # refused before the work, not after it


def test_errors_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "aged").mkdir()
    (tmp_path / "aged" / "index.csv").write_text("id,mono,faded\n", "utf-8")
    for words, code, said in (
        (("clean", "--html", tmp_path / "no" / "x.html"), 1, "its folder does not exist"),
        (("aged", "--data", tmp_path), 2, "finds nothing to look at"),
        (("clean", "--data", tmp_path), 1, f"{tmp_path / 'clean'}: no such folder"),
        (("cleen", "--data", tmp_path), 2, "unknown suite 'cleen'; there are: clean"),
        ((), 2, "name a suite: clean"),
        (("clean", "--against", "nobody"), 2, "no contender 'nobody'; there are: input, resilver"),
        (("denoise", "--network", "mine.onnx"), 2, "NAME=FILE, not 'mine.onnx'"),
    ):
        result = run("evaluate", *words)
        assert result.exit_code == code, result.output
        assert said in result.stderr
        assert result.stderr.count("\n") == 1


def test_an_installed_resilver_is_told_where_the_suites_lie(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--data"):
        folders(None, None, None)
    assert folders(None, tmp_path, None) == (tmp_path, None)
    shared = tmp_path / "shared"
    beside = (shared / "data" / "eval", shared / "weights")
    assert folders(tmp_path / "main", None, None) == beside
    assert folders(tmp_path / "main", Path("x"), Path("y")) == (Path("x"), Path("y"))


def test_networks_come_by_name() -> None:
    assert named_files(["a=b.onnx", "c=d=e.onnx"]) == {"a": Path("b.onnx"), "c": Path("d=e.onnx")}
    for wrong in (["a="], ["=b"], ["a=b", "a=c"]):
        with pytest.raises(OptionError, match="NAME=FILE"):
            named_files(wrong)


NAMES = "[...document.querySelectorAll('#cases h3')].map(one => one.textContent)"
OWN = r"(file://.*\.html$|data:)"


def test_the_sheet_draws_its_pictures_and_asks_for_nothing(written: Path) -> None:
    with chromium() as browser, opened_page(browser, OWN) as opened:
        page: Any = opened
        page.goto((written / "clean.html").as_uri())
        assert page.evaluate(NAMES) == ["a <b> & 'c'", "b"]
        widths = page.evaluate("[...document.images].map(one => one.naturalWidth)")
        assert widths == [120] * 6  # input, resilver, truth; of two photos
        assert page.locator("#sort option").count() == 1 + 3 * 2


def test_the_sheet_puts_the_worst_first(tmp_path: Path) -> None:
    picture = thumbnail(np.full((40, 60, 3), 0.5, np.float32))
    figures = {"a": 30.0, "b": 20.0, "c": math.inf, "d": math.nan, "e": 25.0}
    judged = tuple(
        Judged(name, "", {"ours": Attempt({"PSNR": value}, 1.0, 1.0, "", picture)})
        for name, value in figures.items()
    )
    found = Evaluation("small", "A suite.", "ours", (PSNR,), judged, (), Setting(Path()), {})
    stamp = Stamp("1a2b3c4", "2026-11-28 12:00", "a machine", "0.1", "Python", "none")
    (tmp_path / "sheet.html").write_text(to_html(found, stamp), "utf-8")
    with chromium() as browser, opened_page(browser, OWN) as opened:
        page: Any = opened
        page.goto((tmp_path / "sheet.html").as_uri())
        assert page.evaluate(NAMES) == list(figures)
        page.select_option("#sort", label="worst first: PSNR of ours")
        assert page.evaluate(NAMES) == ["b", "e", "a", "c", "d"]
        page.select_option("#sort", label="as in the suite")
        assert page.evaluate(NAMES) == list(figures)
