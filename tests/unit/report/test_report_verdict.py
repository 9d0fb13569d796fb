"""The last word of a run: every step counts, with a cell of its own or without."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_factory import Maker, Recipe

from ovlab.errors import OvlabError
from ovlab.records import Kind, Record, write_record
from ovlab.report import report
from ovlab.verdict import conclude

CRASH = "the launch crashed with exit code -15: no message"
STEPS: dict[str, tuple[Kind, Record]] = {
    "peaks/cpu/0": ("peaks", Record("peaks", {}, status="failed", reason=CRASH, environment={})),
    "x/profiles/m/cpu": ("profile", Record("profile", {}, status="failed", reason=f"peaks: {CRASH}", environment={})),
    "x/profiles/n/cpu": (
        "profile",
        Record(
            "profile",
            {},
            data={"variants": {"fp32": {"status": "ok"}, "int8": {"status": "failed", "reason": "out of memory"}}},
            environment={},
        ),
    ),
    "peaks/gpu/0": ("peaks", Record("peaks", {}, status="unavailable", reason="no GPU", environment={})),
    "x/profiles/o/cpu": (
        "profile",
        Record("profile", {}, data={"variants": {"fp32": {"status": "unavailable", "reason": "big"}}}, environment={}),
    ),
}


@pytest.fixture
def results(make: Maker, tmp_path: Path) -> Path:
    """The table of a report whose cells are all in order."""
    settings, records = make(Recipe())
    report(settings, records, tmp_path / "report/index.html")
    return tmp_path / "report/tables/results.csv"


def written(folder: Path, *names: str) -> list[Path]:
    paths = []
    for name in names:
        kind, record = STEPS[name]
        paths.append(folder / name / f"{kind}.json")
        write_record(paths[-1], record)
    return paths


@pytest.mark.parametrize(
    ("names", "count", "reasons"),
    [
        (["peaks/cpu/0", "x/profiles/m/cpu"], "2 steps", [CRASH]),
        (["x/profiles/n/cpu"], "1 step", ["int8: out of memory"]),
    ],
)
def test_a_step_without_a_cell_that_failed_is_told_and_tried_again(
    results: Path, tmp_path: Path, names: list[str], count: str, reasons: list[str]
) -> None:
    verdict, summary = tmp_path / "verdict.txt", tmp_path / "failures.txt"
    verdict.write_text("of an earlier run")
    paths = written(tmp_path, *names)
    with pytest.raises(OvlabError, match=rf"0 failed; {count} of no cell failed$"):
        conclude(results, paths, verdict, summary, tmp_path)
    lines = summary.read_text(encoding="utf-8").splitlines()
    assert [line.removeprefix("failed: ") for line in lines if line.startswith("failed: ")] == reasons
    assert f"  log: {tmp_path / 'logs' / names[0]}.log" in lines
    assert not verdict.exists()
    for path in paths:
        assert not path.exists() and path.with_name(f"{path.stem}.failed.json").exists()


def test_what_the_host_has_not_is_no_failure(results: Path, tmp_path: Path) -> None:
    verdict = tmp_path / "verdict.txt"
    paths = written(tmp_path, "peaks/gpu/0", "x/profiles/o/cpu")
    conclude(results, paths, verdict, tmp_path / "failures.txt", tmp_path)
    assert verdict.read_text(encoding="utf-8").endswith(" 0 failed\n")
    assert all(path.exists() for path in paths)
