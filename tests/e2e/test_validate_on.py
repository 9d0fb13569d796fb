"""Accuracy on devices of the experiment: a small real run, its report, its bundle, and itself merged with itself."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from workflow_runs import TINY, copy_workflow, planned, run_script, snakemake

DEVICES = {
    "auto_cpu": "device: 'AUTO:CPU'\nrequires: [CPU]\n",
    "absent": "device: GPU.7\n",
}
ASKED = (
    *(one for one in TINY if not one.startswith(("experiment.devices", "experiment.precisions"))),
    "experiment.precisions=[fp32,int8]",
    "experiment.devices=[cpu,auto_cpu,absent]",
    "experiment.validate_on=[cpu,auto_cpu,absent]",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_workflow(tmp_path_factory.mktemp("clone"))
    for name, text in DEVICES.items():
        (folder / f"conf/device/{name}.yaml").write_text(text)
    done = snakemake(folder, overrides=ASKED)
    assert done.returncode == 0, done.stdout
    made = run_script(folder, "bundle", "--experiment", "quickstart", "--output", "one.zip")
    assert made.returncode == 0, made.stderr
    return folder


def results(folder: Path, experiment: str = "quickstart") -> pd.DataFrame:
    table = pd.read_csv(folder / f"results/{experiment}/report/tables/results.csv")
    return table.set_index(["device", "precision"])


def test_every_cell_has_the_accuracy_of_its_device(folder: Path) -> None:
    found = results(folder)
    assert found.loc["cpu", "accuracy_device"].eq("CPU").all()
    assert found.loc["auto_cpu", "accuracy_device"].eq("AUTO:CPU").all()
    assert found.loc["absent", "status"].eq("unavailable").all()
    assert found.loc["absent", "accuracy"].isna().all()
    assert found.loc["absent", "reason"].str.contains("GPU.7 is not on this host").all()
    for precision in ("fp32", "int8"):
        assert found.loc[("cpu", precision), "accuracy"] == found.loc[("auto_cpu", precision), "accuracy"]
        runs = found.xs(precision, level="precision").loc[["cpu", "auto_cpu"], "accuracy_run_id"]
        assert runs.nunique() == 2
    page = (folder / "results/quickstart/report/index.html").read_text(encoding="utf-8")
    assert "Accuracy was validated on CPU, and for the cells on auto_cpu and absent on their own device" in page


def test_nothing_is_left_to_do_and_who_asks_no_more_does_nothing_anew(folder: Path) -> None:
    again = snakemake(folder, "-n", overrides=ASKED)
    assert "Nothing to be done" in again.stdout, again.stdout[-2000:]
    fewer = snakemake(folder, "-n", overrides=tuple(one for one in ASKED if "validate_on" not in one))
    assert set(planned(fewer.stdout)) <= {"report", "verdict"}


def test_a_bundle_holds(folder: Path) -> None:
    done = run_script(folder, "verify", "one.zip")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 validations recomputed" in done.stdout
