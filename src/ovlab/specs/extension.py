"""A file with operations of a model's own, as steps hand it on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ovlab.specs.base import Spec


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
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
