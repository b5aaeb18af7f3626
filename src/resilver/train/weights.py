"""Weights back from an exported network, to go on training where the bundled one stands."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import Tensor, nn

from resilver.errors import RecipeError

TWIN = "twin:"  # and a weight's name, before the name under which an export stores its numbers


def onnx_weights(path: Path) -> dict[str, Tensor]:
    """All stored numbers of an exported .onnx file by their names in torch, as float32.

    Raises:
        RecipeError: it is missing, or no such file.
    """
    try:
        model = onnx.load(str(path))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror or error})") from error
    except DecodeError as error:
        raise RecipeError(f"{path}: not an exported network") from error
    stored: dict[str, Tensor] = {}
    for initializer in model.graph.initializer:
        values = numpy_helper.to_array(initializer).astype("float32")
        stored[initializer.name.removesuffix("_fp16")] = torch.from_numpy(values.copy())
    for note in model.metadata_props:
        if note.key.startswith(TWIN) and note.value in stored:
            stored[note.key.removeprefix(TWIN)] = stored[note.value]
    return stored


def load_onnx_weights(network: nn.Module, path: Path, *, fresh: tuple[str, ...] = ()) -> nn.Module:
    """Copies the weights of an exported .onnx file into a network of the same shape.

    Weights whose names begin with one of `fresh` serve training alone and are in no export: they
    stay as they are.

    Raises:
        RecipeError: a weight is missing in the file or has another shape.
    """
    stored = onnx_weights(path)
    fixed = {name for name, _buffer in network.named_buffers()}  # by the network's shape
    for name, weight in network.state_dict().items():
        if name in fixed and name not in stored:
            continue  # the export may have folded it away
        if fresh and name.startswith(fresh):
            continue
        if name in fixed and stored[name].numel() == weight.numel():
            stored[name] = stored[name].reshape(weight.shape)  # the same, in another layout
        if name not in stored or stored[name].shape != weight.shape:
            raise RecipeError(f"{path}: has no weight {name} of shape {tuple(weight.shape)}")
        with torch.no_grad():
            weight.copy_(stored[name])
    return network
