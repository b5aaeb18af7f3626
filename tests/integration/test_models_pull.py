"""Published weights are fetched: whole, in parts, wrong, or not at all. A local server answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resilver.errors import ModelError
from resilver.models.published import (
    PUBLISHED,
    Published,
    fetch,
    held,
    published_named,
    published_with,
)
from serving_weights import Behaviour, Server, serving

CONTENT = np.random.default_rng(0).bytes(1_000_003)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Behaviour(CONTENT)) as running:
        yield running


def wanted(server: Server) -> Published:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return Published("mine", server.url + "/weights.pth", digest, len(CONTENT), "clean", "none")


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = fetch(wanted(server), tmp_path / "new", lambda there, total: told.append((there, total)))
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["weights.pth"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert told == sorted(told)
    fetch(wanted(server), tmp_path / "new")
    assert server.behaviour.asked == (None,)


@pytest.mark.parametrize("ranges", [True, False])
def test_what_was_cut_off_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.behaviour.send = 400_000
    server.behaviour.ranges = ranges
    with pytest.raises(ModelError, match="cut off after 400,000 of 1,000,003 bytes; run it again"):
        fetch(wanted(server), tmp_path)
    server.behaviour.send = None
    assert fetch(wanted(server), tmp_path).read_bytes() == CONTENT
    assert server.behaviour.asked == (None, "bytes=400000-")


def test_a_part_that_is_whole_already_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(CONTENT)
    unsized = replace(wanted(server), size=None)
    assert fetch(unsized, tmp_path).read_bytes() == CONTENT
    assert server.behaviour.asked == (f"bytes={len(CONTENT)}-",)


def test_a_longer_part_is_no_part_of_it(server: Server, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(CONTENT + b"more")
    assert fetch(wanted(server), tmp_path).read_bytes() == CONTENT


def test_a_part_of_another_file_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(b"<html>log in first</html>")
    assert fetch(wanted(server), tmp_path).read_bytes() == CONTENT
    assert server.behaviour.asked == ("bytes=25-", None)


def test_a_web_page_takes_no_part_away(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "weights.pth.part"
    part.write_bytes(CONTENT[:400_000])
    server.behaviour.kind, server.behaviour.length, server.behaviour.ranges = (
        "text/html",
        False,
        False,
    )
    with pytest.raises(ModelError, match="answers with a web page, not the file"):
        fetch(wanted(server), tmp_path)
    assert part.read_bytes() == CONTENT[:400_000]


def test_one_process_fetches_at_a_time(server: Server, tmp_path: Path) -> None:
    with (
        held(wanted(server), tmp_path / "new"),
        pytest.raises(ModelError, match="another process is fetching it"),
        held(wanted(server), tmp_path / "new"),
    ):
        pass
    with held(wanted(server), tmp_path / "new"):
        fetch(wanted(server), tmp_path / "new")


def test_another_file_is_refused_and_deleted(server: Server, tmp_path: Path) -> None:
    other = replace(wanted(server), sha256="0" * 64)
    with pytest.raises(ModelError, match="is not the published one"):
        fetch(other, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_length_the_digest_decides(server: Server, tmp_path: Path) -> None:
    server.behaviour.length = False
    server.behaviour.send = 1000
    with pytest.raises(ModelError, match="cut off after 1,000 of 1,000,003"):
        fetch(wanted(server), tmp_path)
    server.behaviour.send = None
    assert fetch(wanted(server), tmp_path).read_bytes() == CONTENT


def test_a_file_of_another_length_is_not_fetched(server: Server, tmp_path: Path) -> None:
    server.behaviour.content = CONTENT + b"more"
    with pytest.raises(ModelError, match=r"has 1,000,003 bytes, .* has 1,000,007: it is not fetch"):
        fetch(wanted(server), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_comes_beyond_the_length_is_not_taken(server: Server, tmp_path: Path) -> None:
    server.behaviour.length = False
    server.behaviour.content = bytes(50_000_000)
    with pytest.raises(ModelError, match=r"has 1,000,003 bytes, .* sends more: what came was del"):
        fetch(wanted(server), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert server.behaviour.sent < 20_000_000  # what the sockets hold, and no more


def test_a_server_that_always_begins_anew_takes_no_part_away(
    server: Server, tmp_path: Path
) -> None:
    part = tmp_path / "weights.pth.part"
    part.write_bytes(CONTENT[:400_000])
    server.behaviour.ranges = False
    for send in (100_000, 400_000, 500_000):  # cut off before and after what is there
        server.behaviour.send = send
        with pytest.raises(ModelError, match="cut off after"):
            fetch(wanted(server), tmp_path)
        assert part.read_bytes() == CONTENT[: max(send, 400_000)]
    server.behaviour.send = None
    assert fetch(wanted(server), tmp_path).read_bytes() == CONTENT


def test_another_part_than_was_asked_for_is_not_added(server: Server, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(CONTENT[:400_000])
    server.behaviour.off = 5
    assert fetch(wanted(server), tmp_path).read_bytes() == CONTENT
    assert server.behaviour.asked == ("bytes=400000-", None)


def test_a_folder_that_cannot_be_made_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file" / "downloads", tmp_path / "file"):
        with pytest.raises(ModelError, match="cannot be made a folder") as raised:
            fetch(wanted(server), folder)
        assert str(raised.value).startswith(str(folder))
    assert server.behaviour.asked == ()


def test_a_full_disk_is_said(server: Server, tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    (tmp_path / "weights.pth.part").symlink_to(full)
    with pytest.raises(ModelError, match=r"cannot be fetched .*No space left"):
        fetch(wanted(server), tmp_path)


def test_what_is_not_there_is_said(server: Server, tmp_path: Path) -> None:
    elsewhere = replace(wanted(server), url=server.url + "/other.pth")
    with pytest.raises(ModelError, match=r"other\.pth answers 404"):
        fetch(elsewhere, tmp_path)
    nowhere = replace(wanted(server), url="http://127.0.0.1:9/weights.pth")
    with pytest.raises(ModelError, match="cannot be fetched") as raised:
        fetch(nowhere, tmp_path)
    assert "\n" not in str(raised.value)


def test_the_table_is_whole() -> None:
    assert len({known.name for known in PUBLISHED}) == len(PUBLISHED)
    for known in PUBLISHED:
        assert len(known.sha256) == 64
        assert published_named(known.name) is known
        assert published_with(known.sha256) is known
        assert known.file.endswith(".pth")
    assert published_with("0" * 64) is None
    with pytest.raises(ModelError, match=r"there are: gfpgan-1\.4, "):
        published_named("gfpgan")
