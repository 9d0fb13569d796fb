"""How a step ends: with a record, or with one line and an exit code."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from ovlab.errors import OvlabError, UnavailableError
from ovlab.records import Record, read_record
from ovlab.steps import ENDED, Step, start_logging

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="steps run in their caller's process here")

Work = Callable[[], Record]


@pytest.fixture(autouse=True)
def logger() -> Iterator[None]:
    """Leave the logger as it was: a step sends it to standard error and to a file."""
    root = logging.getLogger("ovlab")
    before = root.handlers[:], root.level, root.propagate
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level, root.propagate = before


def step_in(folder: Path, *, record_failure: bool = False, log: Path | None = None) -> Step:
    return Step("source", folder / "source.json", {"a": 1}, log, record_failure)


def raising(error: BaseException) -> Work:
    def work() -> NoReturn:
        raise error

    return work


def killed_by(number: int) -> Work:
    def work() -> NoReturn:
        faulthandler.disable()  # pytest's would fill the terminal
        if signal.getsignal(number) is signal.SIG_IGN:  # as nohup leaves SIGHUP
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        raise AssertionError("still alive")

    return work


def run(step: Step, work: Work, *, forked: bool) -> int:
    return step.run(work) if forked else step._attempt(work)


in_both_ways = pytest.mark.parametrize("forked", [True, False])


@in_both_ways
def test_success_writes_the_record(tmp_path: Path, capfd: pytest.CaptureFixture[str], forked: bool) -> None:
    step = step_in(tmp_path)
    assert run(step, lambda: Record(kind="source", settings={"a": 1}, data={"root": "r"}), forked=forked) == 0
    assert read_record(step.record, "source").data == {"root": "r"}
    assert capfd.readouterr().err == ""


@in_both_ways
def test_failure_is_one_line_and_nothing_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], forked: bool
) -> None:
    assert run(step_in(tmp_path), raising(OvlabError("a.yaml: wrong")), forked=forked) == 1
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == "failed: a.yaml: wrong\n"


@in_both_ways
def test_what_a_library_said_goes_into_log_and_record(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], forked: bool
) -> None:
    step = step_in(tmp_path, record_failure=True, log=tmp_path / "step.log")
    assert run(step, raising(OvlabError("a.onnx: is empty", detail="Check failed\nat a.cpp")), forked=forked) == 0
    assert capfd.readouterr().err == "failed: a.onnx: is empty\n"
    assert read_record(step.record).reason == "a.onnx: is empty"
    assert read_record(step.record).data == {"detail": "Check failed\nat a.cpp"}
    assert "Check failed\nat a.cpp" in (tmp_path / "step.log").read_text()


@in_both_ways
@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (OvlabError("wrong"), "failed", "wrong"),
        (UnavailableError("GPU is not here"), "unavailable", "GPU is not here"),
        (ZeroDivisionError("by zero"), "failed", "ZeroDivisionError: by zero"),
        (OSError(28, "No space left on device", "/x"), "failed", "/x: no space left on device"),
    ],
)
def test_a_recorded_failure_counts_as_done(
    tmp_path: Path, error: Exception, status: str, reason: str, forked: bool
) -> None:
    step = step_in(tmp_path, record_failure=True)
    assert run(step, raising(error), forked=forked) == 0
    record = read_record(step.record, "source")
    assert (record.status, record.reason, record.settings) == (status, reason, {"a": 1})


@in_both_ways
@pytest.mark.parametrize(("code", "told"), [(0, "0"), (3, "3"), (None, ""), ("enough", "'enough'")])
def test_work_that_exits_is_a_failure(tmp_path: Path, code: int | str | None, told: str, forked: bool) -> None:
    step = step_in(tmp_path, record_failure=True)
    assert run(step, raising(SystemExit(code)), forked=forked) == 0
    assert read_record(step.record, "source").reason == f"{ENDED} (sys.exit({told}))"


@pytest.mark.parametrize("error", [BaseException("odd"), GeneratorExit("odd"), KeyboardInterrupt("odd")])
def test_work_that_raises_what_ends_a_process_leaves_a_failed_record(tmp_path: Path, error: BaseException) -> None:
    step = step_in(tmp_path, record_failure=True)
    assert step.run(raising(error)) == 0
    assert read_record(step.record, "source").reason == f"{ENDED} ({type(error).__name__}: odd)"


@pytest.mark.parametrize("code", [0, 1, 143])
def test_work_that_ends_the_process_leaves_a_failed_record(tmp_path: Path, code: int) -> None:
    step = step_in(tmp_path, record_failure=True)
    assert step.run(lambda: os._exit(code)) == 0
    record = read_record(step.record, "source")
    assert (record.status, record.reason) == ("failed", f"{ENDED} (exit code {code})")


def test_a_process_that_outlives_the_step_does_not_hold_it(tmp_path: Path) -> None:
    step = step_in(tmp_path, record_failure=True)

    def work() -> NoReturn:
        if os.fork() == 0:
            time.sleep(3)
            (tmp_path / "outlived").touch()
        os._exit(0)

    assert step.run(work) == 0
    assert not (tmp_path / "outlived").exists()
    assert "exit code 0" in read_record(step.record, "source").reason


@in_both_ways
def test_the_traceback_of_an_unexpected_error_is_in_the_log_only(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], forked: bool
) -> None:
    log = tmp_path / "logs" / "step.log"
    assert run(step_in(tmp_path, log=log), raising(ZeroDivisionError("by zero")), forked=forked) == 1
    assert capfd.readouterr().err == "failed: ZeroDivisionError: by zero\n"
    text = log.read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in text
    assert "failed: ZeroDivisionError: by zero" in text


def test_a_record_that_cannot_be_written_is_a_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    step = Step("source", tmp_path / "file" / "source.json", {}, record_failure=True)
    assert step.run(lambda: Record(kind="source", settings={})) == 1
    assert "file: " in capfd.readouterr().err


def test_nan_in_a_record_is_a_failure(tmp_path: Path) -> None:
    step = step_in(tmp_path, record_failure=True)
    assert step.run(lambda: Record(kind="source", settings={}, data={"x": float("nan")})) == 0
    assert "not JSON compliant" in read_record(step.record, "source").reason


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    step = step_in(tmp_path, log=tmp_path / "file" / "step.log")
    assert step.run(lambda: Record(kind="source", settings={})) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "file: " in line
    assert not step.record.exists()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGKILL, "killed by SIGKILL (was the machine out of memory?)"),
        (signal.SIGSEGV, "killed by SIGSEGV"),
    ],
)
def test_a_crashed_step_leaves_a_record_that_names_the_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    monkeypatch.setattr("ovlab.steps.oom_kills", lambda: None)
    step = step_in(tmp_path, record_failure=True)
    assert step.run(killed_by(number)) == 0
    record = read_record(step.record, "source")
    assert (record.status, record.reason) == ("failed", reason)


def test_a_crash_without_record_is_exit_code_1(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter([3, 4])
    monkeypatch.setattr("ovlab.steps.oom_kills", lambda: next(kills))
    monkeypatch.setattr("ovlab.memory.oom_kills", lambda: next(kills))
    assert step_in(tmp_path).run(killed_by(signal.SIGKILL)) == 1
    assert capfd.readouterr().err == "failed: killed by the kernel for lack of memory\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_child_leaves_no_record(tmp_path: Path, number: int) -> None:
    assert step_in(tmp_path, record_failure=True).run(killed_by(number)) == 128 + number
    assert list(tmp_path.iterdir()) == []


PROGRAM = """if True:
    import signal, sys, time
    from pathlib import Path
    from ovlab.steps import Step
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    def work():
        print("started", flush=True)
        for _ in range(600):
            time.sleep(0.1)  # Python heeds a signal that comes just before it sleeps only afterwards
    sys.exit(Step("source", Path(sys.argv[1]), {}, None, True).run(work))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_program_stops_its_child_and_leaves_no_record(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "source.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "started\n"
        program.send_signal(number)
        output, errors = program.communicate(timeout=30)  # the pipes close only when the child is gone too
    assert program.returncode == 128 + number
    assert (output, errors) == ("", "")
    assert list(tmp_path.iterdir()) == []


TURNED = """    def turned():
        try:
            work()
        except BaseException as error:
            raise {kind} from error
"""


@pytest.mark.parametrize("kind", ["ImportError('initialization failed')", "SystemExit(1)"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_code_makes_another_error_of_leaves_no_record(tmp_path: Path, number: int, kind: str) -> None:
    """As a compiled module does that is stopped while it is imported."""
    head, tail = PROGRAM.rsplit("    sys.exit", 1)
    code = f"{head}{TURNED.format(kind=kind)}    sys.exit{tail.replace('run(work)', 'run(turned)')}"
    command = [sys.executable, "-c", code, str(tmp_path / "source.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "started\n"
        program.send_signal(number)
        assert program.communicate(timeout=30) == ("", "")
    assert program.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


SLOW_TO_END = """    class Slow:
        write = sys.__stdout__.write
        def flush(self):
            sys.__stdout__.flush()
            time.sleep(1)
    def slow():
        sys.stdout = Slow()
        work()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_group_whose_child_gets_the_signal_twice_leaves_no_record(tmp_path: Path, number: int) -> None:
    """From outside and from its parent: the second one meets it while it ends."""
    head, tail = PROGRAM.rsplit("    sys.exit", 1)
    code = f"{head}{SLOW_TO_END}    sys.exit{tail.replace('run(work)', 'run(slow)')}"
    command = [sys.executable, "-c", code, str(tmp_path / "source.json")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "started\n"
        os.killpg(program.pid, number)
        time.sleep(0.4)
        os.killpg(program.pid, number)
        assert program.communicate(timeout=30) == ("", "")
    assert program.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_signal_handlers_are_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    step_in(tmp_path).run(lambda: Record(kind="source", settings={}))
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_without_fork_a_step_runs_in_its_own_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")
    seen: list[int] = []

    def work() -> Record:
        seen.append(os.getpid())
        return Record(kind="source", settings={})

    assert step_in(tmp_path).run(work) == 0
    assert seen == [os.getpid()]


def test_logging_again_does_not_double_the_lines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start_logging(tmp_path / "a.log")
    start_logging(tmp_path / "a.log")
    logging.getLogger("ovlab.x").info("once")
    logging.getLogger("ovlab.x").debug("in the file only")
    assert capfd.readouterr().err == "once\n"
    text = (tmp_path / "a.log").read_text(encoding="utf-8")
    assert text.count("once") == 1
    assert text.count("in the file only") == 1
