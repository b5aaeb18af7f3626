"""The commands besides restore: models, age, train, learn-noise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner, Result

from resilver.cli import app
from resilver.models.store import bundled_models

LONG = "a" * 300  # longer than a file name may be


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "good.png"
    Image.fromarray(np.ascontiguousarray(data.astronaut()[:200, 100:360])).save(path)
    return path


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.int16)


def test_models_list_names_every_network_and_its_licence() -> None:
    result = run("models", "list")
    assert result.exit_code == 0, result.output
    models = bundled_models()
    assert models
    for model in models:
        (row,) = [
            line for line in result.stdout.splitlines() if line.split()[:1] == [model.card.name]
        ]
        assert model.card.licence in row
        assert "MB" in row


def test_models_verify_checks_every_network() -> None:
    result = run("models", "verify")
    assert result.exit_code == 0, result.output
    for model in bundled_models():
        assert f"verified  {model.card.name}  {model.card.sha256}" in result.stdout


def test_models_verify_fails_for_a_network_that_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = bundled_models()[0]
    data_of = bytearray(model.path.read_bytes())
    data_of[-1] ^= 1
    (tmp_path / model.path.name).write_bytes(data_of)
    card = model.path.with_suffix(".toml").read_text("utf-8")
    (tmp_path / model.path.with_suffix(".toml").name).write_text(card, "utf-8")
    monkeypatch.setattr(
        "resilver.commands.weights.bundled_models", lambda: bundled_models(tmp_path)
    )
    result = run("models", "verify")
    assert result.exit_code == 1
    assert "SHA-256" in result.stderr


def test_ageing_is_the_same_for_the_same_seed(photo: Path, tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        result = run("age", photo, "-o", tmp_path / f"{name}.png", "--seed", str(seed))
        assert result.exit_code == 0, result.output
    first = _pixels(tmp_path / "one.png")
    assert np.array_equal(first, _pixels(tmp_path / "two.png"))
    assert np.abs(first - _pixels(tmp_path / "three.png")).mean() > 1
    assert np.abs(first - _pixels(photo)).mean() > 3


def test_ageing_writes_a_mask_of_each_kind(photo: Path, tmp_path: Path) -> None:
    result = run("age", photo, "-o", tmp_path / "old.jpg", "--preset", "heavy", "--masks")
    assert result.exit_code == 0, result.output
    shares: list[float] = []
    for kind in ("scratch", "missing", "stain", "dust"):
        with Image.open(tmp_path / f"old_mask_{kind}.png") as picture:
            assert picture.mode == "L"
            assert picture.size == (260, 200)
            mask = np.asarray(picture)
        assert set(np.unique(mask)) <= {0, 255}
        shares.append(float((mask > 0).mean()))
    assert max(shares) > 0.001
    told = result.stdout.splitlines()[-1]
    assert told.startswith("damage")
    assert ("dust" in told) == (shares[3] > 0)


def test_ageing_overwrites_only_when_asked(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "old.png"
    out.write_bytes(b"precious")
    refused = run("age", photo, "-o", out)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"resilver: {out}: ")
    assert out.read_bytes() == b"precious"
    assert run("age", photo, "-o", out, "--overwrite").exit_code == 0
    assert run("age", photo, "-o", photo, "--overwrite").exit_code == 1
    assert run("age", tmp_path / "none.png", "-o", tmp_path / "x.png").exit_code == 1
    for folder in (".", "/"):
        nowhere = run("age", photo, "-o", folder, "--masks", "--overwrite")
        assert (nowhere.exit_code, nowhere.stderr.count("\n")) == (1, 1)


def test_ageing_with_masks_writes_all_or_nothing(photo: Path, tmp_path: Path) -> None:
    mask = tmp_path / "old_mask_dust.png"
    mask.write_bytes(b"precious")
    refused = run("age", photo, "-o", tmp_path / "old.png", "--masks")
    assert refused.exit_code == 1
    assert refused.stderr == f"resilver: {mask}: the file exists; --overwrite replaces it\n"
    assert {path.name for path in tmp_path.iterdir()} == {photo.name, mask.name}
    assert mask.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("arguments", "deed"),
    [
        (("train", "denoise", "--data", ".", "--minutes", "1", "--out", "run"), "training"),
        (("learn-noise", ".", "--out", "mine.onnx"), "training"),
        (("explore", "tiny.png", "-o", "faces"), "exploring"),
    ],
)
def test_without_torch_one_line_says_what_to_install(
    arguments: tuple[str, ...], deed: str, tmp_path: Path
) -> None:
    code = "import sys; sys.modules['torch'] = None; from resilver.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr == (
        f'resilver: {deed} needs torch: pip install ".[train]" in its checkout\n'
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("train", "polish", "--data", ".", "--minutes", "1", "--out", "x"), 2, "there are"),
        (("train", "denoise", "--data", "no", "--minutes", "1", "--out", "x"), 1, "no: no such"),
        (("train", "denoise", "--minutes", "1", "--out", "x"), 2, "--data"),
        (("train", "denoise", "--data", ".", "--minutes", "0", "--out", "x"), 2, "--minutes"),
        (("train", "faces", "--data", ".", "--minutes", "1", "--out", "x", "--teacher", ".",
          "--without", "taste", "--without", "pixels,style"), 2, "unknown loss 'taste'"),
        (("train", "denoise", "--data", ".", "--minutes", "1", "--out", "photo.jpg"), 1,
         "photo.jpg: cannot be made a folder"),
        (("learn-noise", "no", "--out", "x.onnx"), 1, "no: no such folder"),
        (("learn-noise", ".", "--out", "x.pth"), 2, ".onnx"),
        (("train", "denoise", "--data", LONG, "--minutes", "1", "--out", "x"), 1, "a: no such"),
        (("learn-noise", LONG, "--out", "x.onnx"), 1, "a: no such folder"),
        (("learn-noise", ".", "--out", "photo.jpg/x.onnx"), 1, "photo.jpg: cannot be made"),
        (("learn-noise", ".", "--out", "mine.onnx"), 1, "mine.onnx: the file exists"),
        (("learn-noise", ".", "--out", "mine.onnx", "--overwrite"), 1, "the file is empty"),
    ],
)  # fmt: skip
def test_a_training_that_cannot_run_says_why(
    arguments: tuple[str, ...], code: int, words: str, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="needs the extra 'train'")
    for name in ("photo.jpg", "mine.onnx"):
        (tmp_path / name).touch()
    result = subprocess.run(
        [sys.executable, "-m", "resilver", *arguments],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert result.returncode == code
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_network_is_trained_and_used(tmp_path: Path, photo: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'train'")
    folder = tmp_path / "data"
    folder.mkdir()
    for index in range(2):
        crop = data.astronaut()[index * 150 : index * 150 + 300, 100:400]
        Image.fromarray(np.ascontiguousarray(crop)).save(folder / f"{index}.png")
    command = [sys.executable, "-m", "resilver"]
    trained = subprocess.run(
        [*command, "train", "denoise", "--data", folder / "0.png", folder / "1.png",
         "--minutes", "0.02", "--out", tmp_path / "run", "--workers", "0", "--fresh",
         "--data-licence", "clean", "--data-note", "the NASA portrait"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    card = (tmp_path / "run" / "denoise.toml").read_text("utf-8")
    assert 'licence = "clean"' in card
    assert "the NASA portrait" in card
    weights = tmp_path / "run" / "denoise.onnx"
    assert f"written   {weights}" in trained.stdout
    result = run(
        "restore", photo, "-o", tmp_path / "out", "--denoise-model", weights, "--only", "denoise",
        "--denoise", "1",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "good_restored.png").is_file()
