"""Small real networks made from nothing, for the tests of the stages that may lack one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from resilver.imaging.chroma import bins, nearest_bin
from resilver.models.card import Licence, ModelCard
from resilver.models.store import StoredModel, stored_model

FACE_PX, IDENTITY_PX, TONE_PX = 128, 112, 64


def sharpener(amount: float = 3.0) -> NDArray[np.float32]:
    """A kernel (3, 3, 9, 9) that puts back what a blur took, and lays a tint over it all."""
    ramp = np.exp(-0.5 * np.square(np.arange(-4, 5) / 2.0))
    blur = np.outer(ramp, ramp) / np.outer(ramp, ramp).sum()
    plane = -amount * blur
    plane[4, 4] += 1.0 + amount
    kernel = np.zeros((3, 3, 9, 9))
    for channel, tint in enumerate((1.15, 1.0, 0.85)):
        kernel[channel, channel] = plane * tint
    return kernel.astype(np.float32)


def face_network(
    folder: Path, kernel: NDArray[np.float32] | None = None, *, licence: Licence = "clean"
) -> StoredModel:
    """A restorer of faces: one convolution, by default `sharpener`, clipped to [0, 1]."""
    kernel = sharpener() if kernel is None else kernel
    pad = kernel.shape[-1] // 2
    nodes = [
        helper.make_node("Pad", ["face", "pads"], ["padded"], mode="edge"),
        helper.make_node("Conv", ["padded", "kernel"], ["raw"]),
        helper.make_node("Clip", ["raw", "low", "high"], ["restored"]),
    ]
    values = {
        "kernel": kernel,
        "pads": np.array([0, 0, pad, pad, 0, 0, pad, pad], np.int64),
        "low": np.float32(0),
        "high": np.float32(1),
    }
    shape = ["batch", 3, FACE_PX, FACE_PX]
    return _written(
        folder / "sharpener.onnx", "face", nodes, values, shape, {"restored": shape}, licence
    )


def identity_network(folder: Path) -> StoredModel:
    """An embedder of faces with random weights: two convolutions, the mean of each channel."""
    rng = np.random.default_rng(0)
    first = rng.normal(0, 0.1, (32, 3, 7, 7)).astype(np.float32)
    first -= first.mean(axis=(1, 2, 3), keepdims=True)  # sees detail, not brightness
    nodes = [
        helper.make_node("Conv", ["face", "first"], ["v0"], strides=[4, 4]),
        helper.make_node("Relu", ["v0"], ["v1"]),
        helper.make_node("Conv", ["v1", "second"], ["v2"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["v2"], ["v3"]),
        helper.make_node("Flatten", ["v3"], ["embedding"]),
    ]
    values = {
        "first": first,
        "second": rng.normal(0, 0.1, (128, 32, 5, 5)).astype(np.float32),
    }
    given = ["batch", 3, IDENTITY_PX, IDENTITY_PX]
    return _written(
        folder / "identity.onnx",
        "identity",
        nodes,
        values,
        given,
        {"embedding": ["batch", 128]},
        "clean",
    )


def tone_network(folder: Path, *, licence: Licence = "clean") -> StoredModel:
    """A network for tones: stretches each channel of the thumbnail to its whole range.

    It takes a photo for faded that lacks a quarter of the range or more.
    """
    nodes_px = 17
    steps = np.linspace(0, 1, nodes_px, dtype=np.float32)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    field = np.zeros((1, 6, 8, 8), np.float32)
    field[:, :3] = 1.0
    nodes = [
        helper.make_node("ReduceMin", ["thumbnail", "axes"], ["low"], keepdims=1),
        helper.make_node("ReduceMax", ["thumbnail", "axes"], ["high"], keepdims=1),
        helper.make_node("Sub", ["high", "low"], ["span"]),
        helper.make_node("Sub", ["identity", "low"], ["above"]),
        helper.make_node("Div", ["above", "span"], ["stretched"]),
        helper.make_node("Reshape", ["stretched", "shape"], ["table"]),
        helper.make_node("Mul", ["span", "nothing"], ["still"]),
        helper.make_node("ReduceMean", ["still", "channel"], ["stiller"], keepdims=1),
        helper.make_node("Add", ["stiller", "even"], ["field"]),
        helper.make_node("Flatten", ["span"], ["spans"]),
        helper.make_node("ReduceMean", ["spans", "channel"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["one", "mean"], ["lacking"]),
        helper.make_node("Mul", ["lacking", "four"], ["unbounded"]),
        helper.make_node("Clip", ["unbounded", "nothing", "one"], ["faded"]),
    ]
    values = {
        "axes": np.array([2, 3], np.int64),
        "channel": np.array([1], np.int64),
        "identity": np.stack((red, green, blue)).reshape(1, 3, -1, 1),
        "shape": np.array([-1, 3, nodes_px, nodes_px, nodes_px], np.int64),
        "nothing": np.float32(0),
        "one": np.float32(1),
        "four": np.float32(4),
        "even": field,
    }
    outputs: dict[str, list[int | str]] = {
        "table": ["batch", 3, nodes_px, nodes_px, nodes_px],
        "field": ["batch", 6, 8, 8],
        "faded": ["batch", 1],
    }
    given: list[int | str] = ["batch", 3, TONE_PX, TONE_PX]
    return _written(folder / "tone.onnx", "tone", nodes, values, given, outputs, licence)


def enlarger(folder: Path, name: str, *, scale: int = 4, amount: float = 0.0) -> StoredModel:
    """A network that enlarges: bicubic, or bilinear for scale 2; `amount` lays a fine grid over it.

    Its scale is on the card; a grid of one pixel is what it draws and nobody asked for.
    """
    how = {"mode": "cubic", "cubic_coeff_a": -0.5} if scale > 2 else {"mode": "linear"}
    nodes = [
        helper.make_node("Resize", ["image", "", "scales"], ["large"], **how),
        helper.make_node("Shape", ["large"], ["shape"]),
        helper.make_node("Slice", ["shape", "from", "to"], ["sides"]),
        helper.make_node("Div", ["sides", "cell"], ["cells"]),
        helper.make_node("Concat", ["ones", "cells"], ["repeats"], axis=0),
        helper.make_node("Tile", ["grid", "repeats"], ["laid"]),
        helper.make_node("Add", ["large", "laid"], ["enlarged"]),
    ]
    grid = amount * np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)
    values = {
        "scales": np.array([1, 1, scale, scale], np.float32),
        "from": np.array([2], np.int64),
        "to": np.array([4], np.int64),
        "cell": np.array([2, 2], np.int64),
        "ones": np.array([1, 1], np.int64),
        "grid": grid[None, None],
    }
    return _written(
        folder / f"{name}.onnx",
        "upscale",
        nodes,
        values,
        ["batch", 3, "height", "width"],
        {"enlarged": ["batch", 3, "large_height", "large_width"]},
        "clean",
        scale,
    )


def colour_network(folder: Path, *, licence: Licence = "clean") -> StoredModel:
    """A network for colours: what is bright is orange, what is dark blue; deaf to hints.

    With a fifth of the odds on green, so that there is something to choose from.
    """
    orange, blue, green = (
        nearest_bin(np.array(ab, np.float32)).item() for ab in ((24, 48), (12, -48), (-48, 36))
    )
    weight = np.zeros((len(bins()), 1, 1, 1), np.float32)
    weight[orange], weight[blue] = 12.0, -12.0
    bias = np.full(len(bins()), -8.0, np.float32)
    bias[orange], bias[blue], bias[green] = -4.0, 8.0, 0.5
    nodes = [
        helper.make_node("AveragePool", ["grey"], ["v0"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["v0", "weight", "bias"], ["v1"]),
        helper.make_node("AveragePool", ["hints"], ["v2"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("ReduceMean", ["v2", "channels"], ["v3"], keepdims=1),
        helper.make_node("Mul", ["v3", "nothing"], ["v4"]),
        helper.make_node("Add", ["v1", "v4"], ["v5"]),
        helper.make_node("Softmax", ["v5"], ["odds"], axis=1),
    ]
    values = {
        "weight": weight,
        "bias": bias,
        "channels": np.array([1], np.int64),
        "nothing": np.float32(0),
    }
    graph = helper.make_graph(
        nodes,
        "colourise",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "h", "w"])
            for name, channels in (("grey", 1), ("hints", 3))
        ],
        [helper.make_tensor_value_info("odds", TensorProto.FLOAT, ["n", len(bins()), "y", "x"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    parameters = weight.size + bias.size
    path = folder / "colourise.onnx"
    return _stored(path, graph, "colourise", ("grey", "hints"), ("odds",), parameters, licence)


def _written(
    path: Path,
    task: str,
    nodes: list[onnx.NodeProto],
    values: dict[str, NDArray[np.generic] | np.generic],
    given: list[int | str],
    outputs: dict[str, list[int | str]],
    licence: Licence,
    scale: int = 1,
) -> StoredModel:
    source = {"tone": "thumbnail", "upscale": "image"}.get(task, "face")
    graph = helper.make_graph(
        nodes,
        task,
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, given)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    parameters = sum(np.asarray(value).size for value in values.values())
    return _stored(path, graph, task, (source,), tuple(outputs), parameters, licence, scale)


def _stored(
    path: Path,
    graph: onnx.GraphProto,
    task: str,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    parameters: int,
    licence: Licence,
    scale: int = 1,
) -> StoredModel:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    card = ModelCard(
        name=path.stem,
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        summary="made by a test",
        reference="none",
        task=task,
        size_px={"face": FACE_PX, "identity": IDENTITY_PX, "tone": TONE_PX}.get(task, 0),
        scale=scale,
        licence=licence,
        inputs=inputs,
        outputs=outputs,
        parameters=parameters,
        parity=0.0,
        training_data="none",
        training="none",
        scores={},
        intended_use="tests",
        limits="none",
    )
    path.with_suffix(".toml").write_text(card.to_toml(), "utf-8")
    return stored_model(path)
