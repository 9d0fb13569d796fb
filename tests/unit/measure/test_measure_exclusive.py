"""One measurement at a time on a host."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

from ovlab.measure import exclusive
from ovlab.measure.exclusive import exclusive_host, lock_path


@pytest.fixture(autouse=True)
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of our own: a real measurement on this machine must not be disturbed."""
    monkeypatch.setattr(exclusive, "lock_path", lambda: tmp_path / "lock")
    monkeypatch.setattr(exclusive, "POLL_S", 0.01)
    return tmp_path / "lock"


HOLDER = """if True:
    import sys
    from pathlib import Path
    from ovlab.measure import exclusive
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
            assert not entered.wait(0.1)  # kept waiting
            holder.kill()
            waiting.join(30)
    assert entered.is_set()
    assert "waiting: another measurement is running on this host" in caplog.messages


def test_all_measurements_share_one_lock() -> None:
    assert lock_path() == lock_path()
    assert lock_path().name == "ovlab-measuring.lock"
