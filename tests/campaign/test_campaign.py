"""A slice of the campaign, and whether the campaign itself finds what is planted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from workflow_runs import TINY, copy_workflow, snakemake

from campaign import hostile, kill
from campaign.cases import Bench, Case
from campaign.inputs import CASES
from campaign.records import check_results, facts_of, left_behind
from ovlab.records import read_record, write_record

KILLS, MINUTES, SHARE = 6, 1.0, 0.03


def test_a_slice_of_kills(tmp_path: Path) -> None:
    outcomes = kill.attack(tmp_path, tmp_path / "kills.jsonl", seed=0, kills=KILLS, minutes=MINUTES)
    assert not [words for one in outcomes for words in (*one["false"], *one["hung"])], kill.summary(outcomes, 0)
    assert outcomes[-1]["target"] == "left alone"


def test_a_slice_of_hostile_inputs(tmp_path: Path) -> None:
    answers = hostile.attack(hostile.choose(CASES, families=(), share=SHARE, seed=0), tmp_path)
    assert len({case.family for case, _ in answers}) == len({case.family for case in CASES})
    bad = [
        f"{case.family}: {case.name}: {answer.verdict}: {answer.line}" for case, answer in answers if not answer.is_good
    ]
    assert not bad


def test_a_kill_is_drawn_again_from_its_seed_and_number() -> None:
    plans = [kill.Plan.draw(7, number) for number in range(80)]
    assert plans == [kill.Plan.draw(7, number) for number in range(80)]
    assert plans != [kill.Plan.draw(8, number) for number in range(80)]
    assert all({plan.stage for plan in plans[i : i + 10]} == set(kill.STAGES) for i in range(0, 80, 10))
    assert {plan.number for plan in plans} == set(kill.SIGNALS) and {plan.is_group for plan in plans} == {True, False}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_workflow(tmp_path_factory.mktemp("finished"))
    done = snakemake(folder, overrides=TINY)
    assert done.returncode == 0, done.stdout
    return folder / "results"


def edit(pattern: str, **changes: object) -> Callable[[Path], None]:
    """Write a record anew with changes: whole, and with the right hash of itself."""

    def change(results: Path) -> None:
        path = next(results.glob(pattern))
        write_record(path, replace(read_record(path), **changes))  # type: ignore[arg-type]

    return change


def put(pattern: str, content: bytes) -> Callable[[Path], None]:
    return lambda results: next(results.glob(pattern)).write_bytes(content) and None


def remove(pattern: str) -> Callable[[Path], None]:
    return lambda results: next(results.glob(pattern)).unlink()


def other_accuracy(results: Path) -> None:
    path = next(results.glob("accuracy/*/int8/*/accuracy.json"))
    record = read_record(path)
    values = record.values | {"accuracy": replace(record.values["accuracy"], value=0.123)}
    write_record(path, replace(record, values=values))


def unhashed(results: Path) -> None:
    path = next(results.glob("accuracy/*/int8/*/accuracy.json"))
    data = json.loads(path.read_text(encoding="utf-8"))
    del data["sha256"]
    path.write_text(json.dumps(data), encoding="utf-8")


def of_another(results: Path) -> None:
    fp32, fp16 = (next(results.glob(f"variants/*/{name}/*")) for name in ("fp32", "fp16"))
    for name in ("model.bin", "model.xml", "variant.json"):
        shutil.copy(fp32 / name, fp16 / name)


CHANGED = "is not the file that was recorded"
PLANTED = {
    "weights changed after their record": (
        put("variants/*/*/*/model.bin", b"other"),
        "is not the file that was recorded",
    ),
    "a session without its samples": (remove("*/sessions/*/*/*/*/samples.parquet"), "no such file"),
    "a session that names no samples": (edit("*/sessions/*/*/*/*/session.json", files={}), "names no samples.parquet"),
    "predictions of nothing": (put("accuracy/*/*/*/predictions.parquet", b""), CHANGED),
    "another accuracy in a record that is whole": (
        other_accuracy,
        "differs from the undisturbed run in values (accuracy)",
    ),
    "a record without its hash": (unhashed, "has no hash of itself"),
    "a variant of another precision": (of_another, "differs from the undisturbed run in files"),
    "a record that was cut": (put("variants/*/*/*/variant.json", b'{"schema": "ovlab'), "not a record"),
    "a status that is none": (edit("accuracy/*/*/*/accuracy.json", status="unknown"), "status 'unknown'"),
    "a failure without a reason": (edit("accuracy/*/*/*/accuracy.json", status="failed"), "status 'failed', reason ''"),
    "a page that was cut": (put("*/report/index.html", b"<html><body>"), "ends before its end"),
    "a verdict on other cells": (put("*/verdict.txt", b"4 cells: 4 ok"), "counts other cells than there are"),
    "an empty table": (put("*/report/tables/*.md", b""), "is empty"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(finished: Path, tmp_path: Path, name: str) -> None:
    results = tmp_path / "results"
    shutil.copytree(finished, results, copy_function=shutil.copy2)
    truth = facts_of(finished)
    assert check_results(results, truth).false == []
    plant, words = PLANTED[name]
    plant(results)
    assert any(words in one for one in check_results(results, truth).false)


def test_what_says_that_it_failed_is_no_false_result(finished: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(finished, results, copy_function=shutil.copy2)
    edit("accuracy/*/*/*/accuracy.json", status="failed", reason="killed by SIGKILL")(results)
    found = check_results(results, facts_of(finished))
    assert found.false == [] and list(found.failed.values()) == ["killed by SIGKILL"]
    assert left_behind(results) == []
    (results / "accuracy" / ".a.12345678.partial.json").touch()
    assert len(left_behind(results)) == 1


PYTHON = "import sys, time, pathlib\n"
BEHAVIOURS = {
    "clear line": "sys.exit('error: conf/x.yaml: seed: missing')",
    "another line": "sys.exit('error: something is wrong')",
    "traceback": "{}['seed: missing']",
    "wrong exit": "print('seed: missing', file=sys.stderr)",
    "crash": "import os; os.kill(os.getpid(), 11)",
    "hang": "time.sleep(60)",
    "memory": "x = bytearray(300_000_000); time.sleep(60)",
    "escape": "pathlib.Path('../canary/pwned').touch(); sys.exit('error: conf/x.yaml: seed: missing')",
    "unseen characters": "sys.exit('error: conf/\\x1b[31m.yaml: seed: missing')",
    "many words": "sys.exit('error: ' + 'x' * 1000 + ' seed: missing')",
}


@pytest.mark.parametrize("verdict", BEHAVIOURS)
def test_an_answer_is_told_from_a_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: str) -> None:
    monkeypatch.setattr(hostile, "TIME_S", 8.0)
    monkeypatch.setattr(hostile, "MEMORY_BYTES", 200_000_000)
    command = ["python3", "-c", PYTHON + BEHAVIOURS[verdict]]
    case = Case("test", verdict, lambda room: command, r"^error: .*seed: missing$")
    bench = Bench(tmp_path / "bench", None)  # type: ignore[arg-type]
    assert hostile.meet(case, bench, tmp_path / "room").verdict == verdict


def test_there_are_as_many_inputs_as_promised_each_with_its_line() -> None:
    assert len(CASES) >= 300
    assert len({(case.family, case.name) for case in CASES}) == len(CASES)
    # An expectation that fits whatever is said would be none.
    assert not [case for case in CASES if not case.passes and hostile.judge(case, 1, "failed: no\n")[0] == "clear line"]
