"""Speed and memory: seconds per megapixel beside two published networks, start, peak memory.

python benchmarks/speed.py [--part speed|start|memory ...] [--huge] [--write]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from arguments import note, parser, run
from resilver.errors import ModelError
from resilver.evaluate.references import denoise_told, to_batch
from resilver.evaluate.suites import read_aged
from resilver.evaluate.tables import figure, markdown_table, median_and_spread
from resilver.imaging.tiles import to_float
from resilver.models.session import OrtNetwork
from resilver.photo import Photo
from resilver.pipeline import Options, Pipeline

PARTS = ("speed", "start", "memory")
PRINT = "036"  # of the suite `aged`: 512 x 512, 9 % damaged, as much as the median print
GRAIN_255 = 10.0  # noise added to it, so that every stage of the default run has work to do
START_PX = 256
MEGAPIXELS = {"1": (1000, 1000), "12": (3000, 4000)}  # height, width
HUGE = {"100": (8700, 11500)}
EVERYTHING = ("--colourise", "--upscale", "2", "--force", "repair,denoise,faces,colourise")
TONE = ("--only", "tone", "--force", "tone")
FURTHER = {"12": {", everything on": EVERYTHING}, "100": {", tone alone": TONE}}

# Run as processes of their own, so that what this one has loaded counts for nothing.
COMMAND = "import sys; from resilver.cli import main; sys.exit(main())"
FIRST_TILE = """
import sys, time
from resilver import Options, Photo, Pipeline
def tell(stage, share):
    if share > 0:
        print(time.time(), flush=True)
        raise SystemExit
threads = int(sys.argv[2]) or None
Pipeline(Options(threads=threads)).restore(Photo.open(sys.argv[1]), tell)
"""
# A process inherits the peak of the one it was split from: a small one must stand between.
WATCH = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Peak:
    """One command's use of the machine."""

    megapixels: float
    mebibytes: float  # of resident memory, the most at any moment
    seconds: float


def measure(arguments: argparse.Namespace) -> str:
    mirrored = aged_megapixel(arguments.data)
    parts: list[str] = []
    wanted = arguments.part or PARTS
    if "speed" in wanted:
        parts.append(speed_section(mirrored, arguments))
    with tempfile.TemporaryDirectory() as folder:
        if "start" in wanted:
            parts.append(start_section(mirrored, Path(folder), arguments))
        if "memory" in wanted:
            parts.append(memory_section(mirrored, Path(folder), arguments))
    return "## Speed and memory\n\n" + "\n\n".join(parts)


def aged_megapixel(data: Path) -> NDArray[np.uint8]:
    """1024 x 1024 px: one aged print, mirrored so that it has no seams, with grain over it."""
    (made,) = [made for made in read_aged(data / "aged") if made.name == PRINT]
    pixels = made.aged.read_u8()
    wide = np.concatenate([pixels, pixels[:, ::-1]], axis=1)
    whole = np.concatenate([wide, wide[::-1]], axis=0)
    grain = np.random.default_rng(0).normal(0.0, GRAIN_255, whole.shape)
    return np.clip(np.rint(whole + grain), 0, 255).astype(np.uint8)


def speed_section(photo: NDArray[np.uint8], arguments: argparse.Namespace) -> str:
    megapixels = photo.shape[0] * photo.shape[1] / 1e6
    pipeline = Pipeline(Options(threads=arguments.threads))
    whole: list[float] = []
    stages: dict[str, list[float]] = {}
    for number in range(arguments.runs + 1):
        started = time.perf_counter()
        _restored, report = pipeline.restore(Photo.from_array(photo))
        seconds = time.perf_counter() - started
        if number == 0:
            continue  # warming up: the networks load
        whole.append(seconds / megapixels)
        for record in report.stages:
            acted = "found and mended" if record.acted else "found nothing to do"
            name = f"- of which {record.finding.stage} ({acted})"
            stages.setdefault(name, []).append(record.seconds / megapixels)
        note(f"default run {number} of {arguments.runs}: {whole[-1]:.2f} s/MP")
    rows = [["the whole default run", median_and_spread(whole)]]
    rows += [[name, median_and_spread(seconds)] for name, seconds in stages.items()]

    told = OrtNetwork(arguments.weights / "ffdnet-color.onnx", arguments.threads)
    larger = OrtNetwork(arguments.weights / "realesr-general-x4v3.onnx", arguments.threads)
    pixels = to_float(photo)
    quarter = to_batch(pixels[:512, :512])  # its result is 16 times as large
    rows.append(
        [
            "ffdnet-color",
            median_and_spread(
                timed(lambda: denoise_told(told, pixels, 15.0), arguments.runs, megapixels)
            ),
        ]
    )
    note("ffdnet-color done")
    rows.append(
        [
            "realesr-general-x4v3 (input megapixels)",
            median_and_spread(timed(lambda: larger.run(quarter), arguments.runs, 0.512**2)),
        ]
    )
    threads = arguments.threads or "its own choice"
    return f"""Seconds per megapixel, median of {arguments.runs} runs after a warm-up (and their
range). The photo: print {PRINT} of `aged` mirrored to 1024 x 1024 px ({megapixels:.2f} megapixels),
with noise of {GRAIN_255:g} grey levels added; opening and saving not counted. The published
networks run in the same ONNX Runtime with the same threads ({threads}), ffdnet-color on the whole
photo at once, realesr-general-x4v3 on a quarter of it.

{markdown_table(["what", "s/MP"], rows)}"""


def timed(call: Callable[[], object], runs: int, megapixels: float) -> list[float]:
    """Seconds per megapixel of each run, after one that does not count."""
    call()
    result: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        result.append((time.perf_counter() - started) / megapixels)
    return result


def start_section(photo: NDArray[np.uint8], folder: Path, arguments: argparse.Namespace) -> str:
    small = folder / "small.png"
    Photo.from_array(np.ascontiguousarray(photo[:START_PX, :START_PX])).save(small)
    whole: list[float] = []
    first: list[float] = []
    for number in range(arguments.runs + 1):
        seconds = run_command(small, folder / f"start{number}", arguments.threads)
        started = time.time()
        words = [sys.executable, "-c", FIRST_TILE, str(small), str(arguments.threads or 0)]
        told = checked(words)
        if number:  # the first run fills the disk cache
            whole.append(seconds)
            first.append(float(told) - started)
    note("start done")
    return f"""Start, in a fresh process each time: median of {arguments.runs} runs after a first
that does not count (and their range). The photo: {START_PX} x {START_PX} px, PNG.

{
        markdown_table(
            ["from the start of the process to", "seconds"],
            [
                ["the first tile out of a network", median_and_spread(first)],
                ["the command's end, result written", median_and_spread(whole)],
            ],
        )
    }"""


def run_command(photo: Path, out: Path, threads: int | None) -> float:
    """Seconds that `resilver restore` takes as a process of its own."""
    started = time.perf_counter()
    checked(command(photo, out, threads))
    return time.perf_counter() - started


def command(photo: Path, out: Path, threads: int | None, *more: str) -> list[str]:
    words = [sys.executable, "-c", COMMAND, "restore", str(photo), "-o", str(out), "--quiet", *more]
    return words if threads is None else [*words, "--threads", str(threads)]


def checked(words: list[str]) -> str:
    """What a command prints.

    Raises:
        ModelError: it failed; with what it said.
    """
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ModelError(f"{' '.join(words[3:])}: failed ({done.returncode}) {done.stderr.strip()}")
    return done.stdout


def memory_section(photo: NDArray[np.uint8], folder: Path, arguments: argparse.Namespace) -> str:
    sizes = MEGAPIXELS | (HUGE if arguments.huge else {})
    rows: list[list[str]] = []
    for name, size in list(sizes.items())[: arguments.photos]:
        scan = folder / f"scan{name}.tif"
        write_scan(photo, size, scan)
        ways: dict[str, tuple[str, ...]] = {"": (), **FURTHER.get(name, {})}
        for how, words in ways.items():
            out = folder / f"out{name}{len(words)}"
            peak = watch(scan, size, out, arguments.threads, *words)
            rows.append(
                [
                    f"{peak.megapixels:.1f} megapixels ({size[1]} x {size[0]}){how}",
                    figure(peak.mebibytes, 0),
                    figure(peak.seconds, 1),
                    figure(peak.seconds / peak.megapixels),
                ]
            )
            note(f"{name} megapixels{how}: {peak.mebibytes:.0f} MiB, {peak.seconds:.0f} s")
        scan.unlink()
    return f"""Peak resident memory of `resilver restore` as a process of its own, default run,
opening and saving included. Scans: the photo above repeated, 16-bit TIFF, 9 % damaged all over.
*Everything on*: every stage forced, coloured anew, twice as large along each side. *Tone alone*:
forced, no other stage.

{markdown_table(["scan", "peak MiB", "seconds", "s/MP"], rows)}"""


def write_scan(photo: NDArray[np.uint8], size: tuple[int, int], path: Path) -> None:
    """The photo repeated to (height, width) as uncompressed 16-bit TIFF; no copy in memory."""
    height, width = size
    once = pyvips.Image.new_from_array(photo)
    across, down = -(-width // photo.shape[1]), -(-height // photo.shape[0])
    scan = once.replicate(across, down).crop(0, 0, width, height)
    wide = (scan * 257).cast("ushort").copy(interpretation="rgb16")
    wide.tiffsave(str(path), compression="none")


def watch(scan: Path, size: tuple[int, int], out: Path, threads: int | None, *more: str) -> Peak:
    """Restores a scan in a process of its own and says what that took.

    Raises:
        ModelError: it failed.
    """
    started = time.perf_counter()
    told = checked([sys.executable, "-c", WATCH, *command(scan, out, threads, *more)])
    seconds = time.perf_counter() - started
    most, status = (int(word) for word in told.split())
    if status != 0:
        raise ModelError(f"{scan.name}: resilver restore failed ({status})")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return Peak(size[0] * size[1] / 1e6, most * unit / 2**20, seconds)


if __name__ == "__main__":
    given = parser(__doc__)
    given.add_argument("--part", action="append", choices=PARTS, help="default: all three")
    given.add_argument("--runs", type=int, default=5, help="after a warm-up")
    given.add_argument("--huge", action="store_true", help="memory at 100 megapixels as well")
    run("speed", given.parse_args(), measure)
