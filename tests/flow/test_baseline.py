"""An earlier run that the report is to compare with."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovlab.errors import OvlabError
from ovlab_flow import load_grid

CONF = Path(__file__).resolve().parents[2] / "conf"


def test_an_earlier_run_is_compared_with_if_it_has_a_report(tmp_path: Path) -> None:
    assert load_grid("quickstart", conf=CONF).report.baseline.results is None
    with pytest.raises(
        OvlabError, match=r"baseline: no file .*quickstart/report/tables/results.csv, expected a folder of"
    ):
        load_grid("quickstart", conf=CONF, baseline=str(tmp_path))
    table = tmp_path / "quickstart" / "report" / "tables" / "results.csv"
    table.parent.mkdir(parents=True)
    table.touch()
    compared = load_grid("quickstart", conf=CONF, baseline=str(tmp_path), overrides=["baseline.fail=true"])
    assert compared.report.baseline.results == str(tmp_path)
    assert compared.report.baseline.fail
    with pytest.raises(OvlabError, match="is the folder of this run's own results"):
        load_grid("quickstart", conf=CONF, baseline=str(tmp_path), overrides=[f"results='{tmp_path}'"])
