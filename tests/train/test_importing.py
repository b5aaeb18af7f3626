"""Published checkpoints come in, and what is none is refused in one line."""

from __future__ import annotations

import argparse
import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from making_networks import enlarger
from resilver.cli import app
from resilver.errors import ModelError, RecipeError
from resilver.models.card import Terms
from resilver.models.published import Published
from resilver.models.store import imported_models, model_named, stored_model
from resilver.nets.rrdbnet import RRDBNet, RRDBNetConfig
from resilver.nets.srvgg import SRVGGConfig, SRVGGNet
from resilver.nets.stylegan2 import Generator, StyleGAN2Config
from resilver.train.checkpoint import read_checkpoint
from resilver.train.importing import import_checkpoint
from resilver.train.layouts import rebuild

# Torch would rather export by its other exporter; ours is chosen in `resilver.train.export`.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TERMS = Terms("clean", "made by the test")
FIXTURES = {
    "gfpgan_v1_clean": ("face", 128, 1),
    "stylegan2_rosinality_64": ("prior", 64, 1),
    "rrdbnet_x2": ("upscale", 0, 2),
    "rrdbnet_x4": ("upscale", 0, 4),
    "srvgg_x4": ("upscale", 0, 4),
}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of imported networks."""
    folder = tmp_path / "models"
    monkeypatch.setenv("RESILVER_MODELS", str(folder))
    return folder


@pytest.mark.parametrize("name", list(FIXTURES))
def test_official_checkpoints_come_in_and_compute_the_same(
    shared: Path, tmp_path: Path, name: str
) -> None:
    (path,) = (shared / "fixtures" / name).glob("checkpoint.*")
    card = import_checkpoint(path, "mine", tmp_path, lambda: TERMS)
    assert (card.task, card.size_px, card.scale) == FIXTURES[name]
    model = stored_model(tmp_path / "mine.onnx")
    assert model.card == card
    arrays = np.load(shared / "fixtures" / name / "io.npz")
    if card.task == "prior":
        given, wanted = arrays["z"], arrays["output"]
        assert (tmp_path / "mine.safetensors").is_file()
        _layout, prior = rebuild(read_checkpoint(tmp_path / "mine.safetensors"))
        with torch.no_grad():
            codes = prior.broadcast(prior.mapping(torch.from_numpy(given)))
            np.testing.assert_allclose(prior.synthesis(codes).numpy(), wanted, atol=1e-4)
    elif card.task == "face":  # ours takes and gives [0, 1]
        given = (arrays["input"] + 1) / 2
        wanted = np.clip((arrays["output"] + 1) / 2, 0, 1)
    else:
        given, wanted = arrays["input"], arrays["output"]
    (found,) = model.open(1).run(given.astype(np.float32))
    # Weights are stored in half precision.
    assert np.abs(found - wanted).max() < 0.01 * np.ptp(wanted)


def test_the_real_enlarger_comes_in(shared: Path, tmp_path: Path) -> None:
    weights = shared / "weights"
    import_checkpoint(weights / "realesr-general-x4v3.pth", "x4", tmp_path, lambda: TERMS)
    image = np.random.default_rng(0).random((1, 3, 20, 33), np.float32)
    (ours,) = stored_model(tmp_path / "x4.onnx").open(1).run(image)
    from resilver.models.session import OrtNetwork

    (theirs,) = OrtNetwork(weights / "realesr-general-x4v3.onnx", 1).run(image)
    assert np.abs(ours - theirs).max() < 5e-3


def small_checkpoint(folder: Path, name: str = "small.pth") -> Path:
    torch.manual_seed(0)
    path = folder / name
    torch.save({"params": SRVGGNet(SRVGGConfig(2, 8, 2)).state_dict()}, path)
    return path


def test_a_running_average_comes_before_the_raw_weights(tmp_path: Path) -> None:
    raw = RRDBNet(RRDBNetConfig(4, 8, 1, 4)).state_dict()
    average = {key: value + 1 for key, value in raw.items()}
    torch.save({"params": raw, "params_ema": average}, tmp_path / "both.pth")
    found = read_checkpoint(tmp_path / "both.pth")
    torch.testing.assert_close(found["conv_last.bias"], average["conv_last.bias"])


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("code from a checkpoint was run",))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.pth", "no such file"),
        ("text.pth", "not a checkpoint at all"),
        ("picture.pth", "not a checkpoint at all"),
        ("empty.pt", "not a checkpoint at all"),
        ("cut.pth", "not a whole checkpoint"),
        ("cut.safetensors", "not a whole checkpoint"),
        (
            "trap.pth",
            r"other than weights \(print\); what could run code is not opened",
        ),
        ("blocked.pth", r"holds objects other than weights \((posix|nt).system\)"),
        ("nothing.pth", "not a whole checkpoint"),
        ("grey.pth", "not a whole RRDBNet checkpoint"),
        (
            "nan.pth",
            r"checkpoint \(body.0.weight holds numbers that are not finite\)",
        ),
        ("empties.pth", r"not a whole SRVGGNetCompact checkpoint \(body.0.weight is empty\)"),
        ("scalars.pth", "not a whole SRVGGNetCompact checkpoint"),
        ("number.pth", "there are no weights in it"),
        ("other.safetensors", "no architecture that is known"),
        ("half.safetensors", "not a whole SRVGGNetCompact checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    good = small_checkpoint(tmp_path)
    weights = read_checkpoint(good)
    (tmp_path / "text.pth").write_text("no weights", "utf-8")
    (tmp_path / "picture.pth").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (tmp_path / "nothing.pth").write_bytes(b"\x80\x02.")
    (tmp_path / "empty.pt").touch()
    (tmp_path / "cut.pth").write_bytes(good.read_bytes()[:-400])
    save_file(weights, tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-10])
    (tmp_path / "trap.pth").write_bytes(pickle.dumps({"params": Trap()}, protocol=2))
    (tmp_path / "blocked.pth").write_bytes(pickle.dumps({"params": os.system}, protocol=2))
    grey = RRDBNet(RRDBNetConfig(4, 8, 1, 4)).state_dict()
    grey["conv_first.weight"] = grey["conv_first.weight"][:, :1]
    torch.save({"params": grey}, tmp_path / "grey.pth")
    nan = {key: torch.full_like(value, torch.nan) for key, value in weights.items()}
    torch.save({"params": nan}, tmp_path / "nan.pth")
    torch.save({key: torch.zeros(0) for key in weights}, tmp_path / "empties.pth")
    torch.save({key: torch.zeros(()) for key in weights}, tmp_path / "scalars.pth")
    torch.save({"step": 3}, tmp_path / "number.pth")
    save_file({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    del weights["body.4.bias"]
    save_file(weights, tmp_path / "half.safetensors")
    with pytest.raises(ModelError, match=said) as raised:
        import_checkpoint(tmp_path / name, "mine", tmp_path / "out", lambda: TERMS)
    assert "\n" not in str(raised.value)
    assert name in str(raised.value)
    assert not (tmp_path / "out").exists()
    assert "was run" not in capfd.readouterr().out


def test_weights_too_large_for_half_precision_are_refused(tmp_path: Path) -> None:
    weights = RRDBNet(RRDBNetConfig(4, 8, 1, 4)).state_dict()
    weights["conv_first.weight"] *= 1e8
    weights["conv_last.weight"] /= 1e8
    torch.save({"params": weights}, tmp_path / "large.pth")
    with pytest.raises(RecipeError, match=r"conv_first\.weight are too large for half precision"):
        import_checkpoint(tmp_path / "large.pth", "mine", tmp_path / "out", lambda: TERMS)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_changed_bytes_give_one_line(tmp_path: Path, form: str) -> None:
    weights = read_checkpoint(small_checkpoint(tmp_path))
    path = tmp_path / ("x.safetensors" if form == "safetensors" else "x.pth")
    if form == "safetensors":
        save_file(weights, path)
    else:
        torch.save({"params": weights}, path, _use_new_zipfile_serialization=form == "zip")
    whole, rng, refusals = path.read_bytes(), np.random.default_rng(0), list[str]()
    for _ in range(60):
        changed = bytearray(whole)
        for place in rng.integers(4, 1500, rng.integers(1, 4)):
            changed[place] = rng.integers(256)
        path.write_bytes(changed)
        try:
            rebuild(read_checkpoint(path))
        except ModelError as error:
            refusals.append(str(error))
    assert len(refusals) > 20
    assert not any("\n" in refusal for refusal in refusals)


def test_a_training_s_command_line_may_lie_beside_the_weights(tmp_path: Path) -> None:
    generator = Generator(StyleGAN2Config(12, 2, (12, 12, 8))).state_dict()
    command = argparse.Namespace(size=16, path="faces", channel_multiplier=2)
    torch.save({"g": {}, "g_ema": generator, "args": command}, tmp_path / "x.pt")
    found = read_checkpoint(tmp_path / "x.pt")
    torch.testing.assert_close(found["input.input"], generator["input.input"])


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_a_network_is_imported_listed_and_removed(tmp_path: Path, models: Path) -> None:
    path = str(small_checkpoint(tmp_path))
    assert run("models", "import", path, "--as", "mine", "--licence", "clean").exit_code == 0
    assert [model.card.name for model in imported_models()] == ["mine"]
    model = model_named("mine", "upscale")
    assert (model.card.licence, model.card.scale) == ("clean", 2)
    with pytest.raises(ModelError, match="is a network for upscale, not for face"):
        model_named("mine", "face")
    there = "no network is called 'yours'; for this there are: upscale, vivid, mine"
    with pytest.raises(ModelError, match=there):
        model_named("yours", "upscale")
    assert "mine *" in run("models", "list").stdout
    assert "mine" in run("models", "verify").stdout
    again = run("models", "import", path, "--as", "mine", "--licence", "clean")
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    replaced = run("models", "import", path, "--as", "mine", "--replace")
    assert replaced.exit_code == 0
    assert "the card says research" in replaced.stdout
    assert model_named("mine", "upscale").card.licence == "research"
    assert run("models", "remove", "mine").exit_code == 0
    assert list(models.iterdir()) == []
    assert run("models", "remove", "mine").exit_code == 1


@pytest.mark.parametrize("name", ["", "../x", ".x", "a b", "denoise"])
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, models: Path, name: str) -> None:
    result = run("models", "import", str(small_checkpoint(tmp_path)), "--as", name)
    assert result.exit_code == 2
    assert not models.exists()


def published(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Makes a file a published one that is called "known"."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = Published("known", "https://nowhere/small.pth", digest, None, "clean", "MIT")
    monkeypatch.setattr("resilver.models.published.PUBLISHED", (known,))


def test_nobody_is_asked_of_a_file_that_is_no_network(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def answer(path: Path) -> str:
        asked.append(path)
        return "clean"

    monkeypatch.setattr("resilver.commands.importing._asked_licence", answer)
    (tmp_path / "text.pth").write_text("no weights", "utf-8")
    (tmp_path / "text.onnx").write_text("no network", "utf-8")
    for name in ("missing.pth", "missing.onnx", "text.pth", "text.onnx", "x" * 300 + ".pth"):
        result = run("models", "import", str(tmp_path / name))
        assert result.exit_code == 1
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1
        assert f"{name}: n" in result.stderr  # no such file; not a ...
    assert asked == []
    path = small_checkpoint(tmp_path)
    assert run("models", "import", str(path)).exit_code == 0
    assert asked == [path]
    card = model_named("small", "upscale").card
    assert (card.licence, card.training_data) == (
        "clean",
        "unknown; the person who imported says: clean",
    )


def test_the_card_says_that_nobody_said(tmp_path: Path, models: Path) -> None:
    result = run("models", "import", str(small_checkpoint(tmp_path)))
    assert "the card says research" in result.stdout
    card = model_named("small", "upscale").card
    assert card.licence == "research"
    assert card.training_data == "unknown; nobody said what they may be used for"


def test_the_licence_of_a_file_that_is_known_is_its_own(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_checkpoint(tmp_path)
    published(monkeypatch, path)
    result = run("models", "import", str(path), "--licence", "research")
    assert "--licence research counts for nothing: these are the published" in result.stdout
    card = model_named("known", "upscale").card
    assert (card.licence, card.training_data) == ("clean", "https://nowhere/small.pth; MIT")
    again = run("models", "import", str(path), "--as", "again")
    assert "--licence" not in again.stdout


@pytest.mark.parametrize("place", ["file", "under a file", "/proc/nowhere"])
@pytest.mark.parametrize("kind", ["pth", "onnx"])
def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, kind: str
) -> None:
    (tmp_path / "file").touch()
    folder = {"file": tmp_path / "file", "under a file": tmp_path / "file" / "models"}
    monkeypatch.setenv("RESILVER_MODELS", str(folder.get(place, place)))
    made = enlarger(tmp_path / "made", "cubic").path
    path = small_checkpoint(tmp_path) if kind == "pth" else made
    result = run("models", "import", str(path), "--as", "mine", "--licence", "clean")
    assert result.exit_code == 1
    assert "mine cannot be written there (" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_what_was_replaced_leaves_no_file_and_a_failure_leaves_all(
    tmp_path: Path, models: Path
) -> None:
    torch.save(
        {"g_ema": Generator(StyleGAN2Config(12, 2, (12, 12, 8))).state_dict()}, tmp_path / "g.pt"
    )
    assert run("models", "import", str(tmp_path / "g.pt"), "--as", "mine").exit_code == 0
    (models / "mine.partial.onnx").write_bytes(b"another network")
    before = {path.name: path.read_bytes() for path in models.iterdir()}
    assert set(before) == {"mine.onnx", "mine.safetensors", "mine.toml", "mine.partial.onnx"}
    large = {"body.0.weight": torch.full((8, 3, 3, 3), 1e6)}  # more than half precision holds
    torch.save(
        {"params": SRVGGNet(SRVGGConfig(2, 8, 2)).state_dict() | large}, tmp_path / "large.pth"
    )
    for path in (tmp_path / "large.pth", enlarger(tmp_path, "loud", amount=200.0).path):
        failed = run("models", "import", str(path), "--as", "mine", "--replace")
        assert failed.exit_code == 1, failed.output
        assert {path.name: path.read_bytes() for path in models.iterdir()} == before
    for path in (small_checkpoint(tmp_path), enlarger(tmp_path, "cubic").path):
        replaced = run("models", "import", str(path), "--as", "mine", "--replace")
        assert replaced.exit_code == 0, replaced.output
        names = {path.name for path in models.iterdir()}
        assert names == {"mine.onnx", "mine.toml", "mine.partial.onnx"}
        assert (models / "mine.partial.onnx").read_bytes() == b"another network"
