"""The honest baseline: speed against what the device does by itself, and what the CPU has for each precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ovlab.arithmetic import TITLES, Arithmetic, arithmetic_of
from ovlab.report.format import Estimate, estimate_text, joined, significant
from ovlab.report.results import Records

SHOWN_KERNELS = 0.1
"""Kernels with a smaller share of the multiply-accumulates are not named."""


def verdict(speedup: Estimate) -> str:
    """Return ``faster``, ``slower``, ``same`` (no difference could be measured) or ``unknown`` (no interval)."""
    if speedup.value is None or speedup.low is None:
        return "unknown"
    if speedup.contains(1):
        return "same"
    return "faster" if speedup.value > 1 else "slower"


def over_default_sentences(rows: list[dict[Any, Any]], defaults: Mapping[tuple[str, str], str]) -> list[str]:
    """Say how fast a precision is against what the devices do by themselves.

    Parameters
    ----------
    rows : list of dict
        Rows of the results.
    defaults : mapping
        By device and scenario, what the device's default is executed in; empty where it does not tell.

    Returns
    -------
    list of str
        Empty where no default was measured.
    """
    sentences = []
    for row in rows:
        speedup = Estimate.of(*(row.get(f"speedup_over_default{bound}") for bound in ("", "_low", "_high")))
        if speedup.value is None or speedup.low is None:
            continue
        device, executed = row["device"], defaults.get((row["device"], row["scenario"]), "")
        title = "+".join(TITLES.get(one, one) for one in executed.split("+"))
        own = f"OpenVINO’s default on {device}{f' ({title})' if title else ''}"
        number = estimate_text(speedup, least=1)
        if speedup.exact:
            sentences.append(f"It is executed as {own}.")
        elif verdict(speedup) == "same":
            sentences.append(f"No difference in speed from {own} could be measured ({number} times as fast).")
        else:
            slower = "Slower than the default: " if verdict(speedup) == "slower" else ""
            sentences.append(f"{slower}{number} times as fast as {own}.")
    return sentences


def arithmetic(records: Records) -> dict[str, Arithmetic]:
    """Return what the measuring CPU computes in, by element type; empty where several kinds of CPU measured."""
    flags = {tuple(one.environment.get("cpu", {}).get("flags", ())) for one in records.sessions.values()}
    return arithmetic_of(flags.pop()) if len(flags) == 1 else {}


def arithmetic_facts(records: Records) -> list[tuple[str, str]]:
    """Return what the CPU has for each element type, and what follows where that limits a precision."""
    facts = []
    for one in arithmetic(records).values():
        parts = [joined(list(one.instructions)), one.meaning]
        facts.append((f"{one.title} arithmetic of the CPU", "; ".join(part for part in parts if part)))
    return facts


def arithmetic_sentences(rows: pd.DataFrame, records: Records) -> list[str]:
    """Say what the CPU has for what was executed, where that limits what a precision can gain.

    Parameters
    ----------
    rows : DataFrame
        Results of one precision of a model.
    records : Records
        The sessions say which kernels were executed.
    """
    known = arithmetic(records)
    on_cpu = rows[rows["execution_devices"].fillna("") == "CPU"].to_dict("records")
    sentences: dict[str, str] = {}
    for row in on_cpu:
        for kind in str(row["executed_precision"] or "").split("+"):
            if kind in known and known[kind].meaning:
                sentences.setdefault(
                    kind, f"{known[kind].title} on this CPU: {known[kind].meaning}{_kernels(row, records)}."
                )
    return list(sentences.values())


def _kernels(row: Mapping[Any, Any], records: Records) -> str:
    session = records.sessions.get((row["model"], row["device"], row["scenario"]))
    outcome = session.data["rows"].get(row["precision"], {}) if session is not None else {}
    shares = (outcome.get("effective") or {}).get("executed_kernels", {})
    named = [f"{name} {significant(100 * share, 2)} %" for name, share in shares.items() if share >= SHOWN_KERNELS]
    return f" (kernels of the multiply-accumulates: {joined(named)})" if named else ""
