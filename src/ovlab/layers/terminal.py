"""Peaks and profiles in the terminal: for an IR by hand."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from ovlab.environment import describe_host
from ovlab.errors import OvlabError
from ovlab.layers.peaks import Peaks, known_peaks
from ovlab.layers.profile.analysis import Analysis, analyse, compare_all
from ovlab.layers.profile.clock import AtLowerClock, launch_at_lower_clock
from ovlab.layers.profile.launching import (
    NOT_FIRM,
    Launched,
    disturbance,
    launch_rounds,
    launch_scaling,
    require_profilable,
)
from ovlab.layers.profile.model import Profile
from ovlab.layers.profile.scaling import Scaling
from ovlab.layers.profile.table import node_table
from ovlab.layers.request import ProfileRequest
from ovlab.layers.roofline.comparison import BY_LAYERS, Comparison
from ovlab.layers.roofline.coverage import Choices
from ovlab.layers.roofline.shares import PARTS
from ovlab.measure.device.properties import require_named_device
from ovlab.measure.host.exclusive import exclusive_host
from ovlab.records import Quantity
from ovlab.runtime import precision_hint
from ovlab.scratch import scratch_folder
from ovlab.specs import DeviceSpec, NoiseSpec, ProfilingSpec
from ovlab.specs.device import VIRTUAL
from ovlab.steps import start_logging

log = logging.getLogger("ovlab")
SHOWN, PAIRS = 25, 5
WHOLE = 100
TEXTS = frozenset({"type", "executed_precision", "kernel", "node"})
TITLES = {"type": "type", "executed_precision": "in", "kernel": "kernel", "time_us": "us", "share": "share %"} | {
    "macs": "MMAC",
    "intensity": "op/byte",
    "gops": "GOP/s",
    "gbps": "GB/s",
    "roof_share": "of roof %",
    "node": "node",
}


def show_peaks(device: str, *, anew: bool = False) -> int:
    """Print the peaks of a device of this host, found `anew` or known; the exit code."""

    def work() -> None:
        _require_physical(device)
        record = known_peaks(DeviceSpec(device=device), anew=anew)
        rows = [
            [
                name.replace("_", " "),
                one.value,
                one.unit,
                record.data["kernels"].get(name.removeprefix("arithmetic_"), ""),
            ]
            for name, one in record.values.items()
        ]
        print(tabulate(rows, headers=["peak", "value", "unit", "kernel"], floatfmt=".4g"))
        for remark in record.data["remarks"]:
            print(remark)

    return _without_traceback(work)


@dataclass(frozen=True)
class Asked:
    """An IR, and the floating-point type to ask the device for: ``f32``, ``f16``, ``bf16``, or ``default``."""

    model: Path
    precision: str


def show_profile(asked: Asked, device: str, against: Asked | None = None, lower_clock: float = 0.0) -> int:
    """Profile an IR and print its layers, coverage, verdict and advice; the exit code.

    Parameters
    ----------
    asked : Asked
        The IR.
    device : str
        A physical device of OpenVINO.
    against : Asked, optional
        Another IR of the same model, or the same one in another type: profiled in the same rounds and compared.
    lower_clock : float
        Share of the highest clock that a further launch is limited to; 0 leaves it alone.
    """
    both = {"first": against, "second": asked} if against is not None else {"second": asked}
    variants = {name: one for name, one in both.items() if one is not None}

    def work() -> None:
        _require_physical(device)
        if not 0 <= lower_clock < 1:
            raise OvlabError(f"--lower-clock: {lower_clock:g} is no share of the clock, expected a number below 1")
        for name, one in variants.items():
            _require_ir(one.model, "--model" if name == "second" else "--against")
            require_profilable(one.model)
        peaks = Peaks.of(known_peaks(DeviceSpec(device=device)))
        plan, noise = ProfilingSpec().model_copy(update={"lower_clock": lower_clock}), NoiseSpec(wait_s=5)
        requests = {name: _request(one, device, plan) for name, one in variants.items()}
        with scratch_folder() as scratch, exclusive_host():
            launched = launch_rounds(requests, plan, noise, 0, scratch, peaks)
            able = {} if launched["second"].error else {"second": requests["second"]}
            scaling = launch_scaling(able, plan, scratch)
            slower = launch_at_lower_clock(able, launched, plan, scratch)[0] if lower_clock else {}
        disturbed = {
            name: text for name in variants if not launched[name].error and (text := disturbance(launched[name], noise))
        }
        for name, text in disturbed.items():
            log.warning("%s: %s", variants[name].model, text)
        profiles = {name: _profile(one.model, launched[name]) for name, one in variants.items()}
        found = compare_all(profiles, peaks, ["first"]).get(("first", "second"))
        profile = profiles["second"]
        choices = Choices(quantised=any(one.quantised and one.macs for one in profile.operations))
        flags = describe_host()["cpu"]["flags"] if device == "CPU" else ()
        analysis = analyse(profile, choices, peaks, flags, found)
        if peaks.disturbed:
            log.warning(
                "the peaks of %s were found amid other load: nodes may lie above their roofs",
                ", ".join(peaks.disturbed),
            )
        nodes = node_table(asked.precision, profile, peaks)
        parts = [describe(analysis, nodes, scaling.get("second"), slower.get("second"), disturbed.get("second", ""))]
        if found is not None:
            parts.append(_compared(found) + (f"\n({'; '.join(disturbed.values())})" if disturbed else ""))
        print("\n\n".join(parts))

    return _without_traceback(work)


def _request(one: Asked, device: str, plan: ProfilingSpec) -> ProfileRequest:
    hint = precision_hint(one.precision)
    return ProfileRequest(str(one.model), device, hint, None, plan.warm_up_s, plan.duration_s)


def _profile(model: Path, launched: Launched) -> Profile:
    try:
        if launched.error:
            raise OvlabError(launched.error)
        return Profile.of(launched.results)
    except OvlabError as error:
        raise OvlabError(f"{model}: {error}") from None


def describe(
    analysis: Analysis,
    nodes: pd.DataFrame,
    scaling: Scaling | None = None,
    slower: AtLowerClock | None = None,
    disturbed: str = "",
) -> str:
    """Return what a profile says, as text for a terminal; `disturbed` says why its shares are not firm."""
    parts = [_totals(analysis), _coverage(analysis), _verdict(analysis, scaling, slower, disturbed)]
    return "\n\n".join([_layers(nodes, disturbed), *parts, _advice(analysis, disturbed)])


def _layers(nodes: pd.DataFrame, disturbed: str) -> str:
    longest = nodes.sort_values("time_us", ascending=False).head(SHOWN)
    shown = longest[list(TITLES)].assign(
        share=100 * longest["share"],
        macs=longest["macs"] / 1e6,
        roof_share=100 * longest["roof_share"],
        node=longest["node"].str.slice(0, 48),
    )
    table = tabulate(
        [[_cell(value) for value in row] for row in shown.astype(object).to_numpy().tolist()],
        headers=list(TITLES.values()),
        colalign=["left" if name in TEXTS else "right" for name in TITLES],
        disable_numparse=True,
    )
    amid = "; the host was disturbed, see the verdict" if disturbed else ""
    return f"{table}\n({len(longest)} of {len(nodes)} nodes, those that take longest{amid})"


def _cell(value: Any) -> str:
    """Write a number in three digits and never with an exponent; nothing where there is none."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    return f"{value:.0f}" if abs(value) >= WHOLE else f"{value:.3g}"


def _totals(analysis: Analysis) -> str:
    totals = analysis.totals
    mapped, operations = (totals[name].value for name in ("mapped_mac_operations", "mac_operations"))
    lines = [
        f"latency {_text(totals['latency'])} ms without counters; the nodes add up to "
        f"{_text(totals['time_over_latency'], 100)} % of it",
        f"multiply-accumulates: {(totals['macs'].value or 0) / 1e6:.4f} M, of which "
        f"{100 * (totals['macs_over_model'].value or 0):.4g} % are found among the executed nodes ({mapped:.0f} of "
        f"{operations:.0f} operations)",
    ]
    return "\n".join(["Control totals", *lines, *(f"does not close: {one}" for one in analysis.complaints)])


def _coverage(analysis: Analysis) -> str:
    lines = [
        f"{100 * one.value:5.1f} % of {one.whole:.0f} {one.of}"
        for one in analysis.coverage.shares.values()
        if one.value is not None
    ] or ["the device does not report in which precision it executes"]
    if not any(one.part for one in analysis.coverage.shares.values() if one.value is not None) and len(lines) > 1:
        lines = ["none: nothing is executed in INT8"]
    left = [
        f"in {one.precision}: {one.layer} ({one.type}), {100 * one.share:.2g} % of the time: {one.why}"
        for one in analysis.coverage.floating
    ]
    executed = analysis.executed_precision or "a precision that is not reported"
    return "\n".join([f"Executed in {executed}. INT8 coverage", *lines, *left])


def _verdict(analysis: Analysis, scaling: Scaling | None, slower: AtLowerClock | None, disturbed: str) -> str:
    found = analysis.verdict
    level = f" of {found.level}, which holds the working set of {found.working_set / 1e6:.3g} MB" if found.level else ""
    titles = dict.fromkeys(PARTS, "") | {"bandwidth": level}
    lines = [f"{_text(found.shares[name], 100)} % {name}{titles[name]}" for name in PARTS]
    if scaling is not None and scaling.one_thread is not None:
        waits = " (threads wait for each other: a disturbed host, or layers too small to share)"
        lines.append(
            f"cross-check: with one thread it takes {scaling.one_thread:.2f} times as long"
            + (waits if scaling.one_thread < 1 else "")
        )
    if scaling is not None and scaling.batch_time is not None:
        lines.append(
            f"cross-check: in a batch of {scaling.batch} an image takes {scaling.batch_time:.2f} of its time alone"
        )
    if slower is not None:
        lines.append(
            f"cross-check: at a lower clock, arithmetic {slower.slowdown:.2f} times as slow, it takes "
            f"{slower.time:.2f} times as long: {100 * slower.follows:.0f} % of its time follow the clock, as "
            "arithmetic and caches do"
        )
    said = found.largest
    if disturbed:
        said = f"not firm, since {disturbed.removesuffix(f': {NOT_FIRM}')}.\nOn the host as it was: {said}"
    return "\n".join([f"Verdict: {said} (shares of the nodes' time, 95 % confidence intervals)", *lines])


def _advice(analysis: Analysis, disturbed: str) -> str:
    lines = [f"{one.text} (at most {100 * one.gain:.2g} % of the latency)" for one in analysis.advice]
    heading = "What would help, by the numbers of a disturbed host" if disturbed else "What would help"
    return "\n".join([heading, *(lines or ["nothing that these numbers tell"])])


def _compared(found: Comparison) -> str:
    """Say how a variant differs from another one: what is saved, by cause and by layers, and where most."""
    causes = [f"{_text(one)} ms by {name}" for name, one in found.by_cause.items()]
    layers = [f"{_text(one)} ms by {BY_LAYERS[name]}" for name, one in found.by_layers.items() if one.value]
    timed = [pair for pair in found.pairs if any(node.time_us for node in (*pair.first, *pair.second))]
    pairs = [*timed[:PAIRS], *timed[max(PAIRS, len(timed) - PAIRS) :]]
    rows = []
    for pair in pairs:
        before, after = (sum(node.time_us for node in side) for side in (pair.first, pair.second))
        rows.append([",".join(pair.layers)[:48], before, after, before - after])
    table = tabulate(rows, headers=["layer", "us before", "us now", "us saved"], floatfmt=".3g")
    total = f"Against the other: {_text(found.speedup)} times as fast, {_text(found.saved_ms)} ms saved, which are"
    return "\n".join([total, *causes, "or", *layers, "Layers that gained most, and least:", table])


def _text(quantity: Quantity, factor: float = 1) -> str:
    value, low, high = (None if one is None else factor * one for one in (quantity.value, quantity.low, quantity.high))
    if value is None:
        return "not known"
    return f"{value:.3g}" if low is None or high is None else f"{value:.3g} [{low:.3g}, {high:.3g}]"


def _require_ir(path: Path, option: str) -> None:
    """Refuse what is no IR with its weights beside it, in words for one who names a file by hand."""
    if not path.is_file():
        raise OvlabError(f"{option}: {path} is no file, expected an IR (.xml)")
    if path.suffix != ".xml":
        raise OvlabError(f"{option}: {path} is no IR, expected a .xml (openvino.convert_model and save_model make one)")
    if not path.with_suffix(".bin").is_file():
        raise OvlabError(
            f"{option}: {path}: its weights are missing, expected {path.with_suffix('.bin').name} beside it"
        )


def _require_physical(device: str) -> None:
    if device.split(":", maxsplit=1)[0] in VIRTUAL:
        raise OvlabError(f"--device: {device} stands for other devices; profile each of them by itself")
    require_named_device(device, "--device")


def _without_traceback(work: Callable[[], None]) -> int:
    start_logging()
    try:
        work()
    except OvlabError as error:
        log.error("error: %s", error)
        return 1
    return 0
