"""Published checkpoints come in: recognised, rebuilt, exported, with a card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from resilver.errors import ModelError
from resilver.models.card import ModelCard, Terms
from resilver.models.digest import file_sha256
from resilver.models.placing import placed
from resilver.nets.gfpgan import GFPGAN
from resilver.nets.rrdbnet import RRDBNet
from resilver.nets.srvgg import SRVGGNet
from resilver.nets.stylegan2 import Generator
from resilver.train.checkpoint import read_checkpoint
from resilver.train.export import PRIOR_TOLERANCE, CardText, export
from resilver.train.layouts import rebuild
from resilver.train.recipe import RecipeInfo, example_image

_TOLERANCE = 1e-2  # of networks that are deeper than ours


def import_checkpoint(path: Path, name: str, folder: Path, terms: Callable[[], Terms]) -> ModelCard:
    """Rebuilds a published checkpoint and writes `<name>.onnx` with its card into a folder.

    A prior is written as `<name>.safetensors` as well: searching it needs gradients. `terms` is
    called once the network is rebuilt.

    Raises:
        ModelError: it cannot be read, is of an unknown architecture, or the folder cannot be
            written.
        RecipeError: ONNX Runtime and torch do not agree on it.
    """
    try:
        layout, network = rebuild(read_checkpoint(path))
    except ModelError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise ModelError(f"{path}: {reason}") from error
    info = RecipeInfo(
        name=layout.task,
        summary=layout.summary,
        reference=layout.reference,
        batch=0,
        learning_rate=0.0,
        limits="As its authors describe; not measured by resilver.",
    )
    exported, scale = _exported(network, info)
    with placed(name, folder) as apart:
        given = terms()
        card = export(
            exported,
            exported.network,
            apart / f"{name}.onnx",
            CardText(
                licence=given.licence,
                training_data=given.origin,
                training=f"weights imported from {path.name} (SHA-256 {file_sha256(path)})",
                scores={},
                intended_use=layout.summary,
                limits=info.limits,
            ),
            scale=scale,
            tolerance=PRIOR_TOLERANCE if layout.task == "prior" else _TOLERANCE,
        )
        if layout.task == "prior":
            state = {key: value.contiguous() for key, value in network.state_dict().items()}
            (apart / f"{name}.safetensors").write_bytes(save(state))
    return card


@dataclass(frozen=True, eq=False)
class _Exported:
    """A rebuilt network as an export takes it."""

    network: nn.Module
    info: RecipeInfo
    size_px: int  # 0 = any
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    latent: int = 0  # a prior's input is a code of this length, not a picture

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        if self.latent:
            generator = torch.Generator().manual_seed(seed)
            return (torch.randn(1, self.latent, generator=generator),)
        return (example_image(height, width, seed),)


class _FaceInUnits(nn.Module):
    """A face restorer that takes and gives colours in [0, 1]."""

    def __init__(self, network: GFPGAN) -> None:
        super().__init__()
        self.network = network

    def forward(self, face: Tensor) -> Tensor:
        return ((self.network(2.0 * face - 1.0) + 1.0) / 2.0).clamp(0.0, 1.0)


class _Drawing(nn.Module):
    """A prior that draws the face of a code z, with the noise it has stored."""

    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor) -> Tensor:
        return self.network.synthesis(self.network.broadcast(self.network.mapping(z)))


def _exported(network: nn.Module, info: RecipeInfo) -> tuple[_Exported, int]:
    """The network as it is exported, and how many times it enlarges."""
    if isinstance(network, GFPGAN):
        size = network.config.size
        return _Exported(_FaceInUnits(network), info, size, ("face",), ("restored",)), 1
    if isinstance(network, Generator):
        size, latent = network.config.size, network.config.style_dim
        return _Exported(_Drawing(network), info, size, ("z",), ("face",), latent), 1
    assert isinstance(network, RRDBNet | SRVGGNet)
    return _Exported(network, info, 0, ("image",), ("enlarged",)), network.config.scale
