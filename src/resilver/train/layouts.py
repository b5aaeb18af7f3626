"""Official checkpoints: recognised by their keys, rebuilt in our own networks.

The visible table is `LAYOUTS`. A layout names parameters as the public implementation does; the
network's shape is read off the shapes of the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from resilver.errors import ModelError
from resilver.nets.gfpgan import GFPGAN, GFPGANConfig
from resilver.nets.rrdbnet import RRDBNet, RRDBNetConfig
from resilver.nets.srvgg import SRVGGConfig, SRVGGNet
from resilver.nets.stylegan2 import Generator, StyleGAN2Config

State = Mapping[str, Tensor]
_GENERATOR = "generator."  # how `train.recipes.prior` names its part that draws
Task = Literal["face", "upscale", "prior"]


@dataclass(frozen=True)
class Layout:
    """One official layout."""

    name: str
    task: Task
    summary: str
    reference: str
    marks: tuple[str, ...]  # keys that this layout, and no other of the table, has all of
    build: Callable[[State], nn.Module]  # a network of the right shape, not yet loaded


def recognise(state: State) -> Layout:
    """The layout of a checkpoint's weights.

    Raises:
        ModelError: none of the table.
    """
    for layout in LAYOUTS:
        if all(key in state for key in layout.marks):
            return layout
    known = ", ".join(layout.name for layout in LAYOUTS)
    raise ModelError(f"no architecture that is known has these weights; known are: {known}")


def rebuild(state: State) -> tuple[Layout, nn.Module]:
    """The layout of a checkpoint's weights, and our network with them in it.

    Raises:
        ModelError: an unknown layout, or weights that are missing, left over, of another shape,
            empty, or not finite.
    """
    layout = recognise(state)
    try:
        for name, weight in state.items():
            if not weight.numel():
                raise ValueError(f"{name} is empty")
            if not bool(weight.isfinite().all()):
                raise ValueError(f"{name} holds numbers that are not finite")
        network = layout.build(state)
        network.load_state_dict(dict(state))
    except Exception as error:  # shapes are read off weights that may be of any shape
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"not a whole {layout.name} checkpoint ({reason})") from error
    return layout, network.eval()


def drawing_part(state: State) -> dict[str, Tensor]:
    """The generator's weights in the state of a prior in training; of any other state, all."""
    return part(state, _GENERATOR) or dict(state)


def part(state: State, prefix: str) -> dict[str, Tensor]:
    """The weights whose names begin so, by the rest of their names."""
    start = len(prefix)
    return {name[start:]: weight for name, weight in state.items() if name.startswith(prefix)}


def _numbered(state: State, pattern: str) -> int:
    """How many of `pattern.format(0)`, `pattern.format(1)`, ... there are in a row."""
    count = 0
    while pattern.format(count) in state:
        count += 1
    return count


def _rrdbnet(state: State) -> nn.Module:
    features, inputs = state["conv_first.weight"].shape[:2]
    fold = math.isqrt(inputs // 3)
    growth = state["body.0.rdb1.conv1.weight"].shape[0]
    blocks = _numbered(state, "body.{}.rdb1.conv1.weight")
    return RRDBNet(RRDBNetConfig(4 // fold, features, blocks, growth))


def _srvgg(state: State) -> nn.Module:
    last = _numbered(state, "body.{}.weight") - 1
    features = state["body.0.weight"].shape[0]
    scale = math.isqrt(state[f"body.{last}.weight"].shape[0] // 3)
    return SRVGGNet(SRVGGConfig(scale, features, last // 2 - 1))


def _stylegan2(state: State) -> nn.Module:
    return Generator(StyleGAN2Config.of(state))


def _gfpgan(state: State) -> nn.Module:
    decoder = "stylegan_decoder."
    scales = _numbered(state, decoder + "to_rgbs.{}.bias")
    channels = [state[f"{decoder}constant_input.weight"].shape[1]]
    for scale in range(scales):
        weight = state[f"{decoder}style_convs.{2 * scale}.modulated_conv.weight"]
        channels.append(weight.shape[1])
    dim = state[f"{decoder}style_conv1.modulated_conv.modulation.weight"].shape[1]
    layers = sum(key.startswith(f"{decoder}style_mlp.") for key in state) // 2
    widths = [state["conv_body_first.weight"].shape[0]]
    widths += [state[f"conv_body_down.{scale}.conv2.weight"].shape[0] for scale in range(scales)]
    prior = StyleGAN2Config(dim, layers, tuple(channels))
    fold = math.isqrt(state["conv_body_first.weight"].shape[1] // 3)
    return GFPGAN(GFPGANConfig(prior, tuple(widths), fold))


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "GFPGAN clean v1",
        "face",
        "Restores faces: takes the damage off and puts detail back from a face prior.",
        "Wang et al. 2021 (GFP-GAN)",
        ("stylegan_decoder.constant_input.weight", "conv_body_first.weight", "final_linear.weight"),
        _gfpgan,
    ),
    Layout(
        "StyleGAN2 generator",
        "prior",
        "Draws faces from a latent code: the prior that `resilver explore` searches.",
        "Karras et al. 2020 (StyleGAN2)",
        ("input.input", "conv1.conv.weight", "to_rgb1.conv.weight"),
        _stylegan2,
    ),
    Layout(
        "RRDBNet",
        "upscale",
        "Enlarges photos, and draws in what the small one lacks.",
        "Wang et al. 2018 (ESRGAN), 2021 (Real-ESRGAN)",
        ("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_last.weight"),
        _rrdbnet,
    ),
    Layout(
        "SRVGGNetCompact",
        "upscale",
        "Enlarges photos fast, and draws in what the small one lacks.",
        "Wang et al. 2021 (Real-ESRGAN, compact networks)",
        ("body.0.weight", "body.1.weight", "body.2.bias"),
        _srvgg,
    ),
)
