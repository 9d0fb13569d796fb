"""A new run tries again what has failed: records of failed steps are put aside before the jobs are planned.

The verdict does so at the end of a run; one that was stopped, or whose disk was full, never came to its end.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import filelock

from ovlab.verdict import failed_step, put_aside
from ovlab_flow.grid import Grid

LOOKING = (
    "dryrun",
    "summary",
    "detailed_summary",
    "dag",
    "rulegraph",
    "filegraph",
    "d3dag",
    "report",
    "unlock",
    "lint",
    "touch",
    "cleanup_metadata",
    "cleanup_shadow",
    "delete_all_output",
    "delete_temp_output",
    "archive",
    "containerize",
    "generate_unit_tests",
    "list_rules",
    "list_target_rules",
    "list_changes",
    "list_input_changes",
    "list_params_changes",
    "list_untracked",
    "list_conda_envs",
    "print_compilation",
    "conda_create_envs_only",
    "conda_cleanup_envs",
    "export_cwl",
)
"""What Snakemake is called for when it runs no job."""
LOCKS = ".running"
_HELD: dict[Path, filelock.BaseFileLock] = {}


def put_failed_aside(grid: Grid, arguments: Sequence[str] | None = None) -> list[Path]:
    """Put aside what failed in a run that never came to its verdict, if this is a run and no mere look.

    Parameters
    ----------
    grid : Grid
        The experiment's jobs.
    arguments : sequence of str, optional
        What Snakemake was called with; by default this process's.

    Returns
    -------
    list of Path
        The records that were put aside.
    """
    if not runs_jobs(sys.argv[1:] if arguments is None else arguments) or not is_only_run(Path(grid.results)):
        return []
    date_back(records_of(grid))
    steps = [step for path in records_of(grid) if (step := failed_step(path)) is not None]
    if steps:  # a source that was changed may be the reason; to look at all of its files takes a while
        steps = [step for path in records_of(grid) if (step := failed_step(path, thorough=True)) is not None]
    for step in steps:
        put_aside(step)
    return [step.record for step in steps]


def date_back(records: Iterable[Path]) -> None:
    """Date records of the future now: the clock was ahead when they were made, and has been set right since.

    Snakemake would refuse whatever is made of them, as older than its inputs, until that time has come.

    Parameters
    ----------
    records : iterable of Path
        In the order of the chain, so that their new times are in it too.
    """
    now = time.time_ns()
    for number, path in enumerate(records):
        if path.exists() and path.stat().st_mtime_ns > now:
            os.utime(path, ns=(now, now + number))


def is_only_run(results: Path) -> bool:
    """Tell whether no other run works in a results folder; from now on this one does, until its process ends.

    What failed in a run that goes on is read by its later steps. Each run holds a lock of its own, the operating
    system's, which goes with its process: a killed run holds nobody up.
    """
    folder = results / LOCKS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        own = _HELD.setdefault(folder.resolve(), filelock.FileLock(folder / f"{uuid.uuid4().hex}.lock"))
        own.acquire()
    except OSError:  # where no lock can be made, nothing can be renamed either
        return False
    others = [path for path in folder.glob("*.lock") if path.name != Path(own.lock_file).name]
    held = [_is_held(path) for path in others]  # all of them, so that what dead runs left is removed
    return not any(held)


def _is_held(lock: Path) -> bool:
    """Tell whether a living process holds a lock; the file of one that none holds is removed."""
    try:
        with filelock.FileLock(lock, timeout=0):
            lock.unlink(missing_ok=True)
    except (OSError, filelock.Timeout):
        return True
    return False


def runs_jobs(arguments: Sequence[str]) -> bool:
    """Tell whether Snakemake, called like this, runs jobs."""
    from snakemake.cli import get_argument_parser  # loaded already where Snakemake runs, slow to load where it does not

    try:
        options = get_argument_parser().parse_args(list(arguments))
    except SystemExit:  # called by another program, whose arguments these are
        return False
    return not any(getattr(options, name, None) for name in LOOKING)


def records_of(grid: Grid) -> Iterator[Path]:
    """Yield the records of an experiment's steps, in the order of the chain."""
    results = Path(grid.results)
    for source in grid.sources.values():
        yield results / "sources" / source.group / source.name / source.digest / "source.json"
    for variant in grid.variants.values():
        yield results / "variants" / variant.model / variant.precision / variant.digest / "variant.json"
    for accuracy in grid.accuracies.values():
        one = accuracy.variant
        yield results / "accuracy" / one.model / one.precision / accuracy.digest / "accuracy.json"
    for machine in grid.machines.values():
        yield results / "peaks" / machine.host / machine.device / machine.digest / "peaks.json"
    for profile in grid.profiles.values():
        folder = results / grid.experiment / "profiles" / profile.host
        yield folder / profile.model / profile.device / "profile.json"
    for session in grid.sessions.values():
        folder = results / grid.experiment / "sessions" / session.host
        yield folder / session.model / session.device / session.scenario / "session.json"
