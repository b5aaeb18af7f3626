"""Networks that come as ONNX: tried out, and taken in as they are.

They need no rebuilding, so no torch. What can be told of them is what they answer: only networks
that make photos larger are recognised.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from resilver.errors import ModelError
from resilver.models.card import ModelCard, Terms
from resilver.models.digest import file_sha256
from resilver.models.placing import placed
from resilver.models.session import Array, OrtNetwork

SCALES = (2, 3, 4, 8)
_SIZES = ((48, 64), (67, 50))  # height, width of the pictures it is tried with
_OFF = 0.1  # mean difference from the picture plainly enlarged; one in 0 to 255 is far off


def import_network(path: Path, name: str, folder: Path, terms: Callable[[], Terms]) -> ModelCard:
    """Copies an enlarger in a file to `<name>.onnx` in a folder, with its card.

    It takes float32 (N, 3, H, W) RGB in [0, 1] of any size and gives the same, larger. `terms` is
    called once it is known to be one.

    Raises:
        ModelError: no network, none that makes photos larger, or a folder that cannot be written.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    digest = file_sha256(path)
    with placed(name, folder) as apart:
        target = apart / f"{name}.onnx"
        shutil.copyfile(path, target)
        # The copy is tried, not the file: weights that lie beside the file are not in it.
        network = _opened(target, path)
        scale = _scale(network, path)
        given = terms()
        summary = f"Enlarges photos {scale} times, as it was published."
        card = ModelCard(
            name=name,
            file=target.name,
            sha256=file_sha256(target),
            summary=summary,
            reference="As its authors say",
            task="upscale",
            size_px=0,
            scale=scale,
            licence=given.licence,
            inputs=network.inputs,
            outputs=network.outputs,
            parameters=0,
            parity=0.0,
            training_data=given.origin,
            training=f"a network imported from {path.name} (SHA-256 {digest})",
            scores={},
            intended_use=summary,
            limits="As its authors describe; not measured by resilver.",
        )
        target.with_suffix(".toml").write_text(card.to_toml(), "utf-8")
    return card


def _opened(copy: Path, path: Path) -> OrtNetwork:
    try:
        return OrtNetwork(copy, 1)
    except ModelError as error:
        reason = str(error).removeprefix(f"{copy}: ")
        raise ModelError(f"{path}: {reason}") from error


def _scale(network: OrtNetwork, path: Path) -> int:
    """How many times larger its pictures are.

    Raises:
        ModelError: it takes or gives something else.
    """
    if len(network.inputs) != 1:
        raise ModelError(f"{path}: it takes {len(network.inputs)} inputs, an enlarger takes one")
    scales: set[int] = set()
    for size in _SIZES:
        picture = _gradient(size)
        try:
            answer = network.run(picture)[0]
        except ModelError as error:
            words = f"it takes no picture of {size[1]} x {size[0]} px in float32 RGB"
            raise ModelError(f"{path}: {words}") from error
        scale = answer.shape[-1] // size[1] if answer.ndim == 4 else 0
        if answer.shape != (1, 3, scale * size[0], scale * size[1]) or scale not in SCALES:
            given = " x ".join(map(str, picture.shape))
            gives = " x ".join(map(str, answer.shape))
            raise ModelError(f"{path}: of {given} it makes {gives}, which is no larger photo")
        plain = picture.repeat(scale, axis=2).repeat(scale, axis=3)
        if not float(np.abs(answer - plain).mean()) < _OFF:  # NaN as well
            raise ModelError(f"{path}: what it makes is not the photo in colours from 0 to 1")
        scales.add(scale)
    if len(scales) > 1:
        raise ModelError(f"{path}: it enlarges pictures of two sizes differently")
    return scales.pop()


def _gradient(size: tuple[int, int]) -> Array:
    """A smooth picture (1, 3, h, w) in which the colours differ."""
    down, across = np.mgrid[0 : size[0], 0 : size[1]] / np.float32(max(size))
    return np.stack((0.2 + 0.6 * down, 0.7 - 0.5 * across, 0.3 + 0.3 * down * across))[None].astype(
        np.float32
    )
