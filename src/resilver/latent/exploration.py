"""From a tiny face to candidates: the search, the size beyond the prior's own, the last touch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from resilver.errors import ModelError, OptionError
from resilver.latent.enlarger import Enlarger
from resilver.latent.gaussian import measured
from resilver.latent.prior import Prior
from resilver.latent.scale import put_right, rmse_255, shrunk
from resilver.latent.search import SearchConfig, search
from resilver.latent.tiny import Box, TinyFace, tiny_face
from resilver.photo import Photo

NOT_THE_PERSON = "This is an imagined face, not the person"
SENTENCE = f"{NOT_THE_PERSON}: one of many that would look the same at this size."
# Of a face that the search came nowhere near: the last touch made it agree.
LAID_OVER = f"{NOT_THE_PERSON}. Most of it is laid over, not drawn; more steps may help."
WANTED_RMSE_255 = 1.5  # of the face as it is written
# ... and of the face as the prior drew it. The last touch makes any picture agree; what it has to
# add here is a change of light, beyond that it is another face over the one that was drawn.
SEARCHED_RMSE_255 = 12.0
LEAST_GAIN = 2  # a prior must draw at least so many times the given side
FACTORS = (8, 64)  # least and most


@dataclass(frozen=True)
class ExploreRequest:
    """What is asked of an exploration."""

    box: Box | None = None  # the face in the photo; None = the photo is the face
    factor: int | None = None  # so many times the given side, 8 to 64; None = the prior's own size
    search: SearchConfig = field(default_factory=SearchConfig)

    def __post_init__(self) -> None:
        least, most = FACTORS
        if self.factor is not None and not least <= self.factor <= most:
            raise OptionError(f"a face is made {least} to {most} times as large, not {self.factor}")


@dataclass(frozen=True, eq=False)
class Candidate:
    """One imagined face."""

    seed: int
    pixels: NDArray[np.uint8]  # (S, S, 3), or (S, S) of a grey photo
    rmse_255: float  # how far it is, shrunk, from what was given; of these very pixels
    searched_rmse_255: float  # the same before the last touch: what the prior alone came to

    @property
    def has_arrived(self) -> bool:
        """Whether the search came near enough for the face to be one that the prior draws."""
        return self.searched_rmse_255 <= SEARCHED_RMSE_255

    @property
    def is_consistent(self) -> bool:
        return self.rmse_255 <= WANTED_RMSE_255 and self.has_arrived

    @property
    def words(self) -> str:
        return SENTENCE if self.has_arrived else LAID_OVER


@dataclass(frozen=True, eq=False)
class Exploration:
    """Faces that shrink to the one given, and how they were made."""

    tiny: TinyFace
    candidates: tuple[Candidate, ...]  # in the order of their seeds
    prior: tuple[str, str]  # its name and the SHA-256 on its card
    prior_px: int  # side of the faces that the prior draws
    enlarging: str  # what made the rest of the size, in words; "" where nothing did
    steps: int  # of the search
    seconds: float

    @property
    def words(self) -> str:
        """What holds of every candidate."""
        told = {one.words for one in self.candidates}
        return told.pop() if len(told) == 1 else f"{NOT_THE_PERSON}."


def explore(
    photo: Photo,
    prior: Prior,
    request: ExploreRequest | None = None,
    *,
    enlarger: Enlarger | None = None,
    progress: Callable[[float, str], None] = lambda _share, _words: None,
) -> Exploration:
    """Imagines faces that, shrunk, are the tiny one in a photo.

    The search comes close; then what the shrunk face still lacks is enlarged smoothly and added
    (`resilver.latent.scale.put_right`), so that the written face agrees with the photo.

    Args:
        photo: a tiny face, or a photo with one in `request.box`.
        prior: what draws faces, see `resilver.latent.prior.open_prior`.
        request: which face, how large, how searched.
        enlarger: makes what is wanted beyond the prior's own size.
        progress: told the share done, and what is going on.

    Raises:
        OptionError: a box that leaves the photo, a face too small or too large for the prior.
        ModelError: there is not the memory to search so many at once.
    """
    started = time.perf_counter()
    request = request or ExploreRequest()
    tiny = tiny_face(photo, request.box)
    if prior.side_px < LEAST_GAIN * tiny.side_px:
        raise OptionError(
            f"{prior.card.name!r} draws faces of {prior.side_px} px: for a face of {tiny.side_px} "
            f"px it must be one of at least {LEAST_GAIN * tiny.side_px}"
        )
    progress(0.0, "looks at what the prior draws")
    gaussian = measured(prior.generator)
    steps = request.search.steps
    try:
        found = search(
            prior.generator,
            gaussian,
            tiny.pixels,
            request.search,
            progress=lambda step, rmse: progress(
                0.05 + 0.85 * step / steps, f"searches, {rmse:.1f} grey levels off"
            ),
        )
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        raise ModelError(
            f"there is not the memory to search {request.search.candidates} faces of "
            f"{prior.side_px} px at once: ask for fewer candidates"
        ) from error
    side = prior.side_px if request.factor is None else request.factor * tiny.side_px
    enlarger = enlarger or Enlarger()
    candidates: list[Candidate] = []
    for number, face in enumerate(found.faces):
        progress(0.9 + 0.1 * number / len(found.faces), "writes the size that was asked for")
        candidates.append(
            _candidate(request.search.seed + number, _at_side(face, side, enlarger), tiny.pixels)
        )
    return Exploration(
        tiny,
        tuple(candidates),
        (prior.card.name, prior.card.sha256),
        prior.side_px,
        enlarger.words if side > prior.side_px else "",
        found.steps,
        time.perf_counter() - started,
    )


def _is_of_memory(error: Exception) -> bool:
    """Torch's allocator on the CPU has no exception of its own."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or "DefaultCPUAllocator" in str(error)


def _at_side(face: NDArray[np.float32], side_px: int, enlarger: Enlarger) -> NDArray[np.float32]:
    if side_px == face.shape[0]:
        return face
    return shrunk(face, side_px) if side_px < face.shape[0] else enlarger.enlarge(face, side_px)


def _candidate(seed: int, face: NDArray[np.float32], tiny: NDArray[np.float32]) -> Candidate:
    levels = np.rint(put_right(face, tiny) * 255.0).astype(np.uint8)
    return Candidate(
        seed,
        levels[..., 0] if levels.shape[2] == 1 else levels,
        rmse_255(levels.astype(np.float32) / np.float32(255.0), tiny),
        rmse_255(face, tiny),
    )
