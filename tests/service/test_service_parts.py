"""The small parts: storage, scratch, gate, options, settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError
from running_services import wait_until

from resilver.errors import OptionError, ServiceError
from resilver.options import Options
from resilver.service.database import Database
from resilver.service.gate import MOST_PASSES, Gate
from resilver.service.jobs import LOOK
from resilver.service.options import OF_THE_SERVER, OF_THE_UPLOAD, RestorationOptions
from resilver.service.scratch import Scratch
from resilver.service.settings import Settings
from resilver.service.storage import Storage
from resilver.service.worker import Worker


@pytest.mark.parametrize("kind", ["folder", "url"])
def test_a_storage_keeps_files_and_deletes_them(tmp_path: Path, kind: str) -> None:
    storage = Storage(str(tmp_path / "kept") if kind == "folder" else f"memory://{tmp_path.name}")
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_000)
    storage.put(source, "job/1-result.png")
    storage.put(source, "job/2-result.png")
    storage.put(source, "other/photo.png")
    assert storage.size("job/1-result.png") == 3_000_000
    assert b"".join(storage.read("job/1-result.png")) == source.read_bytes()
    storage.get("job/2-result.png", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == source.read_bytes()
    assert sorted(storage.folders()) == ["job", "other"]
    assert not storage.is_older("job", 60.0)
    assert storage.is_older("job", -60.0)
    storage.delete_some("job", "1-")
    with pytest.raises(FileNotFoundError):
        storage.size("job/1-result.png")
    assert storage.size("job/2-result.png") == 3_000_000
    storage.delete_some("job", "2-")  # the last file takes the folder with it
    assert storage.folders() == ["other"]
    storage.put(source, "job/1-result.png")
    storage.delete("job")
    storage.delete("job")
    assert storage.folders() == ["other"]
    for key in ("../source", "job/../../source", "/etc/passwd", "a\\b"):
        with pytest.raises(ValueError, match="made by the service"):
            storage.size(key)


def test_a_folder_of_photos_is_for_nobody_else(tmp_path: Path) -> None:
    Storage(str(tmp_path / "kept"))
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0


def test_a_storage_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (str(tmp_path / "file" / "folder"), "nosuchprotocol://bucket"):
        with pytest.raises(ServiceError, match="the storage cannot be used"):
            Storage(place)


def test_scratch_of_a_killed_process_is_cleared_by_the_next(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from resilver.service.scratch import Scratch\n"
        "scratch = Scratch(Path(sys.argv[1]))\n"
        "with scratch.folder() as folder:\n"
        "    (folder / 'photo.png').write_bytes(b'x'); time.sleep(60)\n"
    )
    shared = tmp_path / "scratch"
    process = subprocess.Popen([sys.executable, "-c", script, str(shared)])
    wait_until(lambda: list(shared.rglob("photo.png")), 30.0)
    second = Scratch(shared)
    assert list(shared.rglob("photo.png")), "what is in use is left alone"
    process.send_signal(signal.SIGKILL)
    process.wait()
    third = Scratch(shared)
    assert not list(shared.rglob("photo.png"))
    for scratch in (second, third):
        scratch.close()
    assert list(shared.iterdir()) == []


def test_scratch_that_is_deleted_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process begins just then, and takes it for abandoned."""
    fcntl = pytest.importorskip("fcntl", reason="Windows has no such locks")
    flock, others, met = fcntl.flock, list[Scratch](), list[int]()

    def late(descriptor: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX and not met:
            met.append(descriptor)
            others.append(Scratch(tmp_path))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    scratch = Scratch(tmp_path)
    with scratch.folder() as folder:
        assert folder.is_dir()
    for one in (scratch, *others):
        one.close()
    assert list(tmp_path.iterdir()) == []


def test_scratch_is_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    Scratch(tmp_path / "open").close()
    assert (tmp_path / "open").stat().st_mode & 0o077 == 0
    (tmp_path / "link").symlink_to(tmp_path / "open")
    with pytest.raises(ServiceError, match="belongs to somebody else"):
        Scratch(tmp_path / "link")
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    with pytest.raises(ServiceError, match="belongs to somebody else"):
        Scratch(tmp_path / "open")


def test_a_photo_over_which_a_worker_died_waits_without_holding_up_small_ones() -> None:
    worker = Worker.__new__(Worker)
    worker._gate, worker._large = Gate(24.0), Gate(1)
    begun: list[str] = []

    def enter(name: str, job: Any) -> None:
        with worker._room_for(job):
            begun.append(name)

    survivor = SimpleNamespace(deaths=1, queue="small", room=1.0)
    with worker._room_for(SimpleNamespace(deaths=0, queue="large", room=100.0)):  # type: ignore[arg-type]
        waits = threading.Thread(target=enter, args=("survivor", survivor))
        waits.start()
        enter("small", SimpleNamespace(deaths=0, queue="small", room=1.0))
        assert begun == ["small"]
    waits.join(30.0)
    assert begun == ["small", "survivor"]


def test_a_database_is_for_its_owner_only(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path / 'new' / 'queue.sqlite'}").close()
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    for file in (tmp_path / "new").iterdir():
        assert file.stat().st_mode & 0o077 == 0


def test_a_gate_lets_in_by_megapixels_and_in_order_as_far_as_they_fit() -> None:
    gate = Gate(10.0)
    inside: list[str] = []
    most: list[float] = []
    sizes = {"a": 6.0, "b": 6.0, "c": 2.0, "huge": 50.0, "d": 4.0}
    lock = threading.Lock()
    leave = {name: threading.Event() for name in sizes}

    def enter(name: str) -> None:
        with gate.inside(sizes[name]):
            with lock:
                inside.append(name)
                most.append(sum(min(sizes[one], 10.0) for one in inside))
            leave[name].wait(20.0)
            with lock:
                inside.remove(name)

    threads: list[threading.Thread] = []
    for name in sizes:
        threads.append(threading.Thread(target=enter, args=(name,)))
        threads[-1].start()
        time.sleep(0.05)  # they come in this order
    assert inside == ["a", "c"], "b does not fit, c does"
    leave["c"].set()
    wait_until(lambda: inside == ["a", "d"], 10.0)
    leave["a"].set()
    wait_until(lambda: inside == ["d", "b"], 10.0)
    leave["d"].set()
    leave["b"].set()
    wait_until(lambda: inside == ["huge"], 10.0)
    leave["huge"].set()
    wait_until(lambda: not inside, 10.0)
    for thread in threads:
        thread.join()
    assert max(most) <= 10.0


def test_only_so_many_slip_past_one_that_waits_for_room() -> None:
    gate = Gate(10.0)
    order: list[str] = []
    leave = threading.Event()

    def enter(name: str, megapixels: float, stays: threading.Event | None = None) -> None:
        with gate.inside(megapixels):
            order.append(name)
            if stays is not None:
                stays.wait(20.0)

    first = threading.Thread(target=enter, args=("first", 6.0, leave))
    large = threading.Thread(target=enter, args=("large", 8.0))
    small = [threading.Thread(target=enter, args=("small", 1.0)) for _ in range(MOST_PASSES + 3)]
    for thread in (first, large, *small):
        thread.start()
        time.sleep(0.05)
    assert order == ["first", *["small"] * MOST_PASSES], "the rest stand behind the large one"
    leave.set()
    for thread in (first, large, *small):
        thread.join(20.0)
    assert order[MOST_PASSES + 1] == "large"
    assert order.count("small") == MOST_PASSES + 3


def test_every_option_of_the_pipeline_is_one_of_the_api_or_of_the_server() -> None:
    asked = set(RestorationOptions.model_fields) - {"ext", "look"}
    assert {field.name for field in fields(Options)} == asked | OF_THE_SERVER | OF_THE_UPLOAD
    default = RestorationOptions().for_pipeline()
    for field in fields(Options):
        assert getattr(default, field.name) == getattr(Options(), field.name)


def test_options_that_leave_nothing_to_do_are_refused() -> None:
    with pytest.raises(OptionError, match="no stage is left"):
        RestorationOptions(only=("repair",), skip=("repair",)).check(has_mask=False)
    with pytest.raises(OptionError, match="needs a mask"):
        RestorationOptions(mask_mode="subtract").check(has_mask=False)
    RestorationOptions(mask_mode="subtract").check(has_mask=True)
    with pytest.raises(OptionError, match="neutral has no effect: skip leaves the stage tone out"):
        RestorationOptions(neutral=True, skip=("tone",)).check(has_mask=False)
    RestorationOptions(repair=0.0, skip=("repair",)).check(has_mask=False)
    with pytest.raises(OptionError, match="mask has no effect: skip leaves the stage repair out"):
        RestorationOptions(skip=("repair",)).check(has_mask=True)
    with pytest.raises(OptionError, match="mask has no effect: repair 0"):
        RestorationOptions(repair=0.0).check(has_mask=True)


def test_what_the_licence_does_not_permit_is_refused_at_once() -> None:
    with pytest.raises(OptionError, match="the stage colourise is asked for, and licence clean"):
        RestorationOptions(colourise=True, licence="clean").check(has_mask=False)
    RestorationOptions(licence="clean").check(has_mask=False)
    RestorationOptions(only=("repair",), licence="clean").check(has_mask=True)


def test_what_is_enlarged_needs_more_room() -> None:
    assert RestorationOptions().times_larger == 1
    assert "upscale" not in RestorationOptions().stages()
    asked = RestorationOptions.model_validate({"upscale": "4"})  # as a form sends it
    assert asked.upscale == asked.times_larger == 4
    assert asked.enlarges
    assert not RestorationOptions(upscale=4, only=("repair",)).enlarges
    assert "upscale" in asked.stages()
    assert asked.piece("repair") == "repair"
    assert asked.piece("upscale") == "upscale x4", "another work than twice as large"
    assert RestorationOptions(upscale=4, look=True).piece("upscale") == f"{LOOK}upscale"
    assert RestorationOptions(upscale=4, skip=("upscale",)).times_larger == 1
    assert RestorationOptions(upscale=4, look=True).times_larger == 1
    assert RestorationOptions(upscale="auto").times_larger == 1  # of what is tiny
    for wrong in ("3", "many", 2.5):
        with pytest.raises(ValidationError):
            RestorationOptions.model_validate({"upscale": wrong})


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for wrong in (
        {"head_start_s": {"free": 0.0, "fast": -1.0}},
        {"head_start_s": {"fast": 0.0}},
        {"keep_s": 0.0},
        {"slots": 0},
    ):
        with pytest.raises(OptionError):
            Settings("sqlite:///x", str(tmp_path), **wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_colours_are_a_stage_only_where_they_are_asked_for() -> None:
    assert "colourise" not in RestorationOptions().stages()
    for asked in ({"colourise": True}, {"hints": ("3,4,#7a4b2f",)}, {"force": ("colourise",)}):
        options = RestorationOptions.model_validate(asked)
        assert options.for_pipeline().in_colour
        assert "colourise" in options.stages()
    (hint,) = RestorationOptions(hints=("3,4,#7a4b2f",)).for_pipeline().hints
    assert (hint.x, hint.y, hint.rgb) == (3, 4, (0x7A, 0x4B, 0x2F))
    for wrong in ("3,4,red", "3,#7a4b2f", "x" * 500):
        with pytest.raises(ValidationError):
            RestorationOptions(hints=(wrong,))
