"""What a bundle consists of, and what it says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ovlab.errors import OvlabError
from ovlab.files import open_file
from ovlab.records import Kind
from ovlab.specs import Spec
from ovlab.specs.base import parse_spec

FORMAT: Literal["ovlab/bundle/1"] = "ovlab/bundle/1"
INFO, MANIFEST, METADATA, README = "bundle.json", "manifest-sha256.txt", "ro-crate-metadata.json", "README.md"
GENERATED = (METADATA, README)
"""Written from everything else, so that they are written anew to be compared."""
RESULTS, CONF, WORKFLOW = "results", "conf", "workflow"
BASELINE = "baseline"
"""The earlier run that the report compares with, as far as it does."""
LOCK = "requirements.lock"
TRUTHS = "truth"
"""Annotations of validated images, where predictions alone do not say whether they are right."""
RECORDS, SETTINGS, PAGE, TABLE = (
    "report/records.txt",
    "report/settings.json",
    "report/index.html",
    "report/tables/results.csv",
)
"""In the experiment's folder of the results."""
MERGED = "report/merged.json"
"""Beside the page of a merged report: where its results come from."""
KINDS: dict[str, Kind] = {
    f"ovlab/{kind}/1": kind for kind in ("source", "variant", "accuracy", "session", "peaks", "profile")
}
LARGEST_TEXT = 1 << 28
"""Bytes of a file that is read as a whole: a record, a list, a table."""


class AuthorSpec(Spec):
    """Who made the results: a name as ``Family, Given``, and an ORCID where there is one."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    orcid: Annotated[str, Field(pattern=r"^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$")] | None = None


class BundleInfo(Spec):
    """What a bundle says of itself (``bundle.json``).

    Attributes
    ----------
    format : str
        Version of the layout.
    experiment : str
        Name of the experiment.
    title : str
        What the bundle is called in a citation.
    authors : tuple of AuthorSpec
        Who made the results.
    licence : str
        SPDX identifier of the licence that the results are given under, or an address; empty where none is stated.
    date : str
        Day of the last measurement (UTC): the same results give the same bundle.
    models, data : bool
        Whether the files of models (IRs, sources) and of data sets are in it.
    workflow_commit : str, optional
        The checkout that `conf` and the workflow's files were copied from.
    conf_differences : tuple of str
        Values that the YAML files say otherwise than what was run: overrides, or edits since.
    paths_replaced : int
        Records in which paths of the machine were replaced by placeholders.
    software : dict of str
        Versions of what wrote the report and this bundle.
    """

    format: Literal["ovlab/bundle/1"] = FORMAT
    experiment: Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f]+$")]
    title: str
    authors: tuple[AuthorSpec, ...] = ()
    licence: str = ""
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    models: bool
    data: bool
    workflow_commit: str | None = None
    conf_differences: tuple[str, ...] = ()
    paths_replaced: int = 0
    software: dict[str, str] = {}


def read_info(folder: Path) -> BundleInfo:
    """Read what a bundle says of itself.

    Raises
    ------
    OvlabError
        If the folder holds no bundle of this format.
    """
    data = read_bounded_json(folder / INFO, INFO)
    if not isinstance(data, dict):
        raise OvlabError(f"{INFO}: expected keys and values")
    if data.get("format") != FORMAT:
        raise OvlabError(f"{INFO}: format is {data.get('format')!r}, expected {FORMAT!r}")
    return parse_spec(BundleInfo, data, INFO)


def read_bounded(path: Path, name: str, most: int = LARGEST_TEXT) -> bytes:
    """Read a file of a bundle that is read as a whole.

    Raises
    ------
    OvlabError
        If it is missing or larger than `most` bytes.
    """
    try:
        with open_file(path) as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise OvlabError(f"{name}: missing") from None
    except OSError as error:
        raise OvlabError(f"{name}: cannot be read ({error.strerror or error})") from None
    if len(data) > most:
        raise OvlabError(f"{name}: is larger than {most / 1e6:.0f} MB, which no such file is")
    return data


def read_bounded_text(path: Path, name: str) -> str:
    """Read a text of a bundle; see `read_bounded`."""
    try:
        return read_bounded(path, name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise OvlabError(f"{name}: is no UTF-8 text ({error})") from None


def read_bounded_json(path: Path, name: str) -> object:
    """Read a JSON file of a bundle; see `read_bounded`."""
    try:
        parsed: object = json.loads(read_bounded_text(path, name))
    except (ValueError, RecursionError) as error:
        raise OvlabError(f"{name}: is no JSON ({error})") from None
    return parsed
