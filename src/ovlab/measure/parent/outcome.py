"""The outcome for each variant of a session: one cell of the results, with what disputes its label."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ovlab.errors import OvlabError
from ovlab.measure.device.inspection import precision_label
from ovlab.measure.device.placement import DIVISION, joined, where_it_ran
from ovlab.measure.device.properties import members_of
from ovlab.measure.host.noise_bounds import complaint
from ovlab.measure.parent.launches import VariantUnderTest, paired
from ovlab.measure.parent.measurement import SessionMeasurement, load_note
from ovlab.measure.parent.quantities import session_values
from ovlab.records import Quantity, Status
from ovlab.specs import DeviceSpec, PrecisionSpec, ScenarioSpec, SessionSettings

NARROW = {"i8", "f8"}  # what quantised layers are executed in
ALSO = "; also: "  # between noise and another remark


@dataclass
class Outcome:
    """The outcome for one variant: one cell of the results."""

    status: Status
    reason: str = ""
    values: dict[str, Quantity] | None = None
    effective: dict[str, Any] | None = None


@dataclass(frozen=True)
class Executed:
    """What a variant's launches say was executed.

    Attributes
    ----------
    precision : str
        Its label; empty where the device does not report it.
    devices : list of str
        In the first launch.
    complaint : str
        Why the row is not what it is called; empty if it is.
    remark : str
        A remark where it did not run as one would expect.
    """

    precision: str
    devices: Sequence[str]
    complaint: str
    remark: str


def outcomes_of(
    settings: SessionSettings,
    measured: SessionMeasurement,
    default: str | None = None,
    quantised: Collection[str] = (),
) -> dict[str, Outcome]:
    """Judge the variants that were launched.

    A reference that is not what it is called is no reference: the others then have no speed-up over it.

    Parameters
    ----------
    settings : SessionSettings
        The session's.
    measured : SessionMeasurement
        What was measured.
    default : str, optional
        The variant that shows what the device does by itself: speed-ups over it are given too.
    quantised : collection of str
        Variants that others made whose graphs quantise what they compute.
    """
    executed = {
        name: _executed(settings, name, one, quantised=name in quantised)
        for name, one in measured.variants.items()
        if not one.error
    }
    rows: dict[str, Outcome] = {}
    for name, variant in measured.variants.items():
        if variant.error:
            rows[name] = Outcome("failed", variant.error)
            continue
        try:
            rows[name] = _row(settings, name, measured, executed, default)
        except OvlabError as error:  # numbers that give no interval; the other rows have theirs
            rows[name] = Outcome("failed", str(error))
    return rows


def _executed(settings: SessionSettings, name: str, variant: VariantUnderTest, *, quantised: bool) -> Executed:
    first = variant.launches[0].result
    label = precision_label(first["shares"])
    where = where_it_ran(settings.device, [launch.result for launch in variant.launches])
    precision, shares = settings.precisions[name], first["shares"]
    wrong = where.complaint or label_complaint(precision, label, settings.device, shares, quantised=quantised)
    devices = [device.strip("()") for device in first["settings"].get("EXECUTION_DEVICES", [])]
    return Executed(label, devices, wrong, where.remark)


def _row(
    settings: SessionSettings,
    name: str,
    measured: SessionMeasurement,
    executed: Mapping[str, Executed],
    default: str | None,
) -> Outcome:
    variant, own, reference = measured.variants[name], executed[name], executed.get(settings.reference)
    first = variant.launches[0].result
    effective = first["settings"] | {
        "executed_shares": first["shares"],
        "executed_layers": first["layers"],
        "executed_kernels": first["kernels"],
        "executed_precision": own.precision,
        **{key: first[key] for key in DIVISION if key in first},
    }
    values = session_values(variant, measured.cached.get(name, []))
    for key, base in (("speedup", settings.reference), ("speedup_over_default", default)):
        if base is not None and base in executed and not executed[base].complaint:
            values[key] = _speedup(variant, measured.variants[base])
    if own.complaint:
        return Outcome("failed", own.complaint, values, effective)
    noise = settings.measurement.noise
    noisy = complaint(noise, variant.launches)
    elsewhere = _elsewhere(settings.reference, reference, own)
    less = not_in_effect(settings.scenario, first["settings"])
    remarks = (noisy, own.remark, elsewhere, less, load_note(settings, variant, values))
    reason = ALSO.join(one for one in remarks if one)
    return Outcome("failed" if noisy and noise.then == "fail" else "ok", reason, values, effective)


def _speedup(variant: VariantUnderTest, base: VariantUnderTest) -> Quantity:
    """Return how many times as fast a variant is as another one, by the rounds that they share; exactly 1 as itself."""
    from ovlab.stats.launches import ratio_interval  # half a second that an absent device does not need

    if variant is base:
        return Quantity(1.0, "ratio", 1.0, 1.0)
    return Quantity.of(ratio_interval(*paired(variant, base)), "ratio")


def label_complaint(
    precision: PrecisionSpec, label: str, device: DeviceSpec, shares: Mapping[str, float], *, quantised: bool = False
) -> str:
    """Refuse a row whose label is not what was executed (OpenVINO may choose another precision silently).

    Parameters
    ----------
    precision : PrecisionSpec
        What was asked for.
    label : str
        What was executed; empty where the device does not tell.
    device : DeviceSpec
        Where.
    shares : mapping
        Shares of the multiply-accumulates by executed precision.
    quantised : bool
        Whether others made the variant and its graph quantises what it computes. Which of its layers run in 8 bits is
        for the graph to say, none is not.

    Returns
    -------
    str
        Empty if the row is what it is called.
    """
    if not label:
        return ""
    accepted: set[str] = {kind for member in members_of(device) for kind in precision.precisions_for(member)}
    if precision.source is not None:
        if quantised and not NARROW & shares.keys():
            return f"its graph is quantised, but {label} was executed"
        accepted |= NARROW
    # Several precisions where several devices share the work, each in its own. A device that decides cannot be wrong.
    allowed = "default" in accepted or set(label.split("+")) <= accepted
    if precision.quantization is not None:
        wanted, name = ("f8", "FP8") if precision.quantization.mode else ("i8", "INT8")
        # Accuracy control may have given up every layer; the variant's ledger says so.
        given_up = precision.quantization.accuracy_control is not None and allowed
        return "" if wanted in shares or given_up else f"asked for {name}, but {label} was executed"
    return "" if allowed else f"asked for {' or '.join(sorted(accepted - NARROW))}, but {label} was executed"


def not_in_effect(scenario: ScenarioSpec, settings: Mapping[str, Any]) -> str:
    """Say so if a device took another number of streams or threads than the scenario declares: it does so silently.

    Parameters
    ----------
    scenario : ScenarioSpec
        What was asked for.
    settings : mapping
        What a launch read back.
    """
    asked = {"NUM_STREAMS": scenario.streams, "INFERENCE_NUM_THREADS": scenario.threads}
    reported = [
        settings,
        *settings.get("members", {}).values(),
    ]  # of a virtual device, the first one behind it that reports it
    odd = []
    for name, wanted in asked.items():
        found = next((one[name] for one in reported if name in one), None)
        if isinstance(wanted, int) and found is not None and str(found) != str(wanted):
            odd.append(f"{name} is {found} in effect, {wanted} was asked for")
    return "; ".join(odd)


def _elsewhere(name: str, reference: Executed | None, own: Executed) -> str:
    """Say so if a speed-up compares devices: ``AUTO`` chooses for each variant by itself."""
    if reference is None or reference.complaint or not own.devices or not reference.devices:
        return ""
    if set(own.devices) == set(reference.devices):
        return ""
    return f"the speed-up compares {joined(own.devices)} with {name} on {joined(reference.devices)}"
