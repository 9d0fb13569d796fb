"""The metadata of a bundle: RO-Crate 1.1 in the profile Workflow Run Crate 0.5."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping
from typing import Any

from ovlab.bundle.layout import CONF, METADATA, PAGE, README, RESULTS, TABLE, WORKFLOW, BundleInfo
from ovlab.records import Record
from ovlab.specs import ReportSettings

CRATE, WORKFLOW_CRATE = "https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    WORKFLOW_CRATE: "Workflow RO-Crate",
}
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
"""Where the term ``sha256`` is from."""
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
MAIN = f"{WORKFLOW}/Snakefile"
TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".tex": "application/x-tex",
    ".typ": "text/plain",
    ".md": "text/markdown",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".bib": "application/x-bibtex",
    ".bin": "application/octet-stream",
}
SPDX = "https://spdx.org/licenses/"
Entity = dict[str, Any]


def crate_metadata(
    info: BundleInfo, hashes: Mapping[str, str], records: Iterable[Record], settings: ReportSettings
) -> dict[str, Any]:
    """Describe a bundle.

    Parameters
    ----------
    info : BundleInfo
        What it says of itself.
    hashes : mapping of str
        SHA-256 by name of all files but the metadata themselves.
    records : iterable of Record
        The steps' records.
    settings : ReportSettings
        The experiment.

    Returns
    -------
    dict
        JSON-LD; the same for the same bundle, with its entities sorted.
    """
    from rocrate.model.contextentity import ContextEntity
    from rocrate.model.file import File
    from rocrate.rocrate import ROCrate

    crate = ROCrate(gen_preview=False, version="1.1")
    crate.metadata.extra_contexts.append(TERMS)

    def add(identifier: str, properties: Entity) -> Any:
        return crate.add(ContextEntity(crate, identifier, properties=properties))

    files: dict[str, Any] = {}
    for name in sorted(hashes):
        if "/files/" not in name:  # images by the ten thousand are described by the list of their source
            files[name] = crate.add(File(crate, dest_path=name, properties=_file(name, hashes[name])))
    profiles = [
        add(one, {"@type": "CreativeWork", "name": name, "version": one[-3:]}) for one, name in PROFILES.items()
    ]
    authors = [add(*_person(number, one.name, one.orcid)) for number, one in enumerate(info.authors, 1)]
    licence = add(*_licence(info.licence))
    sources = [add(f"#{kind}-{name}", _source(kind, name, spec, add)) for kind, name, spec in _sources(settings)]
    _describe_workflow(files, add, info)
    report, results = (files.get(f"{RESULTS}/{info.experiment}/{name}") for name in (PAGE, TABLE))
    action = add("#run", _action(info, list(records)))
    action["instrument"] = files[MAIN]
    action["object"] = [*(entity for name, entity in files.items() if name.startswith(f"{CONF}/")), *sources]
    action["result"] = [one for one in (report, results) if one is not None]
    if authors:
        action["agent"] = _one_or_many(authors)
    root = crate.root_dataset
    about = {"name": README, "encodingFormat": "text/markdown", "about": {"@id": "./"}}
    crate.add(File(crate, dest_path=README, properties=about))
    crate.metadata["conformsTo"] = [{"@id": one} for one in (CRATE, WORKFLOW_CRATE)]
    root["name"], root["description"] = info.title, _description(info)
    root["datePublished"], root["license"] = info.date, licence
    root["conformsTo"], root["mainEntity"], root["mentions"] = profiles, files[MAIN], action
    if authors:
        root["author"] = _one_or_many(authors)
    return _sorted(crate.metadata.generate())


def _describe_workflow(files: Mapping[str, Any], add: Any, info: BundleInfo) -> None:
    main = files[MAIN]
    main["name"] = "ovlab: OpenVINO inference experiments"
    main["version"] = info.workflow_commit or info.software.get("ovlab", "unknown")
    main["conformsTo"] = add(BIOSCHEMAS, {"@type": "CreativeWork", "name": "Bioschemas ComputationalWorkflow"})
    main["programmingLanguage"] = add(
        "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        {
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "identifier": {"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
            "url": {"@id": "https://snakemake.readthedocs.io"},
        },
    )
    main["license"] = add(f"{SPDX}Apache-2.0", {"@type": "CreativeWork", "name": "Apache-2.0"})


def _file(name: str, sha256: str) -> Entity:
    suffix = name[name.rfind(".") :] if "." in name else ""
    kind = TYPES.get(suffix) or mimetypes.types_map.get(suffix) or "text/plain"
    described: Entity = {"name": name, "sha256": sha256, "encodingFormat": kind}
    if name == MAIN:
        described["@type"] = ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
    return described


def _person(number: int, name: str, orcid: str | None) -> tuple[str, Entity]:
    return f"https://orcid.org/{orcid}" if orcid else f"#author-{number}", {"@type": "Person", "name": name}


def _licence(licence: str) -> tuple[str, Entity]:
    if not licence:
        return "#licence", {
            "@type": "CreativeWork",
            "name": "no licence stated",
            "description": "Whoever made this bundle has not said under which licence the results may be used.",
        }
    address = licence if licence.startswith("https://") else f"{SPDX}{licence}"
    return address, {"@type": "CreativeWork", "name": licence, "description": f"The results are given under {licence}."}


def _sources(settings: ReportSettings) -> list[tuple[str, str, Any]]:
    groups = (("model", settings.models), ("dataset", settings.datasets))
    found = [(kind, name, spec) for kind, of in groups for name, spec in of.items()]
    return found + [("model", f"{one.model}-{one.precision}", one.source) for one in settings.imported]


def _source(kind: str, name: str, spec: Any, add: Any) -> Entity:
    where = "; ".join(_where(one) for one in spec.files) or "made by a generator of the workflow"
    described: Entity = {"@type": "CreativeWork", "name": f"{kind} {name}", "description": where}
    if hashes := [one.sha256 for one in spec.files if one.sha256]:
        described["sha256"] = _one_or_many(hashes)
    if spec.licence:
        described["license"] = add(f"#licence-{kind}-{name}", {"@type": "CreativeWork", "name": spec.licence})
    if spec.homepage:
        described["url"] = spec.homepage
    return described


def _where(file: Any) -> str:
    """Say where a file is to be had, and its hash."""
    url = file.url if isinstance(file.url, str) else next(iter(file.url or ()), "")
    hub = file.huggingface.url if file.huggingface is not None else ""
    where = url or hub or (f"ships with the workflow as {file.embedded}" if file.embedded else "")
    where = where or file.by_hand or "a file of the authors' own"
    return f"{where} (SHA-256 {file.sha256})" if file.sha256 else where


def _action(info: BundleInfo, records: list[Record]) -> Entity:
    times = sorted(record.created for record in records)
    described: Entity = {
        "@type": "CreateAction",
        "name": f"Run of the experiment {info.experiment}",
        "description": "Times are those of the first and the last step's end.",
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    return described | ({"startTime": times[0], "endTime": times[-1]} if times else {})


def _description(info: BundleInfo) -> str:
    parts = ["models"] * info.models + ["data sets"] * info.data
    inside = f" The files of {' and '.join(parts)} are in it." if parts else ""
    return (
        f"Records, samples, predictions, tables, figures, report and configuration of the experiment "
        f"{info.experiment}, measured with OpenVINO by ovlab.{inside} 'ovlab verify' recomputes every table."
    )


def _one_or_many(values: list[Any]) -> Any:
    """Return a single value as such, as RO-Crate recommends."""
    return values[0] if len(values) == 1 else values


def _sorted(metadata: Mapping[str, Any]) -> dict[str, Any]:
    graph = sorted(metadata["@graph"], key=lambda one: (one["@id"] != METADATA, one["@id"] != "./", one["@id"]))
    return {**metadata, "@graph": graph}
