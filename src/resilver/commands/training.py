"""`resilver train` and `resilver learn-noise`; torch is imported once it is known to be there."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from resilver.batch.running import make_folder
from resilver.commands import INTERRUPTED
from resilver.commands.screen import Screen
from resilver.errors import OptionError, RecipeError
from resilver.models.card import Licence


def train_recipe(
    name: str,
    data: list[Path],
    out: Path,
    *,
    minutes: float,
    clean_targets: bool,
    teacher: Path | None,
    resume: bool,
    licence: Licence,
    note: str,
    seed: int,
    rate: float,
    workers: int,
    threads: int | None,
    start_from: Path | None,
    side_px: int | None,
    without: tuple[str, ...],
) -> int:
    """Trains a network and exports it with its card; returns the exit code."""
    _need_torch()
    for path in data:
        if not os.path.exists(path):  # noqa: PTH110 (Path.exists raises on a name that is too long)
            raise RecipeError(f"{path}: no such file or folder")
    from resilver.train.run import TrainRequest, train  # noqa: PLC0415

    screen = Screen()
    request = TrainRequest(
        name,
        tuple(data),
        out,
        minutes,
        clean_targets=clean_targets,
        teacher=teacher,
        licence=licence,
        data_note=note,
        seed=seed,
        rate=rate,
        workers=workers,
        threads=threads,
        resume=resume,
        start_from=start_from,
        side_px=side_px,
        without=without,
    )
    make_folder(out)
    state = out / "state.pt"
    before = state.stat().st_mtime_ns if state.is_file() else 0
    try:
        card = train(request, screen.line)
    except KeyboardInterrupt:
        # After --fresh the state of an earlier run lies there until the first of this one.
        saved = state.is_file() and (resume or state.stat().st_mtime_ns != before)
        kept = f"{state} is kept, --resume goes on from it" if saved else "nothing saved"
        screen.error(kept, "stopped")
        return INTERRUPTED
    if card is None:  # another process of torchrun exports
        return 0
    screen.line(f"{out / card.file}  {card.sha256}", "written", "green")
    return 0


def learn_noise_of(folder: Path, out: Path, *, minutes: float, overwrite: bool) -> int:
    """Tunes the denoiser on a person's own scans; returns the exit code."""
    _need_torch()
    if not os.path.isdir(folder):  # noqa: PTH112 (as above)
        raise RecipeError(f"{folder}: no such folder")
    if out.suffix != ".onnx":
        raise OptionError(f"{out}: the weight file must end in .onnx")
    from resilver.train.learn_noise import learn_noise  # noqa: PLC0415

    screen = Screen()
    make_folder(out.parent)
    learned = learn_noise(folder, out, minutes, screen.line, overwrite=overwrite)
    screen.line(
        f"learned from {learned.pairs} prints scanned twice and {learned.singles} scanned once"
    )
    verdict = "better" if learned.improved else "NOT better: keep the bundled denoiser"
    screen.line(
        f"error on parts not learned from: {learned.error_before_255:.3f} before, "
        f"{learned.error_after_255:.3f} after, in grey levels of 255 ({verdict})"
    )
    screen.line(f"{learned.weights}  use it with --denoise-model", "written")
    return 0


def _need_torch() -> None:
    missing = [name for name in ("torch", "onnx", "tensorboard") if find_spec(name) is None]
    if missing:
        raise RecipeError(
            f'training needs {", ".join(missing)}: pip install ".[train]" in its checkout'
        )
