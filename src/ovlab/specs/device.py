"""A device: an OpenVINO device string, what it needs on the host, and the properties to compile with."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from ovlab.errors import nearest
from ovlab.specs.base import Spec
from ovlab.text import shortened

Property = str | int | float | bool
PROPERTY_NAME = re.compile(r"[A-Za-z][\w.:-]{0,199}", re.ASCII)


def _is_property_name(name: str) -> str:
    if not PROPERTY_NAME.fullmatch(name):
        raise ValueError(f"{shortened(name)} is no name of a property, expected one such as 'NUM_STREAMS'")
    return name


Properties = dict[Annotated[str, AfterValidator(_is_property_name)], Property]
VIRTUAL = ("AUTO", "MULTI", "HETERO", "BATCH")
"""Devices of OpenVINO that stand for others."""


class DeviceSpec(Spec):
    """A device's YAML file (``conf/device``).

    Attributes
    ----------
    device : str
        An OpenVINO device string, passed on as it is: ``CPU``, ``GPU.0``, ``MULTI:CPU,GPU``, ``BATCH:CPU(4)``.
    requires : list of str
        The physical devices that must be on the host for this to mean what it says, for ``AUTO`` and ``HETERO`` the
        preferred one first. Declared, not parsed from the string: OpenVINO runs ``MULTI:CPU,GPU`` on the CPU alone
        without a word, even where the second name is none that it knows.
    properties : dict
        Properties of the device itself.
    member_properties : dict of dict
        Properties of the physical devices behind a virtual one: ``{CPU: {NUM_STREAMS: AUTO}}``.
    """

    description: str = ""
    device: Annotated[str, Field(min_length=1)]
    requires: tuple[str, ...] = ()
    properties: Properties = {}
    member_properties: dict[str, Properties] = {}

    @property
    def kind(self) -> str:
        """What stands before the colon: ``MULTI`` of ``MULTI:CPU,GPU``; a physical device's own string."""
        return self.device.split(":", maxsplit=1)[0]

    @property
    def is_virtual(self) -> bool:
        """Whether the string stands for other devices (``AUTO``, ``MULTI:...``)."""
        return self.kind in VIRTUAL

    @property
    def runs_on_all(self) -> bool:
        """Whether all members are to work at once: ``MULTI``, or ``AUTO`` with the cumulative hint that succeeds it."""
        return self.kind == "MULTI" or (
            self.kind == "AUTO" and self.properties.get("PERFORMANCE_HINT") == "CUMULATIVE_THROUGHPUT"
        )

    @model_validator(mode="after")
    def _string_names_devices(self) -> DeviceSpec:
        listed = self.device.partition(":")[2]
        if self.kind in {"MULTI", "HETERO"} and not listed:
            raise ValueError(f"device: {self.device!r} names no devices, expected for example '{self.kind}:CPU,GPU'")
        if self.kind == "BATCH" and not re.fullmatch(r"[A-Za-z]\w*(\.\w+)?(\([1-9]\d*\))?", listed):
            raise ValueError(f"device: {self.device!r}, expected BATCH and one device, such as 'BATCH:CPU(4)'")
        return self

    @model_validator(mode="after")
    def _members_are_declared(self) -> DeviceSpec:
        if self.is_virtual and self.device != "AUTO" and not self.requires:
            raise ValueError(
                f"requires: missing, but needed by {self.device}: the devices that it names, "
                "since OpenVINO leaves out absent ones without a word"
            )
        if self.kind in {"MULTI", "HETERO"}:
            # Not to run on, which is OpenVINO's business: only so that none is left out of what is checked.
            named = re.findall(r"[A-Za-z]\w*(?:\.\w+)?", self.device.partition(":")[2])
            unlisted = [name for name in named if name not in self.requires]
            if unlisted:
                raise ValueError(f"requires: {unlisted[0]} is in {self.device}, but not listed")
        if self.kind == "BATCH" and len(self.requires) != 1:
            raise ValueError(f"requires: {list(self.requires)}, expected the one device that {self.device} batches for")
        return self

    @model_validator(mode="after")
    def _properties_are_for_members(self) -> DeviceSpec:
        members = self.requires or (() if self.is_virtual else (self.device,))
        for name in self.member_properties:
            # A bare AUTO takes whatever is on the host.
            if members and name not in members:
                raise ValueError(f"member_properties.{name}: no such member{nearest(name, members)}")
        return self
