"""Addresses with credentials, on their way from the configuration to the download step.

Settings are printed, recorded, hashed and passed on command lines, so they hold addresses as they may be seen
(`ovlab.addresses`). The whole addresses reach the step in its environment, which none of these keeps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from ovlab.addresses import show_address
from ovlab.errors import OvlabError
from ovlab.files import digest_of
from ovlab.specs import SourceSpec

PREFIX = "OVLAB_ADDRESSES_"
MIRROR = "OVLAB_MIRROR"


def show_mirror(mirror: str) -> str:
    """Return a mirror as it may be seen; a folder is shown as it is."""
    return show_address(mirror) if "://" in mirror else mirror


def hand_over(source: SourceSpec) -> dict[str, str]:
    """Return the environment variables that a source's download step needs.

    Returns
    -------
    dict
        The whole addresses of all files under a name made of the source's digest; empty where nothing is hidden.
    """
    whole = [list(file.url or ()) for file in source.files]
    if all(address == show_address(address) for addresses in whole for address in addresses):
        return {}
    return {_variable(source): json.dumps(whole)}


def hand_over_mirror(mirror: str) -> dict[str, str]:
    """Return the environment variable for a mirror; empty where nothing is hidden."""
    return {MIRROR: mirror} if mirror != show_mirror(mirror) else {}


def take_over(source: SourceSpec, environment: Mapping[str, str] = os.environ) -> SourceSpec:
    """Put the whole addresses back into a source that went through settings.

    Parameters
    ----------
    source : SourceSpec
        As `hand_over` saw it, or as the settings carried it: both have one digest.
    environment : mapping
        Where `hand_over`'s variables are.

    Raises
    ------
    OvlabError
        If the variable holds something else.
    """
    text = environment.get(_variable(source))
    if text is None:
        return source
    try:
        whole = [tuple(addresses) for addresses in json.loads(text)]
        pairs = list(zip(source.files, whole, strict=True))
        files = tuple(file.model_copy(update={"url": addresses or None}) for file, addresses in pairs)
        restored = source.model_copy(update={"files": files})
        fits = restored.plain() == source.plain()
    except (ValueError, TypeError):
        fits = False
    if not fits:
        raise OvlabError(f"{_variable(source)}: does not hold the addresses of these settings")
    return restored


def take_over_mirror(mirror: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the whole address of a mirror that is given as it may be seen."""
    whole = environment.get(MIRROR, "")
    return whole if whole and show_mirror(whole) == mirror else mirror


def _variable(source: SourceSpec) -> str:
    return PREFIX + digest_of(source.plain())
