"""`resilver models pull`, from a server of this computer to a network that runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from resilver.cli import app
from resilver.models.published import Published
from resilver.models.store import model_named
from resilver.nets.srvgg import SRVGGConfig, SRVGGNet
from serving_weights import Behaviour, Server, serving

# Torch would rather export by its other exporter; ours is chosen in `resilver.train.export`.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of imported networks."""
    folder = tmp_path / "models"
    monkeypatch.setenv("RESILVER_MODELS", str(folder))
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Has a small enlarger, which is published as "mine"."""
    torch.manual_seed(0)
    torch.save({"params": SRVGGNet(SRVGGConfig(2, 8, 2)).state_dict()}, tmp_path / "small.pth")
    with serving(Behaviour((tmp_path / "small.pth").read_bytes())) as running:
        publish(monkeypatch, running)
        yield running


def publish(monkeypatch: pytest.MonkeyPatch, server: Server, sha256: str | None = None) -> None:
    """Makes what the server has the only published file."""
    content = server.behaviour.content
    digest = hashlib.sha256(content).hexdigest() if sha256 is None else sha256
    table = (Published("mine", server.url + "/weights.pth", digest, len(content), "clean", "MIT"),)
    for place in ("resilver.models.published", "resilver.commands.importing"):
        monkeypatch.setattr(f"{place}.PUBLISHED", table)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["models", *arguments])


def files_in(folder: Path) -> list[str]:
    """All but the lock of a download, which stays."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(str(path.relative_to(folder)) for path in files)


def test_what_is_published_is_told_fetched_and_imported(server: Server, models: Path) -> None:
    assert run("pull").stdout.split() == ["mine", "0", "MB", "clean", "MIT"]
    assert server.behaviour.asked == ()
    result = run("pull", "mine")
    assert result.exit_code == 0, result.output
    assert "mine: Enlarges photos fast" in result.stdout
    assert files_in(models) == ["mine.onnx", "mine.toml"]  # and not the download
    model = model_named("mine", "upscale")
    model.verify()
    assert (model.card.licence, model.card.scale) == ("clean", 2)
    assert model.card.training_data == f"{server.url}/weights.pth; MIT"


def test_a_pull_that_was_cut_off_goes_on(server: Server, models: Path) -> None:
    server.behaviour.send = 5000
    result = run("pull", "mine")
    assert result.exit_code == 1
    assert "cut off after 5,000 of" in result.stderr
    assert files_in(models) == ["downloads/weights.pth.part"]
    server.behaviour.send = None
    assert run("pull", "mine").exit_code == 0
    assert server.behaviour.asked == (None, "bytes=5000-")
    assert files_in(models) == ["mine.onnx", "mine.toml"]


def test_another_file_is_not_imported(
    server: Server, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, server, "0" * 64)
    result = run("pull", "mine")
    assert result.exit_code == 1
    assert "is not the published one" in result.stderr
    assert files_in(models) == []


def test_a_name_that_is_taken_is_refused_before_the_download(server: Server, models: Path) -> None:
    assert run("pull", "mine", "--as", "yours").exit_code == 0
    asked = server.behaviour.asked
    again = run("pull", "mine", "--as", "yours")
    assert again.exit_code == 2
    assert "'yours' is there already" in again.stderr
    assert server.behaviour.asked == asked
    assert run("pull", "mine", "--as", "yours", "--replace").exit_code == 0
    assert files_in(models) == ["yours.onnx", "yours.toml"]
    assert run("pull", "theirs").exit_code == 1
    assert run("pull", "mine").exit_code == 0


def test_a_download_that_cannot_be_imported_is_kept(
    server: Server, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what was published: the next attempt, of a newer resilver perhaps, begins with it."""
    server.behaviour.content = server.behaviour.content[:-400]
    publish(monkeypatch, server)
    for _ in range(2):
        result = run("pull", "mine")
        assert result.exit_code == 1
        assert "weights.pth: not a whole checkpoint" in result.stderr
        assert files_in(models) == ["downloads/weights.pth"]
    assert server.behaviour.asked == (None,)
