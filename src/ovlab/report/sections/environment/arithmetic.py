"""What the measuring CPU has for each element type, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovlab.arithmetic import Arithmetic, arithmetic_of
from ovlab.report.format import joined, significant
from ovlab.report.records import Records

SHOWN_KERNELS = 0.1
"""Kernels with a smaller share of the multiply-accumulates are not named."""


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


def arithmetic_sentences(rows: list[dict[Any, Any]], records: Records) -> list[str]:
    """Say what the CPU has for what was executed, where that limits what a precision can gain.

    Parameters
    ----------
    rows : list of dict
        Results of one precision of a model.
    records : Records
        The sessions say which kernels were executed.
    """
    known = arithmetic(records)
    on_cpu = [row for row in rows if row["execution_devices"] == "CPU"]
    sentences: dict[str, str] = {}
    for row in on_cpu:
        for kind in str(row["executed_precision"] or "").split("+"):
            if kind in known and known[kind].meaning:
                sentences.setdefault(
                    kind, f"{known[kind].title} on this CPU: {known[kind].meaning}{_kernels(row, records)}."
                )
    return list(sentences.values())


def _kernels(row: Mapping[Any, Any], records: Records) -> str:
    session = records.sessions.get((row["model"], row["device"], row["scenario"], row["host"]))
    outcome = session.data["rows"].get(row["precision"], {}) if session is not None else {}
    shares = (outcome.get("effective") or {}).get("executed_kernels", {})
    named = [f"{name} {significant(100 * share, 2)} %" for name, share in shares.items() if share >= SHOWN_KERNELS]
    return f" (kernels of the multiply-accumulates: {joined(named)})" if named else ""
