"""Is a device's default another precision of the session by name? Then the two are measured once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ovlab.errors import OvlabError
from ovlab.files import write_json
from ovlab.measure.device.inspection import precision_label
from ovlab.measure.parent import launcher
from ovlab.measure.parent.launch_plan import LaunchPlan
from ovlab.measure.parent.outcome import ALSO, Outcome, label_complaint
from ovlab.specs import SessionSettings

log = logging.getLogger("ovlab.measure")
# With equal graphs these alone could make a difference; the hint itself is what the two are asked differently.
DECISIVE = ("EXECUTION_DEVICES", "NUM_STREAMS", "INFERENCE_NUM_THREADS", "OPTIMAL_NUMBER_OF_INFER_REQUESTS")


@dataclass(frozen=True)
class Twin:
    """The precision that a device's default is executed as.

    Attributes
    ----------
    name : str
        Of the precision that is measured for both.
    settings : dict
        The default's own effective settings.
    """

    name: str
    settings: dict[str, Any]


def find_twins(
    settings: SessionSettings, plans: Mapping[str, LaunchPlan], weights: Mapping[str, str], scratch: Path
) -> dict[str, Twin]:
    """Find, for each precision that leaves everything to the device, another one that is executed exactly alike.

    Both are compiled in a process of their own, one inference each, and looked into.

    Parameters
    ----------
    settings : SessionSettings
        The session's.
    plans : mapping
        The variants by precision.
    weights : mapping
        SHA-256 of each variant's ``model.bin``: only equal weights are compared.
    scratch : Path
        Folder for what is passed to launches and back.

    Returns
    -------
    dict of Twin
        Empty where the device does not tell what it executes.
    """
    twins: dict[str, Twin] = {}
    for name in [one for one in plans if settings.precisions[one].is_device_default]:
        others = [
            other
            for other in plans
            if not settings.precisions[other].is_device_default and weights[other] == weights[name]
        ]
        try:
            own = _inspect(plans[name], scratch) if others else {}
            for other in others:
                if _is_same(own, found := _inspect(plans[other], scratch)) and not _is_mislabelled(
                    settings, other, found
                ):
                    twins[name] = Twin(other, own["settings"])
                    log.info("%s is executed exactly as %s: measured once", name, other)
                    break
        except OvlabError as error:
            log.info("not compared with other precisions, so measured: %s (%s)", name, error)
    return twins


def _inspect(plan: LaunchPlan, scratch: Path) -> dict[str, Any]:
    scenario = plan.settings.scenario
    if scenario.sweep is not None:
        scenario = scenario.at(scenario.sweep.points()[0])
    variant = plan.under_test(scenario, rate=1.0, mode="inspect")
    request, result = scratch / "inspect.json", scratch / "inspected.json"
    result.unlink(missing_ok=True)
    write_json(request, asdict(variant.request(scratch / "samples.npy", True)))
    return launcher.run_launch(request, result, plan.settings.measurement.timeout_s)


def _is_same(own: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if not own["graph"] or own["graph"] != other["graph"]:
        return False
    return all(own["settings"].get(name) == other["settings"].get(name) for name in DECISIVE)


def _is_mislabelled(settings: SessionSettings, name: str, found: Mapping[str, Any]) -> bool:
    """Whether a precision was not executed as it is called: its row fails, so that it can stand for no other."""
    shares = found["shares"]
    return bool(label_complaint(settings.precisions[name], precision_label(shares), settings.device, shares))


def outcome_of_twin(twin: Twin, measured: Outcome) -> Outcome:
    """Return the outcome of a precision that was not measured, from that of the one that it is executed as."""
    if measured.status != "ok":
        return Outcome(measured.status, f"executed exactly as {twin.name}, which {measured.status}: {measured.reason}")
    remark = f"executed exactly as {twin.name} (same weights, kernels and layouts): measured once, the timings are its"
    return replace(
        measured,
        reason=ALSO.join(one for one in (measured.reason, remark) if one),
        effective=(measured.effective or {}) | twin.settings,
    )
