"""The experimental set-up in words, from the records and the settings, with what it cites."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from ovlab.report.format import counted, escape_latex, joined, one_line
from ovlab.report.page.host import NAMED_PACKAGES, host_facts
from ovlab.report.records import Records
from ovlab.report.section import ReportContext
from ovlab.report.task_words import words_of_tasks

HASH = 12
"""Digits of a hash that are given: the records have them all."""
CITE = re.compile(r"\[@([a-z0-9]+)\]")
REFERENCES = {
    "openvino": (
        "misc",
        {
            "author": "{Intel Corporation}",
            "title": "{OpenVINO} Toolkit",
            "howpublished": r"\url{https://github.com/openvinotoolkit/openvino}",
        },
    ),
    "nncf": (
        "misc",
        {
            "author": "{Intel Corporation}",
            "title": "Neural Network Compression Framework ({NNCF})",
            "howpublished": r"\url{https://github.com/openvinotoolkit/nncf}",
        },
    ),
    "kalibera2013": (
        "inproceedings",
        {
            "author": "Kalibera, Tomas and Jones, Richard",
            "title": "Rigorous Benchmarking in Reasonable Time",
            "booktitle": "Proceedings of the 2013 International Symposium on Memory Management",
            "pages": "63--74",
            "year": "2013",
            "doi": "10.1145/2464157.2464160",
        },
    ),
    "huber1964": (
        "article",
        {
            "author": "Huber, Peter J.",
            "title": "Robust Estimation of a Location Parameter",
            "journal": "The Annals of Mathematical Statistics",
            "volume": "35",
            "number": "1",
            "pages": "73--101",
            "year": "1964",
            "doi": "10.1214/aoms/1177703732",
        },
    ),
    "wilson1927": (
        "article",
        {
            "author": "Wilson, Edwin B.",
            "title": "Probable Inference, the Law of Succession, and Statistical Inference",
            "journal": "Journal of the American Statistical Association",
            "volume": "22",
            "number": "158",
            "pages": "209--212",
            "year": "1927",
            "doi": "10.1080/01621459.1927.10502953",
        },
    ),
    "tango1998": (
        "article",
        {
            "author": "Tango, Toshiro",
            "title": "Equivalence Test and Confidence Interval for the Difference in Proportions for the "
            "Paired-Sample Design",
            "journal": "Statistics in Medicine",
            "volume": "17",
            "number": "8",
            "pages": "891--908",
            "year": "1998",
        },
    ),
}


def sentences(report: ReportContext) -> list[str]:
    """Say how the experiment was set up; ``[@KEY]`` cites one of the references."""
    settings, plan = report.settings, report.settings.measurement
    facts = host_facts(report.records)
    said = []
    for fact in facts:
        packages = [f"{NAMED_PACKAGES[name]} {version} [@{name}]" for name, version in fact.packages.items()]
        cores = f" ({counted(fact.cores, 'usable core')})" if fact.cores else ""
        software = f", with {joined(packages)}" if packages else ""
        said.append(
            f"Measurements were made on {fact.cpu or 'a host that does not tell its processor'}{cores}"
            f"{f' under {fact.system}' if fact.system else ''}{software}."
        )
    said.append(
        f"Models ({joined(list(settings.models))}) were compared in the precisions "
        f"{joined(list(settings.precisions))}, with {settings.reference} as the reference, under the scenarios "
        f"{joined(list(settings.experiment.scenarios))}."
    )
    rounds = str(plan.launches) if plan.launches == plan.max_launches else f"{plan.launches} to {plan.max_launches}"
    said.append(
        f"All precisions of a model were measured together, interleaved in {rounds} rounds in an order drawn anew "
        f"(seed {settings.seed}), each in a fresh process that was warmed up for {plan.warm_up_s:g} s and then timed "
        f"for {plan.duration_s:g} s; no sample was dropped."
    )
    said.append(
        "Each process gives one number; values are Huber’s M-estimates [@huber1964] of their logarithms, and 95 % "
        "confidence intervals rest on processes, not on iterations [@kalibera2013]. Speed-ups are ratios of "
        "throughputs in the same round."
    )
    said += [_with_citations(words.method) for words in words_of_tasks(settings)]
    said += _identities(report.records)
    return said


def _identities(records: Records) -> list[str]:
    """Name the code, the models' files and the validated images by their hashes."""
    commits = dict.fromkeys(str(one.environment.get("git_commit") or "")[:HASH] for one in records.everything())
    known = [commit for commit in commits if commit]
    said = [f"The records were made with ovlab at commit {joined(known)}."] if known else []
    files = {
        str(one["name"]): str(one["sha256"])[:HASH]
        for record in records.sources
        for one in record.data.get("files", [])
        if one.get("sha256")
    }
    if files:
        said.append(f"Files (SHA-256): {joined([f'{name} ({digest})' for name, digest in files.items()])}.")
    images: dict[str, Any] = {}
    for (model, _), record in records.accuracies.items():
        if digest := record.data.get("images_digest"):
            images.setdefault(model, digest)
    if images:
        said.append(f"Validated images: {joined([f'{digest} for {model}' for model, digest in images.items()])}.")
    return said


def _with_citations(method: str) -> str:
    """Put the references into a task's words on its statistics."""
    cited = {"Wilson’s interval (1927)": "[@wilson1927]", "(1998)": "[@tango1998]"}
    for words, key in cited.items():
        method = method.replace(words, f"{words.rpartition(' (')[0]} {key}".strip())
    return method


def setup_tex(report: ReportContext) -> str:
    r"""Return the paragraph for ``\input``."""
    text = " ".join(sentences(report))
    parts = CITE.split(text)
    body = "".join(rf"\cite{{{part}}}" if number % 2 else _escaped(part) for number, part in enumerate(parts))
    tied = body.replace(r" \cite", r"~\cite")
    return f"% Written by ovlab from the records of the experiment.\n{tied}\n"


def _escaped(text: str) -> str:
    ends = " " if text.endswith(" ") else ""
    begins = " " if text.startswith(" ") else ""
    return f"{begins}{escape_latex(text)}{ends}" if text.strip() else text


def setup_typ(report: ReportContext) -> str:
    """Return the paragraph for Typst's ``include``: its words as strings, in which nothing is markup."""
    parts = CITE.split(" ".join(sentences(report)))
    body = "".join(f"@{part} " if number % 2 else f"#{_quoted(part)}" for number, part in enumerate(parts) if part)
    return f"// Written by ovlab from the records of the experiment.\n{body.replace(' #', '#')}\n"


def _quoted(text: str) -> str:
    ends = " " if text.endswith(" ") else ""
    begins = " " if text.startswith(" ") else ""
    return json.dumps(f"{begins}{one_line(text)}{ends}", ensure_ascii=False)


def setup_markdown(report: ReportContext) -> str:
    """Return the paragraph for Markdown, Quarto and Typst's Markdown readers, citations as ``[@KEY]``."""
    return one_line(" ".join(sentences(report))) + "\n"


def references_bib(report: ReportContext) -> str:
    """Return the references that the paragraph cites, for BibTeX."""
    text = " ".join(sentences(report))
    versions = {f"{name}": fact.packages.get(name) for fact in host_facts(report.records) for name in NAMED_PACKAGES}
    entries = []
    for key in dict.fromkeys(CITE.findall(text)):
        kind, fields = REFERENCES[key]
        noted = fields | ({"note": f"Version {versions[key]}"} if versions.get(key) else {})
        lines = _fields(noted.items())
        entries.append(f"@{kind}{{{key},\n{lines}\n}}\n")
    return "\n".join(entries)


def _fields(fields: Iterable[tuple[str, str]]) -> str:
    return ",\n".join(f"  {name} = {{{value}}}" for name, value in fields)
