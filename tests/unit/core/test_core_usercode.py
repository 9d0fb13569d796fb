"""Code of the user's own that never ends or takes all memory is ended from outside, whatever it does against it."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ovlab.inputs import use_limits
from ovlab.records import Record, read_record, write_record
from ovlab.specs import LimitsSpec
from ovlab.steps import Step
from ovlab.tasks.detection.decoders import bind, load_decoders
from ovlab.usercode import activity
from ovlab.usercode.activity import UserCode, be_watched, expect_images, note_image

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="steps run in their caller's process here")


@pytest.fixture(autouse=True)
def _limits() -> Iterator[None]:
    limits = {"code": {"load_s": 0.4, "image_s": 0.3, "memory_gb": 0.1}}
    former = use_limits(LimitsSpec.model_validate(limits))
    root = logging.getLogger("ovlab")
    before = root.handlers[:], root.level, root.propagate
    yield
    root.handlers[:], root.level, root.propagate = before
    use_limits(former)


def reason_of(folder: Path, work: Callable[[], object]) -> str:
    step = Step("source", folder / "source.json", {}, record_failure=True)

    def done() -> Record:
        work()
        return Record(kind="source", settings={})

    assert step.run(done) == 0
    return read_record(step.record).reason


def loop() -> None:
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.01)


def loop_in_c() -> None:
    "".join("a" for _ in iter(int, 1))  # a generator without end


def hold_the_interpreter() -> None:
    pow(7, 10**9)  # one call that lets nobody else run


def allocate() -> None:
    kept = []
    while True:
        kept.append(np.ones(1 << 20))
        time.sleep(0.005)


def allocate_at_once() -> None:
    np.ones(1 << 27).sum()
    time.sleep(5)


def allocate_in_a_child() -> None:
    code = "kept = []\nimport time\nwhile True:\n    kept.append(bytearray(8 << 20)); time.sleep(0.01)"
    subprocess.run([sys.executable, "-c", code], check=False)


def allocate_in_a_thread() -> None:
    import threading

    threading.Thread(target=allocate).start()
    time.sleep(20)


@pytest.mark.parametrize("misbehave", [loop, loop_in_c, hold_the_interpreter])
@pytest.mark.parametrize(("limit", "seconds"), [("load_s", 0.4), ("image_s", 0.3)])
def test_what_does_not_end_is_ended(
    tmp_path: Path, misbehave: Callable[[], None], limit: activity.Limit, seconds: float
) -> None:
    def work() -> None:
        with UserCode("decoder mine (mine.py): image 7.jpg", limit):
            misbehave()

    expected = f"decoder mine (mine.py): image 7.jpg: not done after {seconds:g} s (limits.code.{limit})"
    assert reason_of(tmp_path, work) == expected


@pytest.mark.parametrize("misbehave", [allocate, allocate_at_once, allocate_in_a_child, allocate_in_a_thread])
def test_what_takes_all_memory_is_ended(tmp_path: Path, misbehave: Callable[[], None]) -> None:
    use_limits(LimitsSpec.model_validate({"code": {"load_s": 30, "memory_gb": 0.1}}))

    def work() -> None:
        with UserCode("extension: mine.py", "load_s"):
            misbehave()

    reason = reason_of(tmp_path, work)
    assert reason.startswith("extension: mine.py: its process grew by ")
    assert reason.endswith(" GB, more than 0.1 (limits.code.memory_gb)")
    grown = float(reason.split(" GB")[0].split()[-1])
    assert 0.1 <= grown < 1.2


def test_what_keeps_a_little_of_every_image_is_ended(tmp_path: Path) -> None:
    kept = []

    def work() -> None:
        for number in range(10_000):
            with UserCode(f"decoder leaks: image {number}", "image_s"):
                kept.append(np.ones(1 << 17))
            time.sleep(0.002)

    assert "its process grew by 0.1" in reason_of(tmp_path, work)


def test_the_processes_of_user_code_end_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def work() -> None:
        with UserCode("mine", "image_s"):
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            note.write_text(str(child.pid))
            loop()

    assert "not done after" in reason_of(tmp_path, work)
    child = int(note.read_text())
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            return
        time.sleep(0.05)
    pytest.fail("still alive")


def test_many_quick_images_are_not_one_long_one(tmp_path: Path) -> None:
    def work() -> None:
        for number in range(12):
            with UserCode(f"image {number}", "image_s"):
                time.sleep(0.1)
        with UserCode("a batch", "image_s", 4):
            time.sleep(0.6)
        with UserCode("a calibration", "image_s"):
            for _ in range(8):
                time.sleep(0.1)
                activity.tick()

    assert reason_of(tmp_path, work) == ""


def test_code_inside_of_code_leaves_the_outer_one_watched(tmp_path: Path) -> None:
    def work() -> None:
        with UserCode("outer", "load_s"):
            with UserCode("inner", "image_s"):
                pass
            loop()

    assert reason_of(tmp_path, work) == "outer: not done after 0.4 s (limits.code.load_s)"


def test_own_work_is_not_taken_for_the_users(tmp_path: Path) -> None:
    """Memory of what this project does itself, between and beside images, is none of the user's code."""
    use_limits(LimitsSpec.model_validate({"code": {"memory_gb": 0.1}}))

    def work() -> None:
        with UserCode("loaded", "load_s"):
            pass
        kept = [np.ones(1 << 25)]  # as a compiled model
        expect_images(0, 2)
        note_image(16_000_000)
        for number in range(30):
            with UserCode(f"image {number}", "image_s"):
                time.sleep(0.01)
                kept = [*kept[:1], np.ones(1 << 24)]  # 134 MB, as decoders take beside
        kept.append(np.ones(1 << 26))  # as a bootstrap
        time.sleep(0.5)
        with UserCode("converted", "load_s", alone=False):
            kept.append(np.ones(1 << 26))
            time.sleep(0.3)

    assert reason_of(tmp_path, work) == ""


def test_a_watch_that_sleeps_is_woken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovlab.usercode.watch.IDLE_S", 0.2)

    def work() -> None:
        with UserCode("first", "image_s"):
            pass
        time.sleep(1.0)
        with UserCode("second", "image_s"):
            loop()

    assert reason_of(tmp_path, work) == "second: not done after 0.3 s (limits.code.image_s)"


def test_without_user_code_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ovlab.usercode.watch.Watch._look", lambda _: pytest.fail("looked"))
    assert reason_of(tmp_path, lambda: time.sleep(0.3)) == ""


@pytest.mark.parametrize("error", [None, ValueError("in both")])
def test_a_user_who_forks_leaves_one_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: ValueError | None
) -> None:
    written = tmp_path / "written"

    def write(path: Path, record: Record) -> None:
        with written.open("a") as file:
            file.write("once\n")
        write_record(path, record)

    monkeypatch.setattr("ovlab.steps.write_record", write)

    def work() -> None:
        with UserCode("mine", "load_s"):
            child = os.fork()
        if child:
            os.waitpid(child, 0)
        if error is not None:
            raise error

    assert reason_of(tmp_path, work) == ("" if error is None else "ValueError: in both")
    assert written.read_text() == "once\n"


DECODER = """
from ovlab.metrics.detection import Detections
from ovlab.tasks.decoders import decoder

@decoder("{name}")
def decode(outputs, *, width, height, classes):
    {body}
"""


def test_a_decoder_file_is_watched_while_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("while True:\n    pass\n")
    assert reason_of(tmp_path, lambda: load_decoders(path)) == (
        f"decoder_file: {path}: not done after 0.4 s (limits.code.load_s)"
    )


def test_saying_so_changes_nothing_where_nobody_watches(tmp_path: Path) -> None:
    be_watched(None)
    path = tmp_path / "mine.py"
    body = "return Detections([], [], [])"
    path.write_text(textwrap.dedent(DECODER.format(name="quiet_one", body=body)))
    assert load_decoders(path) == ["quiet_one"]
    assert len(bind("quiet_one", {}, width=8, height=8, classes=1)({})) == 0
