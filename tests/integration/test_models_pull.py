"""Published weights are fetched: whole, in parts, wrong, or not at all. A local server answers."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from resilver.errors import ModelError
from resilver.models.published import PUBLISHED, Published, fetch, published_named, published_with

CONTENT = np.random.default_rng(0).bytes(1_000_003)


@dataclass
class Behaviour:
    """What the server does; changed by the tests."""

    send: int | None = None  # cuts every answer off after so many bytes
    ranges: bool = True  # whether it goes on from the middle
    length: bool = True  # whether it says how long the answer is
    asked: tuple[str | None, ...] = ()  # the Range header of every request


@dataclass(frozen=True)
class Server:
    url: str
    behaviour: Behaviour


@pytest.fixture
def server() -> Iterator[Server]:
    behaviour = Behaviour()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            behaviour.asked = (*behaviour.asked, wanted)
            if self.path != "/weights.pth":
                self.send_error(404)
                return
            start = 0
            if wanted and behaviour.ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(CONTENT):
                    self.send_error(416)
                    return
                self.send_response(206)
            else:
                self.send_response(200)
            if behaviour.length:
                self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            whole = CONTENT[start:]
            self.wfile.write(whole if behaviour.send is None else whole[: behaviour.send])

        def log_message(self, *_values: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield Server(f"http://127.0.0.1:{running.server_port}", behaviour)
        running.shutdown()
        thread.join()


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
