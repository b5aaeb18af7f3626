"""What an exploration leaves behind: a folder with every face, a sheet of them, and a report."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from resilver.latent.exploration import (
    SEARCHED_RMSE_255,
    WANTED_RMSE_255,
    Candidate,
    Exploration,
)
from resilver.photo import Photo
from resilver.photofile.source_types import IMAGINED
from resilver.photofile.writing import check_place, write_text
from resilver.version import SOFTWARE

SHEET, REPORT = "sheet.png", "report.json"
_TILE_PX, _GAP_PX, _TEXT_PX = 256, 16, 15
_COLUMNS = 4
_PAPER, _INK = (250, 250, 248), (40, 40, 40)


def face_name(seed: int) -> str:
    """The file of the candidate of a seed."""
    return f"face_{seed}.png"


def check_folder(folder: Path, seeds: range, source: Path | None, *, overwrite: bool) -> None:
    """Makes sure, before the long search, that every file has its place.

    Raises:
        PhotoNotWritten: one of them is there already, or would replace the source.
    """
    for name in (*map(face_name, seeds), SHEET, REPORT):
        check_place(folder / name, source=source, overwrite=overwrite)


def write(
    exploration: Exploration, folder: Path, source: Path | None, *, overwrite: bool = False
) -> None:
    """Writes `face_<seed>.png` for each candidate, `sheet.png` and `report.json`.

    Every picture says in its metadata that a trained network made it (IPTC digital source type).

    Args:
        exploration: what to write.
        folder: where to; it must exist.
        source: the photo's file, which is never written to.
        overwrite: replace files that are there.

    Raises:
        PhotoNotWritten, PhotoDenied
    """
    pictures = {face_name(one.seed): one.pixels for one in exploration.candidates}
    pictures[SHEET] = sheet(exploration)
    for name, pixels in pictures.items():
        # Knowing its source, the photo refuses to be written over it.
        photo = Photo.from_array(pixels).evolve(source=source)
        photo.save(
            folder / name,
            overwrite=overwrite,
            software=SOFTWARE,
            digital_source_type=IMAGINED,
        )
    text = json.dumps(report(exploration, source), indent=2, ensure_ascii=False) + "\n"
    write_text(folder / REPORT, text, overwrite=overwrite)


def report(exploration: Exploration, source: Path | None) -> dict[str, object]:
    """The exploration as JSON has it; errors in grey levels of 255."""
    tiny, (prior, sha256) = exploration.tiny, exploration.prior
    return {
        "words": exploration.words,
        "software": SOFTWARE,
        "source": None if source is None else source.name,
        "area": asdict(tiny.area),
        "given_px": tiny.side_px,
        "grey": tiny.is_grey,
        "prior": {"name": prior, "sha256": sha256, "side_px": exploration.prior_px},
        "beyond_the_prior": exploration.enlarging,
        "steps": exploration.steps,
        "seconds": round(exploration.seconds, 1),
        "wanted_rmse_255": WANTED_RMSE_255,
        "wanted_searched_rmse_255": SEARCHED_RMSE_255,
        "method": (
            "rmse_255 is of the written file, averaged over areas down to the given size; "
            "searched_rmse_255 before the last touch, which adds, smoothly enlarged, what the "
            "searched face lacks there"
        ),
        "candidates": [
            {
                "file": face_name(one.seed),
                "words": one.words,
                "seed": one.seed,
                "side_px": one.pixels.shape[0],
                "rmse_255": round(one.rmse_255, 3),
                "searched_rmse_255": round(one.searched_rmse_255, 3),
                "consistent": one.is_consistent,
            }
            for one in exploration.candidates
        ],
    }


def sheet(exploration: Exploration) -> NDArray[np.uint8]:
    """What was given, in plain squares, and every candidate with its error: RGB (H, W, 3)."""
    tiny = exploration.tiny
    given = np.rint(tiny.pixels * 255.0).astype(np.uint8)
    tiles = [(_tile(given), f"given: {tiny.side_px} x {tiny.side_px} px")]
    tiles += [(_tile(one.pixels), _caption(one)) for one in exploration.candidates]
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = _TILE_PX + _GAP_PX, _TILE_PX + _GAP_PX + 2 * _TEXT_PX
    words = _lines(exploration.words, columns * step_x - _GAP_PX)
    foot = (len(words) + 1) * (_TEXT_PX + 4)
    canvas = Image.new("RGB", (columns * step_x + _GAP_PX, rows * step_y + _GAP_PX + foot), _PAPER)
    draw = ImageDraw.Draw(canvas)
    for index, (tile, caption) in enumerate(tiles):
        left = _GAP_PX + index % columns * step_x
        top = _GAP_PX + index // columns * step_y
        canvas.paste(Image.fromarray(tile), (left, top))
        draw.text((left, top + _TILE_PX + 4), caption, _INK, ImageFont.load_default(_TEXT_PX))
    for index, line in enumerate(words):
        top = rows * step_y + _GAP_PX + index * (_TEXT_PX + 4)
        draw.text((_GAP_PX, top), line, _INK, ImageFont.load_default(_TEXT_PX))
    return np.asarray(canvas, np.uint8)


def _caption(candidate: Candidate) -> str:
    drawn = f"drawn {candidate.searched_rmse_255:.1f}"
    words = f"{candidate.rmse_255:.2f} levels off, {drawn}"
    if not candidate.has_arrived:
        words = f"laid over, {drawn}"
    elif not candidate.is_consistent:
        words = "NOT consistent"
    return f"seed {candidate.seed}: {words}"


def _tile(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture at the side of a tile, RGB; a smaller one in plain squares."""
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    how = cv2.INTER_AREA if pixels.shape[0] > _TILE_PX else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(pixels, (_TILE_PX, _TILE_PX), interpolation=how), np.uint8)


def _lines(words: str, width_px: int) -> list[str]:
    """Words broken into lines that fit."""
    font = ImageFont.load_default(_TEXT_PX)
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
