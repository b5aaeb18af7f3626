"""Networks that come as ONNX: tried out, taken as they are, or refused in one line."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut
from typer.testing import CliRunner

pytest.importorskip("onnx", reason="networks are made with onnx, which the train extra brings")

import onnx
from onnx import TensorProto, helper

from making_networks import enlarger, face_network, tone_network
from resilver import Options, Pipeline, restore
from resilver.cli import app
from resilver.errors import ModelError
from resilver.models.card import Terms
from resilver.models.ready_made import import_network
from resilver.models.session import OrtNetwork
from resilver.models.store import imported_models, model_named, stored_model

TERMS = Terms("clean", "made by the test")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of imported networks."""
    folder = tmp_path / "models"
    monkeypatch.setenv("RESILVER_MODELS", str(folder))
    return folder


@pytest.mark.parametrize("scale", [2, 4])
def test_an_enlarger_is_told_by_what_it_makes(tmp_path: Path, models: Path, scale: int) -> None:
    made = enlarger(tmp_path, "cubic", scale=scale)
    card = import_network(made.path, "mine", models, lambda: TERMS)
    assert (card.task, card.scale, card.licence, card.size_px) == ("upscale", scale, "clean", 0)
    (model,) = imported_models()
    assert model.card == card
    model.verify()
    assert sorted(path.name for path in models.iterdir()) == ["mine.onnx", "mine.toml"]
    small = np.ascontiguousarray(astronaut()[::8, ::8])
    photo, report = restore(
        small, Options(only=("upscale",), upscale=4, upscale_model="mine", threads=1)
    )
    assert photo.size == (256, 256)
    assert [name for name, _, _ in report.stages[0].models] == ["mine"]


@pytest.mark.parametrize("card", ["no card", "scale = 4", None, b"\xff"])
def test_a_wrong_card_stands_in_nobodys_way(
    tmp_path: Path, models: Path, card: str | bytes | None
) -> None:
    good = import_network(enlarger(tmp_path, "cubic", scale=2).path, "good", models, lambda: TERMS)
    if card is None:  # every field is there, one of them of another type
        card = good.to_toml().replace('outputs = ["', 'outputs = 3 #["')
    (models / "x.toml").write_bytes(card if isinstance(card, bytes) else card.encode())
    (models / "x.onnx").write_bytes(b"weights")
    assert model_named("good", "upscale").card == good
    with pytest.raises(ModelError, match=r"x\.toml: "):
        model_named("x", "upscale")
    listed = CliRunner().invoke(app, ["models", "list"])
    assert listed.exit_code == 0, listed.output
    assert "good *" in listed.stdout
    assert listed.stderr.startswith(f"left out  {models / 'x.toml'}: ")
    verified = CliRunner().invoke(app, ["models", "verify"])
    assert verified.exit_code == 1
    assert "verified  good" in verified.stdout
    assert verified.stderr.startswith(f"failed    {models / 'x.toml'}: ")
    assert len(listed.stderr.splitlines()) == len(verified.stderr.splitlines()) == 1
    assert CliRunner().invoke(app, ["models", "remove", "x"]).exit_code == 0
    assert sorted(path.name for path in models.iterdir()) == ["good.onnx", "good.toml"]
    assert CliRunner().invoke(app, ["models", "verify"]).exit_code == 0


def test_what_does_not_enlarge_is_refused(tmp_path: Path, models: Path) -> None:
    other = enlarger(tmp_path, "loud", amount=200.0)  # as one that answers in 0 to 255
    one_size = face_network(tmp_path)
    nothing = tmp_path / "nothing.onnx"
    nothing.write_bytes(b"no network")
    for path, words in (
        (other.path, "not the photo in colours from 0 to 1"),
        (one_size.path, "it takes no picture of 64 x 48 px"),
        (tone_network(tmp_path).path, "it takes no picture of 64 x 48 px"),
        (same_size(tmp_path), "it makes 1 x 3 x 48 x 64, which is no larger photo"),
        (one_number(tmp_path), "it makes , which is no larger photo"),
        (nothing, "not a network that can be loaded"),
        (tmp_path / "missing.onnx", "no such file"),
    ):
        with pytest.raises(ModelError, match=words) as raised:
            import_network(path, "mine", models, lambda: TERMS)
        assert str(raised.value).startswith(f"{path}: ")
        assert "partial" not in str(raised.value)
    assert list(models.iterdir()) == []


def one_number(folder: Path) -> Path:
    """A network that gives one number."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0)],
        "mean",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, "h", "w"])],
        [helper.make_tensor_value_info("mean", TensorProto.FLOAT, [])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path = folder / "mean.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def same_size(folder: Path) -> Path:
    """A network that gives back what it is given."""
    shape = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["same"])],
        "same",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("same", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path = folder / "same.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_damaged_networks_are_refused_in_one_line(tmp_path: Path) -> None:
    content = enlarger(tmp_path, "cubic").path.read_bytes()
    rng = np.random.default_rng(0)
    damaged = tmp_path / "damaged.onnx"
    refused: list[str] = []
    for _ in range(150):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            changed[place] = rng.integers(0, 256)
        damaged.write_bytes(changed)
        try:
            OrtNetwork(damaged, 1)
        except ModelError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert all(words.startswith(f"{damaged}: ") for words in refused)
    assert all(len(words.splitlines()) == 1 for words in refused)


def test_a_card_of_another_name_is_left_out(tmp_path: Path, models: Path) -> None:
    import_network(enlarger(tmp_path, "cubic", scale=2).path, "good", models, lambda: TERMS)
    for suffix in (".onnx", ".toml"):
        (models / f"good{suffix}").rename(models / f"other{suffix}")
    assert imported_models() == ()
    with pytest.raises(ModelError, match=r"other\.toml: this is the card of 'good'"):
        model_named("other", "upscale")
    assert CliRunner().invoke(app, ["models", "remove", "good"]).exit_code == 1
    assert CliRunner().invoke(app, ["models", "remove", "other"]).exit_code == 0
    assert list(models.iterdir()) == []


def test_what_cannot_be_removed_is_said(models: Path) -> None:
    (models / "x.toml").mkdir(parents=True)
    result = CliRunner().invoke(app, ["models", "remove", "x"])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"resilver: {models / 'x.toml'}: cannot be deleted (")


def test_a_stranger_s_words_are_no_markup(tmp_path: Path, models: Path) -> None:
    card = import_network(enlarger(tmp_path, "cubic", scale=2).path, "good", models, lambda: TERMS)
    odd = replace(card, summary="Sharper [/bold] than [red] all.")
    (models / "good.toml").write_text(odd.to_toml(), "utf-8")
    listed = CliRunner().invoke(app, ["models", "list"])
    assert listed.exit_code == 0, listed.output
    assert "Sharper [/bold] than [red] all." in " ".join(listed.stdout.split())


def test_without_a_home_folder_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_name: str) -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("RESILVER_MODELS", raising=False)
    monkeypatch.setattr("platformdirs.user_data_path", nowhere)
    result = CliRunner().invoke(app, ["models", "list"])
    assert result.exit_code == 1
    assert "say with RESILVER_MODELS where imported networks lie" in result.stderr


@pytest.mark.parametrize("name", ["Denoise", "lanczos", "GOOD"])
def test_names_that_are_taken(tmp_path: Path, models: Path, name: str) -> None:
    made = enlarger(tmp_path, "cubic", scale=2).path
    import_network(made, "good", models, lambda: TERMS)
    result = CliRunner().invoke(app, ["models", "import", str(made), "--as", name])
    assert result.exit_code == 2
    assert "choose another with --as" in result.stderr


def test_weights_that_lie_beside_the_file_are_missed(tmp_path: Path, models: Path) -> None:
    """Only the file is copied: a network that opens where it lies need not open elsewhere."""
    made = enlarger(tmp_path, "cubic")
    split = tmp_path / "apart" / "split.onnx"
    split.parent.mkdir()
    onnx.save(
        onnx.load(made.path), split, save_as_external_data=True, location="split.data",
        size_threshold=0,
    )  # fmt: skip
    with pytest.raises(ModelError, match="not a network that can be loaded"):
        import_network(split, "mine", models, lambda: TERMS)
    assert list(models.iterdir()) == []


def test_by_the_command_without_torch(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resilver.commands.importing.find_spec", lambda _name: None)
    path = shutil.copy(enlarger(tmp_path, "cubic").path, tmp_path / "swin.onnx")
    runner = CliRunner()
    result = runner.invoke(app, ["models", "import", str(path), "--licence", "clean"])
    assert result.exit_code == 0, result.output
    assert "swin: Enlarges photos 4 times" in result.stdout
    assert stored_model(models / "swin.onnx").card.licence == "clean"
    again = runner.invoke(app, ["models", "import", str(path)])
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    Pipeline(Options(upscale=4, upscale_model="swin"))


def test_published_ones_come_in(shared: Path, models: Path) -> None:
    for name in ("safmn-x4", "realesr-general-x4v3"):
        card = import_network(shared / "weights" / f"{name}.onnx", name, models, lambda: TERMS)
        assert card.scale == 4
    for name in ("ffdnet-color", "squeezenet1_0", "yunet-n"):
        with pytest.raises(ModelError, match=f"{name}.onnx: "):
            import_network(shared / "weights" / f"{name}.onnx", name, models, lambda: TERMS)
