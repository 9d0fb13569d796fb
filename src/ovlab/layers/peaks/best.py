"""From the windows of all launches to peaks: the best of those that nobody disturbed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ovlab.layers.peaks.machine import AMID_LOAD
from ovlab.layers.peaks.theory import CPUINFO, operations_per_cycle, why_below
from ovlab.records import Quantity
from ovlab.specs import PeaksSpec

ENOUGH = 0.8
"""Share of the theoretical peak below which the record says why it may not be reached."""
APART = 1.15
"""Processes that differ in bandwidth by more than this are told: neighbours share caches and memory."""
Window = Mapping[str, Any]


def best_values(
    results: Sequence[Mapping[str, Any]], plan: PeaksSpec, flags: Collection[str], cpuinfo: Path = CPUINFO
) -> tuple[dict[str, Quantity], dict[str, Any]]:
    """Put the launches together.

    Parameters
    ----------
    results : sequence of mapping
        What the launches gave (`ovlab.layers.child.peaks.peaks`).
    plan : PeaksSpec
        What counts as disturbed.
    flags : collection of str
        Of the CPU.
    cpuinfo : Path
        Where the kernel describes the CPU.

    Returns
    -------
    values : dict of Quantity
        ``arithmetic_TYPE`` and ``theoretical_TYPE`` (GOP/s, two operations a multiply-accumulate), ``reached_TYPE``
        (fraction), ``bandwidth_LEVEL`` (GB/s, read and written), ``clock`` (GHz), ``probe_convolution`` and
        ``probe_small_layers`` (GOP/s, of the models that profiles are checked by), ``node_overhead`` (us), ``threads``,
        ``windows``, ``disturbed_windows`` (counts).
    data : dict
        ``kernels`` and ``problems`` (of the best, by type), ``not_executed`` (what the device executes instead, by
        type), ``between_processes`` (least and largest of the processes' bandwidths in GB/s, by level), ``caches``
        (bytes by level), ``sharing``, ``frequency`` (whether the clock could be set), ``remarks``, ``windows``.
    """
    windows = [window for result in results for window in result["windows"]]
    known = [window for window in windows if window["value"] is not None]
    quiet = [window for window in known if not _disturbed(window, plan)]
    values: dict[str, Quantity] = {}
    data: dict[str, Any] = {"kernels": {}, "problems": {}, "not_executed": {}, "remarks": []}

    def best(kind: str, key: str = "", name: str = "") -> Window | None:
        of_kind = [one for one in known if one["kind"] == kind and (not key or one[key] == name)]
        undisturbed = [one for one in quiet if one["kind"] == kind and (not key or one[key] == name)]
        if of_kind and not undisturbed:
            data["remarks"].append(f"{kind} {name}".strip() + AMID_LOAD)
        least = min if kind == "overhead" else max
        return least(undisturbed or of_kind, key=lambda one: float(one["value"]), default=None)

    for element_type in _names(known, "arithmetic", "type"):
        found = best("arithmetic", "type", element_type)
        if found is not None:
            values[f"arithmetic_{element_type}"] = Quantity(found["value"] / 1e9, "GOP/s")
            data["kernels"][element_type], data["problems"][element_type] = found["kernel"], found["problem"]
    for window in windows:
        if window["value"] is None and window["kind"] == "arithmetic" and window["type"] not in data["kernels"]:
            data["not_executed"][window["type"]] = window.get("executed", "")
    for level in _names(known, "bandwidth", "level"):
        found = best("bandwidth", "level", level)
        if found is not None:
            values[f"bandwidth_{level}"] = Quantity(found["value"] / 1e9, "GB/s")
    data["between_processes"] = _between_processes(results, plan)
    data["remarks"] += [
        f"bandwidth of {level}: the processes gave {low:.3g} to {high:.3g} GB/s; others that share it take their part"
        for level, (low, high) in data["between_processes"].items()
        if high > APART * low
    ]
    for problem in _names(known, "probe", "problem"):
        found = best("probe", "problem", problem)
        if found is not None:
            values[f"probe_{problem}"] = Quantity(found["value"] / 1e9, "GOP/s")
    for kind, name, unit, factor in (("clock", "clock", "GHz", 1e-9), ("overhead", "node_overhead", "us", 1e6)):
        found = best(kind)
        if found is not None:
            values[name] = Quantity(found["value"] * factor, unit)
    if "node_overhead" not in values:
        data["remarks"].append("overhead of a node: not found, so that none of the time is explained by it")
    threads = int(results[0]["threads"])
    counts = {"threads": threads, "windows": len(known), "disturbed_windows": len(known) - len(quiet)}
    values |= {name: Quantity(count, "count") for name, count in counts.items()}
    _add_theory(values, data, operations_per_cycle(flags, cpuinfo), threads)
    data["frequency"] = dict(results[0].get("frequency", {}))
    data |= {"caches": dict(results[0]["caches"]), "sharing": dict(results[0]["sharing"]), "windows": windows}
    return values, data


def _between_processes(results: Sequence[Mapping[str, Any]], plan: PeaksSpec) -> dict[str, tuple[float, float]]:
    """Return the least and the largest of the processes' best bandwidths in quiet windows, in GB/s, by level."""
    found: dict[str, list[float]] = {}
    for result in results:
        best: dict[str, float] = {}
        for window in result["windows"]:
            if window["kind"] == "bandwidth" and window["value"] is not None and not _disturbed(window, plan):
                level = str(window["level"])
                best[level] = max(best.get(level, 0.0), window["value"] / 1e9)
        for level, value in best.items():
            found.setdefault(level, []).append(value)
    return {level: (min(values), max(values)) for level, values in found.items()}


def has_quiet_windows(results: Sequence[Mapping[str, Any]], plan: PeaksSpec) -> bool:
    """Tell whether each peak was measured at least once without being disturbed."""
    known = [window for result in results for window in result["windows"] if window["value"] is not None]
    peaks = {_peak(window): False for window in known}
    for window in known:
        peaks[_peak(window)] |= not _disturbed(window, plan)
    return all(peaks.values())


def _peak(window: Window) -> tuple[str, str]:
    return str(window["kind"]), str(window.get("type", window.get("level", window.get("problem", ""))))


def _disturbed(window: Window, plan: PeaksSpec) -> bool:
    bounds = {"other_load": plan.other_load, "steal": plan.steal}
    return any((window.get(name) or 0.0) > bound for name, bound in bounds.items())


def _names(windows: Iterable[Window], kind: str, key: str) -> list[str]:
    return list(dict.fromkeys(str(one[key]) for one in windows if one["kind"] == kind))


def _add_theory(values: dict[str, Quantity], data: dict[str, Any], known: Mapping[str, int], threads: int) -> None:
    clock = values.get("clock")
    if clock is None or clock.value is None:
        data["remarks"].append("theoretical peaks: not known, since the clock is not")
        return
    for element_type, operations in known.items():
        measured = values.get(f"arithmetic_{element_type}")
        if measured is None or measured.value is None:
            continue
        theoretical = clock.value * operations * threads
        reached = measured.value / theoretical
        values[f"theoretical_{element_type}"] = Quantity(theoretical, "GOP/s")
        values[f"reached_{element_type}"] = Quantity(reached, "fraction")
        if reached < ENOUGH:
            why = why_below(
                data["kernels"][element_type], disturbed=f"arithmetic {element_type}{AMID_LOAD}" in data["remarks"]
            )
            data["remarks"].append(f"{element_type}: {100 * reached:.0f} % of the theoretical peak reached; {why}")
    unknown = [name for name in data["kernels"] if name not in known]
    if unknown:
        data["remarks"].append(f"theoretical peak of {', '.join(unknown)}: not known for this CPU")
