"""Export of a trained network: ONNX with dynamic sizes and fp16 weights, proven against torch.

Arithmetic stays float32: each fp16 weight passes a Cast that ONNX Runtime folds away on loading.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from resilver.errors import RecipeError
from resilver.models.card import Licence, ModelCard
from resilver.models.digest import file_sha256
from resilver.models.session import OrtNetwork
from resilver.nets.unet import parameter_count
from resilver.photofile.writing import write_text
from resilver.train.recipe import RecipeInfo
from resilver.train.weights import TWIN

OPSET = 18
TOLERANCE = 2e-3  # |ONNX Runtime - torch|, colours in [0, 1]
PRIOR_TOLERANCE = 5e-2  # colours in about [-1, 1] that nothing bounds
PARITY_SIZES = ((96, 96), (97, 131), (65, 41), (128, 75))  # odd ones among them


class Exportable(Protocol):
    """What an export needs to know of a network: a recipe does, and so does an import."""

    @property
    def info(self) -> RecipeInfo: ...

    @property
    def size_px(self) -> int: ...

    @property
    def input_names(self) -> tuple[str, ...]: ...

    @property
    def output_names(self) -> tuple[str, ...]: ...

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        """Inputs of the network, batch 1."""
        ...


@dataclass(frozen=True)
class CardText:
    """What a person writes on a card; the rest is measured at export."""

    licence: Licence
    training_data: str
    training: str
    scores: dict[str, float]
    intended_use: str
    limits: str


def export(
    recipe: Exportable,
    network: nn.Module,
    path: Path,
    text: CardText,
    *,
    scale: int = 1,
    tolerance: float = TOLERANCE,
) -> ModelCard:
    """Writes `path` (.onnx) and the card beside it (.toml), each of them whole; replaces others.

    The network is first rounded to fp16, so that what is compared, measured and shipped is one and
    the same function. `scale`: its pictures are so many times as large as what it is given.

    Raises:
        RecipeError: weights are not finite, or not in fp16; ONNX Runtime and torch differ by more
            than `tolerance` on one of the sizes, or answer with numbers that are not finite.
            Nothing is left behind.
    """
    network = network.float().cpu().eval()
    _round(network, path.name)
    partial = path.with_name(f".{path.name}")  # no network's name begins with a dot
    model = with_short_names(with_fp16_weights(with_twins(to_onnx(recipe, network), network)))
    onnx.checker.check_model(model)
    try:
        partial.write_bytes(model.SerializeToString())
        worst = parity(recipe, network, partial)
        if not worst <= tolerance:  # NaN as well
            raise RecipeError(
                f"{path.name}: ONNX Runtime and torch differ by {worst:.2g}, "
                f"more than the card's {tolerance:g}"
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    card = ModelCard(
        name=path.stem,
        file=path.name,
        sha256=file_sha256(path),
        summary=recipe.info.summary,
        reference=recipe.info.reference,
        task=recipe.info.task or recipe.info.name,
        size_px=recipe.size_px,
        scale=scale,
        licence=text.licence,
        inputs=recipe.input_names,
        outputs=recipe.output_names,
        parameters=parameter_count(network),
        parity=tolerance,
        training_data=text.training_data,
        training=text.training,
        scores=text.scores,
        intended_use=text.intended_use,
        limits=text.limits,
    )
    write_text(path.with_suffix(".toml"), card.to_toml(), overwrite=True)
    return card


@torch.no_grad()
def _round(network: nn.Module, file: str) -> None:
    """Rounds matrices and kernels to fp16, in place."""
    for name, values in (*network.named_parameters(), *network.named_buffers()):
        if not bool(values.isfinite().all()):
            raise RecipeError(f"{file}: the weights {name} hold numbers that are not finite")
        if values.ndim > 1:
            values.copy_(values.half().float())
            if not bool(values.isfinite().all()):
                raise RecipeError(f"{file}: the weights {name} are too large for half precision")


def to_onnx(recipe: Exportable, network: nn.Module) -> onnx.ModelProto:
    """The network as ONNX with float32 weights; batch free, and height and width where any do."""
    buffer = io.BytesIO()
    given = recipe.example(recipe.size_px or 96, recipe.size_px or 96, 0)
    with torch.no_grad():
        answered: Any = network(*given)
    answered = answered if isinstance(answered, tuple) else (answered,)
    values = zip((*recipe.input_names, *recipe.output_names), (*given, *answered), strict=True)
    axes: dict[str, dict[int, str]] = {}
    for name, value in values:
        axes[name] = {0: "batch"}
        if value.ndim == 4 and not recipe.size_px:
            axes[name] |= {2: f"{name}_height", 3: f"{name}_width"}
    with warnings.catch_warnings():
        # Of slices in steps, which padding makes; the parity check tells whether all is right.
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        torch.onnx.export(
            network,
            given,
            buffer,  # pyright: ignore[reportArgumentType] (torch takes it; its annotation does not)
            input_names=list(recipe.input_names),
            output_names=list(recipe.output_names),
            dynamic_axes=axes,
            opset_version=OPSET,
            # ONNX Runtime folds when it loads. Folded here, weights lose their names, and their
            # squares (demodulation) are stored beside them: a sixth of the recipe `faces`' file.
            do_constant_folding=False,
            dynamo=False,
        )
    return onnx.load_model_from_string(buffer.getvalue())


def with_twins(model: onnx.ModelProto, network: nn.Module) -> onnx.ModelProto:
    """The same model, noting under which other name a weight is stored.

    The exporter stores equal numbers once, under the first of their names; by the note
    `resilver.train.weights.onnx_weights` finds them under all.
    """
    stored = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    for name, weight in network.named_parameters():
        if name not in stored:
            values = weight.detach().numpy()
            twins = (other for other, theirs in stored.items() if np.array_equal(values, theirs))
            if twin := next(twins, None):
                model.metadata_props.add(key=f"{TWIN}{name}", value=twin)
    return model


def with_fp16_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with every float32 matrix or kernel stored as fp16 behind a Cast."""
    graph = model.graph
    casts: list[onnx.NodeProto] = []
    for initializer in graph.initializer:
        if initializer.data_type != TensorProto.FLOAT or len(initializer.dims) < 2:
            continue
        name = initializer.name
        values = numpy_helper.to_array(initializer).astype(np.float16)
        initializer.CopyFrom(numpy_helper.from_array(values, f"{name}_fp16"))
        casts.append(helper.make_node("Cast", [f"{name}_fp16"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def with_short_names(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph whose inner values are numbered: their long names are most of its own size.

    Weights keep their names, by which `load_onnx_weights` finds them.
    """
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output, *graph.initializer)}
    short: dict[str, str] = {}
    for node in graph.node:
        node.ClearField("name")
        for values in (node.input, node.output):
            for index, name in enumerate(values):
                if name and name not in kept:
                    values[index] = short.setdefault(name, f"v{len(short)}")
    del graph.value_info[:]
    return model


def parity(recipe: Exportable, network: nn.Module, path: Path) -> float:
    """The largest |ONNX Runtime - torch| over `PARITY_SIZES` and all outputs.

    NaN where one of them answers with numbers that are not finite.
    """
    sizes = ((recipe.size_px, recipe.size_px),) * 2 if recipe.size_px else PARITY_SIZES
    session = OrtNetwork(path, threads=1)
    worst = 0.0
    for seed, (height, width) in enumerate(sizes):
        inputs = recipe.example(height, width, seed)
        with torch.no_grad():
            expected: Any = network(*inputs)
        expected = expected if isinstance(expected, tuple) else (expected,)
        outputs = session.run(*(value.numpy() for value in inputs))
        for mine, theirs in zip(outputs, expected, strict=True):
            if mine.shape != tuple(theirs.shape):
                raise RecipeError(f"{path.name}: shape {mine.shape}, torch has {theirs.shape}")
            with np.errstate(invalid="ignore"):  # infinity less infinity
                apart = np.abs(mine - theirs.numpy()).max()
            worst = float(np.maximum(worst, apart))  # unlike `max`, it keeps NaN
    return worst
