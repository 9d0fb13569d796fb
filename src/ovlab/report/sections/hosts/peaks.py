"""Is a speed-up what a host's peaks allow? It is put beside the ratio of the peaks and the bound of the roofline.

The ratio of the peaks is that of the times which the multiply-accumulates take at the measured arithmetic peaks of the
types that they were executed in. The bound of the roofline is the ratio of the times that arithmetic and bandwidth
explain (docs/roofline.md): what the speed-up would be if both variants ran at their roofs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ovlab.layers.peaks.machine import Peaks
from ovlab.report.columns import CI, HOST, PRECISION
from ovlab.report.format import Estimate, estimate_text, significant
from ovlab.report.section import ReportContext
from ovlab.report.sections.layers.profiled import Profiled, estimate_of, profiled_variants
from ovlab.report.table import Column, Entry, Table

MORE, ALIKE, LESS, UNKNOWN = "more", "as much", "less", "not known"
EXPLAINED = ("compute", "bandwidth")
MOST_TOLD = 6


@dataclass(frozen=True)
class Gain:
    """A speed-up in one stream beside what the host allows.

    Attributes
    ----------
    variant : Profiled
        The variant, on a device of a host.
    reference : str
        The variant that it is compared with.
    speedup : Estimate
        Ratio of the latencies that were measured with the profiles.
    peaks, roofline : float, optional
        Ratio of the peaks of what was executed, and of the times that the roofline explains; None where not known.
    executed : str
        The types that were executed, before and after.
    """

    variant: Profiled
    reference: str
    speedup: Estimate
    peaks: float | None
    roofline: float | None
    executed: str

    @property
    def verdict(self) -> str:
        """Whether the speed-up is more or less than the ratio of the peaks: what the whole interval says."""
        if self.peaks is None or self.speedup.low is None or self.speedup.high is None:
            return UNKNOWN
        return MORE if self.speedup.low > self.peaks else LESS if self.speedup.high < self.peaks else ALIKE


def gains(report: ReportContext) -> list[Gain]:
    """Return the speed-ups of all profiled variants against the reference, in the experiment's order."""
    records = report.records
    variants = {tuple(one.names): one for one in profiled_variants(report.settings, records)}
    found = []
    for (model, device, host, precision), one in variants.items():
        base = variants.get((model, device, host, report.reference))
        record = records.profiles[model, device, host]
        pairs = {(pair["first"], pair["second"]): pair for pair in record.data.get("comparisons", [])}
        pair = pairs.get((report.reference, precision))
        if base is None or pair is None:
            continue
        machine = records.peaks.get((device, host))
        peaks = Peaks.of(machine) if machine is not None and machine.ok else Peaks()
        before, after = (_seconds_an_operation(own.data["mac_shares"], peaks.arithmetic) for own in (base, one))
        roofs = _at_the_roof(base.data), _at_the_roof(one.data)
        executed = f"{base.data['executed_precision']} → {one.data['executed_precision']}"
        ratio = before / after if before and after else None
        bound = roofs[0] / roofs[1] if all(roofs) else None
        found.append(Gain(one, report.reference, estimate_of(pair["speedup"]), ratio, bound, executed))
    return found


def _seconds_an_operation(shares: Mapping[str, float], peaks: Mapping[str, float]) -> float | None:
    """Return the mean time of an operation at the peaks of the executed types; None where one of these is not known."""
    executed = {kind: share for kind, share in shares.items() if share > 0}
    if not executed or not executed.keys() <= peaks.keys():
        return None
    return sum(share / peaks[kind] for kind, share in executed.items())


def _at_the_roof(data: Mapping[str, Any]) -> float:
    """Return the time in ms that arithmetic and bandwidth explain; 0 where it is not known."""
    totals, shares = data["totals"], data["verdict"]["shares"]
    parts = [totals["latency"]["value"], totals["time_over_latency"]["value"]]
    explained = [shares[name]["value"] for name in EXPLAINED]
    if any(one is None for one in (*parts, *explained)):
        return 0.0
    return float(parts[0] * parts[1] * sum(explained))


def gains_table(found: Sequence[Gain]) -> Table:
    """Make the table: a row for each profiled variant on each device of each host."""
    columns = [
        Column("model", "model"),
        Column("device", "device"),
        PRECISION,
        HOST,
        Column("executed", "executed in"),
        Column("speedup", "speed-up in one stream", "×", numeric=True, interval=True, least=1),
        Column("peaks_ratio", "ratio of the peaks", "×", numeric=True),
        Column("roofline_bound", "at the roofline", "×", numeric=True),
        Column("against_peaks", "against the peaks"),
    ]
    rows: list[list[Entry]] = []
    for one in sorted(found, key=lambda gain: _place(gain, found)):
        variant = one.variant
        numbers = [one.speedup, Estimate.of(one.peaks), Estimate.of(one.roofline)]
        names: list[Entry] = [variant.model, variant.device, variant.precision, variant.host]
        rows.append([*names, one.executed, *numbers, one.verdict])
    caption = (
        "Is the speed-up what the host’s peaks allow? Speed-up: of the latencies in one stream that were measured with "
        "the profiles. Ratio of the peaks: of the times that the multiply-accumulates take at the host’s measured "
        "peaks of the types that they were executed in. At the roofline: of the times that arithmetic and bandwidth "
        "explain, as if both variants ran at their roofs. More, less: the whole interval is above or below the ratio "
        f"of the peaks. {CI}."
    )
    return Table("host_peaks", caption, columns, rows, grouped=3, made_from=("profile", "peaks"))


def _place(one: Gain, found: Sequence[Gain]) -> int:
    """Return where a variant comes first, so that its hosts follow each other."""
    names = (one.variant.model, one.variant.device, one.variant.precision)
    return next(
        number
        for number, other in enumerate(found)
        if (other.variant.model, other.variant.device, other.variant.precision) == names
    )


def peaks_sentences(found: Sequence[Gain]) -> list[str]:
    """Say where a speed-up is more or less than the peaks allow, by its whole interval."""
    sentences = [_sentence(one) for one in found if one.verdict in {MORE, LESS}]
    more = [f"Others: host_peaks.csv ({len(sentences) - MOST_TOLD})."] if len(sentences) > MOST_TOLD else []
    return sentences[:MOST_TOLD] + more


def _sentence(one: Gain) -> str:
    variant = one.variant
    side = "less" if one.verdict == LESS else "more"
    text = (
        f"{variant.model} in {variant.precision} on {variant.device} of {variant.host}: in one stream "
        f"{estimate_text(one.speedup, least=1)} times, {side} than the {significant(one.peaks or 0.0)} times of the "
        f"peaks ({one.executed})"
    )
    return text + (f"; at the roofline {significant(one.roofline)} times." if one.roofline is not None else ".")
