"""What has become of a pod, by what Kubernetes says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ovlab.text import readable_line
from ovlab_pods.names import LABELS, WAIT

LOST_MINUTES = 5
"""After which a pod that is to end and does not is given up: its node answers no more."""
PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "SignatureValidationFailed"})
CANNOT_START = frozenset(
    {"InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
NO_CLAIM = re.compile(r'persistentvolumeclaim "[^"]*" (not found|is being deleted)')
NO_NODE = re.compile(r"0/(\d+) nodes are available: (\d+) node\(s\) didn't match Pod's node affinity/selector")
HINTS = {
    "OOMKilled": "it needs more memory than it asked for (--set-resources {rule}:mem_mb=N)",
    "DeadlineExceeded": "it took longer than it may (--set-resources {rule}:runtime=MINUTES)",
    "OutOfcpu": "the node gives fewer cores (kubernetes.cores of its host, measuring_cores of pods.yaml)",
    "UnexpectedAdmissionError": "the node could not set aside what was asked for",
}


class Outcome(StrEnum):
    """In the words that Snakemake's executor reads."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True)
class State:
    """What has become of a pod.

    Attributes
    ----------
    outcome : Outcome
        For Snakemake; a pod that waits counts as running.
    why : str
        For people, one line: why it failed or waits; empty where all is well.
    """

    outcome: Outcome
    why: str = ""


def state_of(pod: Mapping[str, Any] | None, now: datetime) -> State:
    """Tell what has become of a pod.

    Parameters
    ----------
    pod : dict, optional
        As ``kubectl get pod -o json`` prints it; None if there is none of that name.
    now : datetime
        The time, with its zone.
    """
    if pod is None:
        return State(Outcome.FAILED, "the pod is gone: it was deleted, or its node was lost")
    status, metadata = pod.get("status", {}), pod["metadata"]
    phase = status.get("phase", "Pending")
    if phase == "Succeeded":
        return State(Outcome.SUCCESS)
    if phase == "Failed":
        return State(Outcome.FAILED, _why_failed(pod))
    ending = metadata.get("deletionTimestamp")
    if ending and _minutes(ending, now) > LOST_MINUTES:
        return State(Outcome.FAILED, "the pod was to end and does not: its node answers no more")
    return _not_begun(status, metadata, now) if phase == "Pending" else State(Outcome.RUNNING)


def _not_begun(status: Mapping[str, Any], metadata: Mapping[str, Any], now: datetime) -> State:
    limits = json.loads(metadata.get("annotations", {}).get(WAIT, "{}"))

    def waits(why: str, kind: str, since: str) -> State:
        limit = limits.get(kind, 0)
        if _minutes(since, now) < limit:
            return State(Outcome.RUNNING, why)
        return State(Outcome.FAILED, f"{why} (given up after {limit:g} minutes: wait_minutes.{kind} in pods.yaml)")

    created = metadata["creationTimestamp"]
    for condition in status.get("conditions", ()):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            said = readable_line(condition.get("message") or condition.get("reason") or "no reason given")
            why = f"no node takes the pod: {said}"
            if NO_CLAIM.search(said):
                return State(Outcome.FAILED, f"{why} (claim in pods.yaml)")
            none_fits = (found := NO_NODE.search(said)) is not None and found[1] == found[2]
            return waits(why, "matching_node" if none_fits else "node", created)
    for container in _containers(status):
        waiting = container.get("state", {}).get("waiting", {})
        reason = waiting.get("reason", "")
        why = readable_line(f"the pod does not start: {reason}: {waiting.get('message', '')}".rstrip(": "))
        if reason in PULLING:
            return waits(why, "image", status.get("startTime") or created)
        if reason in CANNOT_START:
            return State(Outcome.FAILED, why)
    since = status.get("startTime") or created
    if _minutes(since, now) < limits.get("start", 0):
        return State(Outcome.RUNNING)
    return waits("its node does not start the pod; kubectl describe pod says more", "start", since)


def _why_failed(pod: Mapping[str, Any]) -> str:
    """Say why a pod failed: what happened to the pod, or else how its program ended."""
    status = pod["status"]
    rule = pod["metadata"].get("labels", {}).get(f"{LABELS}/component", "RULE")
    reason, message = status.get("reason", ""), status.get("message", "")
    for container in _containers(status):
        ended = container.get("state", {}).get("terminated")
        if ended and not reason:
            reason = ended.get("reason", "")
            if reason in {"", "Error"}:
                number = f"signal {ended['signal']}" if ended.get("signal") else f"exit code {ended.get('exitCode')}"
                return readable_line(
                    f"the job ended with {number}: {_last_line(ended.get('message', ''))}".rstrip(": ")
                )
    hint = HINTS.get(reason, "").format(rule=rule)
    return readable_line("the pod failed: " + ": ".join(part for part in (reason, message, hint) if part))


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from status.get("containerStatuses", ())


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _minutes(since: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(since)).total_seconds() / 60
