"""The limit of the clock: lowered for a while, and put back whatever happens, on a made-up tree of files."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ovlab.errors import UnavailableError
from ovlab.files import read_json, write_json
from ovlab.measure.host import clock_limit
from ovlab.measure.host.clock_limit import lowered_clock, restore_left_over, why_not_settable
from ovlab.measure.host.exclusive import clock_note, exclusive_host

FULL = {"policy0": 3_700_000, "policy4": 2_900_000}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two kinds of cores, as the kernel shows them."""
    root = tmp_path / "cpufreq"
    for name, khz in FULL.items():
        (root / name).mkdir(parents=True)
        for file, value in (("scaling_max_freq", khz), ("scaling_min_freq", 1_500_000), ("cpuinfo_max_freq", khz)):
            (root / name / file).write_text(f"{value}\n", encoding="ascii")
    (root / "boost").write_text("1\n", encoding="ascii")  # what stands beside the policies is none
    return root


def limits(root: Path) -> dict[str, int]:
    return {name: int((root / name / "scaling_max_freq").read_text(encoding="ascii")) for name in FULL}


def test_the_limit_is_lowered_for_a_while(tree: Path, tmp_path: Path) -> None:
    note = tmp_path / "note"
    with lowered_clock(0.7, note, tree) as found:
        assert limits(tree) == {"policy0": 2_590_000, "policy4": 2_030_000} == found.lowered
        assert found.before == FULL and read_json(note)["limits"] == FULL
    assert limits(tree) == FULL and not note.exists()


def test_it_is_put_back_after_an_error(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lowered_clock(0.7, tmp_path / "note", tree):
        _ = 1 / 0
    assert limits(tree) == FULL and not (tmp_path / "note").exists()


def test_where_it_cannot_be_set_one_line_says_why(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no cpufreq, as in most virtual machines" in why_not_settable(tmp_path / "nowhere")
    assert why_not_settable(tree) == ""
    lowest = r"0\.5 of the limit of policy4 is 1\.45 GHz, below its lowest clock of 1\.5 GHz"
    with pytest.raises(UnavailableError, match=lowest), lowered_clock(0.5, tmp_path / "note", tree):
        pass
    with monkeypatch.context() as patched:
        patched.setattr("os.access", lambda *_: False)
        denied = "scaling_max_freq of policy0, policy4 may not be written by this user"
        with pytest.raises(UnavailableError, match=denied), lowered_clock(0.7, tmp_path / "note", tree):
            pass
    real = clock_limit._set

    def only_the_first(path: Path, khz: int) -> None:
        if path.parent.name == "policy4" and khz != FULL["policy4"]:
            raise OSError(22, "Invalid argument")
        real(path, khz)

    monkeypatch.setattr(clock_limit, "_set", only_the_first)
    refused = "the limit of the clock cannot be set .*invalid argument"
    with pytest.raises(UnavailableError, match=refused), lowered_clock(0.7, tmp_path / "note", tree):
        pass
    monkeypatch.setattr(clock_limit, "_set", lambda path, khz: None)  # taken, but without effect
    without = "the kernel did not take a lower limit of the clock for policy0, policy4"
    with pytest.raises(UnavailableError, match=without), lowered_clock(0.7, tmp_path / "note", tree):
        pass
    assert limits(tree) == FULL and not (tmp_path / "note").exists()


LOWERED = """
import signal, sys, time
from pathlib import Path
from ovlab.measure.host.clock_limit import lowered_clock
for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    signal.signal(getattr(signal, name), handler)  # ignored where the tests run in the background
with lowered_clock(0.7, Path(sys.argv[1]), Path(sys.argv[2])):
    print("lowered", flush=True)
    time.sleep(60)
"""


def stopped_by(number: signal.Signals, note: Path, tree: Path) -> int:
    command = [sys.executable, "-c", LOWERED, str(note), str(tree)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "lowered\n"
        assert limits(tree) != FULL
        process.send_signal(number)
        process.send_signal(number)  # a group's signal comes twice
        return process.wait(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_run_when_the_limit_is_put_back(number: signal.Signals, tree: Path, tmp_path: Path) -> None:
    assert stopped_by(number, tmp_path / "note", tree) == -number
    assert limits(tree) == FULL and not (tmp_path / "note").exists()


def test_the_next_measurement_puts_back_what_a_killed_run_left(
    tree: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stopped_by(signal.SIGKILL, clock_note(), tree) == -signal.SIGKILL
    assert limits(tree) != FULL and clock_note().exists()
    monkeypatch.setattr(restore_left_over, "__defaults__", (tree,))
    with exclusive_host():
        assert limits(tree) == FULL and not clock_note().exists()
    assert "a run that was killed has left the clock limited; putting back 3700000 to " in caplog.text


def test_what_it_may_not_put_back_is_told(
    tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "note"
    stopped_by(signal.SIGKILL, note, tree)

    def denied(path: Path, khz: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(clock_limit, "_set", denied)
    restore_left_over(note, tree)
    errors = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert errors and errors[0].startswith("the clock is still limited: write by hand, as root, 3700000 to ")
    assert note.exists()  # so that the next one says it again


def test_notes_that_are_not_to_be_trusted_are_not_heeded(
    tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, boot = tmp_path / "note", clock_limit._boot()
    low = tree / "policy0" / "scaling_max_freq"
    low.write_text("2000000\n", encoding="ascii")
    for data in ({}, {"boot": boot, "limits": {"policy0": 9_999_999}}, {"boot": boot, "limits": {"../x": 2_000_000}}):
        write_json(note, data)
        restore_left_over(note, tree)
        assert low.read_text(encoding="ascii") == "2000000\n" and note.exists()
    assert caplog.text.count("is not heeded") == 3
    good = {"boot": boot, "limits": FULL}
    write_json(note, good)
    with monkeypatch.context() as patched:  # another user's
        patched.setattr(os, "geteuid", lambda: 4711)
        note.chmod(0o644)
        if os.getuid() != 0:
            restore_left_over(note, tree)
            assert low.read_text(encoding="ascii") == "2000000\n"
    write_json(note, good | {"boot": "another"})  # the host was started anew: whoever lowered it now meant to
    restore_left_over(note, tree)
    assert low.read_text(encoding="ascii") == "2000000\n" and not note.exists()
    write_json(note, good)
    restore_left_over(note, tree)
    assert limits(tree) == FULL
