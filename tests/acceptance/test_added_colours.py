"""Colours, as a person asks for them: from file to file, told as guesses, lightness kept."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data
from typer.testing import CliRunner, Result

pytest.importorskip("onnx", reason="networks are made with onnx, which the train extra brings")

from making_networks import colour_network, tone_network
from resilver.cli import app
from resilver.imaging.chroma import lightness, luminance
from resilver.photo import Photo


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def print_16() -> np.ndarray:
    """A black and white print, (128, 160) uint16."""
    plane = cv2.resize(data.camera(), (160, 128), interpolation=cv2.INTER_AREA)
    return (plane.astype(np.uint16) * np.uint16(220)) + np.uint16(4000)


def light_of(path: Path) -> np.ndarray:
    return lightness(luminance(Photo.open(path).pixels))


@pytest.mark.parametrize("ending", ["tif", "png"])
def test_a_grey_scan_comes_back_in_colour_and_as_light_as_it_was(
    tmp_path: Path, ending: str
) -> None:
    network = colour_network(tmp_path / "models").path
    scan = tmp_path / f"aunt.{ending}"
    Photo.from_array(print_16()).save(scan)
    result = run("restore", scan, "--only", "colourise", "--colourise", "--colour-model", network,
                 "--report", "json")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "every colour a guess" in result.output
    coloured = Photo.open(tmp_path / f"aunt_restored.{ending}")
    assert not coloured.grey
    assert coloured.bit_depth == 16
    moved = np.abs(light_of(tmp_path / f"aunt_restored.{ending}") - light_of(scan))
    assert moved.max() < 0.05
    assert np.ptp(coloured.pixels.astype(int), axis=2).mean() > 2000
    said = json.loads((tmp_path / "aunt_report.json").read_text("utf-8"))
    assert said["headline"].startswith("We added colour. Every colour is a guess")
    assert said["coloured_share"] == 1.0
    assert said["stages"][0]["why"] == "asked for"
    assert (
        b"compositeWithTrainedAlgorithmicMedia"
        in (tmp_path / f"aunt_restored.{ending}").read_bytes()
    )


def test_colour_is_added_to_what_tone_has_revived(tmp_path: Path) -> None:
    """Tone alone, and tone and colour: equally light in every place."""
    folder = tmp_path / "models"
    tone, colour = tone_network(folder).path, colour_network(folder).path
    scan = tmp_path / "faded.png"
    Photo.from_array(20_000 + print_16() // 4).save(scan)
    toned = ("restore", scan, "--tone-model", tone, "--force", "tone", "--overwrite")
    assert run(*toned, "--only", "tone", "--suffix", "_tone").exit_code == 0
    coloured = ("--only", "tone,colourise", "--colour-model", colour)
    assert run(*toned, *coloured, "--suffix", "_both").exit_code == 0
    alone, both = light_of(tmp_path / "faded_tone.png"), light_of(tmp_path / "faded_both.png")
    assert np.ptp(alone) > 1.5 * np.ptp(light_of(scan))
    assert np.abs(alone - both).max() < 0.05
    assert not Photo.open(tmp_path / "faded_both.png").grey


def test_a_hint_goes_for_every_photo_of_a_run(tmp_path: Path) -> None:
    network = colour_network(tmp_path / "models").path
    folder = tmp_path / "album"
    folder.mkdir()
    for name, plane in (
        ("a", print_16()),
        ("b", print_16()[::-1]),
        ("small", print_16()[:20, :20]),
    ):
        Photo.from_array(np.ascontiguousarray(plane)).save(folder / f"{name}.png")
    result = run("restore", folder, "-o", tmp_path / "out", "--only", "colourise", "--report",
                 "json", "--colour-model", network, "--hint", "60,40,#7a8c4a")  # fmt: skip
    assert result.exit_code == 0, result.output
    for name in "ab":
        pixel = Photo.open(tmp_path / "out" / f"{name}_restored.png").pixels[40, 60].astype(int)
        assert pixel[1] > pixel[0] > pixel[2]  # olive, as told
    notices = json.loads((tmp_path / "out" / "small_report.json").read_text("utf-8"))["notices"]
    assert notices == ["hints outside of this photo: 1 of 1"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--variants", "3"), "--variants are of colours: ask for them with --colourise"),
        (("--hint", "12,red"), "a hint is x,y,#rrggbb"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(
    tmp_path: Path, asked: tuple[str, ...], said: str
) -> None:
    Photo.from_array(print_16()).save(tmp_path / "aunt.png")
    result = run("restore", tmp_path / "aunt.png", *asked)
    assert result.exit_code == 2
    assert said in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["aunt.png"]


def test_a_dry_run_names_the_variants_and_writes_nothing(tmp_path: Path) -> None:
    network = colour_network(tmp_path / "models").path
    Photo.from_array(print_16()).save(tmp_path / "aunt.png")
    result = run("restore", tmp_path / "aunt.png", "--dry-run", "--only", "colourise",
                 "--colour-model", network, "--variants", "2")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "aunt-colour1_restored.png" in result.stdout.replace("\n", "")
    assert {path.name for path in tmp_path.iterdir()} == {"aunt.png", "models"}
