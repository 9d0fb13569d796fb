"""How it was measured: as it was set, and as it was done."""

from __future__ import annotations

import pandas as pd

from ovlab.report.format import counted
from ovlab.report.task_words import words_of_tasks
from ovlab.specs import ReportSettings


def method(settings: ReportSettings, ok: pd.DataFrame) -> list[str]:
    """Describe the measuring as it was set and as it was done: one string a paragraph."""
    plan = settings.measurement
    rounds = (
        f"{counted(plan.launches, 'round')}"
        if plan.launches == plan.max_launches
        else f"{plan.launches} to {plan.max_launches} rounds, until the 95 % interval of every speed-up is within "
        f"±{100 * plan.width:g} % or {plan.time_limit_s:g} s have passed"
    )
    paragraphs = [
        "A session measures all precisions of one model on one device under one scenario together, interleaved in "
        f"rounds. A round starts a fresh process (a launch) for each precision, in an order drawn anew (seed "
        f"{settings.seed}). A launch compiles the model, infers for {plan.warm_up_s:g} s untimed as "
        f"warm-up and then for {plan.duration_s:g} s timed, cycling "
        f"{counted(plan.images, 'real image')} decoded beforehand. A session has {rounds}. No sample is dropped.",
    ]
    if done := _done(settings, ok):
        paragraphs.append(done)
    paragraphs.append(
        "Each launch gives one number (its median latency, its throughput); the value shown is Huber’s M-estimate of "
        "their logarithms, and intervals come from launches, never from iterations inside one (Kalibera and Jones, "
        "ISMM 2013). The percentiles p90 and p99 are those of all samples together. A speed-up is the ratio of the "
        "throughputs in the same round. Compile time and peak memory are estimated alike. "
        + " ".join(words.method for words in words_of_tasks(settings))
        + " A difference is called one only if its 95 % interval leaves out “none”."
    )
    return paragraphs


def _done(settings: ReportSettings, ok: pd.DataFrame) -> str:
    launches = ok["launches"].dropna().astype(int)
    if launches.empty:
        return ""
    low, high = int(launches.min()), int(launches.max())
    each = counted(low, "launch") if low == high else f"{low} to {high} launches"
    text = (
        f"Made: {each} a cell, {int(launches.sum())} in all, with {int(ok['timed_inferences'].sum())} timed inferences."
    )
    speedups = ok[(ok["precision"] != settings.reference) & ok["speedup"].notna()]
    if len(speedups):
        half = (speedups["speedup_high"] - speedups["speedup_low"]) / (2 * speedups["speedup"])
        reached = int((half.astype(float) <= settings.measurement.width).sum())
        goal = f"{100 * settings.measurement.width:g}"
        text += f" {reached} of {counted(len(speedups), 'speed-up')} reached an interval within ±{goal} %."
    return text
