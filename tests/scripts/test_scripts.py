"""Every script: its help, a tiny success in the order of the chain, and bad input answered in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ovlab.records import read_record
from ovlab_flow import load_grid
from ovlab_flow.grid import Grid

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("download", "convert", "calibrate", "validate", "benchmark", "report", "verdict")


def run(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"scripts/{script}.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def grid() -> Grid:
    overrides = [
        "experiment.models=[digits_cnn]",
        "experiment.devices=[cpu]",
        "experiment.scenarios=[single_stream]",
        "experiment.precisions=[fp32,int8]",
        "measurement.launches=2",
        "measurement.cached_launches=0",
        "measurement.max_launches=2",
        "measurement.duration_s=0.1",
        "measurement.warm_up_s=0",
        "validation.limit=30",
        "precision.quantization.subset=10",
    ]
    return load_grid("quickstart", conf=ROOT / "conf", overrides=overrides)


@pytest.fixture(scope="module")
def chain(grid: Grid, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Run the whole chain by hand, as a user would, and return the records by name."""
    folder = tmp_path_factory.mktemp("chain")
    made: dict[str, Path] = {}

    def step(name: str, script: str, settings: str, *arguments: str | Path) -> None:
        made[name] = folder / name / "record.json"
        done = run(script, "--settings", settings, "--record", made[name], "--log", folder / f"{name}.log", *arguments)
        assert done.returncode == 0, done.stderr
        assert (folder / f"{name}.log").exists()

    for (group, _, _), source in grid.sources.items():
        files = folder / group / "files"
        step(
            group, "download", source.spec.model_dump_json(), "--files", files, "--cache", folder / "cache", "--mirror"
        )
    for variant in grid.variants.values():
        settings = variant.settings.model_dump_json()
        if variant.base is None:
            step(variant.precision, "convert", settings, "--model", made["models"], "--data", made["datasets"])
        else:
            step(variant.precision, "calibrate", settings, "--base", made["fp32"], "--data", made["datasets"])
    for accuracy in grid.accuracies.values():
        name = accuracy.variant.precision
        reference = [made["accuracy-fp32"]] if accuracy.reference else []
        arguments = ["--variant", made[name], "--data", made["datasets"], "--reference", *reference]
        step(f"accuracy-{name}", "validate", accuracy.settings.model_dump_json(), *arguments)
    (session,) = grid.sessions.values()
    variants = [made[variant.precision] for variant in session.variants]
    settings = session.settings.model_dump_json()
    step("session", "benchmark", settings, "--variants", *variants, "--data", made["datasets"])
    return made


def arguments_of_report(grid: Grid, chain: dict[str, Path], page: Path) -> list[str | Path]:
    return [
        *("--settings", grid.report.model_dump_json(), "--page", page),
        *("--sources", chain["models"], chain["datasets"], "--variants", chain["fp32"], chain["int8"]),
        *("--accuracies", chain["accuracy-fp32"], chain["accuracy-int8"], "--sessions", chain["session"]),
    ]


@pytest.mark.parametrize("script", STEPS)
def test_help_says_what_the_step_does(script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0
    assert f"usage: {script}.py" in done.stdout
    assert len(done.stdout.split("\n\n")[1]) > 30


@pytest.mark.parametrize("script", STEPS)
def test_scripts_are_thin(script: str) -> None:
    lines = (ROOT / "scripts" / f"{script}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60


def test_the_chain_runs_by_hand(grid: Grid, chain: dict[str, Path], tmp_path: Path) -> None:
    session = read_record(chain["session"], "session")
    assert [row["status"] for row in session.data["rows"].values()] == ["ok", "ok"]
    accuracy = read_record(chain["accuracy-int8"], "accuracy")
    assert accuracy.value("samples") == 30
    assert (
        accuracy.values["accuracy_delta"].low
        <= accuracy.value("accuracy_delta")
        <= accuracy.values["accuracy_delta"].high
    )
    page = tmp_path / "report" / "index.html"
    records = tmp_path / "records.txt"
    done = run("report", *arguments_of_report(grid, chain, page), "--list", records)
    assert done.returncode == 0, done.stderr
    assert page.stat().st_size > 1000
    listed = records.read_text().splitlines()
    assert sorted(listed) == sorted(str(path) for path in chain.values())
    verdict = tmp_path / "verdict.txt"
    arguments = ["--records", records, "--folder", tmp_path, "--verdict", verdict, "--summary", tmp_path / "failures"]
    done = run("verdict", "--results", page.parent / "tables" / "results.csv", *arguments)
    assert done.returncode == 0, done.stderr
    assert "2 cells: 2 ok" in verdict.read_text()
    # A new report has no verdict yet: the earlier one's goes before anything of the new one is there.
    done = run("report", *arguments_of_report(grid, chain, page), "--list", records, "--verdict", verdict)
    assert done.returncode == 0, done.stderr
    assert not verdict.exists()


def test_same_seed_same_bytes(grid: Grid, chain: dict[str, Path], tmp_path: Path) -> None:
    int8 = next(variant for variant in grid.variants.values() if variant.precision == "int8")
    again = tmp_path / "again" / "record.json"
    arguments = ["--record", again, "--base", chain["fp32"], "--data", chain["datasets"]]
    done = run("calibrate", "--settings", int8.settings.model_dump_json(), *arguments)
    assert done.returncode == 0, done.stderr
    first, second = (read_record(path, "variant").data for path in (chain["int8"], again))
    assert first["sha256"]["model.bin"] == second["sha256"]["model.bin"]
    assert first["calibration_images"] == second["calibration_images"]


@pytest.mark.parametrize(
    ("script", "settings", "message"),
    [
        ("download", "{}", "files: missing, but needed (or a generator)"),
        ("download", '{"file": []}', "file: unknown key; did you mean 'files'?"),
        ("convert", '{"weights": "f23"}', "--settings: "),
        ("convert", "nowhere.json", "No such file"),
        ("benchmark", "{", "--settings: "),
    ],
)
def test_bad_settings_are_one_line(script: str, settings: str, message: str, tmp_path: Path) -> None:
    needed = {
        "download": ["--files", tmp_path / "files", "--cache", tmp_path / "cache"],
        "convert": ["--model", "x", "--data", "x"],
        "benchmark": ["--variants", "x", "--data", "x"],
    }[script]
    done = run(script, "--settings", settings, "--record", tmp_path / "record.json", *needed)
    assert done.returncode != 0
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_failure_writes_nothing_unless_it_is_to_be_recorded(
    grid: Grid, chain: dict[str, Path], tmp_path: Path
) -> None:
    int8 = next(variant for variant in grid.variants.values() if variant.precision == "int8")
    settings = json.loads(int8.settings.model_dump_json())
    settings["quantization"]["subset"] = 301
    record = tmp_path / "out" / "record.json"
    command = [
        "--settings",
        json.dumps(settings),
        "--record",
        record,
        "--base",
        chain["fp32"],
        "--data",
        chain["datasets"],
    ]
    reason = "quantization.subset: 301 images, but the calibration split has 300"
    done = run("calibrate", *command)
    assert (done.returncode, done.stderr) == (1, f"failed: {reason}\n")
    assert not record.parent.exists()
    done = run("calibrate", *command, "--record-failure")
    assert done.returncode == 0
    failed = read_record(record, "variant")
    assert (failed.status, failed.reason) == ("failed", reason)


def test_a_missing_record_is_named(grid: Grid, tmp_path: Path) -> None:
    fp32 = next(variant for variant in grid.variants.values() if variant.precision == "fp32")
    nowhere = tmp_path / "nowhere.json"
    arguments = ["--record", tmp_path / "record.json", "--model", nowhere, "--data", nowhere]
    done = run("convert", "--settings", fp32.settings.model_dump_json(), *arguments)
    assert done.returncode == 1
    assert done.stderr == f"failed: {nowhere}: missing; the step that makes it has not run\n"


def test_a_regression_is_a_failure_where_it_is_to_be(tmp_path: Path) -> None:
    results, changes, records = (tmp_path / name for name in ("results.csv", "changes.csv", "records.txt"))
    results.write_text("model,precision,device,scenario,status,reason\nm,fp32,cpu,offline,ok,\n")
    head = "model,precision,device,scenario,status,throughput_ratio,speed,accuracy,regressed\n"
    records.write_text("")
    verdict, summary = tmp_path / "verdict.txt", tmp_path / "failures.txt"
    arguments = ["--results", results, "--records", records, "--folder", tmp_path, "--verdict", verdict]
    arguments += ["--summary", summary]
    changes.write_text(f"{head}m,fp32,cpu,offline,ok,0.7,slower,no change,yes\n")
    done = run("verdict", *arguments, "--changes", changes)
    line = "1 cell: 1 ok, 0 unavailable, 0 failed; 1 regressed against the earlier run"
    assert (done.returncode, done.stderr) == (1, f"error: {line}\n")
    assert summary.read_text() == f"{line}\nregressed: m/fp32/cpu/offline: ok, slower, no change\n"
    assert not verdict.exists()
    assert run("verdict", *arguments).returncode == 0
    changes.write_text(f"{head}m,fp32,cpu,offline,ok,1.0,no change,no change,no\n")
    assert run("verdict", *arguments, "--changes", changes).returncode == 0


def test_verdict_puts_failed_records_aside(grid: Grid, chain: dict[str, Path], tmp_path: Path) -> None:
    record = json.loads(chain["int8"].read_text()) | {"status": "failed", "reason": "it broke"}
    del record["sha256"]
    failed = tmp_path / "int8.json"
    failed.write_text(json.dumps(record))
    results = tmp_path / "results.csv"
    results.write_text(
        "model,precision,device,scenario,status,reason\nm,int8,cpu,offline,failed,it broke\nm,fp32,cpu,offline,ok,\n"
    )
    records = tmp_path / "records.txt"
    records.write_text(f"{failed}\n{chain['fp32']}\n")
    verdict, summary = tmp_path / "verdict.txt", tmp_path / "failures.txt"
    arguments = ["--records", records, "--folder", tmp_path, "--verdict", verdict, "--summary", summary]
    done = run("verdict", "--results", results, *arguments)
    assert (done.returncode, done.stderr) == (1, "error: 2 cells: 1 ok, 0 unavailable, 1 failed\n")
    assert not verdict.exists()
    assert summary.read_text() == (
        "2 cells: 1 ok, 0 unavailable, 1 failed\n"
        f"failed: it broke\n  cells: m/int8/cpu/offline\n  log: {tmp_path / 'logs.log'}\n"
    )
    assert not failed.exists() and (tmp_path / "int8.failed.json").exists()
    assert chain["fp32"].exists()
    results.write_text("model,precision,device,scenario,status,reason\nm,fp32,cpu,offline,ok,\n")
    done = run("verdict", "--results", results, *arguments)
    assert (done.returncode, verdict.read_text()) == (0, "1 cell: 1 ok, 0 unavailable, 0 failed\n")
    assert not summary.exists()
