"""What is cited: ovlab itself by CITATION.cff, results by the line in their bundle."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

from ovlab.bundle import AuthorSpec, BundleInfo
from ovlab.bundle.generated import bibtex, citation

ROOT = Path(__file__).parents[3]
# Required by the schema of the Citation File Format 1.2.0, and its other keys that are allowed at the top.
REQUIRED = {"authors", "cff-version", "message", "title"}
ALLOWED = REQUIRED | set(
    "abstract commit contact date-released doi identifiers keywords license license-url preferred-citation references "
    "repository repository-artifact repository-code type url version".split()
)


def test_the_citation_file_fits_its_schema_and_the_package() -> None:
    data = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert data.keys() >= REQUIRED and data.keys() <= ALLOWED
    assert data["cff-version"] == "1.2.0" and data["type"] in {"software", "dataset"}
    assert data["authors"] and all("name" in one or "family-names" in one for one in data["authors"])
    assert (data["version"], data["license"]) == (project["version"], project["license"])


def test_results_are_cited_by_who_made_them() -> None:
    authors = (AuthorSpec(name="Doe, Jane"), AuthorSpec(name="Roe, R & D"))
    info = BundleInfo(
        experiment="my-test", title="100 % {INT8}", authors=authors, date="2026-01-02", models=False, data=False
    )
    line = "Doe, Jane; Roe, R & D (2026). 100 % {INT8}. Results measured with ovlab, RO-Crate, 2026-01-02."
    assert citation(info) == line
    assert bibtex(info).splitlines() == [
        "@misc{ovlab_my_test_2026,",
        r"  author = {Doe, Jane and Roe, R \& D},",
        r"  title = {100 \% INT8},",
        "  year = {2026},",
        "  note = {Results measured with ovlab, RO-Crate, 2026-01-02}",
        "}",
    ]
    assert "author = {Anonymous}" in bibtex(info.model_copy(update={"authors": ()}))
