"""A prior explored: faces of which 16 px are known, searched for, and held against the real ones.

python benchmarks/explore.py [--prior NAME] [--sheet sheet.png] [--write]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

import cv2
import numpy as np

from arguments import note, parser, run, write_sheet
from resilver.evaluate.faces import FaceJudge, FaceScores
from resilver.evaluate.suites import SuitePhoto, read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.alignment import FFHQ_FRAME
from resilver.imaging.measures import Picture
from resilver.latent.enlarger import Enlarger
from resilver.latent.exploration import (
    SEARCHED_RMSE_255,
    WANTED_RMSE_255,
    ExploreRequest,
    SearchConfig,
    explore,
)
from resilver.latent.prior import Prior, open_prior
from resilver.latent.scale import shrunk
from resilver.models.session import OrtNetwork
from resilver.photo import Photo
from resilver.stages.upscale import FAITHFUL

SUITE = "faces256"
TINY_PX = 16
JUDGED_PX = 256  # every face is judged at this side, enlarged by Lanczos
CANDIDATES = 2  # of each face, from two seeds
SHOWN = 12  # faces on a sheet


Scores = dict[str, list[FaceScores]]  # of each way to enlarge, face after face


@dataclass
class Searches:
    """What the searches came to, candidate after candidate."""

    searched: list[float] = field(default_factory=list)  # grey levels off, before the last touch
    written: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # a face, all its candidates
    apart: list[float] = field(default_factory=list)  # grey levels between two candidates


def measure(arguments: argparse.Namespace) -> str:
    threads = arguments.threads
    prior = open_prior(arguments.prior, threads)
    judge = FaceJudge(
        OrtNetwork(arguments.weights / "squeezenet1_0.onnx", threads),
        OrtNetwork(arguments.weights / "edgeface_xs.onnx", threads),
    )
    enlarger = Enlarger.named(FAITHFUL, threads)
    photos = read_photos(arguments.data / SUITE)
    chosen = [photos[index] for index in spread(len(photos), arguments.photos)]
    found, searches, sheet = Scores(), Searches(), list[Picture]()
    for photo in chosen:
        row = explored(photo, prior, enlarger, judge, found, searches)
        if len(sheet) < SHOWN:
            sheet.append(row)
        note(f"{photo.name}: {searches.searched[-1]:.1f} grey levels off")
    if arguments.sheet:
        levels = np.rint(np.concatenate(sheet)[..., ::-1] * 255).astype(np.uint8)
        write_sheet(arguments.sheet, levels)
    return text(prior, len(chosen), found, searches)


def explored(
    photo: SuitePhoto,
    prior: Prior,
    enlarger: Enlarger,
    judge: FaceJudge,
    found: Scores,
    searches: Searches,
) -> Picture:
    """Searches for one face, notes how it went, and shows it (side, ways * side, 3)."""
    good = np.clip(shrunk(photo.read(), prior.side_px), 0.0, 1.0)
    tiny = np.rint(shrunk(good, TINY_PX) * 255).astype(np.uint8)
    request = ExploreRequest(search=SearchConfig(candidates=CANDIDATES))
    result = explore(Photo.from_array(tiny), prior, request)
    drawn = [one.pixels.astype(np.float32) / np.float32(255) for one in result.candidates]
    given = tiny.astype(np.float32) / np.float32(255)
    ways = {
        "interpolated (Lanczos)": Enlarger().enlarge(given, prior.side_px),
        "the faithful enlarger": enlarger.enlarge(given, prior.side_px),
        "explored, first seed": drawn[0],
        "explored, second seed": drawn[1],
    }
    large = [_at_judged_side(face) for face in (good, *ways.values())]
    scores = judge.scores(large[1:], large[0], FFHQ_FRAME * JUDGED_PX)
    for name, score in zip(ways, scores, strict=True):
        found.setdefault(name, []).append(score)
    searches.searched += [one.searched_rmse_255 for one in result.candidates]
    searches.written += [one.rmse_255 for one in result.candidates]
    searches.seconds.append(result.seconds)
    searches.apart.append(255.0 * float(np.sqrt(np.square(drawn[0] - drawn[1]).mean())))
    return np.concatenate([_at_judged_side(given, cv2.INTER_NEAREST), *large[1:], large[0]], axis=1)


def _at_judged_side(face: Picture, how: int = cv2.INTER_LANCZOS4) -> Picture:
    size = (JUDGED_PX, JUDGED_PX)
    return np.clip(np.asarray(cv2.resize(face, size, interpolation=how), np.float32), 0.0, 1.0)


def text(prior: Prior, faces: int, found: Scores, searches: Searches) -> str:
    searched, written = np.array(searches.searched), np.array(searches.written)
    rows = [
        [
            name,
            figure(float(np.mean([score.perceptual for score in scores])), 3),
            figure(float(np.mean([score.identity for score in scores])), 3),
            figure(float(np.mean([score.decibels for score in scores])), 2),
        ]
        for name, scores in found.items()
    ]
    table = markdown_table(["way", "perceptual", "identity", "PSNR"], rows)
    arrived = 100.0 * (searched <= SEARCHED_RMSE_255).mean()
    agreed = 100.0 * (written <= WANTED_RMSE_255).mean()
    return f"""## A prior explored

Prior: `{prior.card.name}`, faces of {prior.side_px} px ({prior.card.training}).

{faces} faces of `{SUITE}`, never trained on, shrunk to {TINY_PX} px and searched for with
{CANDIDATES} candidates each, {SearchConfig().steps} steps:

- off by {np.median(searched):.1f} grey levels when shrunk (median of the search alone;
  {arrived:.0f} % of the candidates within the {SEARCHED_RMSE_255:g} at which a face counts as
  drawn), after the last touch by {np.median(written):.2f} ({agreed:.0f} % within
  {WANTED_RMSE_255:g});
- two candidates of one face differ by {np.median(searches.apart):.1f} grey levels (median);
- {np.median(searches.seconds):.1f} s a face with its {CANDIDATES} candidates (median).

Against the real face, all at {JUDGED_PX} px, enlarged by Lanczos from the prior's side:
*perceptual*, 1 - cosine of SqueezeNet v1.0's features (with the same network the prior learned);
*identity*, cosine of EdgeFace's embeddings, which no explored face should be expected to keep; PSNR
in dB.

{table}"""


if __name__ == "__main__":
    arguments = parser(__doc__ or "")
    arguments.add_argument("--prior", help="name of an imported prior (default: the bundled one)")
    arguments.add_argument("--sheet", help="where to write some of the faces, side by side")
    run("explore", arguments.parse_args(), measure)
