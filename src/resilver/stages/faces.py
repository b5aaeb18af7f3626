"""Stage `faces`: finds faces that lost detail, restores each, and lays it back into the photo.

A face is brought upright into the frame of FFHQ (Karras et al. 2019), restored there by a network
such as GFP-GAN (Wang et al., "Towards Real-World Blind Face Restoration with Generative Facial
Prior", 2021), and what the network changed is laid back (`resilver.imaging.blending`). The network
knows faces, not this person: what it adds is a plausible guess. So faces that lost nothing, that
show too little to go by, or that somebody hid on purpose are left alone; and how far a face moved
from the person it showed is measured with a second network and told.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.alignment import FFHQ_FRAME, Matrix, Points, cut, frame_of, scale_of
from resilver.imaging.blending import Patch, Placed, lay, matched
from resilver.imaging.faces import Faces, overlaps
from resilver.imaging.hidden import measure_concealment
from resilver.imaging.sharpness import blur_px
from resilver.imaging.tiles import Area, Pixels
from resilver.imaging.tone import is_monochrome
from resilver.models.card import ModelCard
from resilver.models.session import Network
from resilver.models.store import StoredModel
from resilver.photofile.depth import widen
from resilver.stages.detection import beyond_doubt, placed_faces
from resilver.stages.draft import (
    DAMAGE,
    Draft,
    Face,
    FaceVerdict,
    Finding,
    Mark,
    Measurement,
    Progress,
)
from resilver.stages.identity import WARN_BELOW, similarity_of

EYES_PX = 10.0  # with its eyes closer than this a face shows next to nothing of who it is
# Blur, in pixels of the network's frame, from which on a face has lost detail that the network has.
# Of the sharp faces of the training packs all but one in a hundred measure less, and all but one in
# twenty of those blurred by 1.5 px more.
LOST_PX = 1.7
# ... and in the photo's own pixels. A small face that is as sharp as its pixels allow has lost
# nothing that could be laid back at its size; a lens or a scanner blurs by about one pixel.
SOFT_PX = 1.2
_SAME_IOU = 0.3  # boxes that share more are of one face
# Around damage so many pixels are not looked at, unless less than this share of the face was left.
_RIM_PX, _LEAST_SOUND = 5, 0.2
_SHOWN_PX = 192  # side of the pictures for the report

_COUNTED: dict[FaceVerdict, tuple[str, str]] = {
    "lost detail": ("has lost detail", "have lost detail"),
    "sharp": ("is sharp", "are sharp"),
    "too small": ("is too small", "are too small"),
    "hidden": ("is hidden on purpose", "are hidden on purpose"),
    "not chosen": ("is not chosen", "are not chosen"),
}


@dataclass(frozen=True)
class FacesStage:
    """Find, align, restore, blend, measure."""

    detector: StoredModel
    restorer: StoredModel
    identity: StoredModel | None = None  # None = how far a face moved is not measured
    threads: int | None = None
    chosen: tuple[int, ...] = ()  # numbers of the faces to restore; empty = all
    told: bool = False  # the person says that the faces lost detail, whatever is measured
    # Those of the photo as it came, whose numbers hold; None = no other stage has changed it
    first: tuple[Face, ...] | None = None
    name: str = "faces"

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        models = (self.detector, self.restorer, self.identity)
        return tuple(model.card for model in models if model is not None)

    def diagnose(self, draft: Draft, progress: Progress) -> tuple[Finding, Draft]:
        faces = self.look(draft, progress)
        progress(1.0)
        return self.finding(faces), draft.evolve(faces=faces)

    def look(self, draft: Draft, progress: Progress) -> tuple[Face, ...]:
        """The faces of a photo, from left to right, and what is to be done with each."""
        found = placed_faces(self._detector, draft.photo.pixels)
        found = found.chosen(np.argsort(found.boxes[:, ::2].mean(axis=1), kind="stable"))
        factor = 1 if draft.enlargement is None else draft.enlargement.factor
        boxes = _within(found.boxes, draft.photo.size) / np.float32(factor)
        known = {} if self.first is None else _known(self.first, boxes)
        number = 0 if self.first is None else len(self.first)
        faces: list[Face] = []
        for index in range(len(found)):
            own = known.get(index)
            this = found.chosen(np.array([index]))
            face = self._judged(draft, this, number + 1 if own is None else own.number)
            if own is not None and own.verdict == "hidden" and face is not None:
                # A bar that was filled since hides the face no less.
                face = replace(face, verdict="hidden", words=own.words)
            if face is not None:
                faces.append(face)
                number += own is None
            progress((index + 1) / len(found))
        return tuple(faces)

    def apply(self, draft: Draft, strength: float, progress: Progress) -> Draft:
        photo, side = draft.photo, self.restorer.card.size_px
        places = {face.number: _placed(_points(face), side) for face in draft.faces}
        asked = [face for face in draft.faces if face.verdict == "lost detail"]
        if not asked:
            return draft
        toned = photo.grey or is_monochrome(photo.pixels, photo.alpha)
        patches: list[Patch] = []
        for face in asked:
            shown = cut(photo.pixels, places[face.number].matrix, side)
            restored = self._restored(shown)
            patches.append(Patch(places[face.number], matched(shown, restored, toned=toned)))
            progress(0.8 * len(patches) / len(asked))
        spared = [places[face.number] for face in draft.faces if face not in asked]
        pixels = widen(photo.pixels)
        marks = np.zeros(photo.size, np.uint8) if draft.marks is None else draft.marks.copy()
        for area, reached in lay(pixels, patches, spared, strength):
            marks[area.slices][reached] |= np.uint8(Mark.INVENTED)
        faces = tuple(
            self._told(face, photo.pixels, pixels) if face in asked else face
            for face in draft.faces
        )
        progress(1.0)
        return draft.evolve(photo=photo.evolve(pixels=pixels), marks=marks, faces=faces)

    def finding(self, faces: tuple[Face, ...]) -> Finding:
        """What these faces amount to, and whether to act on them."""
        counts = Counter(face.verdict for face in faces)
        lost = counts["lost detail"]
        parts = [
            f"{counts[verdict]} {one if counts[verdict] == 1 else several}"
            for verdict, (one, several) in _COUNTED.items()
            if counts[verdict]
        ]
        words = f"{len(faces)} faces: {', '.join(parts)}." if faces else "No faces."
        if len(faces) == 1:
            words = f"1 face: it {_COUNTED[faces[0].verdict][0]}."
        numbers = {face.number for face in faces}
        absent = [str(number) for number in sorted({*self.chosen} - numbers)]
        unmet = (f"there is no face {', '.join(absent)}",) if absent else ()
        if absent:
            words += f" There is no face {', '.join(absent)}."
        measured = (
            Measurement("faces that lost detail", float(lost), "", 1.0),
            Measurement("faces", float(len(faces)), ""),
        )
        return Finding(self.name, lost > 0, words, measured, unmet=unmet)

    def _judged(self, draft: Draft, found: Faces, number: int) -> Face | None:
        """The face that was found, and what is to be done with it; None if it is none."""
        verdict, words = self._verdict(draft, found, number)
        if verdict is None:
            return None
        return Face(
            number,
            tuple(_within(found.boxes, draft.photo.size)[0].tolist()),  # pyright: ignore[reportArgumentType]
            tuple((float(x), float(y)) for x, y in found.points[0]),
            verdict,
            words,
        )

    def _verdict(self, draft: Draft, found: Faces, number: int) -> tuple[FaceVerdict | None, str]:
        pixels, points = draft.photo.pixels, found.points[0]
        # Enlarging adds nothing of who it is, and may smooth the blocks of a face that was hidden.
        seen, factor = pixels, 1
        if draft.enlargement is not None:
            seen, factor = draft.enlargement.before, draft.enlargement.factor
        eyes_px = float(np.linalg.norm(points[1] - points[0])) / factor
        small = eyes_px < EYES_PX
        how = (
            None
            if small
            else measure_concealment(seen, found.boxes[0] / factor, points / factor).how
        )
        if not beyond_doubt(self._detector, pixels, found, [how])[0]:
            return None, ""
        if how is not None:
            return "hidden", f"hidden on purpose, it seems: {how}"
        if self.chosen and number not in self.chosen:
            return "not chosen", "not among the faces you chose"
        if small:
            return "too small", (
                f"too small: its eyes are {eyes_px:.0f} px apart, {EYES_PX:.0f} are needed"
            )
        size = self.restorer.card.size_px
        blur, own = self.blurs_px(pixels, points, draft.marks)
        measured = f"its edges are blurred by {blur:.1f} px, at the {size} px of the network"
        lost = blur >= LOST_PX and own >= SOFT_PX
        if not lost and not self.told:
            sharp = "sharp as it is" if blur < LOST_PX else "as sharp as its few pixels allow"
            return "sharp", f"{sharp}: {measured}"
        return "lost detail", f"{'detail is lost' if lost else 'sharp, but forced'}: {measured}"

    def blurs_px(
        self, pixels: Pixels, points: Points, marks: NDArray[np.uint8] | None = None
    ) -> tuple[float, float]:
        """The blur of a face, in pixels of the network's frame and in those it was measured in.

        See `LOST_PX` and `SOFT_PX`.

        Of a face smaller than the frame it is measured in the photo's own pixels: enlarged first,
        every edge would be as wide as the enlarging made it. The edges of damage, as `marks` (H, W)
        tell of it, are not the face's own, mended or not.
        """
        side = self.restorer.card.size_px
        scale = max(scale_of(frame_of(points, FFHQ_FRAME, side)), 1.0)
        own = max(int(side / scale), 1)
        frame = frame_of(points, FFHQ_FRAME, own)
        face = cut(pixels, frame, own)
        inside = Placed(np.eye(2, 3), own).weights(Area(0, own, 0, own)) > 0.5
        if marks is not None:
            sound = inside & ~_damaged(marks, frame, own)
            inside = sound if sound.sum() >= _LEAST_SOUND * inside.sum() else inside
        measured = blur_px(face, inside)
        return measured * side / own, measured

    def _restored(self, shown: NDArray[np.float32]) -> NDArray[np.float32]:
        (answer,) = self._restorer.run(np.ascontiguousarray(np.moveaxis(shown, -1, 0))[None])
        return np.clip(np.moveaxis(answer[0], 0, -1), 0.0, 1.0)

    def _told(self, face: Face, before: Pixels, after: Pixels) -> Face:
        """A restored face with what is to be said of it."""
        points = _points(face)
        pictures = [
            np.rint(255 * cut(pixels, frame_of(points, FFHQ_FRAME, _SHOWN_PX), _SHOWN_PX))
            for pixels in (before, after)
        ]
        similarity, warning = None, ""
        if self._identity is not None:
            similarity = similarity_of(self._identity, before, after, points)
            if similarity < WARN_BELOW:
                warning = (
                    f"this may no longer be the same person: likeness {similarity:.2f}, "
                    f"under {WARN_BELOW:g}"
                )
        return replace(
            face,
            restored=True,
            similarity=similarity,
            warning=warning,
            before=pictures[0].astype(np.uint8),
            after=pictures[1].astype(np.uint8),
        )

    @cached_property
    def _detector(self) -> Network:
        return self.detector.open(self.threads)

    @cached_property
    def _restorer(self) -> Network:
        return self.restorer.open(self.threads)

    @cached_property
    def _identity(self) -> Network | None:
        return None if self.identity is None else self.identity.open(self.threads)


def _damaged(marks: NDArray[np.uint8], frame: Matrix, side_px: int) -> NDArray[np.bool_]:
    """Where a frame (side, side) shows damage, or what its edges reach."""
    size = (side_px, side_px)
    seen = cv2.warpAffine(marks & np.uint8(DAMAGE), frame, size, flags=cv2.INTER_NEAREST)
    return np.asarray(cv2.dilate((seen > 0).astype(np.uint8), np.ones((_RIM_PX, _RIM_PX)))) > 0


def _within(boxes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """What of boxes (n, 4) lies in a photo of `size` (height, width)."""
    return np.clip(boxes, 0.0, np.array(size[::-1] * 2, np.float32))


def _known(faces: tuple[Face, ...], boxes: NDArray[np.float32]) -> dict[int, Face]:
    """By the place of a box (n, 4): the face that lies there, each once."""
    known: dict[int, Face] = {}
    for face in faces:
        shared = overlaps(np.array(face.box, np.float32), boxes)
        shared[list(known)] = 0.0
        if shared.size and shared.max() >= _SAME_IOU:
            known[int(shared.argmax())] = face
    return known


def _points(face: Face) -> Points:
    return np.array(face.points, np.float32)


def _placed(points: Points, side_px: int) -> Placed:
    return Placed(frame_of(points, FFHQ_FRAME, side_px), side_px)
