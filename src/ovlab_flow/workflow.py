"""What the Snakefile calls: from ``--config`` to the grid, and the last words of a run that failed."""

from __future__ import annotations

import atexit
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from ovlab.addresses import hide_secrets
from ovlab.addresses.handover import hand_over, hand_over_mirror, show_mirror
from ovlab.environment import host_identity
from ovlab.errors import OvlabError, nearest
from ovlab.files import require_writable, temporary_folder
from ovlab.scratch.leftovers import cache_folder, remove_leftovers
from ovlab.text import shortened, visible
from ovlab_flow.command_line import as_lines
from ovlab_flow.grid import Grid
from ovlab_flow.grid.jobs import PLANNED_ON
from ovlab_flow.grid_cache.store import handed_over_grid, stored_grid
from ovlab_flow.paths import has_placeholder

OPTIONS = ("experiment", "mirror", "extra_conf", "baseline", "overrides", "merge")
DEFAULT_EXPERIMENT = "quickstart"
HOME = Path(__file__).resolve().parents[2]
"""The checkout that this library is in: where `conf` ships."""
CONF = "conf"
SUMMARY = "failures.txt"
ASKED = "OVLAB_OPTIONS"
"""Environment variable that hands ``--config`` over to the jobs of a run, credentials and all."""
PYTHON = "OVLAB_PYTHON"
"""Environment variable with the interpreter of the run, for the commands that an executor calls."""
# When the summaries of earlier runs were written: not compared with the clock, which may be set while a run goes on.
_EARLIER: dict[Path, int] = {}


def load_grid(
    experiment: str,
    *,
    conf: Path = HOME / CONF,
    extra_conf: str = "",
    baseline: str = "",
    overrides: Sequence[str] = (),
) -> Grid:
    """Compose an experiment and cross it into its grid.

    Parameters
    ----------
    experiment : str
        Its name.
    conf : Path
        Folder of the YAML files that ship.
    extra_conf : str
        Folder of further YAML files, seen from the current folder and searched first.
    baseline : str
        Folder of earlier results that the report compares with, in the place of ``baseline.results``.
    overrides : sequence of str
        In Hydra's grammar.

    Raises
    ------
    OvlabError
        If anything in the configuration is wrong.
    """
    return compared(_composed(experiment, conf, extra_conf, overrides), baseline)


def _composed(experiment: str, conf: Path, extra_conf: str, overrides: Sequence[str]) -> Grid:
    # Hydra is loaded where something is composed: the jobs of a run are handed their grid.
    from ovlab_flow.compose import composer
    from ovlab_flow.grid.build import build_grid

    with composer(conf, experiment, Path(extra_conf) if extra_conf else None, overrides) as opened:
        return build_grid(opened, experiment)


def compared(grid: Grid, baseline: str) -> Grid:
    """Have the report compare with an earlier run, and refuse one that cannot be.

    Parameters
    ----------
    grid : Grid
        The experiment.
    baseline : str
        Folder of earlier results; empty for the one of the configuration, if any.

    Raises
    ------
    OvlabError
        If there is no report of this experiment in that folder, or it is the one that is to be written.
    """
    plan = grid.report.baseline
    results = baseline or plan.results
    if results is None:
        return grid
    table = Path(results) / grid.experiment / "report/tables/results.csv"
    if Path(results).resolve() == Path(grid.results).resolve():
        raise OvlabError(f"baseline: {shortened(results)} is the folder of this run's own results")
    if not table.is_file():
        raise OvlabError(f"baseline: no file {table}, expected a folder of results with a report of {grid.experiment}")
    report = grid.report.model_copy(update={"baseline": plan.model_copy(update={"results": results})})
    return replace(grid, report=report)


def grid_for_snakemake(config: Mapping[str, Any], home: str | Path = HOME, *, is_job: bool = False) -> Grid:
    """Load the grid that Snakemake's ``--config`` asks for, and fill in the options' defaults.

    Credentials in addresses are handed to the download jobs in the environment of this process: they stand in no
    setting, parameter or command line. So is the grid, for the jobs that parse the Snakefile again on other machines.

    Parameters
    ----------
    config : dict
        ``experiment``, ``mirror``, ``extra_conf``, ``baseline``, ``overrides`` and ``merge``, all optional.
    home : str or Path
        Folder of the Snakefile, with what ships beside it.
    is_job : bool
        Whether this process is a job of a run, rather than the run.

    Raises
    ------
    WorkflowError
        With one line that says what is wrong; Snakemake prints it without a traceback.
    """
    if is_job:
        config = _handed_over(config)
    else:
        os.environ[PLANNED_ON] = host_identity()
    try:
        for key in config:
            if key not in OPTIONS:
                raise OvlabError(f"--config {key}: unknown option{nearest(key, OPTIONS)}")
        for key in OPTIONS[:4]:
            if isinstance(config.get(key), bool | float | list | dict):
                raise OvlabError(f"--config {key}: {shortened(config[key])}, expected a name or a folder")
        if has_placeholder(str(home)) and not Path(home).samefile(Path.cwd()):
            raise OvlabError(
                f"{home}: Snakemake takes {{...}} and <...> in the path of this workflow for something else; run it "
                "from its own folder"
            )
        grid = compared(_kept_or_composed(config, Path(home), is_job), str(config.get("baseline") or ""))
    except OvlabError as error:
        raise WorkflowError(hide_secrets(str(error))) from None
    os.environ |= hand_over_mirror(str(config.get("mirror") or ""))
    if not is_job:
        os.environ[ASKED] = json.dumps(dict(config))
        os.environ[PYTHON] = sys.executable
    return replace(grid, report=grid.report.model_copy(update={"options": _told_options(config)}))


def _told_options(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the run was given besides the experiment, as ``--config`` takes it again, secrets hidden."""
    told = [f"{key}={hide_secrets(str(config[key]))}" for key in ("mirror", "extra_conf") if config.get(key)]
    if lines := as_lines(config.get("overrides")):
        told.append(f"overrides={json.dumps([hide_secrets(line) for line in lines], ensure_ascii=False)}")
    return tuple(told)


def _kept_or_composed(config: Mapping[str, Any], home: Path, is_job: bool) -> Grid:
    experiment, extra_conf = str(config.get("experiment") or DEFAULT_EXPERIMENT), str(config.get("extra_conf") or "")

    def compose() -> Grid:
        grid = _composed(experiment, home / CONF, extra_conf, as_lines(config.get("overrides")))
        for source in grid.sources.values():
            os.environ |= hand_over(source.spec)
        return grid

    overrides = as_lines(config.get("overrides"))
    asked = {
        "experiment": experiment,
        "extra_conf": extra_conf,
        # Jobs whose environment is not this one's, such as pods, are asked with credentials hidden.
        "overrides": [hide_secrets(line) for line in overrides],
        "conf": str((home / CONF).resolve()),
        "folder": str(Path.cwd()),
    }
    if is_job:
        return handed_over_grid(asked) or compose()
    hidden = asked["overrides"] != overrides
    return stored_grid(asked, compose, lambda grid: hidden or any(hand_over(one.spec) for one in grid.sources.values()))


def _handed_over(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of the run that this job belongs to; on its command line they stand without credentials."""
    try:
        options = json.loads(os.environ.get(ASKED, ""))
    except ValueError:
        return config
    return options if isinstance(options, dict) and options.keys() == config.keys() else config


def hide_from_jobs(arguments: list[str] | None) -> None:
    """Hide credentials in what Snakemake puts on the command lines of its jobs, which whoever is on their host sees.

    Parameters
    ----------
    arguments : list of str, optional
        The ``KEY=VALUE`` of ``--config``; changed in place. The jobs get the whole ones in their environment.
    """
    if arguments is not None:
        arguments[:] = [
            f"{key}={show_mirror(value)}" if key == "mirror" else hide_secrets(f"{key}={value}")
            for key, _, value in (one.partition("=") for one in arguments)
        ]


def clean_up(grid: Grid) -> None:
    """Remove what killed runs have left; the partial files of this run's own downloads are gone on with.

    Raises
    ------
    WorkflowError
        In one line, if the results folder or the one for temporary files cannot be written to.
    """
    summary = Path(grid.results) / grid.experiment / SUMMARY
    if summary.is_file():
        _EARLIER[summary] = summary.stat().st_mtime_ns
    try:
        require_writable(Path(grid.results))
        temporary_folder()
    except OvlabError as error:
        raise WorkflowError(str(error)) from None
    files = [file for source in grid.sources.values() for file in source.spec.files]
    remove_leftovers(Path(grid.results), {cache_folder(file.sha256) for file in files if file.sha256})


def last_words(summary: str) -> None:
    """Print what failed as the very last thing of this run, with the command that tries again.

    Snakemake says more after its ``onerror``, so that it is printed when the process ends.

    Parameters
    ----------
    summary : str
        File that the verdict step has written. One of an earlier run says nothing of this one.
    """
    path = Path(summary)
    if path.is_file() and path.stat().st_mtime_ns != _EARLIER.get(path):
        text = path.read_text(encoding="utf-8")
        command = shlex.join([*_seen_from_here(sys.argv[0]), *map(hide_secrets, sys.argv[1:])])
        words = visible(f"\n{text}try the failed steps again: {command}")
        atexit.register(print, words, file=sys.stderr, flush=True)


def _seen_from_here(program: str) -> list[str]:
    """Return how a program would be called from the current folder."""
    path = Path(program)
    if path.name == "__main__.py":
        return ["python", "-m", path.parent.name]
    relative = os.path.relpath(path)
    return [path.name if relative.startswith("..") else relative]
