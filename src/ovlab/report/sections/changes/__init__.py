"""Changes: the results against those of an earlier run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ovlab.report.format import MISSING, counted, joined
from ovlab.report.results import rows_of
from ovlab.report.section import Finding, ReportContext, Section
from ovlab.report.sections.changes.comparison import FASTER, HIGHER, LOWER, OPEN, SLOWER, Change, compare_rows
from ovlab.report.sections.changes.earlier import Earlier
from ovlab.report.sections.environment import environment_facts
from ovlab.report.style import Plot
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import Cell

AXES = [Column(axis, axis) for axis in Cell._fields]
HOST = ("CPU model", "CPU usable cores")
TOLD = 6


class Changes(Section):
    """Cells, software, machine and files that differ from those of an earlier run."""

    anchor = "changes-section"
    title = "Against an earlier run"
    question = "What changed since an earlier run?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the tables: changes of the cells, and of what they were made with; none without an earlier run."""
        earlier = earlier_run(report)
        if earlier is None:
            return []
        return [changes_table(changes(report, earlier), report), circumstances_table(circumstances(report, earlier))]

    def findings(self, report: ReportContext) -> list[Finding]:
        """Say how many cells changed, and whether the machine is another one."""
        earlier = earlier_run(report)
        if earlier is None:
            return []
        return [Finding(self.title, sentences(changes(report, earlier), circumstances(report, earlier)))]

    def is_shown(self, report: ReportContext, tables: Sequence[Table], figures: Sequence[Plot]) -> bool:  # noqa: ARG002
        """Show it where there is an earlier run, also if nothing changed."""
        return report.settings.baseline.results is not None


def earlier_run(report: ReportContext) -> Earlier | None:
    """Read the earlier run that the settings name; None for none."""
    results = report.settings.baseline.results
    return None if results is None else Earlier.read(results, report.settings.name)


def changes(report: ReportContext, earlier: Earlier) -> list[Change]:
    """Compare the cells that both runs have, in the order of this one."""
    found = []
    for row in rows_of(report.frame):
        cell = Cell.of(row)
        if cell in earlier.rows and (change := compare_rows(cell, earlier.rows[cell], row, report.settings.baseline)):
            run = earlier.rows[cell].get("run_id")
            found.append(replace(change, earlier_run=run if isinstance(run, str) else ""))
    return found


def circumstances(report: ReportContext, earlier: Earlier) -> list[tuple[str, str, str]]:
    """List (what, then, now) for properties of machine and software and for hashes of files that differ."""
    now = dict(environment_facts(report.records))
    names = [*now, *(name for name in earlier.environment if name not in now)]
    differing = [
        (name, earlier.environment.get(name, MISSING), now.get(name, MISSING))
        for name in names
        if earlier.environment.get(name, MISSING) != now.get(name, MISSING)
    ]
    return [*differing, *_hashes(report, earlier)]


def _hashes(report: ReportContext, earlier: Earlier) -> Iterable[tuple[str, str, str]]:
    told: set[str] = set()
    for (model, device, scenario, host), session in report.records.sessions.items():
        then = earlier.hashes(Cell(model, "", device, scenario, host))
        for name in dict.fromkeys([*session.inputs, *then]):
            if "/" not in name:
                continue  # what it measured rather than what it read
            title = f"{model} {name}"
            old, new = then.get(name, MISSING), session.inputs.get(name, MISSING)
            if then and old != new and title not in told:
                told.add(title)
                yield title, old[:12], new[:12]


def changes_table(found: Sequence[Change], report: ReportContext) -> Table:
    """Make the table of cells: those that changed first."""
    margin = 100 * report.settings.baseline.speed_margin
    caption = (
        "Results against those of an earlier run, taken for independent. Brackets: 95 % confidence interval. "
        f"Speeds whose interval is within {margin:g} % count as unchanged: sessions apart in time differ."
    )
    columns = [
        *AXES,
        Column("status", "status"),
        Column("throughput_ratio", "throughput now / then", "×", numeric=True, interval=True, least=2),
        Column("speed", "speed"),
        Column("accuracy_change", "accuracy now − then", "points", True, 100, interval=True, signed=True, least=2),
        Column("accuracy", "accuracy"),
        Column("regressed", "regression"),
        Column("earlier_run_id", "earlier run"),
    ]
    rows: list[list[Entry]] = [
        [
            *one.cell,
            one.status,
            one.speed,
            one.speed_verdict,
            one.accuracy,
            one.accuracy_verdict,
            "yes" if one.regressed else "no",
            one.earlier_run or MISSING,
        ]
        for one in sorted(found, key=lambda one: not one.regressed)
    ]
    return Table("changes", caption, columns, rows, made_from=("session", "accuracy"))


def circumstances_table(found: Sequence[tuple[str, str, str]]) -> Table:
    """Make the table of what else changed."""
    columns = [
        Column("what", "what"),
        Column("then", "then", width=r"0.35\linewidth"),
        Column("now", "now", width=r"0.35\linewidth"),
    ]
    caption = "Machine, software and files that differ from those of the earlier run."
    return Table("circumstances", caption, columns, [list(one) for one in found], made_from=("session",))


def sentences(found: Sequence[Change], differing: Sequence[tuple[str, str, str]]) -> list[str]:
    """Say what changed: regressions by name, the others by number."""
    if not found:
        return ["No cell was measured in both runs."]
    regressed = [one for one in found if one.regressed]
    counts = Counter([word for one in found for word in (one.speed_verdict, one.accuracy_verdict)])
    said = [f"Of {counted(len(found), 'cell')} measured then, {counted(len(regressed), 'regression')}."]
    if regressed:
        names = [f"{' '.join(one.cell.words)} ({_why(one)})" for one in regressed[:TOLD]]
        more = f" and {len(regressed) - TOLD} more" if len(regressed) > TOLD else ""
        said.append(f"{joined(names)}{more}.")
    gained = [f"{counts[word]} {word}" for word in (FASTER, HIGHER) if counts[word]]
    if gained:
        said.append(f"Improved: {joined(gained)}.")
    if counts[OPEN]:
        said.append(f"In {counted(counts[OPEN], 'comparison')} the intervals leave open whether there is a change.")
    if any(name in HOST for name, _, _ in differing):
        said.append("The earlier run was made on another host: its speeds differ for that reason too.")
    return said


def _why(one: Change) -> str:
    reasons = [] if one.status == "ok" else [one.status]
    return joined(reasons + [word for word in (one.speed_verdict, one.accuracy_verdict) if word in (SLOWER, LOWER)])
