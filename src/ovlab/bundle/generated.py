"""What a bundle says of itself in files that are written from the others: RO-Crate metadata and README."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ovlab.bundle.checks.numbers import differences, first_faults
from ovlab.bundle.crate import crate_metadata
from ovlab.bundle.layout import GENERATED, MANIFEST, METADATA, README, BundleInfo, read_bounded_json, read_bounded_text
from ovlab.bundle.opening import OpenedBundle
from ovlab.records import Record
from ovlab.specs import ReportSettings
from ovlab.text import visible_json, visible_line


def generated_texts(
    info: BundleInfo, hashes: Mapping[str, str], records: Sequence[Record], settings: ReportSettings
) -> dict[str, str]:
    """Return the files that are written from everything else in a bundle, by name."""
    others = {name: sha256 for name, sha256 in hashes.items() if name not in {*GENERATED, MANIFEST}}
    metadata = crate_metadata(info, others, records, settings)
    text = visible_json(json.dumps(metadata, indent=1, sort_keys=True, ensure_ascii=False)) + "\n"
    return {METADATA: text, README: readme(info, settings)}


def generated_faults(bundle: OpenedBundle, records: Sequence[Record], settings: ReportSettings) -> list[str]:
    """Say where metadata and README are not what the bundle's contents give."""
    made = generated_texts(bundle.info, bundle.hashes, records, settings)
    recorded, wanted = (
        _by_id(one) for one in (read_bounded_json(bundle.folder / METADATA, METADATA), json.loads(made[METADATA]))
    )
    faults = first_faults(differences(recorded, wanted, METADATA))
    text = read_bounded_text(bundle.folder / README, README)
    lines = itertools.zip_longest(text.split("\n"), made[README].split("\n"), fillvalue="")
    unlike = ((number, one, other) for number, (one, other) in enumerate(lines, 1) if one != other)
    for number, one, other in itertools.islice(unlike, 1):
        faults.append(f"{README}, line {number}: {one[:80]!r}, {other[:80]!r} was written from the contents")
    return faults


def _by_id(metadata: object) -> Any:
    """Return metadata with its entities by their names, in whose order nothing lies."""
    graph = metadata.get("@graph") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(graph, list):
        return metadata
    named = {str(one.get("@id")): one for one in graph if isinstance(one, dict)}
    return {**metadata, "@graph": named if len(named) == len(graph) else graph}


def citation(info: BundleInfo) -> str:
    """Return the citation of a bundle in one line."""
    authors = "; ".join(one.name for one in info.authors) or "Anonymous"
    return f"{authors} ({info.date[:4]}). {info.title}. Results measured with ovlab, RO-Crate, {info.date}."


def bibtex(info: BundleInfo) -> str:
    """Return the citation of a bundle for BibTeX."""
    authors = " and ".join(one.name for one in info.authors) or "{Anonymous}"
    key = "".join(sign if sign.isalnum() else "_" for sign in info.experiment)
    fields = {
        "author": authors,
        "title": info.title,
        "year": info.date[:4],
        "note": f"Results measured with ovlab, RO-Crate, {info.date}",
    }
    lines = ",\n".join(f"  {name} = {{{_bibtex(value)}}}" for name, value in fields.items())
    return f"@misc{{ovlab_{key}_{info.date[:4]},\n{lines}\n}}"


def _bibtex(text: str) -> str:
    return "".join(rf"\{sign}" if sign in "&%$#_" else sign for sign in text if sign not in "{}\\")


def readme(info: BundleInfo, settings: ReportSettings) -> str:
    """Return the bundle's README."""
    rows = [
        f"| {kind} | {_cell(name)} | {_cell(spec.licence or 'not stated')} | {_cell(str(spec.homepage or ''))} |"
        for kind, of in (("model", settings.models), ("data set", settings.datasets))
        for name, spec in of.items()
    ]
    inside = {
        "results/*/report/index.html": "the report; tables, figures and numbers for papers beside it",
        "results/": "records, samples of every inference, predictions" + (", models" if info.models else ""),
        "truth/": "labels or objects of the validated images, which accuracy is recomputed from",
        "conf/, workflow/, requirements.lock": "the YAML files that were used, the workflow, versions with hashes",
        "ro-crate-metadata.json": "the metadata (RO-Crate 1.1, Workflow Run Crate 0.5)",
        "manifest-sha256.txt": "SHA-256 of every file (`sha256sum --check manifest-sha256.txt`)",
    }
    left_out = [name for name, there in (("models", info.models), ("data sets", info.data)) if not there]
    missing = (
        f"\nThe files of {' and '.join(left_out)} are not in it: their hashes are in the records, and where to get "
        "them is in the metadata and in conf/.\n"
        if left_out
        else ""
    )
    changed = [f"- {_cell(line)}" for line in info.conf_differences]
    if changed:
        changed = ["", "What conf/ says otherwise than what was run (overrides, or edits since):", "", *changed]
    return "\n".join(
        [
            f"# {visible_line(info.title)}",
            "",
            f"Results of the experiment `{info.experiment}`, measured with OpenVINO by ovlab until {info.date} (UTC).",
            "",
            "| what | where |",
            "|---|---|",
            *(f"| {text} | `{name}` |" for name, text in inside.items()),
            missing,
            "Verify it, every table from its samples: `ovlab verify .`",
            "",
            f"Licence of the results: {info.licence or 'not stated'}. Those of what was measured:",
            "",
            "| | name | licence | home page |",
            "|---|---|---|---|",
            *rows,
            *changed,
            "",
            "## Cite",
            "",
            citation(info),
            "",
            "```bibtex",
            bibtex(info),
            "```",
            "",
        ]
    )


def _cell(text: str) -> str:
    return visible_line(text).replace("|", "\\|")
