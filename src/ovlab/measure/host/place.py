"""Where a step runs: whether it is the host that was asked for, and what the record keeps of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

from ovlab.environment import describe_host
from ovlab.errors import OvlabError, UnavailableError
from ovlab.specs import HERE, MeasuringSettings

NODE = "OVLAB_NODE"
"""Environment variable with the node's name, where the machine's own is another one's: a pod's."""


def require_host(settings: MeasuringSettings) -> dict[str, str]:
    """Refuse to measure elsewhere than on the host that was asked for.

    Parameters
    ----------
    settings : MeasuringSettings
        The host's name, and by what it is known.

    Returns
    -------
    dict of str
        For the record: `name`, of the host's file; `cpu_model`; `node`, the machine's name in its network. The last is
        left out for the host ``here``, which may be somebody's own computer.

    Raises
    ------
    OvlabError
        Naming the host's file, what was expected and what is there.
    """
    cpu_model, node = describe_host()["cpu"]["model"], os.environ.get(NODE) or platform.node()
    if why := settings.expect.why_not(cpu_model, node):
        raise OvlabError(f"host/{settings.host_name}.yaml: expect: this machine is another one: {why}")
    place = {"name": settings.host_name, "cpu_model": cpu_model}
    return place if settings.host_name == HERE else place | {"node": node}


@contextmanager
def named_host(settings: MeasuringSettings) -> Iterator[None]:
    """Have what is unavailable say on which host it is, where that is not simply this one.

    Raises
    ------
    UnavailableError
        As it was raised inside, with the host's name.
    """
    try:
        yield
    except UnavailableError as error:
        if settings.host_name == HERE:
            raise
        raise UnavailableError(f"host {settings.host_name}: {error}") from None
