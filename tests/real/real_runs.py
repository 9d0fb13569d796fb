"""Where the real models and images are, and how the real experiments are run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from workflow_runs import ROOT, copy_workflow, snakemake

REAL = ROOT.parent / "shared" / "real"
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="the folder ../shared/real is not there")
# Fewer and shorter launches than for a result: what is asserted is accuracy and what was executed.
SHORT = (
    "measurement.launches=1",
    "measurement.cached_launches=0",
    "measurement.max_launches=1",
    "measurement.duration_s=0.5",
    "measurement.warm_up_s=0.1",
    "measurement.noise.wait_s=0",
    "experiment.profile=false",
)


def run_real(
    experiment: str,
    folder: Path,
    overrides: tuple[str, ...] = (),
    statuses: frozenset[str] = frozenset({"ok"}),
    conf: Path = ROOT / "tests" / "real" / "conf",
) -> pd.DataFrame:
    """Run a real experiment in a copy of the workflow and return its results."""
    copy_workflow(folder)
    merged = dict(one.split("=", 1) for one in (*SHORT, *overrides))
    lines = tuple(f"{key}={value}" for key, value in merged.items())
    done = snakemake(folder, experiment=experiment, extra_conf=str(conf), mirror=str(REAL), overrides=lines)
    table = folder / f"results/{experiment}/report/tables/results.csv"
    assert table.is_file(), done.stdout[-5000:]
    results = pd.read_csv(table)
    other = results[~results["status"].isin(statuses)]
    assert other.empty, other[["model", "precision", "device", "scenario", "reason"]].to_string()
    assert done.returncode == 0, done.stdout[-5000:]
    return results
