"""ModelCard: what a weight file is, where its knowledge comes from, what it scored.

After Mitchell et al., "Model Cards for Model Reporting" (2019); a TOML file beside the weights.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from resilver.errors import ModelError

Licence = Literal["clean", "research"]

_TEXTS = (
    "name", "file", "sha256", "summary", "reference", "task", "training_data", "training",
    "intended_use", "limits",
)  # fmt: skip


@dataclass(frozen=True)
class Terms:
    """What a person knows of weights that come from elsewhere."""

    licence: Licence
    origin: str  # where they are from, and under which licence, for the card


@dataclass(frozen=True)
class ModelCard:
    """The card of one weight file."""

    name: str  # "damage": as the stages ask for it
    file: str  # "damage.onnx", beside the card
    sha256: str  # of the weight file, lower-case hex
    summary: str  # what it does, one sentence
    reference: str  # paper or standard
    task: str  # what it can stand in for: "denoise", "face", "upscale", "prior", ...
    size_px: int  # side of the square pictures it takes; 0 = any size
    scale: int  # its pictures are this many times as large as what it is given
    licence: Licence  # clean: any use; research: trained on data with other terms
    inputs: tuple[str, ...]  # names of the network's inputs
    outputs: tuple[str, ...]  # names of the network's outputs
    parameters: int  # trainable numbers; 0 = nobody counted them
    # Largest |ONNX Runtime - torch| allowed at export, in output units; 0 = it came as ONNX
    parity: float
    training_data: str  # packs and their licences
    training: str  # recipe, steps, minutes, hardware
    scores: dict[str, float]  # measured on data not trained on
    intended_use: str
    limits: str

    @classmethod
    def read(cls, path: Path) -> ModelCard:
        """Reads a card.

        Raises:
            ModelError: no such file, not TOML, or a field is missing, unknown or of a wrong type.
        """
        try:
            fields = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ModelError(f"{path}: the card cannot be read ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: the card is not valid TOML ({error})") from error
        return cls._from_fields(fields, path)

    @classmethod
    def _from_fields(cls, fields: dict[str, Any], path: Path) -> ModelCard:
        known = cls.__dataclass_fields__
        wrong = sorted(set(fields) ^ set(known))
        if wrong:
            raise ModelError(f"{path}: missing or unknown on the card: {', '.join(wrong)}")
        if fields["licence"] not in ("clean", "research"):
            raise ModelError(f"{path}: licence is 'clean' or 'research', not {fields['licence']!r}")
        for name in ("parameters", "size_px", "scale"):
            if not isinstance(fields[name], int):
                raise ModelError(f"{path}: {name} is a whole number")
        for name in _TEXTS:
            if not isinstance(fields[name], str):
                raise ModelError(f"{path}: {name} is a text")
        for name in ("inputs", "outputs"):
            if not _are_texts(fields[name]):
                raise ModelError(f"{path}: {name} is a list of texts")
        try:
            scores = cast("dict[str, float]", dict(fields["scores"]))
            typed: dict[str, Any] = {
                **fields,
                "inputs": tuple(fields["inputs"]),
                "outputs": tuple(fields["outputs"]),
                "parity": float(fields["parity"]),
                "scores": {name: float(value) for name, value in scores.items()},
            }
        except (TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"{path}: on the card parity and the scores are numbers") from error
        return cls(**typed)

    def to_toml(self) -> str:
        """The card as TOML; `read` gives the same card back."""
        lines: list[str] = []
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name != "scores":
                lines.append(f"{name} = {_toml_value(value)}")
        lines.append("\n[scores]")
        lines.extend(f'"{name}" = {value!r}' for name, value in self.scores.items())
        return "\n".join(lines) + "\n"


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, str) for item in cast("list[object]", value)
    )


def _toml_value(value: str | float | tuple[str, ...]) -> str:
    if isinstance(value, str):
        # JSON writes a string as TOML reads it, but for DEL and for bytes that are no text.
        text = value.encode("utf-8", "backslashreplace").decode("utf-8")
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return repr(value)
