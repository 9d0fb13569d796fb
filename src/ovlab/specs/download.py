"""Bounds of the download step: what a server may take and send, and what an archive may hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ovlab.specs.base import Spec
from ovlab.specs.scenario import PositiveFloat, PositiveInt


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
