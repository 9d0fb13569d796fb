"""What has become of a pod, by what Kubernetes says of it."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from ovlab_pods.names import WAIT
from ovlab_pods.settings import WaitSettings
from ovlab_pods.state import Outcome, State, state_of

BEGAN = "2026-03-01T12:00:00Z"
LIMITS = {"image": 5, "matching_node": 15, "node": 1440, "start": 30}


def told(status: dict[str, Any], minutes: float = 1, **metadata: Any) -> State:
    pod = {
        "metadata": {
            "name": "ovlab-validate-1",
            "creationTimestamp": BEGAN,
            "labels": {"app.kubernetes.io/component": "validate"},
            "annotations": {WAIT: json.dumps(LIMITS)},
        }
        | metadata,
        "status": status,
    }
    now = datetime.fromisoformat(BEGAN) + timedelta(minutes=minutes)
    return state_of(pod, now)


def unschedulable(message: str) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"phase": "Pending", "conditions": [condition]}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}}]}


def ended(**terminated: Any) -> dict[str, Any]:
    return {"phase": "Failed", "containerStatuses": [{"state": {"terminated": terminated}}]}


def test_limits_are_those_of_the_settings() -> None:
    assert WaitSettings().plain() == LIMITS


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ({"phase": "Succeeded"}, Outcome.SUCCESS),
        ({"phase": "Running"}, Outcome.RUNNING),
        ({"phase": "Unknown"}, Outcome.RUNNING),
        ({"phase": "Pending"}, Outcome.RUNNING),
        ({}, Outcome.RUNNING),
        (waiting("ContainerCreating"), Outcome.RUNNING),
    ],
)
def test_what_goes_well_is_not_commented(status: dict[str, Any], outcome: Outcome) -> None:
    assert told(status) == State(outcome)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
            "Evicted: The node",
        ),
        ({"phase": "Failed", "reason": "DeadlineExceeded"}, "DeadlineExceeded: .*--set-resources validate:runtime="),
        (ended(reason="OOMKilled", exitCode=137), "OOMKilled: .*--set-resources validate:mem_mb="),
        (ended(reason="Error", exitCode=1, message="a\nno room\n"), "exit code 1: no room"),
        (ended(reason="Error", exitCode=137, signal=9), "signal 9"),
        ({"phase": "Failed", "reason": "OutOfcpu", "message": "Node didn't have enough"}, "OutOfcpu: .*fewer cores"),
        ({"phase": "Failed"}, "the pod failed"),
    ],
)
def test_why_a_pod_failed_is_said(status: dict[str, Any], words: str) -> None:
    found = told(status)
    assert found.outcome is Outcome.FAILED

    assert re.search(words, found.why), found.why
    assert "\n" not in found.why


def test_a_pod_that_is_gone_has_failed() -> None:
    found = state_of(None, datetime.fromisoformat(BEGAN))
    assert (found.outcome, "is gone" in found.why) == (Outcome.FAILED, True)


def test_a_pod_whose_node_is_lost_is_given_up() -> None:
    assert told({"phase": "Running"}, 4, deletionTimestamp=BEGAN) == State(Outcome.RUNNING)
    assert told({"phase": "Running"}, 6, deletionTimestamp=BEGAN).outcome is Outcome.FAILED


BUSY = "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules. preemption: 0/3 nodes are available."
SOME = "0/3 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, 1 Insufficient cpu."
NO_NODE = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: none."


@pytest.mark.parametrize(
    ("status", "limit", "key"),
    [
        (unschedulable(BUSY), 1440, "node"),
        (unschedulable(SOME), 1440, "node"),
        (unschedulable(NO_NODE), 15, "matching_node"),
        (waiting("ErrImagePull", "not found"), 5, "image"),
        (waiting("ImagePullBackOff", 'Back-off pulling image "ovlab:nowhere"'), 5, "image"),
        (waiting("ContainerCreating"), 30, "start"),
    ],
)
def test_a_pod_waits_only_for_so_long(status: dict[str, Any], limit: int, key: str) -> None:
    before, after = told(status, limit - 1), told(status, limit)
    assert before.outcome is Outcome.RUNNING
    assert after.outcome is Outcome.FAILED
    assert f"given up after {limit} minutes: wait_minutes.{key}" in after.why
    assert key == "start" or before.why


@pytest.mark.parametrize(
    "status",
    [
        waiting("InvalidImageName", 'couldn\'t parse image reference "Ovlab"'),
        waiting("ErrImageNeverPull"),
        waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
        unschedulable('persistentvolumeclaim "work" not found'),
    ],
)
def test_what_waiting_does_not_mend_fails_at_once(status: dict[str, Any]) -> None:
    found = told(status, 0)
    assert found.outcome is Outcome.FAILED
    assert found.why


def test_times_in_a_queue_do_not_count_for_the_image() -> None:
    late = waiting("ImagePullBackOff") | {"startTime": "2026-03-01T14:00:00Z"}
    assert told(late, 121).outcome is Outcome.RUNNING
    assert told(late, 125).outcome is Outcome.FAILED
