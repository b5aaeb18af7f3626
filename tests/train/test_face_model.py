"""A GFP-GAN comes in and restores the faces of a photo: from the checkpoint to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut
from typer.testing import CliRunner

from resilver.cli import app
from resilver.nets.gfpgan import GFPGAN, GFPGANConfig
from resilver.nets.stylegan2 import StyleGAN2Config
from resilver.photo import Photo

# Torch would rather export by its other exporter; ours is chosen in `resilver.train.export`.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def couple(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo of two soft faces, and no imported networks."""
    monkeypatch.setenv("RESILVER_MODELS", str(tmp_path / "models"))
    face = cv2.GaussianBlur(astronaut()[:280, 60:360], (0, 0), 4)
    Photo.from_array(np.concatenate((face, face[:, ::-1]), axis=1)).save(tmp_path / "couple.png")
    return tmp_path / "couple.png"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def restored(couple: Path, checkpoint: Path) -> tuple[dict[str, Any], Photo]:
    """The second face restored by a checkpoint, at half fidelity; the report and the photo."""
    out = couple.parent / "out"
    imported = run("models", "import", str(checkpoint), "--as", "mine", "--licence", "clean")
    assert imported.exit_code == 0, imported.output
    done = run(
        "restore", str(couple), "-o", str(out), "--only", "faces", "--face-model", "mine",
        "--faces", "2", "--fidelity", "0.5", "--report", "json,html", "--threads", "1",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Face 2: Restored: " in done.stdout
    report = json.loads((out / "couple_report.json").read_text("utf-8"))
    page = (out / "couple_report.html").read_text("utf-8")
    assert 'alt="Face 2 before"' in page
    assert 'alt="Face 1 before"' not in page
    assert len(page.encode()) < 1_500_000
    return report, Photo.open(out / "couple_restored.png")


def check(report: dict[str, Any], photo: Photo, couple: Path) -> None:
    assert [face["restored"] for face in report["faces"]] == [False, True]
    assert [face["number"] for face in report["faces"]] == [1, 2]
    assert report["faces"][0]["identity_similarity"] is None  # nothing was done to it
    (stage,) = report["stages"]
    assert stage["strength"] == 0.5
    assert [network["name"] for network in stage["models"]][:2] == ["detect", "mine"]
    before = Photo.open(couple).pixels
    changed = (photo.pixels != before).any(axis=(0, 2))
    assert changed[300:].any()
    assert not changed[:280].any()
    assert b"compositeWithTrainedAlgorithmicMedia" in (photo.metadata.xmp or b"")


def test_an_official_checkpoint_restores_the_faces_of_a_photo(shared: Path, couple: Path) -> None:
    (checkpoint,) = (shared / "fixtures" / "gfpgan_v1_clean").glob("checkpoint.*")
    report, photo = restored(couple, checkpoint)
    check(report, photo, couple)


def test_a_network_of_another_size_does_as_well(couple: Path) -> None:
    torch.manual_seed(0)
    prior = StyleGAN2Config(style_dim=16, mapping_layers=2, channels=(16, 16, 16, 8, 8))
    network = GFPGAN(GFPGANConfig(prior, (8, 8, 8, 16, 16)))
    checkpoint = couple.parent / "small.pth"
    torch.save({"params_ema": network.state_dict()}, checkpoint)
    report, photo = restored(couple, checkpoint)
    assert "at the 64 px of the network" in report["faces"][1]["words"]
    check(report, photo, couple)
