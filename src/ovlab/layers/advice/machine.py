"""Rules on what the machine has: the peaks of its types, its instructions, its bandwidth."""

from __future__ import annotations

from ovlab.arithmetic import INSTRUCTIONS
from ovlab.layers.advice.case import LEAST_GAIN, NAMES, Advice, Case, of_latency, percent, surely

FASTER = 1.2
"""A peak that is not so many times higher is no reason to change the type."""
GAIN_OF_INT8 = 1.5
MUCH = 0.15


def other_type_is_faster(case: Case) -> Advice | None:
    """Look for another floating-point type with a higher peak (BF16 in tiles beside FP16 in vectors)."""
    shares = case.profile.mac_shares()
    if case.quantised or not shares:
        return None
    own = next(iter(shares))
    others = {kind: peak for kind, peak in case.peaks.arithmetic.items() if kind in {"f32", "bf16", "f16"}}
    if own not in others:
        return None
    best = max(others, key=lambda kind: others[kind])
    ratio = others[best] / others[own]
    saved = 1 - 1 / ratio
    explained = (case.verdict.shares["compute"].value or 0.0) * saved
    if best == own or ratio < FASTER or explained < LEAST_GAIN:
        return None
    # What a kernel loses below its roof may shrink with the type as well: at most all of its time does.
    time = sum(node.time_us for node in case.profile.nodes if node.macs and node.precision == own)
    beside = ""
    if own == "f16" and "f32" in others:
        beside = f"; the peak of FP16 is {others['f16'] / others['f32']:.2g} times that of FP32 here"
    kernels = f"{case.peaks.kernels.get(best, 'not reported')} against {case.peaks.kernels.get(own, 'not reported')}"
    return Advice(
        "other_type_is_faster",
        f"It computes in {NAMES[own]}, whose peak here is {others[own] / 1e9:.0f} GOP/s; that of {NAMES[best]} is "
        f"{others[best] / 1e9:.0f} ({ratio:.2g} times, {kernels}){beside}. Try {NAMES[best]}.",
        of_latency(case, time) * saved,
    )


def int8_without_instructions(case: Case) -> Advice | None:
    """Look at whether the peak of INT8 is above that of FP32 at all: if not, it saves memory, not time."""
    peaks = case.peaks.arithmetic
    if not case.quantised or "i8" not in peaks or "f32" not in peaks:
        return None
    ratio = peaks["i8"] / peaks["f32"]
    if ratio >= GAIN_OF_INT8:
        return None
    lacks = case.flags and not any(flag in case.flags for flag in INSTRUCTIONS["i8"])
    why = "This CPU has no VNNI and no AMX: " if lacks else ""
    return Advice(
        "int8_without_instructions",
        f"{why}the peak of INT8 is {ratio:.2g} times that of FP32 here ({peaks['i8'] / 1e9:.0f} and "
        f"{peaks['f32'] / 1e9:.0f} GOP/s). INT8 saves memory rather than time.",
        0.0,
    )


def bound_by_bandwidth(case: Case) -> Advice | None:
    """Look at whether much time goes to moving bytes: smaller weights, or more use of them, would help."""
    share = case.verdict.shares["bandwidth"]
    if not surely(share, MUCH) or not case.verdict.level:
        return None
    total = sum(node.bytes or 0.0 for node in case.profile.nodes)
    weights = case.profile.weight_bytes / total if total else 0.0
    half = 0.5
    ways = "a larger batch uses each weight more often" if weights > half else "a smaller input moves less"
    smaller = "" if case.quantised else "; INT8 moves a quarter of what FP32 does"
    return Advice(
        "bound_by_bandwidth",
        f"{percent(share.value or 0.0)} of the time is explained by moving bytes from {case.verdict.level} "
        f"({case.verdict.working_set / 1e6:.3g} MB working set, {percent(weights)} of the bytes are weights): "
        f"{ways}{smaller}.",
        of_latency(case, (share.value or 0.0) * case.profile.total_us),
    )
