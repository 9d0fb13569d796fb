"""Where files come from: models and data sets declare their files in the same words."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_serializer, model_validator

from ovlab.addresses import show_address
from ovlab.specs.base import Spec
from ovlab.specs.scenario import PositiveFloat, PositiveInt
from ovlab.text import shortened, visible_line

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
LONGEST_FILE_NAME = 200
"""Bytes: what is written beside it while it arrives has a longer name, and file systems take 255."""
HUB = "https://huggingface.co"


class HubFile(Spec):
    """A file of a Hugging Face Hub repository at a pinned revision."""

    repository: str
    file: str
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$", description="A commit: branches and tags move.")]

    @property
    def url(self) -> str:
        """The address that the Hub serves this file at."""
        return f"{HUB}/{self.repository}/resolve/{self.revision}/{self.file}"


class FileSpec(Spec):
    """One declared file: exactly one kind of source, and what makes sure that it is the right file.

    Attributes
    ----------
    url : str or list of str, optional
        Address, or addresses that are tried in turn. They may hold credentials, so that settings, digests and records
        have them as `ovlab.addresses.show_address` shows them.
    huggingface : HubFile, optional
        A file of the Hugging Face Hub.
    embedded : str, optional
        A file of the repository's ``resources`` folder.
    path : str, optional
        A file or folder on this machine, relative to the repository or absolute. A folder is used where it is.
    by_hand : str, optional
        How to get a file that has no address; the ``mirror`` folder is where it is then looked for.
    name : str, optional
        The file name; by default the last part of the address. The mirror is searched for this name.
    sha256 : str, optional
        Needed unless the source is a local `path`.
    size : int, optional
        Size in bytes: no more than this is read from a server.
    unpack : bool, optional
        Whether to unpack the file; by default whether it is a ``.zip`` or ``.tar[.gz|.bz2|.xz]``.
    """

    url: Annotated[tuple[str, ...] | None, Field(repr=False)] = None
    huggingface: HubFile | None = None
    embedded: str | None = None
    path: str | None = None
    by_hand: str | None = None
    name: str | None = None
    sha256: Sha256 | None = None
    size: Annotated[int, Field(gt=0)] | None = None
    unpack: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_url_or_several(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("url"), str):
            return data | {"url": [data["url"]]}
        return data

    @field_serializer("url")
    def _without_credentials(self, url: tuple[str, ...] | None) -> list[str] | None:
        return None if url is None else [show_address(address) for address in url]

    @model_validator(mode="after")
    def _exactly_one_source(self) -> FileSpec:
        kinds = ("url", "huggingface", "embedded", "path", "by_hand")
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"a file needs exactly one of {', '.join(kinds)} (got {', '.join(given) or 'none'})")
        if self.sha256 is None and self.path is None:
            raise ValueError("sha256: missing, but needed for every file that is not a local path")
        if self.by_hand is not None and self.name is None:
            raise ValueError("name: missing, but needed for a file that is got by hand")
        for address in self.url or ():
            if not address.lower().startswith(("http://", "https://")):
                raise ValueError(f"url: {shortened(show_address(address))} is not an http or https address")
        if self.file_name in {"", ".", ".."} or "/" in self.file_name or "\\" in self.file_name:
            raise ValueError(f"name: {shortened(self.file_name)} is not a file name")
        if visible_line(self.file_name) != self.file_name or len(self.file_name.encode()) > LONGEST_FILE_NAME:
            raise ValueError(
                f"name: {shortened(self.file_name)} is not a file name; expected at most {LONGEST_FILE_NAME} bytes, "
                "all of it to be seen"
            )
        return self

    @property
    def file_name(self) -> str:
        """The name that the file is stored under and that a mirror is searched for."""
        if self.name is not None:
            return self.name
        if self.url is not None:
            return unquote(PurePosixPath(_path_of(self.url[0])).name)
        if self.huggingface is not None:
            return PurePosixPath(self.huggingface.file).name
        return PurePosixPath(str(self.embedded or self.path).replace("\\", "/")).name

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses to try, in order; none for local and embedded files."""
        return (self.huggingface.url,) if self.huggingface else self.url or ()


def _path_of(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:  # such as an IPv6 address without its bracket: the download says so and tries the next one
        return address.partition("?")[0]


class GeneratorSpec(Spec):
    """Data that are made by the download step instead of being fetched, the same bytes for the same parameters."""

    name: str
    parameters: dict[str, int | float | str | bool] = {}


class SourceSpec(Spec):
    """All files of one model or data set: what the download step needs, and nothing else."""

    files: tuple[FileSpec, ...] = ()
    generator: GeneratorSpec | None = None

    @model_validator(mode="after")
    def _has_something(self) -> SourceSpec:
        if not self.files and self.generator is None:
            raise ValueError("files: missing, but needed (or a generator)")
        names = [file.file_name for file in self.files]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"files: {sorted(twice)[0]!r} is declared twice; give one of them another `name`")
        return self


class ExtensionFile(Spec):
    """The file that a model's ``extension`` names, with its contents' hash.

    Attributes
    ----------
    path : str
        A Python file or a compiled library.
    sha256 : str
        Of its contents: what is made with it is not taken for what another version of it made.
    """

    path: str
    sha256: Sha256


class UnpackSpec(Spec):
    """What an archive may hold (``download.unpack`` in ``conf/config.yaml``).

    Attributes
    ----------
    ratio : float
        Largest size of all unpacked files / size of the archive.
    always_gb : float
        Unpacked files of so many GB (10^9 bytes) are accepted whatever their ratio.
    size_gb : float
        Largest size of all unpacked files, in GB.
    entries : int
        Most files, folders and links.
    depth : int
        Most folders inside of one another.
    """

    ratio: Annotated[float, Field(ge=1)] = 100.0
    always_gb: PositiveFloat = 1.0
    size_gb: PositiveFloat = 1000.0
    entries: PositiveInt = 2_000_000
    depth: PositiveInt = 50


class DownloadSpec(Spec):
    """How long a server may take and how much it may send (``download`` in ``conf/config.yaml``).

    No result depends on these, so that a change of them makes nothing anew.

    Attributes
    ----------
    slowest_kb_per_s : float
        A slower address is given up for the next one, in kB/s (10^3 bytes); 0 for any speed. Waiting for an
        answer counts.
    window_s : float
        Seconds over which the speed is taken, and after which a silent server is given up.
    time_limit_s : float
        Longest time for one file from one address, in seconds.
    size_limit_gb : float
        Largest file that does not declare its `size`, in GB (10^9 bytes).
    unannounced_limit_gb : float
        The same where the server does not say how long the file is either.
    unpack : UnpackSpec
        What an archive may hold.
    """

    slowest_kb_per_s: Annotated[float, Field(ge=0)] = 1.0
    window_s: PositiveFloat = 30.0
    time_limit_s: PositiveFloat = 86_400.0
    size_limit_gb: PositiveFloat = 200.0
    unannounced_limit_gb: PositiveFloat = 10.0
    unpack: UnpackSpec = UnpackSpec()
