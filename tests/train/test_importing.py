"""Published checkpoints come in, and what is none is refused in one line."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from resilver.cli import app
from resilver.errors import ModelError
from resilver.models.card import Terms
from resilver.models.store import imported_models, model_named, stored_model
from resilver.nets.rrdbnet import RRDBNet, RRDBNetConfig
from resilver.nets.srvgg import SRVGGConfig, SRVGGNet
from resilver.train.importing import import_checkpoint, read_checkpoint
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
    card = import_checkpoint(path, "mine", tmp_path, TERMS)
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
    import_checkpoint(weights / "realesr-general-x4v3.pth", "x4", tmp_path, TERMS)
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
        ("text.pth", "not a whole checkpoint|not a checkpoint of weights alone"),
        ("empty.pt", "not a whole checkpoint"),
        ("cut.pth", "not a whole checkpoint"),
        ("cut.safetensors", "not a whole checkpoint"),
        ("trap.pth", "what would run code is not opened"),
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
    (tmp_path / "empty.pt").touch()
    (tmp_path / "cut.pth").write_bytes(good.read_bytes()[:-400])
    save_file(weights, tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-10])
    (tmp_path / "trap.pth").write_bytes(pickle.dumps({"params": Trap()}, protocol=2))
    torch.save({"step": 3}, tmp_path / "number.pth")
    save_file({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    del weights["body.4.bias"]
    save_file(weights, tmp_path / "half.safetensors")
    with pytest.raises(ModelError, match=said) as raised:
        import_checkpoint(tmp_path / name, "mine", tmp_path / "out", TERMS)
    assert "\n" not in str(raised.value)
    assert name in str(raised.value)
    assert not (tmp_path / "out").exists()
    assert "was run" not in capfd.readouterr().out


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
