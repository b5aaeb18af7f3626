"""What a training run asks of the machine: its processes, its devices, its memory, its formats."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import nn

from resilver.train.optimise import lay_out
from resilver.train.recipe import Batch


def bfloat16_pays() -> bool:
    """Whether this processor trains a convolution faster in bfloat16 than in float32, measured.

    With matrix units (AMX) it is twice as fast or more; on one that has the instructions but not
    the units it took 1.7 times as long, and no flag tells the two apart.
    """

    def time_of(short: bool) -> Callable[[], float]:
        layout = torch.channels_last if short else torch.contiguous_format
        convolution = nn.Conv2d(64, 64, 3, padding=1)
        lay_out(convolution, layout)
        image = torch.zeros(8, 64, 48, 48).contiguous(memory_format=layout)

        def seconds() -> float:
            started = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=short):
                loss = convolution(image).float().square().mean()
            loss.backward()
            return time.perf_counter() - started

        return seconds

    in_short, in_full = time_of(short=True), time_of(short=False)
    tried = [(in_short(), in_full()) for _ in range(8)]  # the first ones also warm up
    return min(short for short, _ in tried) < min(full for _, full in tried)


def keep_freed_memory() -> None:
    """Tells glibc to reuse freed memory instead of handing it back at every step.

    Activations are tens of megabytes; by default each one is mapped and zeroed anew, which took a
    third of the processor's time on the machine this was measured on.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not glibc: macOS and Windows have no such habit
        return
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD, M_MMAP_MAX of malloc.h
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)


def is_first_process() -> bool:
    """True for the process that writes: process 0 under torchrun, the only one otherwise."""
    return os.environ.get("RANK", "0") == "0"


def join_processes() -> tuple[int, int, torch.device]:
    """(rank, world size, device); joins the process group when started by torchrun."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank, local = int(os.environ.get("RANK", "0")), int(os.environ.get("LOCAL_RANK", "0"))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if world > 1:
        dist.init_process_group("nccl" if cuda else "gloo")
    return rank, world, device


def all_agree(mine: bool, world: int, device: torch.device) -> bool:
    """True where every process says so: clocks differ, and a lone step would hang."""
    if world == 1:
        return mine
    vote = torch.tensor([1.0 if mine else 0.0], device=device)
    dist.all_reduce(vote, op=dist.ReduceOp.MIN)
    return bool(vote.item() > 0)


def to_device(batch: Batch, device: torch.device, layout: torch.memory_format) -> Batch:
    moved: Batch = {}
    for key, value in batch.items():
        there = value.to(device, non_blocking=True)
        moved[key] = there.contiguous(memory_format=layout) if there.ndim == 4 else there
    return moved
