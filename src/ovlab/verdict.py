"""Is every cell accounted for? The last word of a run, and its exit code."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ovlab.errors import OvlabError
from ovlab.files import move, write_text
from ovlab.inputs import require_unchanged
from ovlab.records import Record, read_record, require_intact
from ovlab.specs import Cell
from ovlab.text import visible, visible_line

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("ovlab.verdict")
SHOWN_CELLS = 6


@dataclass(frozen=True)
class FailedStep:
    """A step whose record says that it failed, or cannot be relied on."""

    record: Path
    reason: str


def summarise(results: pd.DataFrame) -> str:
    """Count the cells by status in one line."""
    counts = results["status"].value_counts()
    parts = [f"{counts.get(status, 0)} {status}" for status in ("ok", "unavailable", "failed")]
    return f"{len(results)} {'cell' if len(results) == 1 else 'cells'}: {', '.join(parts)}"


def conclude(
    results: Path, records: Iterable[Path], verdict: Path, summary: Path, folder: Path, changes: Path | None = None
) -> None:
    """Write the verdict if no step and no cell failed, and none regressed; otherwise a summary of what did.

    A step without a cell of its own, the machine's peaks or a profile of layers, counts as well: without it the report
    lacks what the next run can make.

    The records of failed steps are put aside (``NAME.failed.json``): the report has taken in what they say, and the
    next run tries just these steps again.

    Parameters
    ----------
    results : Path
        ``results.csv`` of the report.
    records : iterable of Path
        Records of all steps, in the order of the chain: the first that names a reason is where it arose.
    verdict, summary : Path
        The one that fits is written, the other one removed.
    folder : Path
        The results folder: the log of ``FOLDER/X/record.json`` is ``FOLDER/logs/X.log``.
    changes : Path, optional
        ``changes.csv`` of the report, where regressions against an earlier run count as failures.

    Raises
    ------
    OvlabError
        If a cell or a step failed, with the number of cells by status, or if a cell regressed.
    """
    from ovlab.csv_files import read_csv  # with pandas, which takes longer than all else that a plan loads

    frame = read_csv(results)
    line = summarise(frame)
    failed = frame[frame["status"] == "failed"]
    # All files of a source are looked at where something failed: they may be why.
    steps = [step for path in records if (step := failed_step(path, thorough=not failed.empty)) is not None]
    regressed = regressions(changes) if changes is not None else []
    if failed.empty and not steps and not regressed:
        log.info("%s", line)
        write_text(verdict, line + "\n")
        summary.unlink(missing_ok=True)
        return
    if failed.empty and steps:
        line = f"{line}; {len(steps)} {'step' if len(steps) == 1 else 'steps'} of no cell failed"
    if regressed:
        line = f"{line}; {len(regressed)} regressed against the earlier run"
    write_text(summary, describe_failures(line, failed, steps, folder) + "".join(f"{one}\n" for one in regressed))
    verdict.unlink(missing_ok=True)
    for step in steps:
        put_aside(step)
    raise OvlabError(line)


def regressions(changes: Path) -> list[str]:
    """List the cells that regressed, a line each."""
    from ovlab.csv_files import read_csv

    frame = read_csv(changes)
    lines = []
    for row in frame[frame["regressed"] == "yes"].to_dict("records"):
        lines.append(f"regressed: {'/'.join(Cell.of(row).words)}: {row['status']}, {row['speed']}, {row['accuracy']}")
    return lines


def failed_step(path: Path, *, thorough: bool = False) -> FailedStep | None:
    """Return the step whose record this is if it failed, or if what it left cannot be relied on any more.

    A record that cannot be read counts, and one whose files were changed after they were made.

    Parameters
    ----------
    path : Path
        The record.
    thorough : bool
        Whether to look at every file of a source too: a data set may have a million.
    """
    if not path.exists():
        return None
    try:
        record = read_record(path)
        if record.ok:
            require_intact(record, path.parent)
            if thorough and record.kind == "source":
                require_unchanged(record)
    except OvlabError as error:
        return FailedStep(path, visible(str(error)))
    # As results.csv has it: what cannot be seen is written as escapes there.
    reason = visible(record.reason) if record.status == "failed" else _failed_parts(record)
    return FailedStep(path, reason) if reason else None


def _failed_parts(record: Record) -> str:
    """Return why some variants of a profile could not be profiled; its record is ``ok`` for the sake of the others."""
    parts = record.data.get("variants", {}) if record.kind == "profile" else {}
    return visible("; ".join(f"{name}: {one['reason']}" for name, one in parts.items() if one["status"] == "failed"))


def put_aside(step: FailedStep) -> None:
    """Rename the record of a failed step to ``NAME.failed.json``, so that the next run makes the step anew."""
    move(step.record, step.record.with_name(put_aside_name(step.record)))


def put_aside_name(record: Path) -> str:
    """Return what the record of a failed step is called when it is put aside."""
    return f"{record.stem}.failed.json"


def describe_failures(line: str, failed: pd.DataFrame, steps: Iterable[FailedStep], folder: Path) -> str:
    """Say what failed: every reason once, with its cells and the log of the step where it arose.

    Parameters
    ----------
    line : str
        The number of cells by status.
    failed : DataFrame
        Rows of the results.
    steps : iterable of FailedStep
        In the order of the chain.
    folder : Path
        The results folder.
    """
    steps = list(steps)
    lines = [line]
    for reason, cells in failed.groupby("reason", sort=False):
        names = ["/".join(Cell.of(row).words) for row in cells.to_dict("records")]
        more = [f"and {len(names) - SHOWN_CELLS} more"] if len(names) > SHOWN_CELLS else []
        lines += [f"failed: {visible_line(str(reason))}", f"  cells: {', '.join(names[:SHOWN_CELLS] + more)}"]
        # Later steps pass the first cause on, so that the first step with this cause is where it arose.
        origin = next((step for step in steps if step.reason and step.reason in str(reason)), None)
        if origin is not None:
            lines += _log_lines(origin, folder)
    told = [str(reason) for reason in failed["reason"]]
    for step in steps:
        if not any(step.reason in reason or reason in step.reason for reason in told):
            lines += [f"failed: {visible_line(step.reason)}", *_log_lines(step, folder)]
            told.append(step.reason)
    return "\n".join(lines) + "\n"


def _log_lines(step: FailedStep, folder: Path) -> list[str]:
    """Name the step's log; a record from elsewhere, as by hand, has none that is known."""
    return [f"  log: {log_of(step.record, folder)}"] if step.record.is_relative_to(folder) else []


def log_of(record: Path, folder: Path) -> Path:
    """Return the log of the step that made a record."""
    return (folder / "logs" / record.parent.relative_to(folder)).with_suffix(".log")
