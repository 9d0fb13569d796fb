"""The report: made anew from the records, and compared file by file, cell by cell."""

from __future__ import annotations

import contextlib
import itertools
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ovlab.bundle.checks.numbers import first_faults, same_number, shown
from ovlab.bundle.layout import BASELINE, LARGEST_TEXT, RECORDS, SETTINGS, read_bounded, read_bounded_text
from ovlab.bundle.opening import OpenedBundle
from ovlab.csv_files import read_csv
from ovlab.errors import OvlabError, one_line
from ovlab.records import Record
from ovlab.specs import ReportSettings

DRAWN = (".svg", ".pdf", ".png")
NOT_MADE = (RECORDS.rpartition("/")[2],)
"""In the report's folder, but not of the report's making."""
_FULL_NUMBER = re.compile(r"(-?\d+\.\d{9,}(?:e[+-]?\d+)?|-?\d\.\d+e[+-]\d+)")
_DRAWING = re.compile(r"<svg.*?</svg>|data:application/pdf;base64,[^\"]*", re.DOTALL)


def read_settings(bundle: OpenedBundle) -> ReportSettings:
    """Read what the report was made with.

    Raises
    ------
    OvlabError
        If it is missing or no settings of a report.
    """
    path = bundle.experiment / SETTINGS
    name = path.relative_to(bundle.folder).as_posix()
    settings = ReportSettings.from_json(read_bounded_text(path, name), name)
    if settings.name != bundle.info.experiment:
        raise OvlabError(f"{name}: is of experiment {settings.name!r}, the bundle of {bundle.info.experiment!r}")
    return settings


def make_report(bundle: Path, settings: ReportSettings, found: list[tuple[Path, Record]], folder: Path) -> None:
    """Make the report of a bundle's records into another folder.

    Paths on the page are seen from the bundle, so that this process works in it meanwhile.
    """
    from ovlab.report import report
    from ovlab.report.records import Records

    logger = logging.getLogger("ovlab.report")
    level = logger.level
    seen = [(path.relative_to(bundle), record) for path, record in found]
    target = folder.resolve() / "index.html"
    with contextlib.chdir(bundle):
        logger.setLevel(logging.WARNING)
        try:
            report(settings, Records.at(seen), target)
        finally:
            logger.setLevel(level)


def check_report(
    bundle: OpenedBundle,
    settings: ReportSettings,
    found: list[tuple[Path, Record]],
    scratch: Path,
    *,
    drawn_alike: bool = True,
) -> tuple[list[str], dict[str, int]]:
    """Make the report anew and compare.

    Parameters
    ----------
    bundle, settings, found
        The bundle, what its report was made with, its records.
    scratch : Path
        Folder to make.
    drawn_alike : bool
        Whether figures were drawn by the version of Matplotlib that is installed: others draw otherwise.

    Returns
    -------
    tuple of list of str and dict of int
        A line for each cell, number or file that is not as recomputed, and how many files of each kind were compared.
    """
    scratch.mkdir()
    make_report(bundle.folder, settings, found, scratch)
    return compare_reports(bundle, scratch, drawn_alike=drawn_alike)


def compare_reports(
    bundle: OpenedBundle, scratch: Path, *, drawn_alike: bool = True
) -> tuple[list[str], dict[str, int]]:
    """Compare the report of a bundle with the one that was made anew in a folder; see `check_report`."""
    own, made = bundle.experiment / "report", {path.relative_to(scratch).as_posix() for path in _files(scratch)}
    there = {path.relative_to(own).as_posix() for path in _files(own)}
    place = own.relative_to(bundle.folder).as_posix()
    faults = [f"{place}/{name}: missing, but the report has it" for name in sorted(made - there)]
    faults += [f"{place}/{name}: is no file of the report" for name in sorted(there - made - {*NOT_MADE})]
    counts = {"tables": 0, "figures": 0, "other files": 0}
    for name in sorted(made & there):
        faults += first_faults(_compare(own / name, scratch / name, f"{place}/{name}", drawn_alike=drawn_alike))
        is_table = name.startswith(("tables/", "paper/"))
        if name.endswith(DRAWN) and not drawn_alike:
            continue
        counts["tables" if is_table else "figures" if name.endswith(DRAWN) else "other files"] += 1
    return faults, counts


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _compare(own: Path, made: Path, name: str, *, drawn_alike: bool) -> Iterator[str]:
    recorded, recomputed = read_bounded(own, name, LARGEST_TEXT * 4), made.read_bytes()
    if recorded == recomputed or (name.endswith(DRAWN) and not drawn_alike):
        return
    if name.endswith(".csv"):
        yield from _compare_frames(_csv(own, name), read_csv(made), name)
    elif name.endswith(".parquet"):
        yield from _compare_frames(_parquet(own, name), pq.read_table(made).to_pandas(), name)
    elif name.endswith((".png", ".pdf")):
        yield f"{name}: is not what is drawn from the records"
    else:
        texts = [data.decode("utf-8", "replace") for data in (recorded, recomputed)]
        if not drawn_alike and name.endswith(".html"):
            texts = [_DRAWING.sub("", text) for text in texts]
        yield from _compare_texts(texts[0], texts[1], name)


def _csv(path: Path, name: str) -> pd.DataFrame:
    try:
        return read_csv(path)
    except (OSError, ValueError) as error:
        raise OvlabError(f"{name}: cannot be read as CSV ({one_line(error)})") from None


def _parquet(path: Path, name: str) -> pd.DataFrame:
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > 10_000_000:
                raise OvlabError(f"{name}: is refused: {file.metadata.num_rows} rows")
            frame: pd.DataFrame = file.read().to_pandas()
            return frame
    except (OSError, pa.ArrowException, ValueError) as error:
        raise OvlabError(f"{name}: cannot be read as Parquet ({one_line(error)})") from None


def _compare_frames(recorded: pd.DataFrame, recomputed: pd.DataFrame, name: str) -> Iterator[str]:
    if list(recorded.columns) != list(recomputed.columns):
        different = [
            pair
            for pair in itertools.zip_longest(recorded.columns, recomputed.columns, fillvalue="none")
            if pair[0] != pair[1]
        ]
        yield f"{name}: column {different[0][0]!r}, {different[0][1]!r} was recomputed"
        return
    if len(recorded) != len(recomputed):
        yield f"{name}: {len(recorded)} rows, {len(recomputed)} were recomputed"
        return
    for column in recomputed.columns:
        pairs = zip(recorded[column].tolist(), recomputed[column].tolist(), strict=True)
        for row, (one, other) in enumerate(pairs, 1):
            if not _same_cell(one, other):
                yield f"{name}, row {row}, column {column}: {shown(one)}, {shown(other)} was recomputed"


def _same_cell(one: Any, other: Any) -> bool:
    if _is_missing(one) or _is_missing(other):
        return _is_missing(one) and _is_missing(other)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return same_number(one, other)
    return bool(one == other)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)  # noqa: PLR0124


def _compare_texts(recorded: str, recomputed: str, name: str) -> Iterator[str]:
    pairs = itertools.zip_longest(recorded.split("\n"), recomputed.split("\n"), fillvalue="")
    for number, (one, other) in enumerate(pairs, 1):
        if one != other and (at := _first_difference(one, other)) is not None:
            begin = max(0, at - 20)
            yield (
                f"{name}, line {number}, from sign {begin + 1}: {shown(one[begin : begin + 60])}, "
                f"{shown(other[begin : begin + 60])} was recomputed"
            )
            return


def _first_difference(one: str, other: str) -> int | None:
    """Return where two lines part; None if they do so in round-off only, which numbers written in full show."""
    at = 0
    pieces = itertools.zip_longest(_FULL_NUMBER.split(one), _FULL_NUMBER.split(other), fillvalue="")
    for index, (own, made) in enumerate(pieces):
        if own != made and not (index % 2 and own and made and same_number(float(own), float(made))):
            return at + next((i for i, pair in enumerate(zip(own, made, strict=False)) if pair[0] != pair[1]), 0)
        at += len(own)
    return None


def with_own_baseline(settings: ReportSettings, bundle: Path) -> ReportSettings:
    """Have the report compare with the earlier run that the bundle has."""
    if settings.baseline.results is None or not (bundle / BASELINE).is_dir():
        return settings
    baseline = settings.baseline.model_copy(update={"results": BASELINE})
    return settings.model_copy(update={"baseline": baseline})
