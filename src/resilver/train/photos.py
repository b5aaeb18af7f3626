"""Photos for training: found in folders or tar shards, decoded when needed, cut into crops."""

from __future__ import annotations

import logging
import os
import random
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import RecipeError

LOG = logging.getLogger("resilver.train")

Item = TypeVar("Item")

IMAGE_SUFFIXES = frozenset({".webp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})


@dataclass(frozen=True)
class Shard:
    """One image inside a folder or a tar file; cheap to hold, decoded by `read`."""

    path: Path  # the image file, or the tar that holds it
    name: str  # path inside the folder or the tar
    offset: int = -1  # byte offset of the data inside the tar; -1 for a plain file
    length: int = -1  # bytes of it

    def read_bytes(self) -> bytes:
        """The file's bytes.

        Raises:
            RecipeError: they cannot be read any more.
        """
        try:
            with self.path.open("rb") as file:
                if self.offset >= 0:
                    file.seek(self.offset)
                    return file.read(self.length)
                return file.read()
        except OSError as error:
            raise RecipeError(f"{self.path}: cannot be read ({error.strerror})") from error

    def read(self) -> NDArray[np.uint8]:
        """Decoded RGB (H, W, 3) uint8.

        Raises:
            RecipeError: the bytes are not an image.
        """
        image = decode(self.read_bytes(), cv2.IMREAD_COLOR)
        if image is None:
            raise RecipeError(f"{self.path}: {self.name} is not an image that can be decoded")
        return np.ascontiguousarray(image[..., ::-1])


class Photos:
    """Photos by number, decoded when they are asked for.

    One that cannot be decoded is named once in the log and left out from then on: it must not end a
    run that may be hours old.
    """

    def __init__(self, shards: list[Shard]) -> None:
        self._shards = shards
        self._left_out: set[int] = set()

    def __len__(self) -> int:
        """How many there are, those that are left out included."""
        return len(self._shards)

    def read(self, index: int) -> NDArray[np.uint8] | None:
        """Decoded RGB (H, W, 3) uint8; None where it is left out.

        Raises:
            RecipeError: none of them can be decoded.
        """
        if index in self._left_out:
            return None
        try:
            return self._shards[index].read()
        except RecipeError as error:
            self._left_out.add(index)
            if len(self._left_out) == len(self._shards):
                raise RecipeError(f"none of the photos can be used: {error}") from error
            LOG.warning("left out: %s", error)
            return None


def decode(data: bytes, flags: int) -> NDArray[np.uint8] | None:
    """cv2.imdecode of bytes; None where they are no image."""
    if not data:  # OpenCV takes it for a fault of the caller
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)  # type: ignore[return-value]
    except cv2.error:  # more pixels than it reads, among others
        return None


def find_shards(sources: list[Path]) -> list[Shard]:
    """Every image in the given folders, image files and tar files, in a stable order.

    Masks (`*.mask.png`) are left out: they belong to the image beside them.

    Raises:
        RecipeError: a source does not exist, or nothing is found.
    """
    shards: list[Shard] = []
    for source in sources:
        if source.is_dir():
            shards.extend(
                Shard(path, path.relative_to(source).as_posix())
                for path in sorted(source.rglob("*"))
                if _is_photo(path.name) and path.is_file()
            )
        elif source.suffix == ".tar" and source.is_file():
            shards.extend(_tar_shards(source))
        elif source.suffix.lower() in IMAGE_SUFFIXES and source.is_file():
            shards.append(Shard(source, source.name))
        else:
            raise RecipeError(f"{source}: neither a folder, an image nor a tar file")
    shards = [shard for shard in shards if ".mask." not in shard.name]
    if not shards:
        raise RecipeError(f"no images in {', '.join(map(str, sources))}")
    return shards


def shuffled(stream: Iterator[Item], held_back: int, seed: int) -> Iterator[Item]:
    """The items of a stream in another order, by holding some of them back."""
    choose = random.Random(seed)
    held: list[Item] = []
    for item in stream:
        held.append(item)
        if len(held) > held_back:
            index = choose.randrange(len(held))
            held[index], held[-1] = held[-1], held[index]
            yield held.pop()


def find_photos(sources: list[Path]) -> list[Shard]:
    """Every image that is a photo: overlays are left out.

    Raises:
        RecipeError: a source does not exist, or there is no photo.
    """
    photos, _overlays = part_overlays(sources)
    if not photos:
        raise RecipeError("among what was given to learn from are no photos")
    return find_shards(photos)


def part_overlays(sources: list[Path]) -> tuple[list[Path], list[Path]]:
    """(photos, overlays): alpha masks of film damage are told by "overlays" in their name."""
    photos = [path for path in sources if "overlays" not in called(path)]
    return photos, [path for path in sources if "overlays" in called(path)]


def called(source: Path) -> str:
    """The name of a source, which tells its part; that of the folder itself for "."."""
    return Path(os.path.abspath(source)).name  # noqa: PTH100 (a link keeps its own name)


def _tar_shards(path: Path) -> Iterator[Shard]:
    try:
        # Not compressed: photos are read from their places in the file.
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isfile() and _is_photo(Path(member.name).name):
                    yield Shard(path, member.name, member.offset_data, member.size)
    except tarfile.TarError as error:
        raise RecipeError(f"{path}: not a tar file without compression ({error})") from error


def _is_photo(name: str) -> bool:
    """By its suffix; hidden files are a system's own, as the `._NAME` of macOS."""
    return Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")


_ENLARGED_CROPS = 8  # of what is enlarged no more is held than so many crops' sides each way
_AS_IT_IS = 0.15  # width of the range of factors that stand for "neither shrunk nor enlarged"


class CropStream:
    """An endless stream of float32 RGB crops (crop_px, crop_px, 3) in [0, 1] from a pool of photos.

    A pool of decoded photos is held; each photo gives `crops_per_photo` crops and is then replaced,
    so memory stays bounded whatever the size of the collection. Photos are resized by a random
    factor first: a big scan and a small print then look alike at pixel scale.

    Args:
        shards: where the photos are.
        crop_px: side of the square crops.
        seed: the stream repeats for the same seed.
        smallest_scale: photos are shrunk by a factor drawn from [smallest_scale, 1], ...
        largest_scale: ... or enlarged by one up to this: a large scan shows a face without detail.
        pool: how many decoded photos are held.
    """

    def __init__(
        self,
        shards: list[Shard],
        crop_px: int,
        seed: int,
        *,
        smallest_scale: float = 0.35,
        largest_scale: float = 1.0,
        pool: int = 48,
        crops_per_photo: int = 12,
    ) -> None:
        self._photos = Photos(shards)
        self._crop_px = crop_px
        self._smallest_scale, self._largest_scale = smallest_scale, largest_scale
        self._pool_size = min(pool, len(shards))
        self._crops_per_photo = crops_per_photo
        self._random = random.Random(seed)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        pending: list[int] = []
        pool: list[tuple[NDArray[np.uint8], int]] = []
        while True:
            while len(pool) < self._pool_size:
                if not pending:
                    pending = self._random.sample(range(len(self._photos)), len(self._photos))
                read = self._photos.read(pending.pop())
                if read is not None:
                    pool.append((self._resized(read), self._crops_per_photo))
            index = self._random.randrange(len(pool))
            photo, left = pool[index]
            yield self._cut(photo)
            if left == 1:
                pool[index] = pool[-1]
                pool.pop()
            else:
                pool[index] = (photo, left - 1)

    def _resized(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = photo.shape[:2]
        smallest = (self._crop_px + 8) / min(height, width)
        # A share of the photos is left at its own sharpness.
        drawn = self._random.uniform(self._smallest_scale, self._largest_scale + _AS_IT_IS)
        scale = max(1.0 if 1.0 <= drawn < 1.0 + _AS_IT_IS else drawn, smallest)
        if scale == 1.0:
            return photo
        if scale > 1.0:  # a strip as long as it is would fill the memory
            photo = self._part(photo, max(round(_ENLARGED_CROPS * self._crop_px / scale), 1))
            height, width = photo.shape[:2]
        size = (max(round(width * scale), self._crop_px), max(round(height * scale), self._crop_px))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return cv2.resize(photo, size, interpolation=how)  # type: ignore[return-value]

    def _part(self, photo: NDArray[np.uint8], longest_px: int) -> NDArray[np.uint8]:
        """Some of a photo: no more than so many rows and columns."""
        rows, columns = (min(length, longest_px) for length in photo.shape[:2])
        top = self._random.randint(0, photo.shape[0] - rows)
        left = self._random.randint(0, photo.shape[1] - columns)
        return photo[top : top + rows, left : left + columns]

    def _cut(self, photo: NDArray[np.uint8]) -> NDArray[np.float32]:
        size = self._crop_px
        top = self._random.randint(0, photo.shape[0] - size)
        left = self._random.randint(0, photo.shape[1] - size)
        crop = photo[top : top + size, left : left + size]
        if self._random.random() < 0.5:
            crop = crop[:, ::-1]
        # Photos keep their upright half of the time: damage hangs on gravity less than faces do.
        crop = np.rot90(crop, self._random.choice((0, 0, 0, 1, 2, 3)))
        return np.ascontiguousarray(crop, np.float32) / np.float32(255)
