"""The step that finds a machine's peaks: what its arithmetic, its caches and its memory do at best."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pooch

from ovlab.environment import describe_host, host_identity
from ovlab.errors import OvlabError
from ovlab.files import digest_of
from ovlab.layers.child.probe import CONVOLUTION
from ovlab.layers.launches import run_child
from ovlab.layers.peaks.best import best_values, has_quiet_windows
from ovlab.layers.peaks.machine import AMID_LOAD, Peaks
from ovlab.layers.peaks.theory import TILE
from ovlab.layers.request import PeaksRequest
from ovlab.measure.device.properties import require_device
from ovlab.measure.host.exclusive import exclusive_host
from ovlab.measure.host.place import named_host, require_host
from ovlab.measure.host.sensors import kernel_ms
from ovlab.records import Quantity, Record, read_record, write_record
from ovlab.scratch import scratch_folder
from ovlab.specs import DeviceSpec, PeaksSettings, PeaksSpec

__all__ = ["Peaks", "known_peaks", "measure_peaks"]
VECTORS = 2
"""Processes that find the peaks of vector units, on CPUs that have AMX besides."""
AGAIN = 2
"""As many times as many launches are made at most, where other load disturbs all windows of a peak."""
AGAIN_S = 15.0
"""No further launch is begun once repeated ones have taken so many seconds."""
log = logging.getLogger("ovlab.layers")


def measure_peaks(settings: PeaksSettings) -> Record:
    """Find the peaks of this host's device, with the machine to itself.

    Parameters
    ----------
    settings : PeaksSettings
        Device and how to measure.

    Returns
    -------
    Record
        Of kind ``peaks``: values as `ovlab.layers.peaks.best.best_values` gives them, ``data["windows"]`` all windows.

    Raises
    ------
    UnavailableError
        If the device is not on this host.
    OvlabError
        If it is a virtual device, this is not the host that was asked for, or a launch fails.
    """
    place = require_host(settings)
    where = f"device/{settings.device_name}.yaml"
    if settings.device.is_virtual:
        raise OvlabError(f"{where}: {settings.device.device} stands for other devices, and has no peaks of its own")
    with named_host(settings):
        require_device(settings.device, where)
    plan = settings.peaks
    request = PeaksRequest(settings.device.device, dict(settings.device.properties), plan.windows, plan.window_s)
    log.info("finding the peaks of %s (once for this host)", settings.device.device)
    with scratch_folder() as scratch, exclusive_host() as alone:
        results: list[dict[str, Any]] = []
        kernels = [kernel_ms()]
        most = AGAIN * plan.launches
        until = math.inf
        while len(results) < plan.launches or (
            len(results) < most and time.monotonic() < until and not has_quiet_windows(results, plan)
        ):
            results.append(run_child(request, scratch, plan.timeout_s, "profiling.peaks.timeout_s"))
            kernels.append(kernel_ms())
            if len(results) == plan.launches:
                until = time.monotonic() + AGAIN_S
        flags = describe_host()["cpu"]["flags"]
        if settings.device.device == "CPU" and any(flag in TILE for flag in flags):
            apart = replace(request, without_tiles=True)
            results += [run_child(apart, scratch, plan.timeout_s, "profiling.peaks.timeout_s") for _ in range(VECTORS)]
    values, data = best_values(results, plan, flags)
    values["calibration_kernel"] = Quantity(min(kernels), "ms")
    data |= {"host": place, "alone": asdict(alone)}
    return Record(kind="peaks", settings=settings.plain(), values=values, data=data)


def known_peaks(device: DeviceSpec, peaks: PeaksSpec | None = None, *, anew: bool = False) -> Record:
    """Return the peaks of this host's device, found once and kept in the user's cache folder.

    For profiles by hand; in a workflow the peaks are a step of their own. Peaks found amid other load are not kept.

    Parameters
    ----------
    device : DeviceSpec
        The device.
    peaks : PeaksSpec, optional
        How to find them.
    anew : bool
        Whether to find them again although they are known.

    Raises
    ------
    OvlabError
        As `measure_peaks`.
    """
    settings = PeaksSettings(
        device_name=device.device.lower(), device=device, host=host_identity(), peaks=peaks or PeaksSpec()
    )
    path = Path(pooch.os_cache("ovlab")) / "peaks" / f"{digest_of(settings.plain())}.json"
    if not anew:
        with contextlib.suppress(OvlabError):  # not there, or not what it was
            record = read_record(path, "peaks")
            # Those of an earlier version have no probe, or another.
            if any((one["kind"], one.get("problem")) == ("probe", CONVOLUTION) for one in record.data["windows"]):
                return record
    record = measure_peaks(settings)
    if not any(AMID_LOAD in one for one in record.data["remarks"]):
        write_record(path, record)
    return record
