"""What every benchmark script shares: its arguments, and what becomes of its result."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import PhotoNotWritten, ResilverError
from resilver.evaluate.results import Stamp, replace_section

CHECKOUT = Path(__file__).resolve().parents[1]
SHARED = CHECKOUT.parent / "shared"
RESULTS = CHECKOUT / "benchmarks" / "RESULTS.md"


def parser(description: str) -> argparse.ArgumentParser:
    """The arguments that all benchmarks take; a script may add its own."""
    arguments = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    arguments.add_argument(
        "--data", type=Path, default=SHARED / "data" / "eval", help="folder of the test suites"
    )
    arguments.add_argument(
        "--weights", type=Path, default=SHARED / "weights", help="folder of the reference networks"
    )
    arguments.add_argument("--threads", type=int, help="threads of a network (default: all cores)")
    arguments.add_argument(
        "--photos", type=int, metavar="N", help="only N photos of a suite, evenly spread: a trial"
    )
    arguments.add_argument(
        "--write", action="store_true", help=f"replace this section of {RESULTS.name}"
    )
    return arguments


def write_sheet(path: Path, levels: NDArray[np.uint8]) -> None:
    """A contact sheet (H, W, 3), blue first, as an image file.

    Raises:
        PhotoNotWritten: it cannot be written there.
    """
    if not cv2.imwrite(str(path), levels):
        raise PhotoNotWritten(path, "the sheet could not be written")


def run(
    name: str,
    arguments: argparse.Namespace,
    measure: Callable[[argparse.Namespace], str],
    *,
    section: str | None = None,
) -> None:
    """Measures, prints the Markdown that comes back under its circumstances, writes it if asked.

    The section of the results has the script's name unless it is given one.
    Every error that the library raises on purpose ends the script with one line.
    """
    started = time.perf_counter()
    try:
        stamp = Stamp.now(CHECKOUT).line()
        body = measure(arguments)
        minutes = (time.perf_counter() - started) / 60.0
        trial = f" Trial on {arguments.photos} photos only." if arguments.photos else ""
        script = f"*Measured in {minutes:.1f} minutes by `benchmarks/{name}.py`.{trial}*"
        text = f"{body}\n\n{stamp}\n{script}"
        print(text)
        if arguments.write:
            replace_section(RESULTS, section or name, text)
            note(f"written to {RESULTS}")
    except ResilverError as error:
        sys.exit(f"{name}: {error}")


def note(text: str) -> None:
    """Says on the terminal, apart from the result, how far a script has come."""
    print(text, file=sys.stderr, flush=True)
