"""One measurement at a time on a host."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import filelock
import pytest

from ovlab.measure.host import exclusive
from ovlab.measure.host.exclusive import exclusive_host, lock_path


@pytest.fixture(autouse=True)
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of our own: a real measurement on this machine must not be disturbed."""
    monkeypatch.setattr(exclusive, "lock_path", lambda: tmp_path / "lock")
    monkeypatch.setattr(exclusive, "POLL_S", 0.01)
    monkeypatch.setattr(exclusive, "REMIND_S", 0.05)
    return tmp_path / "lock"


HOLDER = """if True:
    import sys
    from pathlib import Path
    from ovlab.measure.host import exclusive
    exclusive.lock_path = lambda: Path(sys.argv[1])
    with exclusive.exclusive_host():
        print("held", flush=True)
        sys.stdin.read()
"""


def is_free(path: Path) -> bool:
    try:
        with filelock.FileLock(path).acquire(timeout=0):
            return True
    except filelock.Timeout:
        return False


def test_others_are_kept_out_and_let_in_again(lock: Path) -> None:
    with exclusive_host():
        assert not is_free(lock)
    assert is_free(lock)


def test_the_lock_goes_with_an_error(lock: Path) -> None:
    with pytest.raises(ValueError, match="x"), exclusive_host():
        raise ValueError("x")
    assert is_free(lock)


def test_a_killed_holder_blocks_nobody(lock: Path, caplog: pytest.LogCaptureFixture) -> None:
    command = [sys.executable, "-c", HOLDER, str(lock)]
    entered = threading.Event()

    def wait_for_it() -> None:
        with exclusive_host():
            entered.set()

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert not is_free(lock)
        waiting = threading.Thread(target=wait_for_it)
        with caplog.at_level("INFO", logger="ovlab.measure"):
            waiting.start()
            assert not entered.wait(0.3)  # kept waiting
            holder.kill()
            waiting.join(30)
    assert entered.is_set()
    told = [message for message in caplog.messages if message.startswith("waiting: ")]
    assert told[0].startswith(f"waiting: another measurement is running on this host: process {holder.pid}, since ")
    assert len(told) > 1  # told again while it lasts
    assert told[-1].endswith(" s so far)")
    assert caplog.messages[-1].startswith("waited ")
    assert not lock.with_suffix(".holder").exists()


def test_what_a_dead_holder_left_is_taken_over(lock: Path, caplog: pytest.LogCaptureFixture) -> None:
    command = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    assert lock.exists()
    assert f"process {holder.pid}" in lock.with_suffix(".holder").read_text()
    with caplog.at_level("INFO", logger="ovlab.measure"), exclusive_host():
        assert f"process {os.getpid()}" in lock.with_suffix(".holder").read_text()
    assert caplog.messages == []  # at once


def test_a_note_that_cannot_be_written_stops_nobody(lock: Path) -> None:
    lock.with_suffix(".holder").mkdir()
    with exclusive_host():
        assert not is_free(lock)
    assert is_free(lock)


def test_all_measurements_share_one_lock() -> None:
    assert lock_path().name == "ovlab-measuring.lock"


@pytest.mark.skipif(not Path("/tmp").is_dir(), reason="needs a folder that all share")  # noqa: S108
def test_a_temporary_folder_of_ones_own_gives_no_lock_of_ones_own(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from ovlab.measure.host.exclusive import lock_path; print(lock_path())"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == lock_path()


MEASURES = """if True:
    import sys, time
    from pathlib import Path
    from ovlab.measure.host import exclusive
    exclusive.lock_path = lambda: Path(sys.argv[1])
    exclusive.POLL_S = 0.01
    for _ in range(4):
        with exclusive.exclusive_host():
            begun = time.monotonic()
            time.sleep(0.02)
            print(begun, time.monotonic(), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes need not share the monotonic clock")
def test_measurements_of_several_runs_never_overlap(lock: Path, tmp_path: Path) -> None:
    started = []
    for number in range(3):
        place = tmp_path / f"run{number}"
        place.mkdir()
        command = [sys.executable, "-c", MEASURES, str(lock)]
        started.append(subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True))
    lines = [line for process in started for line in process.communicate(timeout=60)[0].splitlines()]
    spans = sorted(tuple(map(float, line.split())) for line in lines)
    assert len(spans) == 12
    assert all(end <= begun for (_, end), (begun, _) in pairwise(spans))


def test_it_says_when_it_had_the_host_to_itself() -> None:
    with exclusive_host() as first:
        assert not first.ended
    with exclusive_host() as second:
        pass
    times = [datetime.fromisoformat(one) for one in (first.began, first.ended, second.began, second.ended)]
    assert times == sorted(times)
    assert all(one.utcoffset() == timedelta(0) for one in times)
