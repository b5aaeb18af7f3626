"""What a person who runs the service decides; every process of one service is given the same."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from resilver.errors import OptionError

# Each user of a machine has one of his own.
_SCRATCH = Path(tempfile.gettempdir()) / f"resilver-{os.getuid() if hasattr(os, 'getuid') else 0}"

FREE, FAST = "free", "fast"
LARGEST_HEAD_START_S = 30 * 86_400.0
LONGEST_KEPT_S = 100 * 365.25 * 86_400.0
MOST_BYTES = 1 << 50
ANYONE = "local"  # the owner of everything sent from the machine itself without a key


@dataclass(frozen=True)
class Limits:
    """What is refused before a photo is decoded, and how much one owner may have waiting."""

    max_bytes: int = 200_000_000  # of one request
    max_json_bytes: int = 50_000_000  # of one request in JSON, which is held in memory
    # Of all requests that one server holds in memory: a half for those that wait for their photos.
    held_bytes: int = 400_000_000
    max_megapixels: float = 200.0  # of one photo
    large_megapixels: float = 24.0  # from here on a photo waits among the large ones
    idle_s: float = 20.0  # longest pause of somebody who sends a request
    upload_s: float = 900.0  # longest time a request may take to arrive
    time_limit_s: float = 3600.0  # longest time a worker spends on one photo
    max_tries: int = 3  # a photo over which so many workers end, the last ones alone, has failed
    queued_per_owner: int = 100  # photos one owner may have waiting; a key may say otherwise
    megapixels_per_owner: float = 2000.0  # the same, in megapixels
    queued_in_all: int = 100_000
    listeners: int = 500  # connections of one server that follow a photo

    def __post_init__(self) -> None:
        if not 0 < self.max_bytes <= MOST_BYTES:
            raise OptionError(f"a request has up to {MOST_BYTES} bytes, not {self.max_bytes}")


@dataclass(frozen=True)
class Settings:
    """One service.

    Raises:
        OptionError: a number that makes no sense.
    """

    database: str  # SQLAlchemy URL: sqlite:///... or postgresql://...
    storage: str  # a folder, or a URL that fsspec understands (s3://bucket/prefix)
    head_start_s: dict[str, float] = field(default_factory=lambda: {FREE: 0.0, FAST: 6 * 3600.0})
    limits: Limits = Limits()
    keep_s: float = 86_400.0  # results are deleted so long after they were finished
    lease_s: float = 30.0  # a worker that was not heard of for so long is taken for dead
    grace_s: float = 30.0  # a worker that is told to stop may finish its photos for so long
    poll_s: float = 0.1  # how often a worker looks for work
    slots: int = 4  # small photos of one worker at once, as far as its megapixels allow
    megapixels: float = 24.0  # of all small photos that one worker has in hand
    threads: int | None = None  # of a network; None = all cores
    scratch: Path = _SCRATCH  # files in hand; emptied by itself
    public: bool = False  # people without a key may send photos from anywhere
    proxy: str | None = None  # address of the reverse proxy whose X-Forwarded-For is believed
    top_up_secret: str | None = None  # signs top-ups of credits; None = there are none
    webhook_networks: tuple[str, ...] = ()  # private networks that webhooks may reach, as CIDR

    @property
    def alone(self) -> float:
        """The share of a worker that a single photo can use, 0..1: its threads, of all cores."""
        cores = os.cpu_count() or 1
        return min(1.0, (self.threads or cores) / cores)

    def __post_init__(self) -> None:
        for lane, head_start_s in self.head_start_s.items():
            if not 0.0 <= head_start_s <= LARGEST_HEAD_START_S:
                raise OptionError(f"the head start of {lane} is from 0 to 30 days")
        if FREE not in self.head_start_s:
            raise OptionError(f"there is no lane without a name: {FREE!r} is missing")
        if min(self.keep_s, self.lease_s, self.poll_s, self.megapixels) <= 0 or self.slots < 1:
            raise OptionError("times, slots and megapixels are above 0")
        if not self.keep_s <= LONGEST_KEPT_S:
            raise OptionError("results are kept for a hundred years at most")


def data_folder() -> Path:
    """Where the service keeps its things if nobody says otherwise."""
    return platformdirs.user_data_path("resilver") / "service"


def default_database() -> str:
    """The URL of the database in the person's data folder."""
    return f"sqlite:///{data_folder() / 'queue.sqlite'}"


def default_storage() -> str:
    """The folder of the photos beside the database."""
    return str(data_folder() / "photos")
