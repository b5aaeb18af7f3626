"""Where networks run, by what the environment says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image
from typer.testing import CliRunner

from resilver.cli import app
from resilver.errors import ModelError
from resilver.models.providers import CPU, PROVIDER_VARIABLE, PROVIDERS, chosen_providers
from resilver.models.session import OrtNetwork
from resilver.models.store import StoredModel, bundled_model


def _without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    there = [PROVIDERS[name] for name in PROVIDERS if name not in missing]
    monkeypatch.setattr(ort, "get_available_providers", lambda: there)


@pytest.mark.parametrize("said", [None, "", "cpu", " CPU "])
def test_the_cpu_unless_told_otherwise(said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROVIDER_VARIABLE, raising=False)
    if said is not None:
        monkeypatch.setenv(PROVIDER_VARIABLE, said)
    assert chosen_providers() == (CPU,)


def test_what_is_asked_for_comes_first_and_the_cpu_stands_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _without(monkeypatch, "coreml")
    monkeypatch.setenv(PROVIDER_VARIABLE, "CUDA")
    assert chosen_providers() == ("CUDAExecutionProvider", CPU)


def test_a_name_that_is_none_and_a_runtime_without_it_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PROVIDER_VARIABLE, "gpu")
    with pytest.raises(ModelError, match="is one of cpu, cuda, directml, coreml, not 'gpu'"):
        chosen_providers()
    _without(monkeypatch, "cuda", "coreml")
    monkeypatch.setenv(PROVIDER_VARIABLE, "cuda")
    with pytest.raises(ModelError, match=r"built without \(it has: cpu, directml\)"):
        chosen_providers()


def test_a_provider_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime itself would go on on the CPU without a word."""
    path = bundled_model("tone").path

    class Elsewhere(ort.InferenceSession):
        def __init__(self, *given: object, **options: object) -> None:
            options["providers"] = [CPU]
            super().__init__(*given, **options)

    monkeypatch.setattr(ort, "InferenceSession", Elsewhere)
    with pytest.raises(ModelError, match="could not start CUDAExecutionProvider"):
        OrtNetwork(path, 1, (PROVIDERS["cuda"], CPU))
    OrtNetwork(path, 1)


def test_stored_networks_run_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    tone = bundled_model("tone")
    model = StoredModel(tone.card, tone.path)
    monkeypatch.setenv(PROVIDER_VARIABLE, "gpu")
    with pytest.raises(ModelError, match="not 'gpu'"):
        model.open(1)
    monkeypatch.delenv(PROVIDER_VARIABLE)
    model.open(1)


def test_a_wrong_name_is_one_line_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(photo)
    monkeypatch.setenv(PROVIDER_VARIABLE, "gpu")
    result = CliRunner().invoke(app, ["restore", str(photo), "-o", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "RESILVER_PROVIDER is one of cpu, cuda" in result.output
    assert "Traceback" not in result.output
    assert not list(tmp_path.glob("out/*"))
