"""The results as data: CSV, Parquet, and the dictionary of their columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ovlab.csv_files import write_csv
from ovlab.files import write_atomically
from ovlab.report.result_columns import meaning_of

NAMES = ("results.csv", "results.parquet", "results_columns.csv")


def write_data(frame: pd.DataFrame, folder: Path) -> None:
    """Write the results into a folder, atomically.

    Parameters
    ----------
    frame : DataFrame
        The results, one row a cell.
    folder : Path
        Gets ``results.csv``, ``results.parquet`` (the same with types; unit and meaning of each column in its
        metadata) and ``results_columns.csv``, the dictionary: name, type, unit and meaning of each column.
    """
    write_csv(folder / "results.csv", frame)
    write_csv(folder / "results_columns.csv", data_dictionary(frame))
    table = described(frame)
    write_atomically(folder / "results.parquet", lambda path: pq.write_table(table, path))


def data_dictionary(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the dictionary: one row a column of the results."""
    schema = described(frame).schema
    rows = []
    for field in schema:
        told = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        kind = "text" if pa.types.is_string(field.type) else "integer" if pa.types.is_integer(field.type) else "number"
        rows.append({"column": field.name, "type": kind, "unit": told["unit"], "meaning": told["meaning"]})
    return pd.DataFrame(rows)


def described(frame: pd.DataFrame) -> pa.Table:
    """Return the results as a table of Arrow, each column with its type, unit and meaning."""
    fields, arrays = [], []
    for name in map(str, frame.columns):
        known = meaning_of(name)
        unit, meaning = (known.unit, known.of(name)) if known is not None else ("", "")
        kind = pa.int64() if unit == "count" else pa.float64() if unit or name == "accuracy_p" else pa.string()
        if name == "accuracy_by_seed":
            kind = pa.string()
        fields.append(pa.field(name, kind, metadata={"unit": unit, "meaning": meaning}))
        values = [None if pd.isna(one) or one == "" else one for one in frame[name]]
        arrays.append(pa.array(values, kind))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
