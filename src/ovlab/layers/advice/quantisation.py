"""Rules on quantised variants: layers left in floating point, layers that lost, depthwise layers."""

from __future__ import annotations

from ovlab.layers.advice.case import LEAST_GAIN, NAMES, Advice, Case, counted, listed, of_latency, percent
from ovlab.layers.profile.model import FLOATING
from ovlab.layers.roofline.comparison import LayerPair

OWN_CHOICE = ("in the ignored scope", "given back by accuracy control", "no FakeQuantize on its inputs in the IR")
NO_GAIN = 1.15
"""A speed-up whose lower bound is below this is no gain to speak of."""
MUCH = 0.1


def left_in_floating_point(case: Case) -> Advice | None:
    """Layers that multiply stayed in floating point and hold much of the time."""
    left = [one for one in case.coverage.floating if one.macs and one.why in OWN_CHOICE]
    share = sum(one.share for one in left)
    peaks = case.peaks.arithmetic
    if share < MUCH or "i8" not in peaks:
        return None
    # At most what the peaks' ratio gives, were all of their time arithmetic.
    gain = sum(of_latency(case, one.time_us) * (1 - peaks[one.precision] / peaks["i8"]) for one in left)
    types = sorted({one.precision for one in left})
    if gain < LEAST_GAIN:
        return None
    faster = peaks.get("bf16", 0.0) > peaks.get("f32", 0.0) and types == ["f32"]
    instead = ", or use BF16 there (the device's default) instead of FP32" if faster else ""
    whys = listed(sorted({one.why for one in left}))
    return Advice(
        "left_in_floating_point",
        f"{counted(len(left), 'layer')} in {' and '.join(NAMES[one] for one in types)} ({whys}) "
        f"{'holds' if len(left) == 1 else 'hold'} {percent(share)} of the time: "
        f"{listed([one.layer for one in left])}. {_try_to_quantise(case, len(left))}{instead}, and check the accuracy.",
        gain,
    )


def _try_to_quantise(case: Case, layers: int) -> str:
    if case.imported:
        whose = "it is" if layers == 1 else "they are"
        return f"Others made this variant: {whose} quantised where it is made, or in an int8 of this model made here"
    return f"Try to quantise {'it' if layers == 1 else 'them'} (a smaller ignored scope, the mixed preset)"


def slower_than_before(case: Case) -> Advice | None:
    """Layers take longer than in the reference, beyond their uncertainty."""
    if not case.quantised or case.against is None:
        return None
    losers = [pair for pair in case.against.pairs if pair.macs and _is_slower(pair)]
    gain = of_latency(case, -sum(pair.saved_us for pair in losers))
    if gain < LEAST_GAIN:
        return None
    names = [max(pair.first, key=lambda node: node.macs).layers[0] for pair in losers]
    return Advice(
        "slower_than_before",
        f"{counted(len(losers), 'layer')} {'is' if len(losers) == 1 else 'are'} slower than in the reference, by "
        f"{-sum(pair.saved_us for pair in losers):.0f} us together. {_leave_out(case, listed(names))}.",
        gain,
    )


def _leave_out(case: Case, names: str) -> str:
    if case.imported:
        return f"Others made this variant: leave out {names} where it is quantised, or make an int8 here that does"
    return f"Try the ignored scope {names}"


def _is_slower(pair: LayerPair) -> bool:
    speedup = pair.speedup
    return speedup is not None and speedup.high is not None and speedup.high < 1


def depthwise_gains_nothing(case: Case) -> Advice | None:
    """Depthwise convolutions in INT8 are no faster than in the reference: they are not limited by arithmetic."""
    if not case.quantised or case.against is None:
        return None
    kinds = {one.name: one.type for one in case.profile.operations}
    grouped = [
        pair
        for pair in case.against.pairs
        if any(kinds.get(name) == "GroupConvolution" for name in pair.layers)
        and any(node.macs and node.precision not in FLOATING for node in pair.second)
    ]
    before = sum(node.time_us for pair in grouped for node in pair.first)
    after = sum(node.time_us for pair in grouped for node in pair.second)
    share = after / case.profile.total_us
    if not after or share < MUCH or before / after >= NO_GAIN:
        return None
    return Advice(
        "depthwise_gains_nothing",
        f"{counted(len(grouped), 'depthwise layer')} in INT8, {percent(share)} of the time, run at "
        f"{before / after:.2g} times the speed of the reference: no gain to speak of. What would help is fewer or "
        "wider ones, a matter of the model's design.",
        of_latency(case, after),
    )
