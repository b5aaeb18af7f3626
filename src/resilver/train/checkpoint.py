"""Files of weights, read as weights only: one that carries code is refused, not run."""

from __future__ import annotations

import argparse
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from resilver.errors import ModelError
from resilver.train.layouts import drawing_part

# Where checkpoints keep their weights, the best first: a running average (the third is our own
# runs'), then the raw ones.
_HOLDERS = ("params_ema", "g_ema", "average", "params", "state_dict", "model")
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"  # how the files of `torch.save` begin, now and formerly
_REFUSED = re.compile(r"GLOBAL (\S+) (?:was not an allowed|whose module)")  # in torch's own words


def read_content(path: Path, device: torch.device | str = "cpu") -> Any:
    """What `torch.save` wrote: tensors, numbers, texts, and lists and mappings of them.

    Published trainings keep their command line beside the weights, an `argparse.Namespace`: it is
    let in, as it can do nothing.

    Raises:
        ModelError: no such file, not a checkpoint, a damaged one, or one that would run code.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            start = file.read(len(_ZIP))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if not start.startswith((_ZIP, _PICKLE)):
        raise ModelError(f"{path}: not a checkpoint at all")
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        if refused := _REFUSED.search(str(error)):
            raise ModelError(
                f"{path}: it holds objects other than weights ({refused[1]}); "
                "what could run code is not opened"
            ) from error
        reason = str(error).rpartition("WeightsUnpickler error:")[2]
        raise ModelError(f"{path}: not a whole checkpoint ({_first_line(reason)})") from error
    except Exception as error:  # a changed byte makes torch stumble anywhere
        raise _damaged(path, error) from error


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The weights of a network in a .pth, .pt or .safetensors file, by name.

    Of the state of a run of the recipe `prior` they are those of the average generator.

    Raises:
        ModelError: as `read_weights`.
    """
    return drawing_part(read_weights(path))


def read_weights(path: Path) -> dict[str, Tensor]:
    """All weights in a .pth, .pt or .safetensors file, by name.

    Of the state of a run they are the average ones, those of judges with them.

    Raises:
        ModelError: as `read_content`, or there are no weights in it.
    """
    if path.suffix.lower() != ".safetensors":
        content = read_content(path)
    elif not path.is_file():
        raise ModelError(f"{path}: no such file")
    else:
        try:
            content = load_file(path)
        except Exception as error:  # as above
            raise _damaged(path, error) from error
    for holder in _HOLDERS:
        if isinstance(content, Mapping) and isinstance(content.get(holder), Mapping):
            content = content[holder]
            break
    weights = (
        {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
        if isinstance(content, Mapping)
        else {}
    )
    if not weights:
        raise ModelError(f"{path}: there are no weights in it")
    return weights


def _damaged(path: Path, error: Exception) -> ModelError:
    reason = _first_line(str(error)) or type(error).__name__
    return ModelError(f"{path}: not a whole checkpoint ({reason})")


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")[:160]
