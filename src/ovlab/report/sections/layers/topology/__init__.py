"""The executed graph: an interactive picture on the page, laid out in the browser, and files for other programs.

``dagre.min.js`` lays it out: the distributed file of @dagrejs/dagre 3.1.3 without the address of its source map
(``dagre.LICENSE.txt``). Everything else on the picture is ``topology.js``. Without script, the page's table of nodes
and the files in ``graphs/`` say the same.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from markupsafe import Markup

from ovlab.report.records import Records
from ovlab.report.sections.layers.profiled import drawn_profiles
from ovlab.report.sections.layers.topology.files import dot_text, graph_name, json_text
from ovlab.report.sections.layers.topology.graph import Graph, graphs_of
from ovlab.report.sections.layers.topology.payload import payload_text
from ovlab.specs import ReportSettings

__all__ = ["Graph", "topology_context", "topology_files"]

PARTS = {"style": "topology.css", "layout": "dagre.min.js", "script": "topology.js"}


def topology_context(settings: ReportSettings, records: Records) -> dict[str, Any]:
    """Return what the template needs for the pictures.

    Returns
    -------
    dict
        ``topologies``, each with ``title``, ``data`` (JSON for the script) and ``files`` (names in ``graphs/`` by
        precision);
        ``topology_parts``, the texts of ``style``, ``layout`` (the library) and ``script``.
    """
    pictures = []
    for model, device, host in drawn_profiles(settings, records):
        graphs = graphs_of(settings, records, model, device, host)
        title = f"{model} on {records.place(device, host)}"
        if graphs:
            pictures.append(
                {
                    "title": title,
                    # JSON in which no sign can end the element.
                    "data": Markup(payload_text(title, graphs)),  # noqa: S704
                    "files": {one.precision: graph_name(one) for one in graphs},
                }
            )
    parts = {name: Markup(_text(file)) for name, file in PARTS.items()} if pictures else {}  # noqa: S704
    return {"topologies": pictures, "topology_parts": parts}


def topology_files(settings: ReportSettings, records: Records) -> dict[str, str]:
    """Return the graphs of all profiled variants as JSON and DOT, by the files' names."""
    files: dict[str, str] = {}
    for model, device, host in records.profiles:
        for one in graphs_of(settings, records, model, device, host):
            files |= {f"{graph_name(one)}.json": json_text(one), f"{graph_name(one)}.dot": dot_text(one)}
    return files


def _text(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
