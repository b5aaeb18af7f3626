"""The command itself: quick to start, light to import, and ended cleanly by Ctrl-C."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from resilver import __version__

COMMAND = (sys.executable, "-m", "resilver")
HEAVY = ("torch", "onnxruntime", "fastapi", "gradio", "ray", "pyvips", "cv2", "numpy", "skimage")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Eight photos, enough to be interrupted among."""
    folder = tmp_path / "scans"
    folder.mkdir()
    picture = np.ascontiguousarray(data.astronaut()[:320:2, :320:2])
    for index in range(8):
        Image.fromarray(picture).save(folder / f"p{index}.png")
    return folder


def test_importing_the_command_loads_nothing_heavy() -> None:
    code = "import sys, resilver.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(result.stdout.split()) & set(HEAVY) == set()


def test_the_version_comes_at_once() -> None:
    fastest = 10.0
    for _ in range(3):  # the machine may be busy: the fastest counts
        started = time.perf_counter()
        result = subprocess.run(
            [*COMMAND, "--version"], capture_output=True, text=True, check=True, timeout=60
        )
        fastest = min(fastest, time.perf_counter() - started)
        assert result.stdout == f"resilver {__version__}\n"
    assert fastest < 1.0


@pytest.mark.parametrize("as_a_library", [False, True])
def test_a_run_leaves_nothing_in_the_home_folder(
    scans: Path, tmp_path: Path, as_a_library: bool
) -> None:
    """Neither caches nor the diary that ONNX Runtime keeps, and sends, unless it is told not to."""
    home = tmp_path / "home"
    home.mkdir()
    names = ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "ORT_DISABLE_TELEMETRY")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    call = [*COMMAND, "restore", str(scans / "p0.png"), "-o", str(tmp_path / "out")]
    if as_a_library:
        code = f"import resilver; resilver.restore({str(scans / 'p0.png')!r})"
        call = [sys.executable, "-c", code]
    subprocess.run(
        call, env={**environment, "HOME": str(home)}, capture_output=True, check=True, timeout=120
    )
    assert list(home.rglob("*")) == []


def test_completion_can_be_installed() -> None:
    result = subprocess.run(
        [*COMMAND, "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "--install-completion" in result.stdout


def _start(scans: Path, out: Path) -> subprocess.Popen[str]:
    # As at a terminal: what runs in the background of a shell, or by nohup, ignores some of these.
    arguments = ("restore", str(scans), "-o", str(out), "--report", "html", "--force", "denoise")
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    try:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ctrl_c_ends_cleanly_and_says_what_was_done(name: str, scans: Path, tmp_path: Path) -> None:
    """As does what a system sends that shuts down, and a terminal that is closed."""
    out = tmp_path / "out"
    with _start(scans, out) as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # one photo is done, the next is begun
        process.send_signal(getattr(signal, name))
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert first.startswith(("restored", "unchanged"))
    assert "Traceback" not in stderr
    assert stderr.startswith("stopped ")
    summary = stdout.splitlines()[-1]
    assert "8 photos in" in summary
    assert "not reached" in summary
    names = {path.name for path in out.iterdir()}
    assert {"p0_restored.png", "p0_report.html"} <= names
    assert not [name for name in names if name.startswith(".")]  # no half-written files
    for path in out.glob("*.png"):
        with Image.open(path) as picture:
            picture.load()


def test_a_full_disk_behind_the_output_stops_no_photo(scans: Path, tmp_path: Path) -> None:
    full, out = Path("/dev/full"), tmp_path / "out"
    if not full.exists():
        pytest.skip("no /dev/full")
    arguments = ["restore", str(scans), "-o", str(out), "--only", "denoise"]
    with full.open("w") as nowhere:
        done = subprocess.run(
            [*COMMAND, *arguments],
            stdout=nowhere,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list(out.iterdir())) == 8


@pytest.mark.parametrize(
    "arguments", [("diagnose", "--json"), ("diagnose",), ("restore", "--dry-run")]
)
def test_what_was_to_be_told_and_is_lost_is_an_error(
    scans: Path, arguments: tuple[str, ...]
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    with full.open("w") as nowhere:
        done = subprocess.run(
            [*COMMAND, *arguments, str(scans / "p0.png"), "--only", "denoise"],
            stdout=nowhere,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "standard output cannot be written: No space left" in done.stderr


def test_ctrl_c_while_starting_is_quiet_too(scans: Path, tmp_path: Path) -> None:
    with _start(scans, tmp_path / "out") as process:
        time.sleep(0.45)  # imports and networks are being loaded
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    # Python itself may be interrupted before our first line runs.
    assert process.returncode in (130, -signal.SIGINT)
    if process.returncode == 130:
        assert "Traceback" not in stderr


@pytest.mark.parametrize(
    "module",
    ["resilver.cli", "typing", "pathlib", "contextlib", "typer", "resilver.commands.flags",
     "resilver.version", "resilver.batch"],
)  # fmt: skip
def test_ctrl_c_while_a_module_is_loaded_says_so_in_one_line(module: str) -> None:
    # The interrupt comes at the same moment each time: when Python looks for the module.
    code = (
        "import sys\n"
        "class CtrlC:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, CtrlC())\n"
        # As the script `resilver` does; what Python has loaded for itself is loaded anew.
        f"sys.modules.pop({module!r}, None)\n"
        "from resilver.__main__ import main\n"
        "main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "restore", "x.jpg"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "resilver: stopped\n")


def test_a_terminal_gets_a_progress_bar(scans: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="Windows has no such terminals")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "restore", str(scans / "p0.png"), str(scans / "p1.png"),
         "-o", str(tmp_path / "out")],
        stdout=subprocess.PIPE, stderr=theirs, text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while process.poll() is None:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    stdout, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    assert "1/2 p0.png" in shown.decode()
    assert "%" in shown.decode()
    # What goes to a file stays free of it.
    assert "\x1b" not in stdout
    assert len(stdout.splitlines()) == 3


def test_a_pipe_gets_plain_lines(scans: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [*COMMAND, "restore", str(scans / "p0.png"), str(scans / "p1.png"),
         "-o", str(tmp_path / "out")],
        capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "FORCE_COLOR": ""},
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout
    assert "\r" not in result.stdout
    assert len(result.stdout.splitlines()) == 3


@pytest.mark.parametrize("bad", [False, True])
def test_a_reader_that_goes_away_does_not_stop_the_run(
    scans: Path, tmp_path: Path, bad: bool
) -> None:
    """As in `resilver restore scans | true`."""
    for index in range(2, 8):
        (scans / f"p{index}.png").unlink()
    if bad:
        (scans / "p0.png").write_bytes(b"")
    out = tmp_path / "out"
    ours, theirs = os.pipe()
    os.close(ours)
    result = subprocess.run(
        [*COMMAND, "restore", str(scans), "-o", str(out), "--only", "denoise"],
        stdout=theirs, stderr=subprocess.PIPE, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert result.returncode == int(bad), result.stderr
    names = sorted(path.name for path in out.iterdir())
    assert names == (["p1_restored.png"] if bad else ["p0_restored.png", "p1_restored.png"])
    assert len(result.stderr.splitlines()) == int(bad)  # no word of the pipe
    found = subprocess.run(
        [*COMMAND, "diagnose", str(scans), "--json", "--only", "denoise"],
        stdout=theirs, stderr=subprocess.PIPE, text=True, check=False, timeout=120,
    )  # fmt: skip
    os.close(theirs)
    assert found.returncode == int(bad), found.stderr
    assert len(found.stderr.splitlines()) == int(bad)


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes are a matter of Linux")
def test_a_name_of_broken_bytes_is_restored_and_shown(scans: Path, tmp_path: Path) -> None:
    odd = os.fsencode(scans) + b"/gr\xff\x1b[2Jn.png"
    (scans / "p0.png").rename(os.fsdecode(odd))
    result = subprocess.run(
        [*COMMAND, "restore", odd, "-o", str(tmp_path / "out"), "--report", "html,json"],
        capture_output=True, check=False, timeout=120, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"gr\\udcff\\x1b[2Jn.png" in result.stdout
    assert b"\x1b" not in result.stdout
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_a_home_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("no folder")
    result = subprocess.run(
        # The shell that is completed for is the one that runs it.
        ["bash", "-c", '"$@"; exit $?', "bash", *COMMAND, "--install-completion"],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "HOME": str(home), "SHELL": "/bin/bash"},
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith(f"resilver: {home}")
    assert result.stderr.count("\n") == 1
