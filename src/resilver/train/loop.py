"""The one training loop: autocast, EMA, cosine by wall-clock, clipping, resume, several GPUs.

A run is bounded by minutes, not by steps: on a shared machine that is the budget one really has.
Under `torchrun` every process takes a different seed of the sample stream and gradients are
averaged (DistributedDataParallel); process 0 alone writes.
"""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from resilver.errors import OptionError, RecipeError
from resilver.train.events import Events
from resilver.train.feeding import batches
from resilver.train.machine import (
    all_agree,
    bfloat16_pays,
    join_processes,
    keep_freed_memory,
    to_device,
)
from resilver.train.optimise import GENTLE, Optimiser, lay_out
from resilver.train.recipe import Lineage, Recipe
from resilver.train.state import load_state, save_state
from resilver.train.watching import Watch

# A step that takes longer without computing slept, with the machine or stopped by a person.
_LONGEST_STEP_S = 60.0
# Of the usual length of a gradient, where two networks learn against each other: penalties that
# come now and then are rightly longer. Without any limit a run ended in white pictures.
_WILD = 10.0
# Steps in a row without a gradient that is a number: one is an accident, so many are the rule.
_MOST_SKIPPED = 20


@dataclass(frozen=True)
class FitConfig:
    """One run's budget and bookkeeping."""

    minutes: float  # wall-clock of the whole run, earlier sittings of a resumed run included
    out: Path  # folder for `state.pt`, TensorBoard events and the final weights
    seed: int = 0
    workers: int = 1  # processes that make samples
    threads: int | None = None  # torch threads; None leaves torch's own choice
    rate: float = 1.0  # of the recipe's learning rate
    ema_decay: float = 0.999
    warmup_steps: int = 100
    clip_factor: float = 3.0  # a gradient longer than this many usual ones is shortened to it
    save_every_s: float = 120.0
    inspect_every_s: float = 600.0  # recipes that are `Inspected` only; and once at the end
    log_every: int = 50
    resume: bool = True  # go on from `state.pt` where it exists
    lineage: Lineage | None = None  # for the card; None = nobody asks

    def __post_init__(self) -> None:
        if not 0.0 < self.minutes < math.inf:
            raise OptionError(f"a run lasts more than 0 minutes, and ends: not {self.minutes:g}")


@dataclass(frozen=True)
class FitResult:
    """What a finished run hands over."""

    network: nn.Module  # the EMA weights, float32, on the CPU, in eval mode
    steps: int
    seconds: float  # training time over all sittings
    samples: int
    # Of the last inspection, where the recipe is `Inspected`.
    figures: dict[str, float] = field(default_factory=dict)
    lineage: Lineage | None = None  # of all sittings


def learning_rate_factor(progress: float, step: int, warmup_steps: int) -> float:
    """Cosine from 1 to 0 over progress in [0, 1], times a linear warm-up over the first steps."""
    warm = min(1.0, (step + 1) / warmup_steps)
    return warm * 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def fit(
    recipe: Recipe,
    sources: list[Path],
    config: FitConfig,
    *,
    initial: nn.Module | None = None,
    log: Callable[[str], None] = lambda _line: None,
) -> FitResult:
    """Trains `recipe` for `config.minutes` and returns the EMA network.

    Args:
        recipe: which network, which samples, which loss.
        sources: folders, images or tar shards of photos.
        config: budget and bookkeeping.
        initial: start from these weights instead of fresh ones (fine-tuning).
        log: receives one line of figures every `log_every` steps.

    Raises:
        RecipeError: the loss, twenty gradients in a row or the weights are not finite, or
            `state.pt` is of another recipe.
    """
    keep_freed_memory()
    rank, world, device = join_processes()
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    config.out.mkdir(parents=True, exist_ok=True)
    network = (initial or recipe.network()).to(device)
    short = device.type == "cuda" or all_agree(bfloat16_pays(), world, device)
    # Matrix units want channels last; without them channels first took a fifth less for a step
    # (AVX2, measured with the recipes denoise, fill and damage on two threads).
    layout = torch.channels_last if short else torch.contiguous_format
    lay_out(network, layout)
    average = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    adversarial = recipe.info.optimiser == "adam"
    optimiser = Optimiser(
        network,
        config.rate * recipe.info.learning_rate,
        trained=recipe.info.trained,
        trained_factor=1.0 if initial is None else GENTLE,
        adversarial=adversarial,
        judges=recipe.info.judges,
    )
    state_path = config.out / "state.pt"
    step, elapsed, figures, lineage = 0, 0.0, {}, config.lineage
    usual_norm = math.inf  # of the gradient, over the last fifty steps or so
    if config.resume and state_path.is_file():
        step, elapsed, figures, usual_norm, lineage = load_state(
            state_path, recipe, network, average, optimiser, device, lineage
        )
        log(f"resumed at step {step}, {elapsed / 60:.1f} min")
    trained: nn.Module = network
    if world > 1:  # a judge that joins in later has no gradients before
        trained = nn.parallel.DistributedDataParallel(network, find_unused_parameters=adversarial)
    # A resumed run must not see the same crops again, nor draw the same numbers in its losses: the
    # step moves the seed on.
    seed = config.seed + rank + 7919 * step
    torch.manual_seed(seed)
    log(f"computing in {'bfloat16' if short else 'float32'}")
    events = Events(config.out / "events", log) if rank == 0 else None
    watch = Watch(recipe, sources, config.out, config.inspect_every_s, events, log, figures)
    samples_a_step = recipe.info.batch * world
    budget_s = config.minutes * 60.0
    skipped = 0  # steps in a row
    stream = batches(recipe, sources, seed, config.workers)

    def keep(step: int, elapsed: float, usual_norm: float) -> None:
        """Stores the state; the run, and what it makes in the end, do not hang on that."""
        try:
            save_state(
                state_path, recipe, network, average, optimiser, step, elapsed, watch.figures,
                lineage, usual_norm,
            )  # fmt: skip
        except OSError as error:
            log(f"{error}: the run goes on, and cannot be resumed from here")

    first = next(stream)  # before the clock: a busy machine may take seconds to make the first
    last = saved = time.monotonic()
    worked = time.process_time()
    for batch in itertools.chain([first], stream):
        now = time.monotonic()
        # Sleep is told from work by what the processor did meanwhile.
        elapsed += min(now - last, max(time.process_time() - worked, _LONGEST_STEP_S))
        last, worked = now, time.process_time()
        if not all_agree(elapsed < budget_s, world, device):
            break
        with torch.autocast(device.type, torch.bfloat16, enabled=short):
            loss, figures = recipe.loss(trained, to_device(batch, device, layout))
        if not bool(torch.isfinite(loss)):
            raise RecipeError(f"{recipe.info.name}: the loss is not finite at step {step}")
        network.zero_grad(set_to_none=True)
        loss.backward()
        # Against the usual length, not a fixed one: Muon forgets lengths but not what a single wild
        # batch leaves in its momentum, and a loss of small numbers never reaches a fixed limit.
        limit = (_WILD if adversarial else config.clip_factor) * usual_norm
        norm = float(nn.utils.clip_grad_norm_(network.parameters(), limit))
        if not math.isfinite(norm):  # of all processes: gradients are averaged before
            skipped += 1
            log(f"step {step}  a gradient that is not finite is left out")
            if skipped == _MOST_SKIPPED:
                raise RecipeError(
                    f"{recipe.info.name}: the gradient is not finite, {skipped} times in a row "
                    f"after step {step}"
                )
            continue
        skipped = 0
        usual_norm = _usual(usual_norm, min(norm, limit))
        optimiser.step(learning_rate_factor(elapsed / budget_s, step, config.warmup_steps))
        step += 1
        _follow(average, network, min(config.ema_decay, (1 + step) / (10 + step)))
        if events is not None and step % config.log_every == 0:
            figures = {"loss": float(loss.detach()), "grad_norm": norm, **figures}
            events.figures(figures, step)
            shown = "  ".join(f"{name} {value:.5g}" for name, value in figures.items())
            log(f"step {step}  {elapsed / 60:.1f}/{config.minutes:g} min  {shown}")
        if rank == 0 and time.monotonic() - saved > config.save_every_s:
            keep(step, elapsed, usual_norm)
            saved = time.monotonic()
        if watch.is_due:
            watch.look(average, step, step * samples_a_step)
    watch.look(average, step, step * samples_a_step)
    if rank == 0:
        keep(step, elapsed, usual_norm)
    if events is not None:
        events.close()
    if world > 1:
        dist.destroy_process_group()
    network = average.cpu().float().eval()
    return FitResult(network, step, elapsed, step * samples_a_step, watch.figures, lineage)


def _usual(usual: float, latest: float) -> float:
    """The running mean of a length; the first one where there is none yet."""
    return latest if math.isinf(usual) else usual + 0.02 * (latest - usual)


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    torch._foreach_lerp_(  # pyright: ignore[reportPrivateUsage]
        list(average.parameters()), list(network.parameters()), 1.0 - decay
    )
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)
