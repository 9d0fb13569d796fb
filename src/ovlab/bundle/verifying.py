"""Verify a bundle: every file against the manifest, every number against what it was computed from."""

from __future__ import annotations

import contextlib
import importlib.metadata
from dataclasses import dataclass, field
from pathlib import Path

from ovlab.bundle.checks.accuracies import Validated, check_accuracy, read_truth, truth_differs, truth_name
from ovlab.bundle.checks.records import Found, check_chain, check_settings, read_records
from ovlab.bundle.checks.report import check_report, compare_reports, read_settings, with_own_baseline
from ovlab.bundle.checks.sessions import MALFORMED, check_session
from ovlab.bundle.conf_files import conf_differences
from ovlab.bundle.generated import generated_faults
from ovlab.bundle.layout import CONF, GENERATED, INFO, LOCK, MANIFEST, MERGED, TRUTHS, WORKFLOW
from ovlab.bundle.opening import BundleError, OpenedBundle, open_bundle
from ovlab.errors import OvlabError, one_line
from ovlab.files import size_text
from ovlab.records import Record
from ovlab.report.format import counted
from ovlab.scratch import scratch_folder
from ovlab.specs import ReportSettings, UnpackSpec


@dataclass
class Verdict:
    """What was found.

    Attributes
    ----------
    faults : list of str
        One line each: file, place in it, what stands there and what was recomputed. None: the bundle holds.
    checked : list of str
        What was looked at, one line each.
    notes : list of str
        What could not be recomputed, and why.
    fingerprint : str
        SHA-256 of the manifest: cited elsewhere, it makes any change of the bundle visible.
    """

    faults: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fingerprint: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def verify(path: Path, *, fingerprint: str = "", limits: UnpackSpec | None = None) -> Verdict:
    """Verify a bundle.

    Parameters
    ----------
    path : Path
        A folder or zip archive.
    fingerprint : str
        SHA-256 of its manifest as it was cited, or the beginning of it.
    limits : UnpackSpec, optional
        How much an archive may hold.

    Returns
    -------
    Verdict
        With the faults. Whatever is wrong is one; nothing is raised for a bundle's contents.

    Raises
    ------
    OvlabError
        If there is no such file or folder, or no room to unpack it.
    """
    verdict = Verdict()
    if not path.exists():
        raise OvlabError(f"{path}: no such bundle, expected a folder or a zip archive")
    with contextlib.ExitStack() as stack:
        try:
            bundle = stack.enter_context(open_bundle(path, limits, models=False))
        except BundleError as error:
            verdict.faults = error.faults
            return verdict
        except OvlabError as error:
            verdict.faults = [str(error)]
            return verdict
        verdict.fingerprint = bundle.fingerprint
        size = size_text(bundle.size)
        verdict.checked.append(f"{counted(len(bundle.hashes), 'file')}, {size}: as the manifest says")
        if fingerprint and not bundle.fingerprint.startswith(fingerprint.lower()):
            verdict.faults.append(f"the manifest's SHA-256 is {bundle.fingerprint}, {fingerprint} was expected")
            return verdict
        try:
            _verify_contents(bundle, verdict, stack.enter_context(scratch_folder()))
        except OvlabError as error:
            verdict.faults.append(str(error).replace(f"{bundle.folder}/", ""))
        except MALFORMED as error:
            verdict.faults.append(f"its records make no report ({one_line(error)})")
    return verdict


def _verify_contents(bundle: OpenedBundle, verdict: Verdict, scratch: Path) -> None:
    settings = read_settings(bundle)
    if (bundle.experiment / MERGED).is_file():
        _verify_merged(bundle, settings, verdict, scratch)
        return
    found, verdict.faults = read_records(bundle)
    verdict.faults += generated_faults(bundle, [record for _, record in found], settings)
    conf = [name for name in bundle.hashes if name.startswith(f"{CONF}/")]
    told = set(bundle.info.conf_differences)
    verdict.faults += [line for line in conf_differences(bundle.folder, conf, settings) if line not in told]
    verdict.notes += [f"run otherwise than conf/ says: {line}" for line in bundle.info.conf_differences]
    verdict.faults += check_chain(found, bundle) + check_settings(found, settings, bundle)
    verdict.checked.append(f"{counted(len(found), 'record')}: whole, at their places, made from one another")
    if verdict.faults:
        return
    _verify_sessions(bundle, found, verdict)
    _verify_accuracies(bundle, found, settings, verdict)
    if verdict.faults:
        verdict.notes.append("the report was not compared: its records do not hold")
        return
    alike = _drawn_alike(bundle, verdict)
    own = with_own_baseline(settings, bundle.folder)
    _note_report(verdict, *check_report(bundle, own, found, scratch / "report", drawn_alike=alike))


def _drawn_alike(bundle: OpenedBundle, verdict: Verdict) -> bool:
    """Tell whether figures can be drawn as they were; note where not."""
    drawn_by = bundle.info.software.get("matplotlib", "")
    if drawn_by == importlib.metadata.version("matplotlib"):
        return True
    verdict.notes.append(f"figures were drawn by Matplotlib {drawn_by or '?'}, which is not here: hashes only")
    return False


def _note_report(verdict: Verdict, faults: list[str], counts: dict[str, int]) -> None:
    verdict.faults += faults
    compared = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    verdict.checked.append(f"report made anew: {compared} compared")


def _verify_merged(bundle: OpenedBundle, settings: ReportSettings, verdict: Verdict, scratch: Path) -> None:
    """Verify each of the bundles that were merged, then merge them anew."""
    from ovlab.bundle.writing import reported_records
    from ovlab.merge.bundling import PARTS, merge_parts, parts_of

    parts = parts_of(bundle.experiment)
    places = [f"{PARTS}/{number}" for number in range(1, len(parts) + 1)]
    report = (bundle.experiment / "report").relative_to(bundle.folder).as_posix()
    known = (*(f"{place}/" for place in places), f"{report}/", f"{WORKFLOW}/")
    single = {INFO, MANIFEST, LOCK, *GENERATED}
    verdict.faults += [
        f"{name}: is no part of a merged report's bundle"
        for name in sorted(bundle.hashes.keys() - single)
        if not name.startswith(known)
    ]
    for place in places:
        if f"{place}/{MANIFEST}" not in bundle.hashes:
            verdict.faults.append(f"{place}: no such bundle, but {report.rpartition('/')[0]}/{MERGED} names it")
            continue
        own = verify(bundle.folder / place)
        for here, there in (
            (verdict.faults, own.faults),
            (verdict.checked, own.checked),
            (verdict.notes, own.notes),
        ):
            here += [f"{place}/{line}" if there is own.faults else f"{place}: {line}" for line in there]
    if verdict.faults:
        verdict.notes.append("the merged report was not compared: what it is made from does not hold")
        return
    verdict.faults += generated_faults(bundle, reported_records(bundle), settings)
    merge_parts(bundle.folder, parts, bundle.info.experiment, scratch)
    made = scratch / bundle.info.experiment / "report"
    _note_report(verdict, *compare_reports(bundle, made, drawn_alike=_drawn_alike(bundle, verdict)))


def _verify_sessions(bundle: OpenedBundle, found: Found, verdict: Verdict) -> None:
    sessions = samples = 0
    for path, record in found:
        name = path.relative_to(bundle.folder).as_posix()
        if record.kind == "session":
            faults, count = check_session(record, path.parent, name)
            verdict.faults += faults
            sessions, samples = sessions + 1, samples + count
            if "sweep" in record.data:
                verdict.notes.append(f"{name}: the choice of the load has hashes only; its result is recomputed")
        elif record.kind in {"peaks", "profile"} and record.ok:
            verdict.notes.append(f"{name}: measured values, hashes only; what the report makes of them is recomputed")
    verdict.checked.append(f"{counted(sessions, 'session')} recomputed from {counted(samples, 'sample')}")


def _verify_accuracies(bundle: OpenedBundle, found: Found, settings: ReportSettings, verdict: Verdict) -> None:
    known: dict[tuple[str, str], Validated] = {}
    images = 0
    validated = [_validated(bundle, path, record) for path, record in found if record.kind == "accuracy" and record.ok]
    for one in sorted(validated, key=lambda one: one.record.settings.get("precision_name") != settings.reference):
        # Differences are to the reference on the same device.
        side = str(one.record.settings.get("model_name")), str(one.record.settings.get("device_name"))
        faults, count = check_accuracy(one, known.get(side))
        if one.record.settings.get("precision_name") == settings.reference:
            known[side] = one
        verdict.faults += faults
        images += count
        if not count and not faults:
            verdict.notes.append(f"{one.name}: the bundle has no labels of its images: hashes only")
    if bundle.info.data:
        verdict.faults += _truth_faults(found, validated)
    verdict.checked.append(f"{counted(len(validated), 'validation')} recomputed from {counted(images, 'prediction')}")


def _validated(bundle: OpenedBundle, path: Path, record: Record) -> Validated:
    truth = None
    with contextlib.suppress(KeyError, TypeError):
        name = f"{TRUTHS}/{truth_name(record)}"
        truth = (bundle.folder / name, name) if name in bundle.hashes else None
    return Validated(record, path, path.relative_to(bundle.folder).as_posix(), truth)


def _truth_faults(found: Found, validated: list[Validated]) -> list[str]:
    """Read the data sets that are in the bundle, and compare what is said of their images."""
    from ovlab.bundle.truth import truth_of

    faults: list[str] = []
    done: set[str] = set()
    for one in validated:
        if one.truth is None or one.truth[1] in done:
            continue
        done.add(one.truth[1])
        made = truth_of(one.record, found)
        if made is not None and (why := truth_differs(read_truth(*one.truth), made)):
            faults.append(f"{one.truth[1]}: {why}")
    return faults
