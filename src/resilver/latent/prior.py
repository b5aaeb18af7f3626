"""A StyleGAN2 prior opened for searching: with gradients, and proven to be what its card says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from resilver.errors import ModelError
from resilver.models.card import ModelCard
from resilver.models.store import (
    PRIOR,
    StoredModel,
    bundled_models,
    imported_models,
    model_named,
    searched_weights,
)
from resilver.nets.stylegan2 import Generator, StyleGAN2Config


@dataclass(frozen=True, eq=False)
class Prior:
    """A generator of faces, and where it comes from."""

    generator: Generator  # in eval mode; its weights ask for no gradients
    card: ModelCard

    @property
    def side_px(self) -> int:
        """Of the faces that it draws."""
        return self.generator.config.size


def open_prior(name: str | None = None, threads: int | None = None) -> Prior:
    """An imported or bundled prior; without a name the only one there is, a bundled one first.

    Args:
        name: as `models list` shows it.
        threads: torch's, from now on; None leaves them as they are.

    Raises:
        ModelError: there is none of this name, or without a name none or several; it is a network
            for something else; or the weights that the search needs are missing or not those of
            the card.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    return opened(_only_one() if name is None else model_named(name, PRIOR))


def opened(model: StoredModel) -> Prior:
    """A stored prior.

    Raises:
        ModelError: the weights that the search needs are missing or not those of the card.
    """
    model.verify()
    path = searched_weights(model)
    try:
        weights = {key: value.float() for key, value in load_file(path).items()}
        generator = Generator(StyleGAN2Config.of(weights))
        generator.load_state_dict(weights)
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError, IndexError) as error:
        raise ModelError(f"{path}: not the weights of a StyleGAN2 generator") from error
    generator.eval().requires_grad_(requires_grad=False)
    _prove(generator, model)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Prior(generator.to(device), model.card)


def _only_one() -> StoredModel:
    bundled = [model for model in bundled_models() if model.card.task == PRIOR]
    known = bundled or [model for model in imported_models() if model.card.task == PRIOR]
    if not known:
        raise ModelError(
            "there is no prior to search yet: none is bundled, so bring in a StyleGAN2 checkpoint "
            "with  resilver models import FILE --as NAME  and name it with --prior NAME"
        )
    if len(known) > 1:
        names = ", ".join(model.card.name for model in known)
        raise ModelError(f"there are several priors: {names}; name one with --prior")
    return known[0]


def _prove(generator: Generator, model: StoredModel) -> None:
    """Holds the weights against the verified ONNX file: the card vouches for that one only.

    Raises:
        ModelError: the two do not draw one and the same face.
    """
    z = torch.randn(1, generator.config.style_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mine = generator.synthesis(generator.broadcast(generator.mapping(z))).numpy()
    (theirs,) = model.open(1).run(z.numpy())
    # "Not near", so that NaN is none either.
    if mine.shape != theirs.shape or not float(np.abs(mine - theirs).max()) <= model.card.parity:
        raise ModelError(
            f"{model.path.with_suffix('.safetensors')}: does not draw what {model.path.name} does; "
            "import the checkpoint again with  resilver models import --replace"
        )
