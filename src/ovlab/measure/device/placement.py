"""Where it ran: which devices executed a model, and whether they are those that were asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ovlab.specs import DeviceSpec

# What the first launch shows of how a virtual device divides its work.
DIVISION = ("operations_by_device", "gathered_requests")


class Verdict(NamedTuple):
    """What is to be said of where a row ran.

    Attributes
    ----------
    complaint : str
        Why the row's label would not be true; empty where it is.
    remark : str
        What its readers should know all the same; empty where there is nothing.
    """

    complaint: str = ""
    remark: str = ""


def where_it_ran(device: DeviceSpec, results: Sequence[Mapping[str, Any]]) -> Verdict:
    """Judge a row by what its launches read back.

    Parameters
    ----------
    device : DeviceSpec
        What was asked for.
    results : sequence of mapping
        What the launches gave (`ovlab.measure.child.launch.launch`), at least one.
    """
    verdict = judge(device, [one["settings"].get("EXECUTION_DEVICES", []) for one in results])
    first = results[0]
    if "gathered_requests" not in first:
        return verdict
    batch = _remark_on_batch(device, first["gathered_requests"], first["infer_requests"], first["settings"])
    return verdict._replace(remark="; ".join(one for one in (verdict.remark, batch) if one))


def judge(device: DeviceSpec, launches: Iterable[Sequence[str]]) -> Verdict:
    """Compare the devices that executed with those that were asked for.

    Parameters
    ----------
    device : DeviceSpec
        What was asked for; `requires` names its members, for ``AUTO`` and ``HETERO`` the preferred one first.
    launches : iterable of sequence of str
        ``EXECUTION_DEVICES`` as each launch read it back. ``AUTO`` puts a device in parentheses that only helps out
        until another one is ready.

    Returns
    -------
    Verdict
        The first complaint, else the first remark of any launch.
    """
    reported = Counter(tuple(names) for names in launches)
    verdicts = [_judge_one(device, names) for names in reported]
    for verdict in verdicts:
        if verdict.complaint:
            return verdict
    if len(reported) > 1:
        parts = [f"{' and '.join(names) or 'not reported'} in {count}" for names, count in reported.items()]
        return Verdict(remark=f"launches differ in where they ran: {', '.join(parts)}")
    return next((verdict for verdict in verdicts if verdict.remark), Verdict())


def _judge_one(device: DeviceSpec, reported: Sequence[str]) -> Verdict:
    if not reported:
        return Verdict(remark=f"{device.device} does not tell on which devices it ran")
    ran = [name.strip("()") for name in reported]
    wanted = device.requires or (() if device.is_virtual else (device.device,))
    if not wanted:  # a bare AUTO: whatever it chose is what was asked for
        return Verdict(remark=_helping(reported))
    missing = [name for name in wanted if not any(_is(name, one) for one in ran)]
    strangers = [one for one in ran if not any(_is(name, one) for name in wanted)]
    if strangers or (missing and (device.runs_on_all or (missing[0] == wanted[0] and device.kind != "AUTO"))):
        alone = " alone" if device.is_virtual and len(ran) == 1 else ""
        return Verdict(complaint=f"asked for {device.device}, but ran on {joined(ran)}{alone}")
    if missing and device.kind == "HETERO":
        return Verdict(remark=f"no operation ran on {joined(missing)}: {joined(ran)} took all of them")
    if missing and device.kind == "AUTO" and missing[0] == wanted[0]:
        return Verdict(remark=f"AUTO ran on {joined(ran)}, not on {wanted[0]}, which it was to prefer")
    return Verdict(remark=_helping(reported))


def _is(wanted: str, found: str) -> bool:
    """Tell whether a device that executed is a wanted one: ``GPU`` is any GPU; ``GPU.0`` may be called ``GPU``."""
    return found in {wanted, wanted.removesuffix(".0")} or found.split(".", maxsplit=1)[0] == wanted


def _helping(reported: Sequence[str]) -> str:
    helpers = [name.strip("()") for name in reported if name.startswith("(")]
    return f"AUTO still ran on {joined(helpers)}, which only helps out until another device is ready" if helpers else ""


def joined(names: Sequence[str]) -> str:
    """Join names as a sentence does."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _remark_on_batch(device: DeviceSpec, gathered: int, infer_requests: int, settings: Mapping[str, Any]) -> str:
    """Say where ``BATCH`` does not do what its name says: `gathered` requests are to become one inference."""
    if gathered == 1:
        return f"{device.device} gathers nothing here: every request is inferred on its own"
    if infer_requests < gathered:
        wait = f"{settings['AUTO_BATCH_TIMEOUT']} ms" if "AUTO_BATCH_TIMEOUT" in settings else "in vain"
        return f"{device.device} waits {wait} for {gathered} requests, but has only {infer_requests} in flight"
    return ""
