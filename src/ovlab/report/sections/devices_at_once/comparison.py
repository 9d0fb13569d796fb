"""Several devices at once: what ``MULTI`` makes of its members, against what they do alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ovlab.report.columns import AXES, CI, PRECISION
from ovlab.report.format import Estimate, counted, joined, show, significant
from ovlab.report.results import rows_of
from ovlab.report.table import Column, Entry, Table
from ovlab.specs import Cell, DeviceSpec, ReportSettings

FEWEST_CELLS_OF_A_RANGE = 2


@dataclass(frozen=True, slots=True)
class DevicesAtOnce:
    """One cell on several devices at once, and the same on each of them alone.

    Attributes
    ----------
    cell : dict
        The row of the results.
    alone : dict
        Throughput in images/s by the members' names in the experiment.
    """

    cell: dict[Any, Any]
    alone: dict[str, Estimate]

    @property
    def throughput(self) -> Estimate:
        """Images per second of all members at once."""
        return Estimate.of_row(self.cell, "throughput_fps")

    @property
    def sum(self) -> Estimate:
        """Images per second of the members alone, added up."""
        return sum_of(list(self.alone.values()))

    @property
    def share(self) -> Estimate:
        """Throughput at once as a share of that sum: 1 where the members do not disturb each other."""
        return ratio_of(self.throughput, self.sum)

    @property
    def contention(self) -> Estimate:
        """The share of the sum that is lost; negative where together is more than apart."""
        share = self.share
        value, low, high = (None if one is None else 1 - one for one in (share.value, share.high, share.low))
        return Estimate(value, low, high)

    @property
    def gain(self) -> Estimate:
        """Throughput at once against the fastest member alone."""
        fastest = max(self.alone.values(), key=lambda one: one.value or 0.0)
        return ratio_of(self.throughput, fastest)


def sum_of(parts: Sequence[Estimate]) -> Estimate:
    """Add independent estimates; bounds by the method of variance estimates recovery.

    The sum's lower bound is below it by the root of the summed squares of the parts' distances to their lower bounds,
    and likewise above (G. Y. Zou and A. Donner, Statist. Med. 27 (2008) 1693-1702).
    """
    values = [one.value for one in parts if one.value is not None]
    if len(values) < len(parts):
        return Estimate(None)
    total = math.fsum(values)
    below = [one.value - one.low for one in parts if one.value is not None and one.low is not None]
    above = [one.high - one.value for one in parts if one.value is not None and one.high is not None]
    if len(below) < len(parts) or len(above) < len(parts):
        return Estimate(total)
    return Estimate(total, total - math.hypot(*below), total + math.hypot(*above))


def ratio_of(numerator: Estimate, denominator: Estimate) -> Estimate:
    """Divide independent positive estimates: the difference of their logarithms, bounded as in `sum_of`."""
    if not numerator.value or not denominator.value:
        return Estimate(None)
    ratio = numerator.value / denominator.value
    numbers = (numerator.low, numerator.high, denominator.low, denominator.high)
    if any(one is None or one <= 0 for one in numbers):
        return Estimate(ratio)
    low, high, other_low, other_high = (math.log(one) for one in numbers if one is not None)
    own, other = math.log(numerator.value), math.log(denominator.value)
    below, above = math.hypot(own - low, other_high - other), math.hypot(high - own, other - other_low)
    return Estimate(ratio, ratio * math.exp(-below), ratio * math.exp(above))


def cells_at_once(settings: ReportSettings, ok: pd.DataFrame) -> Iterator[DevicesAtOnce]:
    """Yield the cells on several devices at once whose members were all measured alone as well.

    Alone means: same model, precision, scenario and host, on a device of the experiment that is the member itself.
    """
    rows = {Cell.of(row): row for row in rows_of(ok)}
    for name, spec in settings.devices.items():
        names = _names_of_members(spec, settings.devices)
        if not names:
            continue
        for cell, row in rows.items():
            if cell.device != name:
                continue
            alone = {one: rows[key] for one in names if (key := cell._replace(device=one)) in rows}
            if len(alone) == len(names):
                yield DevicesAtOnce(
                    row, {one: Estimate.of_row(other, "throughput_fps") for one, other in alone.items()}
                )


def _names_of_members(spec: DeviceSpec, devices: dict[str, DeviceSpec]) -> list[str]:
    """Find the experiment's devices that are the members of one; none if any member has none, or it has but one."""
    if not spec.runs_on_all or len(spec.requires) == 1:
        return []
    names = []
    for member in spec.requires:
        found = next((name for name, other in devices.items() if other.device == member), None)
        if found is None:
            return []
        names.append(found)
    return names


def members_table(settings: ReportSettings, ok: pd.DataFrame) -> Table:
    """Make the table that compares devices at once with the sum of them alone."""
    columns = [
        *AXES,
        PRECISION,
        Column("members", "members"),
        Column("sum_fps", "sum of the members alone", "images/s", numeric=True, interval=True),
        Column("throughput_fps", "at once", "images/s", numeric=True, interval=True),
        Column("share_of_sum", "of the sum", "%", numeric=True, interval=True, scale=100),
        Column("contention", "lost at once", "%", numeric=True, interval=True, scale=100),
        Column("gain", "against the fastest member", "×", numeric=True, interval=True, least=1),
    ]
    rows: list[list[Entry]] = []
    for one in cells_at_once(settings, ok):
        axes: list[Entry] = [str(one.cell[column.key]) for column in (*AXES, PRECISION)]
        numbers = [one.sum, one.throughput, one.share, one.contention, one.gain]
        rows.append([*axes, " + ".join(one.alone), *numbers])
    caption = (
        "Several devices at once, against the sum of the same devices alone under the same scenario. What is missing "
        "to 100 % is lost when they work at once: to memory, power or cores that they share, or to too few requests "
        f"in flight; throughput does not tell which. {CI}, from those of the throughputs, which are from sessions of "
        "their own."
    )
    return Table("members", caption, columns, rows, grouped=4, stacked=True, made_from=("session",))


def members_sentences(settings: ReportSettings, ok: pd.DataFrame) -> list[str]:
    """Say of each device that stands for several how much of the sum of its members it reaches."""
    axes = ("device", "host") if len(settings.experiment.hosts) > 1 else ("device",)
    by_device: dict[str, list[DevicesAtOnce]] = {}
    for one in cells_at_once(settings, ok):
        place = " of ".join(Cell.of(one.cell)._asdict()[axis] for axis in axes)
        by_device.setdefault(place, []).append(one)
    return [_sentence(device, cells) for device, cells in by_device.items()]


def _sentence(device: str, cells: list[DevicesAtOnce]) -> str:
    members = joined(list(cells[0].alone))
    known = sorted((one for one in cells if one.share.value is not None), key=lambda one: one.share.value or 0.0)
    if not known:
        return f"{device}: no throughput to compare with {members} alone."
    worst, best = known[0], known[-1]
    where = f"{worst.cell['model']} {worst.cell['precision']}, {worst.cell['scenario']}"
    shown = show(worst.share.scaled(100))
    reach = f"{shown.value} %" + (f" [{shown.low}, {shown.high}]" if shown.low else "")
    if len(known) < FEWEST_CELLS_OF_A_RANGE:
        return f"{device} reaches {reach} of the sum of {members} alone ({where}){_verdict(worst)}."
    top = significant(100 * (best.share.value or 0.0))
    return (
        f"{device} reaches {reach} ({where}) to {top} % of the sum of {members} alone "
        f"in {counted(len(known), 'cell')}{_verdict(worst)}."
    )


def _verdict(one: DevicesAtOnce) -> str:
    if one.share.contains(1.0):
        return "; that its members slow each other down could not be measured there"
    lost = 100 * (1 - (one.share.value or 0.0))
    if lost < 0:
        return ""
    return f": {significant(lost, 2)} % of what they do alone is lost there when they work at once"
