"""Parquet files of a bundle, read within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ovlab.errors import OvlabError, one_line

ROWS_A_BYTE = 16
"""Rows of measured or predicted values take more than this: what has more was made to fill memory."""
FEW_ROWS = 1_000_000


def read_table(path: Path, name: str, columns: Mapping[str, str], *, all_columns: bool = False) -> pd.DataFrame:
    """Read columns of a Parquet file.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What to call it.
    columns : mapping of str
        The columns that it needs, and of which kind each is: ``text``, ``whole``, ``number``, ``flag`` or ``list``.
    all_columns : bool
        Whether others are read too.

    Raises
    ------
    OvlabError
        If it is no such file, lacks a column, or would take far more memory than its size explains.
    """
    try:
        with pq.ParquetFile(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
            if rows > max(FEW_ROWS, ROWS_A_BYTE * path.stat().st_size):
                raise OvlabError(f"{name}: is refused: {rows} rows in {path.stat().st_size} bytes")
            for column, kind in columns.items():
                if column not in schema.names:
                    raise OvlabError(f"{name}: no column {column!r}")
                if not _is(kind, schema.field(column).type):
                    raise OvlabError(f"{name}: column {column!r} is {schema.field(column).type}, expected {kind}")
            frame: pd.DataFrame = file.read(columns=None if all_columns else list(columns)).to_pandas()
            return frame
    except (OSError, pa.ArrowException, ValueError, MemoryError) as error:
        if isinstance(error, OvlabError):
            raise
        raise OvlabError(f"{name}: cannot be read as Parquet ({one_line(error)})") from None


def _is(kind: str, found: pa.DataType) -> bool:
    tests = {
        "text": lambda: pa.types.is_string(found) or pa.types.is_large_string(found),
        "whole": lambda: pa.types.is_integer(found),
        "number": lambda: pa.types.is_floating(found) or pa.types.is_integer(found),
        "flag": lambda: pa.types.is_boolean(found),
        "list": lambda: pa.types.is_list(found) or pa.types.is_large_list(found),
    }
    return bool(tests[kind]())
