"""Names and labels as Kubernetes takes them."""

from __future__ import annotations

import re

LABELS = "app.kubernetes.io"
JOB_LABEL = "ovlab/job"
"""The same for the same work: by it a run finds the pod that an earlier one has left."""
RUN_LABEL = "ovlab/run"
"""The same for all pods of a run."""
TOLD, WAIT = "ovlab/told", "ovlab/wait-minutes"
"""Annotations: the job in words, and for how long its pod may wait (JSON)."""
LONGEST = 63
"""Of a label's value, and of one part of a name (RFC 1123)."""


def pod_name(name: str, suffix: str) -> str:
    """Return a name that Kubernetes takes: small letters, digits and hyphens, 63 at most."""
    middle = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[: LONGEST - len(f"ovlab--{suffix}")].strip("-")
    return "-".join(part for part in ("ovlab", middle, suffix) if part)


def label_value(text: str) -> str:
    """Return a text as a label's value: 63 signs at most, at both ends a letter or a digit."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-_.")[:LONGEST].strip("-_.")
