"""`resilver serve`, `resilver worker` and `resilver keys` as people start them; the API guide."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_services import photo_bytes, wait_until
from typer.testing import CliRunner, Result

from resilver.cli import app
from resilver.commands.serving import address_of

ROOT = Path(__file__).resolve().parents[2]
SAID = "http://127.0.0.1:8000"  # in the guide
LONG_S = 90.0
Start = Callable[..., tuple["subprocess.Popen[str]", str]]


def cli(*words: str, folder: Path) -> Result:
    return CliRunner().invoke(app, words, env=environment(folder))


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "RESILVER_DATABASE": f"sqlite:///{folder / 'own' / 'queue.sqlite'}",
        "RESILVER_STORAGE": str(folder / "own" / "photos"),
        "TMPDIR": str(folder),
        "COLUMNS": "200",
    }


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `resilver serve` with more options; gives the process and its address."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*options: str) -> tuple[subprocess.Popen[str], str]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "resilver", "serve", "--port", str(port), *options]
        process = subprocess.Popen(
            command, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(address), LONG_S)
        return process, address

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("works", [True, False])
def test_that_nothing_leaves_is_said_only_where_it_works_itself(start: Start, works: bool) -> None:
    _, address = start(*([] if works else ["--no-work"]))
    about = httpx.get(f"{address}/v1/about").json()
    assert (about["here"], about["stays"]) == (True, works)


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    made = cli("keys", "create", "anna", "--lane", "fast", "--photos", "3", folder=tmp_path)
    found = re.search(r"rsv_([0-9a-f]{12})_([\w-]{43})", made.stdout)
    assert found is not None, made.stdout + made.stderr
    listed = cli("keys", "list", folder=tmp_path).stdout
    assert all(word in listed for word in (found[1], "anna", "fast", "3"))
    assert found[2] not in listed
    assert cli("keys", "revoke", found[1], folder=tmp_path).exit_code == 0
    again = cli("keys", "revoke", found[1], folder=tmp_path)
    assert (again.exit_code, again.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("keys", "create", "x", "--photos", "9" * 20), "credits are from 0 to"),
        (("keys", "create", "x", "--queued", "9" * 20), "quotas are above 0"),
        (("keys", "create", "\udcff"), "a key's name is text"),
        (("keys", "revoke", "\udcff"), "there is no key"),
        (("serve", "--max-mb", "inf"), "and an end: not inf"),
        (("serve", "--max-mb", "1e300"), "a request has up to"),
        (("serve", "--keep", "1e9"), "for a hundred years at most"),
        (("serve", "--keep", "inf"), "for a hundred years at most"),
    ],
)
def test_what_no_database_and_no_clock_holds_is_refused_in_one_line(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    refused = cli(*words, folder=tmp_path)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1), refused.output
    assert said in refused.stderr


def test_the_name_of_a_key_is_shown_as_it_is(tmp_path: Path) -> None:
    names = ("anna [/old]", "shop [order 1234]", "[red]")
    for name in names:
        assert cli("keys", "create", name, folder=tmp_path).exit_code == 0
    listed = cli("keys", "list", folder=tmp_path)
    assert listed.exit_code == 0
    assert all(name in listed.stdout for name in names)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("192.168.1.5", "http://192.168.1.5:8000"),
        ("attic.lan", "http://attic.lan:8000"),
    ],
)
def test_the_address_told_is_one_that_a_browser_here_can_open(host: str, address: str) -> None:
    assert address_of(host, 8000) == address


def test_a_worker_without_its_database_says_so_in_one_line(tmp_path: Path) -> None:
    url = "postgresql://me:secret@127.0.0.1:1/none"
    done = cli("worker", "--database", url, folder=tmp_path)
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("resilver: the database cannot be used")
    assert "secret" not in done.stderr


def test_a_server_that_is_killed_has_lost_nothing(start: Start, tmp_path: Path) -> None:
    photo = photo_bytes(tmp_path)
    process, address = start("--no-work")
    sent = [
        httpx.post(f"{address}/v1/restorations", files={"photo": photo}).json() for _ in range(3)
    ]
    process.kill()
    process.wait()
    process, address = start()
    for one in sent:
        path = f"{address}/v1/restorations/{one['id']}"
        wait_until(lambda path=path: httpx.get(path).json()["status"] == "succeeded", LONG_S)
        assert httpx.get(f"{path}/result").status_code == 200
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=LONG_S)
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in said
    for one in sent:
        assert one["id"] not in said


def test_the_api_guide_is_true(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Python as one program, its calls of curl one by one, in the order of the page."""
    (tmp_path / "photo.png").write_bytes(photo_bytes(tmp_path))
    monkeypatch.chdir(tmp_path)
    _, address = start()
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    blocks = re.findall(r"^```(python|sh)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks].count("python") >= 7
    namespace: dict[str, Any] = {"__name__": "guide"}
    called = 0
    for kind, text in blocks:
        block = text.replace(SAID, address)
        if kind == "python":
            exec(compile(block, "docs/api.md", "exec"), namespace)
        elif shutil.which("curl") is not None:
            assert address in block
            done = subprocess.run(["sh", "-c", block], capture_output=True, text=True, check=False)
            assert done.returncode == 0, block + done.stderr
            assert '"' in done.stdout
            called += 1
    assert called >= 3 or shutil.which("curl") is None
    for name in ("restored.png", "also_restored.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_proxy_is_an_address(tmp_path: Path) -> None:
    result = cli("serve", "--proxy", "localhost", "--no-work", folder=tmp_path)
    assert result.exit_code == 2
    assert "'localhost' is no address like 127.0.0.1" in result.stderr


def test_a_port_that_is_taken_is_said_and_no_answer_promised(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = subprocess.run(
            [sys.executable, "-m", "resilver", "serve", "--port", port, "--no-work"],
            env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=LONG_S,
        )  # fmt: skip
    assert result.returncode == 1
    assert "answers at" not in result.stdout + result.stderr
    assert f"port {port}: try another" in result.stderr
