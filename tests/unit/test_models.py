"""Cards and weight files: what is wrong is refused in one sentence."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resilver.errors import ModelError
from resilver.models.card import ModelCard
from resilver.models.store import BUNDLED, bundled_model, load, stored_model


def test_a_card_survives_writing_and_reading(tmp_path: Path) -> None:
    odd = 'says "no"\r\nto \\ all \x1b[31m \x7f \t ü\u202f\U0001f44d'
    card = replace(bundled_model("denoise").card, limits=odd, scores={"a b": 1.5, "c": -2.0})
    path = tmp_path / "card.toml"
    path.write_text(card.to_toml(), "utf-8")
    assert ModelCard.read(path) == card


def test_bytes_that_are_no_text_do_not_spoil_a_card(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    card = replace(bundled_model("denoise").card, training_data="scans\udcff.tar")
    path.write_text(card.to_toml(), "utf-8")
    assert ModelCard.read(path).training_data == "scans\\udcff.tar"


def test_a_network_is_opened_once_and_kept() -> None:
    model = bundled_model("detect")
    network = model.open(1)
    assert model.open(1) is network
    assert model.open(2) is not network
    assert bundled_model("detect").open(1) is not network  # by this value, not by the process


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not toml at all", "not valid TOML"),
        ('name = "x"', "missing or unknown on the card"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_card_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "card.toml"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(ModelError, match=said):
        ModelCard.read(path)


def test_a_card_of_unknown_licence_is_refused(tmp_path: Path) -> None:
    text = bundled_model("fill").card.to_toml().replace('licence = "clean"', 'licence = "mine"')
    path = tmp_path / "fill.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ModelError, match="licence is 'clean' or 'research'"):
        ModelCard.read(path)


def test_a_tampered_weight_file_is_refused(tmp_path: Path) -> None:
    shutil.copy(BUNDLED / "denoise.toml", tmp_path)
    data = bytearray((BUNDLED / "denoise.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "denoise.onnx").write_bytes(data)
    with pytest.raises(ModelError, match="SHA-256"):
        stored_model(tmp_path / "denoise.onnx").open()


def test_a_weight_file_without_a_card_is_never_run(tmp_path: Path) -> None:
    shutil.copy(BUNDLED / "denoise.onnx", tmp_path)
    with pytest.raises(ModelError, match="card cannot be read"):
        stored_model(tmp_path / "denoise.onnx")


@pytest.mark.parametrize("name", [".", "..", "", "weights", "denoise.toml", "denoise.pth", ".onnx"])
def test_what_is_not_called_like_a_network_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"a network is a file whose name ends in \.onnx$"):
        stored_model(Path(name))


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ModelError, match="no model named 'colour'"):
        bundled_model("colour")


@pytest.mark.parametrize("size", [(1, 1), (17, 23), (64, 64), (33, 97)])
def test_the_networks_take_any_size(size: tuple[int, int]) -> None:
    height, width = size
    image = np.random.default_rng(0).random((1, 3, height, width), np.float32)
    (clean,) = load("denoise", 1).run(image)
    assert clean.shape == image.shape
    maps, conditions = load("damage", 1).run(image)
    assert maps.shape == (1, 5, height, width)
    assert conditions.shape == (1, 2)
    assert maps.min() >= 0.0
    assert maps.max() <= 1.0
    marks = np.zeros((1, 2, height, width), np.float32)
    (filled,) = load("fill", 1).run(image, image, marks)
    np.testing.assert_allclose(filled, image, atol=1e-6)
