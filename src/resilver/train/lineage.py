"""What a network comes from: its photos, what it begins with, the networks that teach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from resilver.errors import ModelError
from resilver.models.card import Licence, ModelCard
from resilver.train.checkpoint import read_content
from resilver.train.recipe import Lineage, stricter

# What a prior can be gone on from elsewhere: generator, discriminator and codes, of 16 bits.
PRIOR_STATE = "prior_state.safetensors"


@dataclass(frozen=True)
class _Parent:
    """What is known of a file of weights."""

    licence: Licence
    data: tuple[str, ...]


def with_parents(own: Lineage, start: Path | None, teachers: tuple[Path, ...]) -> Lineage:
    """A run's lineage together with that of the files it takes knowledge from.

    The strictest class of all of them wins; a file of which nothing is known counts as research.

    Args:
        own: of the run alone.
        start: what it begins with, None for fresh weights.
        teachers: networks whose answers or features it learns from.

    Raises:
        ModelError: a card is not valid.
    """
    of_teachers: list[Licence] = [_licence_of(path) for path in teachers]
    taught = stricter(own.licence, *of_teachers)
    known = replace(own, licence=taught, teachers=tuple(path.name for path in teachers))
    if start is None:
        return known
    parent = _parent(start)
    return replace(
        known,
        start=start.name,
        licence=stricter(taught, parent.licence),
        data=tuple(dict.fromkeys((*parent.data, *own.data))),
    )


def _licence_of(teacher: Path) -> Licence:
    card = teacher.with_suffix(".toml")
    return ModelCard.read(card).licence if card.is_file() else "research"


def _parent(path: Path) -> _Parent:
    """By the card beside an export; of a run's state, by what it says itself as well."""
    state = _state(path)
    # Beside the state of a run lies the card of what it exported.
    exported = "prior" if path.name == PRIOR_STATE else state.get("recipe", path.stem)
    card_path = path.with_name(f"{exported}.toml")
    card = ModelCard.read(card_path) if card_path.is_file() else None
    stored = _stored(state)
    licences: list[Licence] = [one.licence for one in (stored, card) if one is not None]
    data = () if stored is None else stored.data
    if not data:
        data = (f"what {path.name} learned from" if card is None else card.training_data,)
    return _Parent(stricter(*licences) if licences else "research", data)


def _state(path: Path) -> Mapping[str, Any]:
    """What a run has stored; nothing for an export, and for what is no state."""
    if path.suffix in (".onnx", ".safetensors"):
        return {}
    try:
        content = read_content(path)
    except ModelError:  # said where its weights are read
        return {}
    return cast("Mapping[str, Any]", content) if isinstance(content, Mapping) else {}


def _stored(state: Mapping[str, Any]) -> Lineage | None:
    try:
        return Lineage(**state["lineage"])
    except (KeyError, TypeError):  # of before there were lineages, or of nobody who asked
        return None
