"""A server of one weight file, for the tests that fetch one."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Behaviour:
    """What the server does; changed by the tests."""

    content: bytes  # what it has under /weights.pth
    send: int | None = None  # cuts every answer off after so many bytes
    ranges: bool = True  # whether it goes on from the middle
    length: bool = True  # whether it says how long the answer is
    off: int = 0  # bytes that it goes on from too late, as its Content-Range says
    kind: str = "application/octet-stream"  # of the content, as the answer says
    sent: int = 0  # bytes that went out
    asked: tuple[str | None, ...] = ()  # the Range header of every request


@dataclass(frozen=True)
class Server:
    url: str
    behaviour: Behaviour


@contextmanager
def serving(behaviour: Behaviour) -> Generator[Server]:
    """A server of this computer, as long as the block runs."""

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
                if start >= len(behaviour.content):
                    self.send_error(416)
                    return
                start += behaviour.off
                self.send_response(206)
                last, all_of_it = len(behaviour.content) - 1, len(behaviour.content)
                self.send_header("Content-Range", f"bytes {start}-{last}/{all_of_it}")
            else:
                self.send_response(200)
            self.send_header("Content-Type", behaviour.kind)
            if behaviour.length:
                self.send_header("Content-Length", str(len(behaviour.content) - start))
            self.end_headers()
            whole = behaviour.content[start:]
            whole = whole if behaviour.send is None else whole[: behaviour.send]
            with contextlib.suppress(ConnectionError):  # who asked has heard enough
                for begin in range(0, len(whole), 1 << 16):
                    behaviour.sent += self.wfile.write(whole[begin : begin + (1 << 16)])

        def log_message(self, *_values: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield Server(f"http://127.0.0.1:{running.server_port}", behaviour)
        running.shutdown()
        thread.join()
