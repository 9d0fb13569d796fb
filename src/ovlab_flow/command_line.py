"""What the settings of a step may be, to fit on the command line that they go on."""

from __future__ import annotations

from collections.abc import Iterable

from ovlab.errors import OvlabError
from ovlab.specs import Spec

MOST_BYTES = 120_000
"""Linux takes 131,072 bytes in an argument."""


def check_sizes(settings: Iterable[Spec], where: str) -> None:
    """Refuse settings that no command line takes.

    Parameters
    ----------
    settings : iterable of Spec
        Of all steps.
    where : str
        How messages call the experiment's file.

    Raises
    ------
    OvlabError
        Naming the kind of step.
    """
    for one in settings:
        size = len(one.to_json().encode())
        if size > MOST_BYTES:
            step = type(one).__name__.removesuffix("Settings").removesuffix("Spec").lower()
            raise OvlabError(
                f"{where}: the settings of a {step} step take {size} bytes, more than the {MOST_BYTES} of a command "
                "line; shorten descriptions, and give class_names as a file"
            )
