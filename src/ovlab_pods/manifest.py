"""A job's pod as Kubernetes takes it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ovlab.errors import OvlabError
from ovlab_pods.jobs import Job
from ovlab_pods.names import JOB_LABEL, LABELS, RUN_LABEL, TOLD, WAIT, label_value, pod_name
from ovlab_pods.settings import PodSettings, Toleration

GRID = "OVLAB_GRID"
"""What hands a run's grid over to its jobs: hash and path of a file in the folder that all share, no secret."""
SCRATCH = "/tmp"  # noqa: S108 - a volume of the pod's own


def render(
    job: Job, settings: PodSettings, *, folder: Path, code: Path, user: tuple[int, int], suffix: str, run: str = ""
) -> dict[str, Any]:
    """Render the pod of a job.

    Parameters
    ----------
    job : Job
        What is to be run.
    settings : PodSettings
        What all pods share.
    folder : Path
        Folder that Snakemake runs in; absolute.
    code : Path
        Folder of the Python packages of this checkout; the image's own count where it is not on the shared volume.
    user : tuple of int
        Numbers of the user and the group who run Snakemake.
    suffix : str
        Makes the pod's name one of its own.
    run : str
        What tells the pods of this run; empty for none.

    Returns
    -------
    dict
        The pod, JSON-compatible. It holds no secret: credentials are not handed to jobs, as downloads do not run there.

    Raises
    ------
    OvlabError
        If a file that the job reads or writes is not on the shared volume, or pods would run as root.
    """
    mount = Path(settings.mount)
    for path in (folder, *(folder / one for one in job.outputs)):
        if not Path(os.path.normpath(path)).is_relative_to(mount):
            raise OvlabError(
                f"{path} is not below {mount} (mount), where pods see the claim {settings.claim}: run in a folder on it"
            )
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name(job.name, suffix),
            "labels": {
                f"{LABELS}/name": "ovlab",
                f"{LABELS}/component": label_value(job.name),
                JOB_LABEL: job_label(job, folder),
                **({RUN_LABEL: label_value(run)} if run else {}),
            },
            "annotations": {
                TOLD: f"{job.name} {job.told}".strip()[:1000],
                WAIT: json.dumps(settings.wait_minutes.plain()),
            },
        },
        "spec": _spec(job, settings, folder, code, user),
    }
    if settings.namespace is not None:
        pod["metadata"]["namespace"] = settings.namespace
    return pod


def job_label(job: Job, folder: Path) -> str:
    """Return what tells that two pods do the same work in the same folder."""
    return hashlib.sha256(f"{folder}\0{job.identity}".encode()).hexdigest()[:32]


def _spec(job: Job, settings: PodSettings, folder: Path, code: Path, user: tuple[int, int]) -> dict[str, Any]:
    uid, gid = settings.user or user[0], settings.group or user[1]
    if not uid or not gid:
        raise OvlabError("pods do not run as root, expected user and group in pods.yaml, or a run of another user")
    spec: dict[str, Any] = {
        "restartPolicy": "Never",  # Snakemake tries again
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 10,
        "nodeSelector": {"kubernetes.io/os": "linux", **job.node.node_selector},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": uid,
            "runAsGroup": gid,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(job, settings, folder, code)],
        "volumes": [
            {"name": "work", "persistentVolumeClaim": {"claimName": settings.claim}},
            {"name": "scratch", "emptyDir": {"sizeLimit": settings.scratch}},
        ],
    }
    if job.node.alone:
        spec["affinity"] = {"podAntiAffinity": _alone(settings)}
    if job.minutes is not None:
        spec["activeDeadlineSeconds"] = 60 * job.minutes  # from its start: time in the queue does not count
    if settings.service_account is not None:
        spec["serviceAccountName"] = settings.service_account
    if settings.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    if settings.tolerations:
        spec["tolerations"] = [_toleration(one) for one in settings.tolerations]
    return spec


def _toleration(one: Toleration) -> dict[str, Any]:
    return one.model_dump(mode="json", exclude_none=True)


def _alone(settings: PodSettings) -> dict[str, Any]:
    """Return what keeps a pod away from nodes with any other pod on them, and any other pod away from its node.

    The scheduler holds to a running pod's anti-affinity too when it places others. An empty selector matches every pod.
    """
    beside = {
        "key": "kubernetes.io/metadata.name",
        "operator": "NotIn",
        "values": settings.may_run_beside,
    }
    return {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": {},
                "namespaceSelector": {"matchExpressions": [beside]} if settings.may_run_beside else {},
            }
        ]
    }


def _container(job: Job, settings: PodSettings, folder: Path, code: Path) -> dict[str, Any]:
    resources = _resources(job, settings)
    return {
        "name": "job",
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["/bin/sh", str(job.script)],
        "workingDir": str(folder),
        "env": [
            *({"name": name, "value": value} for name, value in _environment(settings, code).items()),
            {"name": "OVLAB_NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        # Equal, and whole cores: class "Guaranteed", to which a kubelet with the policy "static" gives cores alone.
        "resources": {"requests": resources, "limits": dict(resources)},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "work", "mountPath": settings.mount},
            {"name": "scratch", "mountPath": SCRATCH},
        ],
    }


def _resources(job: Job, settings: PodSettings) -> dict[str, str]:
    cores = (job.node.cores or settings.measuring_cores) if job.node.alone else job.threads
    return {
        "cpu": str(cores),
        "memory": f"{job.memory_mb}M",
        **{name: str(number) for name, number in job.node.devices.items()},
    }


def _environment(settings: PodSettings, code: Path) -> dict[str, str]:
    """Return what pods find in their environment; of this process's the grid alone, as the rest may hold secrets."""
    found = {"HOME": SCRATCH, "XDG_CACHE_HOME": f"{SCRATCH}/.cache", "USER": "ovlab", "LOGNAME": "ovlab"}
    if code.is_relative_to(settings.mount):
        found["PYTHONPATH"] = str(code)
    if GRID in os.environ:
        found[GRID] = os.environ[GRID]
    return found
