"""What runs when: the jobs that a dry run lists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from snakemake.cli import parse_config
from snakemake.exceptions import WorkflowError
from workflow_runs import ROOT, config_values, copy_workflow, jobs, planned, snakemake

from ovlab_flow import grid_for_snakemake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_workflow(tmp_path)


def test_the_quickstart_plans_every_job_once(folder: Path) -> None:
    done = snakemake(folder, "-n")
    assert done.returncode == 0, done.stdout
    assert planned(done.stdout) == {
        "download": 4,
        "convert": 5,
        "calibrate": 2,
        "validate": 7,
        "benchmark": 25,
        "measure_peaks": 3,
        "profile_layers": 6,
        "report": 1,
        "verdict": 1,
    }
    assert max(jobs(done.stdout).values()) == 1


MISTAKES = [
    ({"experiment": "quickstat"}, "unknown experiment 'quickstat'; did you mean 'quickstart'?"),
    ({"mirrror": "x"}, "--config mirrror: unknown option; did you mean 'mirror'?"),
    ({"extra_conf": "nowhere"}, "extra_conf: no folder 'nowhere'"),
]


@pytest.mark.parametrize(("config", "message"), MISTAKES)
def test_a_mistake_is_an_error_of_the_workflow(config: dict[str, str], message: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        grid_for_snakemake(parse_config([f"{key}={value}" for key, value in config.items()]), ROOT)
    assert str(caught.value).startswith(message)


def test_such_an_error_ends_the_run_before_it_begins(folder: Path) -> None:
    config, message = MISTAKES[0]
    done = snakemake(folder, "-n", **config)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout


def test_a_thousand_cells_are_planned(folder: Path) -> None:
    for group, base, count in [("scenario", "offline", 8), ("device", "cpu", 9), ("precision", "fp16", 6)]:
        text = (folder / "conf" / group / f"{base}.yaml").read_text()
        for number in range(count):
            (folder / "conf" / group / f"x{number}.yaml").write_text(text)
    names = {
        group: [f"x{n}" for n in range(count)] for group, count in [("scenario", 8), ("device", 9), ("precision", 6)]
    }
    overrides = tuple(f"experiment.{group}s=[{','.join(chosen)}]" for group, chosen in names.items())
    model = (folder / "conf" / "model" / "digits_cnn.yaml").read_text()
    (folder / "conf" / "model" / "other.yaml").write_text(model)
    done = snakemake(folder, "-n", overrides=(*overrides, "experiment.models=[digits_cnn,other]"))
    assert done.returncode == 0, done.stdout[-2000:]
    assert planned(done.stdout)["benchmark"] == 2 * 8 * 9


@pytest.mark.parametrize("broken", ["1", "[a", "{}", "overrides"])
def test_overrides_of_any_form_are_answered(broken: str) -> None:
    with pytest.raises(WorkflowError):
        grid_for_snakemake(parse_config(config_values(overrides=(broken,))), ROOT)


def test_a_plan_loads_nothing_heavy() -> None:
    heavy = ("pandas", "openvino", "nncf", "cv2", "matplotlib", "scipy")
    code = f"import sys, ovlab_flow; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
