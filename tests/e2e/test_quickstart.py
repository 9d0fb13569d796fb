"""The README's commands on a copy of the repository: what a newcomer does, and what they then see."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from workflow_runs import ROOT, copy_workflow

COLUMNS = (
    "experiment model dataset precision device scenario status reason metric accuracy accuracy_low accuracy_high "
    "accuracy_delta accuracy_delta_low accuracy_delta_high samples latency_ms_p50 latency_ms_p50_low "
    "latency_ms_p50_high latency_ms_p90 latency_ms_p99 throughput_fps throughput_fps_low throughput_fps_high "
    "speedup speedup_low speedup_high batch infer_requests streams threads execution_devices executed_precision "
    "int8_time_share model_size_mb compile_ms first_inference_ms peak_rss_mb run_id"
).split()
OWN_PROFILES = "profiling: {repeat_s: 5}\n"
SHORT_PROFILES = """
profiling: {repeat_s: 0, duration_s: 0.1, warm_up_s: 0.02, peaks: {launches: 1, windows: 1, window_s: 0.05}}
"""


def readme_commands() -> list[str]:
    """Return the lines of the README's blocks of commands."""
    commands, fence = [], ""
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            fence = "" if fence else line
        elif fence == "```":  # blocks with a language are no commands
            commands.append(line)
    return commands


def with_short_launches(folder: Path) -> None:
    """Make the quickstart's launches fewer and shorter, as few as give intervals: what is timed is not asserted."""
    path = folder / "conf" / "experiment" / "quickstart.yaml"
    text = path.read_text(encoding="utf-8")
    for key, value in {"launches": 3, "max_launches": 3, "duration_s": 0.2, "warm_up_s": 0.05, "wait_s": 0}.items():
        text, found = re.subn(rf"\b{key}: [\d.]+", f"{key}: {value}", text)
        assert found == 1, key
    assert OWN_PROFILES in text
    path.write_text(text.replace(OWN_PROFILES, SHORT_PROFILES), encoding="utf-8")


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the README's second command in a copy that borrows this checkout's environment."""
    if not (ROOT / ".venv" / "run.stamp").exists():
        pytest.skip("needs the environment that make sets up (.venv)")
    folder = copy_workflow(tmp_path_factory.mktemp("clone"))
    with_short_launches(folder)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy2(ROOT / name, folder / name)
        # Older than the environment, as after a set-up: make then has nothing to install.
        os.utime(folder / name, (0, 0))
    (folder / ".venv").symlink_to(ROOT / ".venv")
    assert "make report" in readme_commands()
    done = subprocess.run(
        ["make", "report"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return folder, done.stdout


@pytest.fixture(scope="module")
def results(quickstart: tuple[Path, str]) -> pd.DataFrame:
    return pd.read_csv(quickstart[0] / "results/quickstart/report/tables/results.csv")


def test_every_cell_is_there(results: pd.DataFrame) -> None:
    # Four devices under three scenarios; on AUTO the classifier alone, under one. FP16 weights of the classifier alone.
    assert results.groupby("model").size().to_dict() == {"digits_cnn": 4 * (4 * 3 + 1), "digits_ssd": 3 * 4 * 3}
    assert results.columns[: len(COLUMNS)].tolist() == COLUMNS
    assert not results.duplicated(["model", "precision", "device", "scenario"]).any()
    assert set(results["status"]) <= {"ok", "unavailable"}
    assert (results.loc[results["device"] == "cpu", "status"] == "ok").all()
    absent = results[results["status"] == "unavailable"]
    assert absent["reason"].str.contains("is not on this host").all()
    assert absent["latency_ms_p50"].isna().all() and absent["throughput_fps"].isna().all()


def test_what_ran_is_what_the_label_says(results: pd.DataFrame) -> None:
    ran = results[(results["status"] == "ok") & (results["device"] == "cpu")]
    assert (ran.loc[ran["precision"] == "fp32", "executed_precision"] == "f32").all()
    assert ran.loc[ran["precision"] == "int8", "executed_precision"].str.startswith("i8").all()
    assert (ran["execution_devices"] == "CPU").all()
    sizes = ran.groupby(["model", "precision"])["model_size_mb"].first().unstack()
    assert sizes.loc["digits_cnn", "fp16"] < 0.6 * sizes.loc["digits_cnn", "fp32"]
    assert (sizes["int8"] < 0.6 * sizes["fp32"]).all() and (sizes["default"] == sizes["fp32"]).all()


def test_the_default_is_told_beside_the_reference(results: pd.DataFrame) -> None:
    ran = results[results["status"] == "ok"]
    default = ran[ran["precision"] == "default"]
    assert len(default) == len(ran[ran["precision"] == "fp32"])
    assert (default["speedup_over_default"] == 1).all() and ran["speedup_over_default"].notna().all()
    fp32 = ran[ran["precision"] == "fp32"].set_index(["model", "device", "scenario"])
    for row in default.itertuples():
        twin = fp32.loc[(row.model, row.device, row.scenario)]
        if row.executed_precision == "f32":  # then it is FP32 by another name, and measured once
            assert row.reason.endswith("measured once, the timings are its")
            assert row.throughput_fps == twin["throughput_fps"]
        else:
            assert twin["speedup_over_default"] != 1


def test_numbers_are_consistent(results: pd.DataFrame) -> None:
    ran = results[results["status"] == "ok"]
    for value in ("accuracy", "accuracy_delta", "latency_ms_p50", "throughput_fps", "speedup"):
        assert (ran[f"{value}_low"] <= ran[value]).all() and (ran[value] <= ran[f"{value}_high"]).all()
    assert ran["accuracy"].between(0.7, 1).all()
    assert (ran["latency_ms_p50"] <= ran["latency_ms_p99"]).all()
    single = ran[ran["scenario"] == "single_stream"]
    # One image after the other: throughput is the inverse of the mean latency, at most that of the fastest half.
    assert (single["throughput_fps"] * single["latency_ms_p50"] / 1000).between(0.2, 1.5).all()
    reference = ran[ran["precision"] == "fp32"]
    assert (reference["speedup"] == 1).all() and (reference["accuracy_delta"] == 0).all()


def test_the_embedded_models_know_their_digits(results: pd.DataFrame) -> None:
    reference = results[results["precision"] == "fp32"].groupby("model")[["metric", "accuracy"]].first()
    assert reference.loc["digits_cnn", "metric"] == "top-1" and reference.loc["digits_cnn", "accuracy"] > 0.98
    assert reference.loc["digits_ssd", "metric"] == "mAP (VOC 2007)" and reference.loc["digits_ssd", "accuracy"] > 0.8


def test_report_is_whole(quickstart: tuple[Path, str]) -> None:
    report = quickstart[0] / "results/quickstart/report"
    page = (report / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="https?://', page)
    for folder, suffixes in (("tables", {".csv", ".tex", ".md", ".typ"}), ("figures", {".svg", ".pdf", ".png"})):
        stems: dict[str, set[str]] = {}
        for path in (report / folder).iterdir():
            assert path.stat().st_size > 0
            if not path.stem.endswith(("-column", "-text")):  # as wide as a paper's column or text: PDF alone
                stems.setdefault(path.stem, set()).add(path.suffix)
        data = {"results", "results_columns"}
        assert stems and all(found == suffixes or name in data for name, found in stems.items()), stems


def test_a_second_report_starts_at_once(quickstart: tuple[Path, str]) -> None:
    done = subprocess.run(["make", "report"], cwd=quickstart[0], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_readme_names_what_exists() -> None:
    commands = "\n".join(readme_commands())
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", commands, re.MULTILINE)) <= targets
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / link).exists(), link
    assert "make test" in commands
    assert "\nmake test\nexec make test-runs\n" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_environment_yml_is_in_step_with_the_lock() -> None:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "- -r requirements.lock" in text and "- --require-hashes" in text
    version = re.search(r"python=(\d+)\.(\d+)", text)
    assert version and (3, 11) <= (int(version[1]), int(version[2])) <= (3, 13)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-frameworks.lock"])
def test_locks_carry_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text and "--index" not in text
    pinned = re.findall(r"^\S+==\S+", text, re.MULTILINE)
    assert len(pinned) > 50 and text.count("--hash=sha256:") >= len(pinned)


def test_snakemakes_own_report_has_captions_and_categories(quickstart: tuple[Path, str]) -> None:
    folder, _ = quickstart
    command = [str(ROOT / ".venv/bin/snakemake"), "--report", "workflow.html", "--config", "experiment=quickstart"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (folder / "workflow.html").read_text(encoding="utf-8")
    for words in (
        "one page that needs no network",
        "One row a cell",
        "every variant in interleaved",
        "paired difference",
    ):
        assert words in page, words
    for category in ("Report", "Sessions", "Accuracy"):
        assert f'"{category}"' in page, category


def test_claims_and_goals_are_answered(quickstart: tuple[Path, str]) -> None:
    tables = quickstart[0] / "results/quickstart/report/tables"
    claims, goals = (pd.read_csv(tables / f"{name}.csv") for name in ("claims", "goals"))
    assert claims["model"].tolist() == goals["model"].tolist() == ["digits_cnn", "digits_ssd"]
    assert claims["verdict"].str.match(r"holds|does not hold|not distinguishable").all()
    assert goals["verdict"].isin(["surely", "probably", "none"]).all()
