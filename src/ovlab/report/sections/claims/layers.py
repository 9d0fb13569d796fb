"""What the profile of the layers adds to a claim: their names, and what limits a variant."""

from __future__ import annotations

from typing import Any

from ovlab.report.format import counted, joined
from ovlab.report.records import Records
from ovlab.report.sections.layers.words import WORDS
from ovlab.specs import Cell

SHOWN_LAYERS = 4


def layer_words(records: Records, cell: Cell, measure: str) -> str:
    """Name the layers left in floating point, for the share of layers in INT8; nothing for other measures."""
    profile = _profile(records, cell)
    if measure != "int8_layer_share" or profile is None:
        return ""
    # The node that quantises the input takes floating point by its nature.
    left = [one for one in profile["coverage"]["floating"] if one["type"] != "FakeQuantize"]
    named = [f"{one['layer']} in {one['precision']}, {one['why']}" for one in left[:SHOWN_LAYERS]]
    more = f" and {len(left) - len(named)} more" if len(left) > len(named) else ""
    whole = counted(int(profile["coverage"]["shares"]["layers"]["whole"]), "timed layer")
    return f" of {whole}; in floating point: {joined(named)}{more}" if named else f" of {whole}"


def limit_words(records: Records, cell: Cell, measure: str) -> str:
    """Say what limits a variant, for the shares of time that are explained; nothing for other measures."""
    profile = _profile(records, cell)
    if measure not in {"compute_time_share", "bandwidth_time_share"} or profile is None:
        return ""
    shares = {name: 100 * quantity["value"] for name, quantity in profile["verdict"]["shares"].items()}
    level = f" of {profile['verdict']['level']}" if profile["verdict"]["level"] else ""
    explained = f"arithmetic {shares['compute']:.0f} %, bandwidth{level} {shares['bandwidth']:.0f} %"
    if profile.get("disturbed"):
        return f"{cell.precision}: not firm, the host was disturbed ({explained})"
    return f"{cell.precision}: {WORDS[profile['verdict']['largest']]} ({explained})"


def _profile(records: Records, cell: Cell) -> dict[str, Any] | None:
    record = records.profiles.get((cell.model, cell.device, cell.host))
    found = record.data.get("variants", {}).get(cell.precision) if record is not None and record.ok else None
    return found if found is not None and found["status"] == "ok" else None
