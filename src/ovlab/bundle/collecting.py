"""What of a results folder belongs to an experiment, brought into the folder that becomes a bundle."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ovlab.bundle.layout import (
    BASELINE,
    CONF,
    KINDS,
    LOCK,
    PAGE,
    RECORDS,
    RESULTS,
    SETTINGS,
    TRUTHS,
    WORKFLOW,
    read_bounded_text,
)
from ovlab.bundle.machine_paths import Replacer, machine_paths
from ovlab.bundle.truth import files_of, truth_of
from ovlab.download.progress import Progress
from ovlab.errors import OvlabError, nearest
from ovlab.files import read_json, write_atomically, write_text
from ovlab.records import Record, read_record, require_intact, write_record
from ovlab.specs import ReportSettings
from ovlab.verdict import put_aside_name

LISTING = "files.json"
AGAIN = "make the report anew (make report EXPERIMENT=...)"


@dataclass(frozen=True)
class Experiment:
    """An experiment in a results folder.

    Attributes
    ----------
    results : Path
        The results folder.
    settings : ReportSettings
        What its report was made with.
    found : list of (Path, Record)
        Its records, in the report's order.
    prefix : str
        What its records call the results folder.
    """

    results: Path
    settings: ReportSettings
    found: list[tuple[Path, Record]]
    prefix: str

    @property
    def report(self) -> Path:
        """The folder of its report."""
        return self.results / self.settings.name / "report"


def find_experiment(results: Path, name: str) -> Experiment:
    """Read what an experiment left.

    Raises
    ------
    OvlabError
        If there is no such report, or a record or a file beside it is not what it was.
    """
    folder = results / name
    if not (folder / RECORDS).is_file() or not (folder / PAGE).is_file():
        there = [path.parents[1].name for path in results.glob(f"*/{RECORDS}")]
        hint = nearest(name, there) if there else ""
        raise OvlabError(f"{results}: no report of an experiment {name!r}{hint}")
    if not (folder / SETTINGS).is_file():
        raise OvlabError(f"{folder / SETTINGS}: missing, as in reports of earlier versions; {AGAIN}")
    settings = ReportSettings.from_json(read_bounded_text(folder / SETTINGS, SETTINGS), str(folder / SETTINGS))
    lines = read_bounded_text(folder / RECORDS, RECORDS).splitlines()
    prefix, found = "", []
    for line in lines:
        path, prefix = _locate(results, line)
        now = _there(path)
        record = read_record(now, KINDS.get(str(read_json(now).get("schema"))))
        require_intact(record, path.parent)
        found.append((path, record))
    return Experiment(results, settings, found, prefix)


def _there(path: Path) -> Path:
    """Return where a record is now: the verdict puts that of a failed step aside, for the next run to try it anew."""
    aside = path.with_name(put_aside_name(path))
    return aside if aside.is_file() and not path.exists() else path


def _locate(results: Path, line: str) -> tuple[Path, str]:
    """Find a record of the list in the results folder, wherever that was when the list was written."""
    parts = Path(line).parts
    for start in range(len(parts)):
        path = results.joinpath(*parts[start:])
        if _there(path).is_file():
            return path, str(Path(*parts[:start])) if start else ""
    raise OvlabError(f"{line}: missing in {results}; {AGAIN}")


def collect(experiment: Experiment, target: Path, *, models: bool, data: bool) -> int:
    """Copy records, what lies beside them, report and truths into the folder of a bundle.

    Returns
    -------
    int
        Records in which paths of this machine were replaced; the report is made anew then, which tells of them.

    Raises
    ------
    OvlabError
        If a file is missing.
    """
    replacer = Replacer(machine_paths(experiment.results, experiment.prefix))
    changed = 0
    names: list[str] = []
    inside: list[tuple[Path, Record]] = []
    with Progress(f"bundling {experiment.settings.name}", len(experiment.found), "entries") as progress:
        for path, record in experiment.found:
            name = f"{RESULTS}/{path.relative_to(experiment.results).as_posix()}"
            changed += _copy_record(_there(path), record, target / name, replacer)
            for source, inner in _beside(path, record, models=models, data=data):
                _copy(source, (target / name).parent / inner)
            names.append(name)
            inside.append((target / name, read_record(target / name)))
            progress.advance()
    settings = _bundled_settings(experiment, target, replacer)
    report = target / RESULTS / experiment.settings.name / "report"
    text = settings.to_json() + "\n"
    if changed or experiment.prefix != RESULTS or text != read_bounded_text(experiment.report / "settings.json", ""):
        from ovlab.bundle.checks.report import make_report

        make_report(target, settings, inside, report)
    else:
        for name in ["index.html", "settings.json", LISTING, *_listed(experiment.report)]:
            _copy(experiment.report / name, report / name)
    write_text(target / RESULTS / experiment.settings.name / RECORDS, "".join(f"{name}\n" for name in names))
    _write_truths(experiment, target)
    return changed


def _copy_record(path: Path, record: Record, target: Path, replacer: Replacer) -> bool:
    """Copy a record, without paths of this machine; its hash is that of what it then says."""
    plain = read_json(path)
    if replacer.data(plain) == plain:
        _copy(path, target)
        return False
    record.settings, record.data = replacer.data(record.settings), replacer.data(record.data)
    record.reason, record.environment = replacer.text(record.reason), replacer.data(record.environment)
    write_record(target, record)
    return True


def _beside(path: Path, record: Record, *, models: bool, data: bool) -> Iterator[tuple[Path, str]]:
    """Yield the files beside a record that belong into the bundle, with their names there."""
    if record.kind != "variant" or models:
        yield from ((path.parent / name, name) for name in record.files)
    wanted = data if "datasets" in path.parts else models
    if record.kind == "source" and wanted and (folder := files_of(path, record)) is not None:
        for one in sorted(folder.rglob("*")):
            if one.is_file():
                yield one, f"files/{one.relative_to(folder).as_posix()}"


def _listed(report: Path) -> list[str]:
    try:
        return [str(name) for name in read_json(report / LISTING)["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise OvlabError(f"{report / LISTING}: missing or no list of the report's files; {AGAIN}") from None


def _bundled_settings(experiment: Experiment, target: Path, replacer: Replacer) -> ReportSettings:
    """Return the report's settings as the bundle has them; the earlier run that it compares with comes along."""
    settings = experiment.settings
    earlier = settings.baseline.results
    if earlier is not None:
        source, copy = Path(earlier) / settings.name, target / BASELINE / settings.name
        for name in ("report/tables/results.csv", "report/tables/environment.csv"):
            _copy(source / name, copy / name)
        for path in sorted(source.glob("sessions/**/session.json")):
            _copy_record(path, read_record(path), copy / path.relative_to(source), replacer)
        baseline = settings.baseline.model_copy(update={"results": BASELINE})
        settings = settings.model_copy(update={"baseline": baseline})
    plain = settings.plain()
    return ReportSettings.model_validate(replacer.data(plain)) if replacer.data(plain) != plain else settings


def _write_truths(experiment: Experiment, target: Path) -> None:
    from ovlab.bundle.checks.accuracies import truth_name

    for _, record in experiment.found:
        if record.kind == "accuracy" and record.ok:
            path = target / TRUTHS / truth_name(record)
            truth = None if path.exists() else truth_of(record, experiment.found)
            if truth is not None:
                write_atomically(path, lambda partial, table=truth: table.to_parquet(partial, index=False))  # type: ignore[misc]


def collect_workflow(home: Path, target: Path, conf: dict[str, Path]) -> None:
    """Copy the YAML files, the workflow and the lock."""
    for name, path in conf.items():
        _copy(path, target / CONF / name)
    names = ["Snakefile", *(f"workflow/rules/{path.name}" for path in sorted((home / "workflow/rules").glob("*.smk")))]
    for name in names:
        _copy(home / name, target / WORKFLOW / name)
    for path in sorted(home.glob("profiles/*/config.yaml")):
        _copy(path, target / WORKFLOW / path.relative_to(home))
    with contextlib.suppress(FileNotFoundError):
        _copy(home / LOCK, target / LOCK)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def measured_until(found: Sequence[tuple[Path, Record]]) -> str:
    """Return the day of the last record (UTC)."""
    return max(record.created[:10] for _, record in found)
