"""From the names in the YAML files to the properties that a device is compiled with."""

from __future__ import annotations

from typing import Any

from ovlab.errors import OvlabError, UnavailableError
from ovlab.runtime import choose_precision, core
from ovlab.specs import DeviceSpec, PrecisionSpec, ScenarioSpec

VIRTUAL = {"AUTO", "MULTI", "HETERO", "BATCH"}


def is_virtual(device: str) -> bool:
    """Tell whether a device string stands for others (``AUTO``, ``MULTI:...``)."""
    return device.split(":", maxsplit=1)[0] in VIRTUAL


def available(device: str) -> bool:
    """Tell whether a physical device such as ``CPU``, ``GPU`` or ``GPU.1`` is on this host."""
    return any(device in {found, found.split(".")[0]} for found in core().available_devices)


def members_of(device: DeviceSpec) -> list[str]:
    """Return the physical devices that a device may run on: those it requires, or all for a bare ``AUTO``."""
    if not is_virtual(device.device):
        return [device.device]
    return list(device.requires or core().available_devices)


def require_device(device: DeviceSpec) -> None:
    """Check that what a device needs is on this host.

    Raises
    ------
    UnavailableError
        If a required physical device is not on the host.
    OvlabError
        If OpenVINO knows no such device at all.
    """
    needed = device.requires or (() if is_virtual(device.device) else (device.device,))
    for name in needed:
        if available(name):
            continue
        why = _why_missing(name)
        if "is not registered" in why:
            raise OvlabError(f"device: OpenVINO knows no device {name!r}")
        found = ", ".join(core().available_devices) or "none"
        raise UnavailableError(f"{name} is not on this host (found: {found})")


def _why_missing(device: str) -> str:
    try:
        core().get_property(device, "FULL_DEVICE_NAME")
    except RuntimeError as error:
        return str(error)
    return ""


def compile_properties(device: DeviceSpec, scenario: ScenarioSpec, precision: PrecisionSpec) -> dict[str, Any]:
    """Collect the properties of one variant's compilation.

    Physical devices take everything directly. Virtual ones take hints and pass the rest on to their members.

    Returns
    -------
    dict
        For ``openvino.Core.compile_model``.

    Raises
    ------
    UnavailableError
        If a member does not execute the precision.
    """
    own: dict[str, Any] = {}
    if scenario.performance_hint:
        own["PERFORMANCE_HINT"] = scenario.performance_hint
    inner: dict[str, Any] = {}
    if scenario.streams is not None:
        inner["NUM_STREAMS"] = "AUTO" if scenario.streams == "auto" else scenario.streams
    members = {name: inner | dict(device.member_properties.get(name, {})) for name in members_of(device)}
    for name, properties in members.items():
        properties["INFERENCE_PRECISION_HINT"] = choose_precision(precision, name)
        if scenario.threads is not None and name == "CPU":
            properties["INFERENCE_NUM_THREADS"] = scenario.threads
    own |= dict(device.properties) | dict(scenario.properties)
    if is_virtual(device.device):
        return own | {"DEVICE_PROPERTIES": members}
    return members[device.device] | own
