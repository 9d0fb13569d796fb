"""What the page's script draws a picture from: JSON, short enough for hundreds of nodes in several variants."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from ovlab.report.sections.layers.topology.graph import Graph
from ovlab.text import visible_line

WORDS = ("node", "type", "kernel", "executed_precision", "layers", "conversion", "shape")
# Title, unit and factor of the numbers that a node's row shows.
NUMBERS: dict[str, tuple[str, str, float]] = {
    "time_us": ("time", "µs", 1),
    "time_us_min": ("least of the launches", "µs", 1),
    "time_us_max": ("most of the launches", "µs", 1),
    "share": ("share of the time", "%", 100),
    "macs": ("multiply-accumulates", "10⁶", 1e-6),
    "weight_bytes": ("weights", "kB", 1e-3),
    "input_bytes": ("inputs", "kB", 1e-3),
    "output_bytes": ("outputs", "kB", 1e-3),
    "intensity": ("intensity", "operations/byte", 1),
    "gops": ("reached", "GOP/s", 1),
    "gbps": ("moved", "GB/s", 1),
    "roof_share": ("of its roof", "%", 100),
}
DIGITS = 4


def payload_text(title: str, graphs: Iterable[Graph]) -> str:
    """Return the JSON of one picture.

    Returns
    -------
    str
        ``words`` (all text, once), ``numbers`` (name, title and unit of each number), ``variants``, each with ``name``,
        ``words`` (by column, positions in the list above), ``numbers`` (by column), ``edges`` and ``against``. No sign
        in it can end the element of the page that holds it.
    """
    words: dict[str, int] = {}
    variants = [_variant(one, words) for one in graphs]
    numbers = [[name, heading, unit] for name, (heading, unit, _) in NUMBERS.items()]
    data = {"title": visible_line(title), "words": list(words), "numbers": numbers, "variants": variants}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _variant(graph: Graph, words: dict[str, int]) -> dict[str, Any]:
    def position(text: object) -> int:
        return words.setdefault(visible_line(str(text)), len(words))

    nodes = graph.nodes
    return {
        "name": visible_line(graph.precision),
        "words": {name: [position(one) for one in nodes[name].fillna("")] for name in WORDS},
        "numbers": {
            name: [_short(factor * one) for one in nodes[name].astype(float)]
            for name, (_, _, factor) in NUMBERS.items()
        },
        "edges": graph.edges,
        "against": {visible_line(other): [_short(one) for one in ratios] for other, ratios in graph.against.items()},
    }


def _short(value: float | None) -> float | None:
    """Round to a few digits; None where it is not known."""
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
