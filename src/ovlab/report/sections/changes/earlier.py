"""An earlier run of the experiment, as its report left it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ovlab.csv_files import read_csv
from ovlab.errors import OvlabError, one_line
from ovlab.records import read_record
from ovlab.specs import Cell

RESULTS, ENVIRONMENT = Path("report/tables/results.csv"), Path("report/tables/environment.csv")


@dataclass(frozen=True)
class Earlier:
    """What is known of an earlier run.

    Attributes
    ----------
    rows : dict
        Rows of its results by cell.
    environment : dict of str
        Properties of machine and software.
    folder : Path
        Its results of this experiment.
    """

    rows: dict[Cell, dict[Any, Any]]
    environment: dict[str, str]
    folder: Path

    @classmethod
    def read(cls, results: str, experiment: str) -> Earlier:
        """Read the tables of an earlier report.

        Parameters
        ----------
        results : str
            Folder of its results.
        experiment : str
            Name of the experiment.

        Raises
        ------
        OvlabError
            If there is no such report, or its tables cannot be read.
        """
        folder = Path(results) / experiment
        frame, environment = (_table(folder / name) for name in (RESULTS, ENVIRONMENT))
        rows = {Cell.of(row): row for row in frame.to_dict("records")}
        facts = dict(zip(environment["property"].astype(str), environment["value"].astype(str), strict=True))
        return cls(rows, facts, folder)

    def hashes(self, cell: Cell) -> dict[str, str]:
        """Return the hashes of the files that a cell was measured with; nothing where its record is not there."""
        place = Path(cell.model) / cell.device / cell.scenario / "session.json"
        # Without the host: from before there were any.
        for path in (self.folder / "sessions" / cell.host / place, self.folder / "sessions" / place):
            try:
                return read_record(path, "session").inputs
            except (OvlabError, OSError):
                continue  # an earlier report may have been kept without its records
        return {}


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise OvlabError(f"baseline.results: no file {path}, expected a folder of results with a report in it")
    try:
        frame = read_csv(path)
    except (OSError, ValueError) as error:
        raise OvlabError(f"baseline.results: {path}: cannot be read ({one_line(error)})") from None
    needed = set(Cell._fields) - {"host"} | {"status"} if path.name == RESULTS.name else {"property", "value"}
    if missing := sorted(needed - set(frame.columns)):
        raise OvlabError(f"baseline.results: {path}: no column {missing[0]}")
    return frame
