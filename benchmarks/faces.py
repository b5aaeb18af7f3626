"""Faces restored: how they look and who they are, by level of wear and by group of people.

python benchmarks/faces.py [--network faces.onnx] [--sheet sheet.png] [--write]
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from arguments import note, parser, run, write_sheet
from resilver.ageing.faces import LEVELS
from resilver.errors import PhotoMissing
from resilver.evaluate.declared.faces import SIDE_PX, worn_sample
from resilver.evaluate.faces import FaceJudge, FaceScores, mean_interval
from resilver.evaluate.references import denoise_blind
from resilver.evaluate.suites import SuitePhoto, read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.measures import Picture
from resilver.models.session import Network, OrtNetwork
from resilver.models.store import bundled_model, load

SUITES = ("faces256", "faces512")
GROUP_LEVEL = "medium"
DRAWS_SEED = 1
OURS = "faces"
Restore = Callable[[Picture], Picture]


@dataclass
class Found:
    """Scores of one way to restore, face after face, and the time it took."""

    scores: list[FaceScores] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def column(self, name: str) -> np.ndarray:
        return np.array([getattr(score, name) for score in self.scores])


@dataclass(frozen=True)
class Bench:
    """What all suites are measured with."""

    judge: FaceJudge
    detector: Network
    denoise: Restore
    ours: Restore


def measure(arguments: argparse.Namespace) -> str:
    threads = arguments.threads
    ours = OrtNetwork(arguments.network, threads) if arguments.network else load("faces", threads)
    denoiser = load("denoise", threads)
    bench = Bench(
        FaceJudge(
            OrtNetwork(arguments.weights / "squeezenet1_0.onnx", threads),
            OrtNetwork(arguments.weights / "edgeface_xs.onnx", threads),
        ),
        bundled_model("detect").open(threads),
        lambda face: np.clip(denoise_blind(denoiser, face), 0.0, 1.0),
        lambda face: denoise_blind(ours, face),
    )
    parts: list[str] = []
    sheet: list[Picture] = []
    for suite in SUITES:
        photos = read_photos(arguments.data / suite)
        chosen = [photos[index] for index in spread(len(photos), arguments.photos)]
        found = {level: compared(bench, chosen, level, sheet) for level in LEVELS}
        parts.append(f"`{suite}`, {len(chosen)} faces:\n\n{level_table(found)}\n")
        note(parts[-1])
    if arguments.sheet:
        levels_u8 = np.rint(np.concatenate(sheet)[..., ::-1] * 255).astype(np.uint8)
        write_sheet(arguments.sheet, levels_u8)
    groups = read_groups(arguments.data / "groups")
    chosen_groups = [groups[index] for index in spread(len(groups), arguments.photos)]
    found_groups = compared(bench, [photo for photo, _ in chosen_groups], GROUP_LEVEL, None)
    table = group_table([labels for _, labels in chosen_groups], found_groups)
    levels = "\n".join(
        f"- *{name}*: blur {wear.blur_px:g} px, {wear.shrink:g} times smaller, "
        f"grain {wear.grain:g}, JPEG {wear.quality}"
        for name, wear in LEVELS.items()
    )
    newline = "\n"
    return f"""## Faces restored

Good faces, shrunk to {SIDE_PX} px where they are larger, are worn by a fixed recipe, every second
one in grey:

{levels}

Against the good face: *perceptual*, 1 - cosine of SqueezeNet v1.0's
features (modules 3, 5, 7, 9; the training's loss looks with the same network); *identity*, cosine
of EdgeFace's embeddings (never in a loss, but on some of these faces it was looked at while the
weights of the losses were chosen); PSNR in dB. Mean ± standard deviation over faces.
*faces*: the network alone; *denoise alone*: our denoising network at full strength, which in a
whole restoration comes first; *denoise, then faces*: both.

{newline.join(parts)}
`groups`, {len(chosen_groups)} faces of 128 px enlarged to {SIDE_PX}, {GROUP_LEVEL} wear; means with
95 % intervals (bootstrap over faces); labels are the source's own. These faces are soft while they
are good: detail that is drawn counts against the restorer here.

{table}"""


def compared(
    bench: Bench, photos: Sequence[SuitePhoto], level: str, sheet: list[Picture] | None
) -> dict[str, Found]:
    """Scores of every way on these faces at one level.

    With a sheet, denoising is compared too, and a row of pictures for a few faces goes there.
    """
    results: dict[str, Found] = {}
    for number, photo in enumerate(photos):
        sample = worn_sample(bench.detector, photo, level, number)
        good, worn, points = sample.true, sample.given, sample.points
        faces = {"worn": worn}
        started = time.perf_counter()
        faces[OURS] = bench.ours(worn)
        seconds = time.perf_counter() - started
        if sheet is not None:
            faces["denoise alone"] = bench.denoise(worn)
            faces["denoise, then faces"] = bench.ours(faces["denoise alone"])
        scores = bench.judge.scores(list(faces.values()), good, points)
        for name, score in zip(faces, scores, strict=True):
            results.setdefault(name, Found()).scores.append(score)
        results[OURS].seconds.append(seconds)
        if sheet is not None and number in (0, len(photos) // 2 + 1, len(photos) - 1):
            sheet.append(np.concatenate((good, *faces.values()), axis=1))
    return results


def level_table(found: dict[str, dict[str, Found]]) -> str:
    rows: list[list[str]] = []
    for level, ways in found.items():
        worn = ways["worn"].column("perceptual").mean()
        for name, way in ways.items():
            perceptual = way.column("perceptual")
            rows.append(
                [
                    f"{level}, {name}",
                    _with_spread(perceptual, 3),
                    f"{100 * (perceptual.mean() / worn - 1):+.0f} %",
                    _with_spread(way.column("identity"), 3),
                    _with_spread(way.column("decibels"), 2),
                    figure(float(np.median(way.seconds)), 2) if way.seconds else "",
                ]
            )
    return markdown_table(
        ["wear", "perceptual", "to worn", "identity", "PSNR", "seconds a face"], rows
    )


def group_table(labels: list[dict[str, str]], found: dict[str, Found]) -> str:
    """Figures of every group, each with its interval."""
    worn, ours = found["worn"], found[OURS]
    columns = [
        ours.column("perceptual"),
        ours.column("perceptual") / worn.column("perceptual") - 1.0,
        ours.column("identity"),
        ours.column("identity") - worn.column("identity"),
        ours.column("decibels") - worn.column("decibels"),
    ]
    rows: list[list[str]] = []
    for kind in labels[0]:
        for value in sorted({label[kind] for label in labels}):
            which = np.array([label[kind] == value for label in labels])
            cells = [_interval(column[which]) for column in columns]
            rows.append([f"{kind}: {value}", str(int(which.sum())), *cells])
    rows.append(["all", str(len(labels)), *(_interval(column) for column in columns)])
    head = [
        "group",
        "faces",
        "perceptual",
        "its change, share",
        "identity",
        "its gain",
        "PSNR gain",
    ]
    return markdown_table(head, rows)


def read_groups(folder: Path) -> list[tuple[SuitePhoto, dict[str, str]]]:
    """Every face of the suite `groups` with its labels."""
    index = folder / "index.csv"
    if not index.is_file():
        raise PhotoMissing(index, "no such file")
    rows = csv.DictReader(index.read_text("utf-8").splitlines())
    return [(SuitePhoto(folder / row.pop("file")), row) for row in rows]


def _with_spread(values: np.ndarray, digits: int) -> str:
    return f"{figure(float(values.mean()), digits)} ± {figure(float(values.std()), digits)}"


def _interval(values: np.ndarray) -> str:
    mean, low, high = mean_interval(values.astype(np.float64), DRAWS_SEED)
    return f"{figure(mean, 3)} ({figure(low, 3)} to {figure(high, 3)})"


if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("--network", type=Path, help="a candidate, or an imported network")
    command.add_argument("--sheet", type=Path, help="PNG to write: good, worn, every way")
    run("faces", command.parse_args(), measure)
