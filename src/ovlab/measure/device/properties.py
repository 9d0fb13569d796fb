"""From the names in the YAML files to the properties that a device is compiled with."""

from __future__ import annotations

from typing import Any

from ovlab.errors import OvlabError, UnavailableError, nearest
from ovlab.runtime import choose_precision, core, precision_hint
from ovlab.specs import DeviceSpec, PrecisionSpec, ScenarioSpec
from ovlab.specs.device import VIRTUAL

# What OpenVINO's own plug-ins are called; others may be on a host besides.
KNOWN = ("CPU", "GPU", "NPU", *VIRTUAL)


def available(device: str) -> bool:
    """Tell whether a physical device such as ``CPU``, ``GPU`` or ``GPU.1`` is on this host.

    OpenVINO lists a device that is the only one of its kind without a number, and takes it with ``.0`` all the same.
    """
    found = core().available_devices
    return device.removesuffix(".0") in found or any(device in {one, one.split(".")[0]} for one in found)


def members_of(device: DeviceSpec) -> list[str]:
    """Return the physical devices that a device may run on: those it requires, or all for a bare ``AUTO``."""
    if not device.is_virtual:
        return [device.device]
    return list(device.requires or core().available_devices)


def require_device(device: DeviceSpec, where: str = "device") -> None:
    """Check that what a device needs is on this host.

    Parameters
    ----------
    device : DeviceSpec
        What was declared.
    where : str
        The file that it comes from; an error begins with it.

    Raises
    ------
    UnavailableError
        If a required physical device is not on the host.
    OvlabError
        If OpenVINO knows no such device at all.
    """
    if not device.is_virtual:
        _require(device.device, where)
    for name in device.requires:
        _require(name, f"{where}: requires")


def require_named_device(device: str, key: str) -> None:
    """Check a device string that stands alone, without a file that says what it requires; see :func:`require_device`.

    Parameters
    ----------
    device : str
        Of a virtual one, only the part before the colon is checked.
    key : str
        What an error begins with.
    """
    if device.split(":", maxsplit=1)[0] not in VIRTUAL:
        _require(device, key)


def _require(name: str, key: str) -> None:
    if available(name):
        return
    if "is not registered" in _why_missing(name):
        # Of what names several devices, the part before the colon is the one to know.
        head = name.split(":", maxsplit=1)[0]
        raise OvlabError(
            f"{key}: OpenVINO knows no device {head!r}{nearest(head, {*KNOWN, *core().available_devices})}"
        )
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

    Physical devices take everything directly. Virtual ones take hints and pass the rest on to their members; ``BATCH``,
    which has one member, takes all of its properties for its own and knows no ``DEVICE_PROPERTIES``.

    Where device and scenario say the same thing the scenario's word counts, in `properties` over its own keys. Only the
    cumulative hint stays a device's: it is what makes ``AUTO`` run on several at once.

    Returns
    -------
    dict
        For ``openvino.Core.compile_model``.

    Raises
    ------
    UnavailableError
        If a member does not execute the precision.
    """
    hint: dict[str, Any] = {}
    if scenario.performance_hint and not (device.kind == "AUTO" and device.runs_on_all):
        hint["PERFORMANCE_HINT"] = scenario.performance_hint
    named = {
        name: precision_hint(choose_precision(precision, name)) | _named(scenario, name) for name in members_of(device)
    }
    if device.is_virtual and device.kind != "BATCH":
        members = {
            name: device.member_properties.get(name, {}) | own | scenario.member_properties.get(name, {})
            for name, own in named.items()
        }
        return device.properties | hint | scenario.properties | {"DEVICE_PROPERTIES": members}
    ((name, own),) = named.items()
    of_device = device.member_properties.get(name, {}) | device.properties
    of_scenario = scenario.member_properties.get(name, {}) | scenario.properties
    return of_device | hint | own | of_scenario


def _named(scenario: ScenarioSpec, device: str) -> dict[str, Any]:
    """Return what a scenario's own keys say to a physical device."""
    properties: dict[str, Any] = {}
    if scenario.streams is not None:
        properties["NUM_STREAMS"] = "AUTO" if scenario.streams == "auto" else scenario.streams
    if scenario.threads is not None and device == "CPU":
        properties["INFERENCE_NUM_THREADS"] = scenario.threads
    if scenario.pinning is not None and device == "CPU":
        properties["ENABLE_CPU_PINNING"] = scenario.pinning
    return properties
