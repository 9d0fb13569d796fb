"""What profiles say in sentences: the limit of each variant, and how it was profiled."""

from __future__ import annotations

from ovlab.report.format import joined
from ovlab.report.records import Records
from ovlab.report.sections.layers.profiled import Profiled, not_profiled, profiled_variants
from ovlab.report.sections.layers.slow import slow_as_a_whole
from ovlab.specs import ReportSettings

WORDS = {
    "compute": "arithmetic",
    "bandwidth": "bandwidth",
    "overhead": "the overhead of nodes",
    "conversions": "conversions",
    "remainder": "what the model of it does not explain",
    "mixed": "no single cause",
}


def limit_sentences(settings: ReportSettings, records: Records) -> list[str]:
    """Say for each model and device what limits its variants."""
    groups: dict[str, list[Profiled]] = {}
    for one in profiled_variants(settings, records):
        groups.setdefault(f"{one.model} on {records.place(one.device, one.host)}", []).append(one)
    said = {names: joined([limit_text(one, settings, records) for one in found]) for names, found in groups.items()}
    return [f"{names}: {text}." for names, text in said.items()]


def limit_text(one: Profiled, settings: ReportSettings, records: Records) -> str:
    """Return what limits a variant: ``fp32 is limited by arithmetic (arithmetic 74 %, bandwidth of L3 3 % ...)``.

    Of a profile that was disturbed no limit is stated.
    """
    found = one.data["verdict"]
    shares = {name: quantity["value"] for name, quantity in found["shares"].items()}
    largest, level = found["largest"], found["level"]
    moved = f"bandwidth{f' of {level}' if level else ''} {100 * shares['bandwidth']:.0f} %"
    computed = f"arithmetic {100 * shares['compute']:.0f} %"
    if slow_as_a_whole(one, settings, records):
        return f"what limits {one.precision} is not firm ({computed}, {moved} of the time on a disturbed host)"
    return f"{one.precision} is limited by {WORDS[largest]} ({computed}, {moved} of the time)"


def method_sentences(settings: ReportSettings, records: Records) -> list[str]:
    """Say how layers were profiled, and what could not be."""
    if not records.profiles:
        return []
    plan = next(iter(records.profiles.values())).settings.get("profiling", {})
    launches = int(plan.get("launches", 3))
    how = (
        f"Layers were profiled apart from the timed sessions: {launches} fresh processes a variant, interleaved, one "
        "stream, with the device’s counters and without in turns. What cutting the counters to whole microseconds "
        "takes away is put back. The model of it is in docs/roofline.md."
    )
    return [" ".join([how, *_clock_not_lowered(records), *not_profiled(settings, records)])]


def _clock_not_lowered(records: Records) -> list[str]:
    """Say why the cross-check at a lower clock that was asked for was not made."""
    asked = {
        (one["asked"], one["reason"])
        for record in records.profiles.values()
        if (one := record.data.get("lower_clock")) and one["asked"] and one["reason"]
    }
    return [
        f"The clock was to be lowered to {100 * share:.3g} % as a cross-check, and was not: {reason}."
        for share, reason in sorted(asked)
    ]
