"""A copy of the workflow in a folder of its own, and Snakemake run in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "conf", "profiles", "workflow", "scripts", "src", "resources")
# The smallest real run: one model, one device, one scenario, one short launch.
TINY = (
    "experiment.models=[digits_cnn]",
    "experiment.precisions=[fp32,fp16,int8]",
    "experiment.devices=[cpu]",
    "experiment.scenarios=[single_stream]",
    "experiment.profile=false",
    "measurement.launches=1",
    "measurement.cached_launches=0",
    "measurement.max_launches=1",
    "measurement.duration_s=0.1",
    "measurement.warm_up_s=0",
    "measurement.noise.wait_s=0",
    "validation.limit=40",
    "precision.quantization.subset=10",
)


def copy_workflow(folder: Path) -> Path:
    """Copy what a run needs, without results."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(source, folder / part)
    return folder


def command(
    *arguments: str, experiment: str = "quickstart", overrides: tuple[str, ...] = (), **config: str
) -> list[str]:
    """Build the command line of a run."""
    values = config_values(experiment=experiment, overrides=overrides, **config)
    return [sys.executable, "-m", "snakemake", "--cores", "all", *arguments, "--config", *values]


def config_values(*, experiment: str = "quickstart", overrides: tuple[str, ...] = (), **config: str) -> list[str]:
    """Build what follows ``--config``."""
    values = [f"experiment={experiment}", *(f"{key}={value}" for key, value in config.items())]
    if overrides:
        values.append("overrides=[" + ",".join(f'"{one}"' for one in overrides) + "]")
    return values


def snakemake(
    folder: Path, *arguments: str, experiment: str = "quickstart", overrides: tuple[str, ...] = (), **config: str
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder and return what it said."""
    return subprocess.run(
        command(*arguments, experiment=experiment, overrides=overrides, **config),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=800,
        check=False,
    )


def run_script(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of a copy by hand."""
    command = [sys.executable, f"scripts/{script}.py", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def planned(output: str) -> dict[str, int]:
    """Read Snakemake's table of jobs, without the target."""
    rows = re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)
    return {rule: int(count) for rule, count in rows if rule not in {"all", "total"}}


def jobs(output: str) -> Counter[str]:
    """Count the messages of the jobs that a dry run lists."""
    return Counter(re.findall(r"^Job \d+: (.+)$", output, re.MULTILINE))
