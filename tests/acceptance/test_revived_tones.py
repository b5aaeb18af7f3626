"""Tone, as a person asks for it: faded photos come nearer to what they were, from file to file."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab
from typer.testing import CliRunner, Result

pytest.importorskip("onnx", reason="networks are made with onnx, which the train extra brings")

from making_networks import tone_network
from resilver.ageing.dyes import FadingMix, fade_tones
from resilver.cli import app
from resilver.evaluate.suites import read_photos
from resilver.photo import Photo


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def colour_distance(first: np.ndarray, second: np.ndarray) -> float:
    labs = [rgb2lab(one / np.iinfo(one.dtype).max) for one in (first, second)]
    return float(deltaE_ciede2000(*labs).mean())


def test_badly_faded_photos_come_nearer_to_what_they_were(shared: Path, tmp_path: Path) -> None:
    """Even by a network that only stretches: what it gives is applied where and as it should be."""
    network = tone_network(tmp_path / "models").path
    nearer: list[float] = []
    for index, entry in enumerate(read_photos(shared / "data" / "eval" / "kodak")[::6]):
        good = cv2.resize(entry.read(), (192, 128), interpolation=cv2.INTER_AREA)
        rng = np.random.default_rng(index)
        print_ = fade_tones(
            good, rng, FadingMix(1.0, cast=0.0, uneven=0.0, strength=(0.9, 1.0)), monochrome=False
        )
        scan = tmp_path / f"{entry.name}.png"
        Photo.from_array(np.rint(print_ * 255).astype(np.uint8)).save(scan)
        result = run("restore", scan, "--only", "tone", "--tone-model", network, "--force", "tone")
        assert result.exit_code == 0, result.output
        truth = np.rint(good * 255).astype(np.uint8)
        before = colour_distance(Photo.open(scan).pixels, truth)
        revived = Photo.open(tmp_path / f"{entry.name}_restored.png").pixels
        nearer.append(colour_distance(revived, truth) / before)
    assert np.median(nearer) < 0.9


def test_a_sepia_print_keeps_its_tone_until_it_is_asked_to_be_neutral(tmp_path: Path) -> None:
    network = tone_network(tmp_path / "models").path
    plane = np.linspace(0.2, 0.7, 128 * 96).reshape(96, 128)
    toned = np.rint(255 * np.stack((plane**0.8, plane, plane**1.3), axis=2)).astype(np.uint8)
    scan = tmp_path / "sepia.png"
    Photo.from_array(toned).save(scan)
    options = ("--only", "tone", "--tone-model", network)
    for suffix, more in (("_kept", ()), ("_neutral", ("--neutral",))):
        result = run("restore", scan, *options, "--suffix", suffix, *more)
        assert result.exit_code == 0, result.output
    kept = Photo.open(tmp_path / "sepia_kept.png").pixels.astype(int)
    neutral = Photo.open(tmp_path / "sepia_neutral.png").pixels.astype(int)
    assert np.ptp(kept.mean(axis=2)) > 1.5 * np.ptp(toned.mean(axis=2))
    inside = (kept.min(axis=2) > 0) & (kept.max(axis=2) < 255)
    warmth = (toned[..., 0].astype(int) - toned[..., 2])[inside]
    assert np.abs((kept[..., 0] - kept[..., 2])[inside] - warmth).max() <= 2
    assert np.ptp(neutral, axis=2).max() == 0
    said = json.loads(run("diagnose", scan, *options, "--neutral", "--json").stdout)
    (finding,) = said[0]["findings"]
    assert finding["stage"] == "tone"
    assert "its tone is taken away" in finding["words"]
