"""Graphs as files for other programs: JSON in the form of node-link graphs, and DOT [1]_.

References
----------
.. [1] Graphviz, "DOT Language", https://graphviz.org/doc/info/lang.html.
"""

from __future__ import annotations

import json
import math
from typing import Any

from ovlab.report.format import significant
from ovlab.report.records import elsewhere
from ovlab.report.sections.layers.topology.graph import Graph
from ovlab.report.style import file_name
from ovlab.text import visible, visible_json

COLOURS = {"f32": "#C9D1DC", "bf16": "#8FD3BD", "f16": "#B5DDF4", "i8": "#F2B07E"}
OTHER = "#F0F0F0"


def graph_name(graph: Graph) -> str:
    """Return the name of the graph's files, without their ending."""
    return file_name("topology", graph.model, graph.device, *elsewhere(graph.host), graph.precision)


def json_text(graph: Graph) -> str:
    """Return a graph as node-link JSON, which networkx reads: each node with all columns of the profile's table."""
    columns = [str(name) for name in graph.nodes.columns if name not in {"precision", "order", "inputs"}]
    rows = graph.nodes[columns].to_dict("records")
    nodes = [{"id": number} | {name: _plain(row[name]) for name in columns} for number, row in enumerate(rows)]
    for other, ratios in graph.against.items():
        for node, ratio in zip(nodes, ratios, strict=True):
            node[f"speedup_against_{other}"] = ratio
    about = {"model": graph.model, "device": graph.device, "host": graph.host, "precision": graph.precision}
    edges = [{"source": source, "target": target} for source, target in graph.edges]
    head = {"directed": True, "multigraph": False, "graph": about}
    lists = [f'"{name}": [\n{_lines(ones)}\n]' for name, ones in (("nodes", nodes), ("edges", edges))]
    return visible_json(f"{_json(head)[:-1]},\n" + ",\n".join(lists) + "}\n")


def _lines(entries: list[dict[str, Any]]) -> str:
    """Return a node or an edge a line: indented, it takes a slower encoder several times as long."""
    return ",\n".join(map(_json, entries))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int | str) else None if value is None else str(value)


def dot_text(graph: Graph) -> str:
    """Return a graph in DOT: type, name, time and share of each node, coloured by its executed precision."""
    lines = [
        f"digraph {_quoted(graph_name(graph))} {{",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=10];',
    ]
    for number, row in enumerate(graph.nodes.to_dict("records")):
        share = f"{significant(row['time_us'])} µs, {100 * row['share']:.1f} %"
        label = "\n".join(str(part) for part in (row["type"], row["node"], share) if part)
        colour = COLOURS.get(row["executed_precision"], OTHER)
        lines.append(f"  {number} [label={_quoted(label)}, fillcolor={_quoted(colour)}];")
    lines += [f"  {source} -> {target};" for source, target in graph.edges]
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    escaped = visible(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
