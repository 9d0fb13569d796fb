"""Properties are checked before anything is measured: virtual devices ignore what they do not know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import openvino as ov

from ovlab.errors import OvlabError, nearest, one_line
from ovlab.measure.device.properties import KNOWN, members_of
from ovlab.specs import DeviceSpec, ScenarioSpec
from ovlab.specs.device import VIRTUAL, Property

# Of OpenVINO itself: taken on compiling for any device, announced by none.
ANYWHERE = {"ALLOW_AUTO_BATCHING", "AUTO_BATCH_TIMEOUT"}
# A device cuts 1.5 threads to 1 without a word.
WHOLE_NUMBERS = {"AUTO_BATCH_TIMEOUT", "INFERENCE_NUM_THREADS", "PERFORMANCE_HINT_NUM_REQUESTS"}
STREAMS = "NUM_STREAMS"
# What ovlab sets by itself, and why nobody else may.
OURS = {
    "CACHE_DIR": "compiling is timed without a cache, and from one apart (measurement.cached_launches)",
    "INFERENCE_PRECISION_HINT": "it is the precision's (inference_precision in conf/precision)",
}
CHOICES: dict[str, Any] = {
    "CACHE_MODE": ov.properties.CacheMode,
    "EXECUTION_MODE_HINT": ov.properties.hint.ExecutionMode,
    "LOG_LEVEL": ov.properties.log.Level,
    "MODEL_DISTRIBUTION_POLICY": ov.properties.hint.ModelDistributionPolicy,
    "MODEL_PRIORITY": ov.properties.hint.Priority,
    "PERFORMANCE_HINT": ov.properties.hint.PerformanceMode,
    "SCHEDULING_CORE_TYPE": ov.properties.hint.SchedulingCoreType,
}


def check_properties(
    device: DeviceSpec, scenario: ScenarioSpec, files: tuple[str, str] = ("device", "scenario")
) -> None:
    """Check the names and values of the properties that a device and a scenario declare.

    ``AUTO``, ``MULTI`` and ``HETERO`` compile with a misspelt property as if it were not there, so each one is shown
    to the device or to its members, without a model.

    Parameters
    ----------
    device, scenario : DeviceSpec, ScenarioSpec
        What was declared.
    files : tuple of str
        The files that the two come from; an error begins with the one that it is about.

    Raises
    ------
    OvlabError
        Naming the key, and the nearest property or value that the device knows.
    """
    members = members_of(device)
    owners = [device.kind, *members] if device.is_virtual else members
    pairs: tuple[tuple[str, DeviceSpec | ScenarioSpec], ...] = ((files[0], device), (files[1], scenario))
    for where, spec in pairs:
        _check(owners, spec.properties, f"{where}: properties")
        for name, properties in spec.member_properties.items():
            kind = name.split(".", maxsplit=1)[0]
            if kind not in KNOWN and name not in members:
                valid = {*KNOWN, *members} - set(VIRTUAL)
                raise OvlabError(f"{where}: member_properties.{name}: no such device{nearest(name, valid)}")
            if name in members:  # for a bare AUTO, one that is not on this host does no harm
                _check([name], properties, f"{where}: member_properties.{name}")


def _check(owners: Sequence[str], properties: Mapping[str, Property], where: str) -> None:
    if not properties:
        return
    scratch = ov.Core()  # what is set on trial must not stay
    # Asking loads the device's plug-in; until then a core accepts any property unchecked.
    announced = {owner: dict(scratch.get_property(owner, "SUPPORTED_PROPERTIES")) for owner in owners}
    for name, value in properties.items():
        if value and name in OURS:  # an empty one is none
            raise OvlabError(f"{where}.{name}: not to be set: {OURS[name]}")
        if name == STREAMS and isinstance(value, float):
            raise OvlabError(f"{where}.{name}: {value!r} is not valid, expected a whole number or AUTO")
        if name in WHOLE_NUMBERS and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise OvlabError(f"{where}.{name}: {value!r} is not valid, expected a whole number that is not negative")
        if name not in ANYWHERE:
            _show(scratch, announced, name, value, where)


def _show(scratch: ov.Core, announced: Mapping[str, Mapping[str, str]], name: str, value: Property, where: str) -> None:
    """Show a property to those who announce it, else to all: some have properties that they keep to themselves."""
    knowing = [owner for owner, own in announced.items() if name in own]
    refusals = {}
    for owner in knowing or announced:
        try:
            scratch.set_property(owner, {name: value})
        except RuntimeError as error:
            refusals[owner] = one_line(error)
        else:
            if knowing or not _ignores_the_unknown(owner):
                return
    known = " or ".join(announced)
    if not knowing:
        settable = {one for own in announced.values() for one, access in own.items() if access != "RO"}
        raise OvlabError(f"{where}.{name}: no property of {known}{nearest(name, settable | ANYWHERE)}")
    if all(announced[owner][name] == "RO" for owner in knowing):
        raise OvlabError(f"{where}.{name}: can be read, not set, on {known}")
    owner, why = next(iter(refusals.items()))
    raise OvlabError(f"{where}.{name}: {value!r} is not valid for {owner}{_meant(name, value, why)}")


def _ignores_the_unknown(owner: str) -> bool:
    return owner in {"AUTO", "MULTI", "HETERO"}


def _meant(name: str, value: Property, why: str) -> str:
    valid: Iterable[str] = CHOICES[name].__members__ if name in CHOICES else ()
    return nearest(str(value), valid) if valid else f" ({why})"
