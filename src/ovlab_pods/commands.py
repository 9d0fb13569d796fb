"""What Snakemake's executor asks for: a job submitted, its state, jobs cancelled."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ovlab.errors import OvlabError, nearest
from ovlab_pods.kubectl import NOT_THERE, KubectlError, kubectl
from ovlab_pods.names import JOB_LABEL, RUN_LABEL, TOLD
from ovlab_pods.state import Outcome, State, state_of

LOGS = Path(".snakemake/kubernetes_logs")
CODE = Path(__file__).resolve().parents[1]
GRACE_S, WATCHED_EVERY_S = 5, 1.0
RUN = "SNAKEMAKE_CLUSTER_SIDECAR_VARS"
"""Environment variable with the first line that `watch` prints: Snakemake puts it there."""


def submit(script: Path, settings_path: Path) -> str:
    """Create the pod of a job; one that an earlier run has left at the same work is ended first.

    Parameters
    ----------
    script : Path
        That Snakemake has written for the job.
    settings_path : Path
        ``pods.yaml``.

    Returns
    -------
    str
        ``NAMESPACE/NAME`` of the pod, by which Snakemake knows the job.

    Raises
    ------
    OvlabError
        If the job cannot be run like this, the claim is absent, or the cluster does not take the pod.
    """
    from ovlab_pods.jobs import read_job
    from ovlab_pods.manifest import render
    from ovlab_pods.settings import read_settings

    settings, job = read_settings(settings_path), read_job(script)
    pod = render(
        job,
        settings,
        folder=Path.cwd(),
        code=CODE,
        user=(os.getuid(), os.getgid()),
        suffix=secrets.token_hex(5),
        run=os.environ.get(RUN, ""),
    )
    namespace = [f"--namespace={settings.namespace}"] if settings.namespace else []
    require_claim(settings.claim, namespace)
    label = pod["metadata"]["labels"][JOB_LABEL]
    kubectl(
        "delete", "pods", *namespace, f"--selector={JOB_LABEL}={label}", "--wait=false", f"--grace-period={GRACE_S}"
    )
    return kubectl(
        "create",
        *namespace,
        "--filename=-",
        "--output=jsonpath={.metadata.namespace}/{.metadata.name}",
        stdin=json.dumps(pod),
    ).strip()


def require_claim(name: str, namespace: Sequence[str]) -> None:
    """Refuse a volume claim that is not there; who may not look it up hears of it from the pod.

    Raises
    ------
    OvlabError
        With the nearest name that is there.
    """
    try:
        kubectl("get", "persistentvolumeclaim", name, *namespace, "--output=name")
    except KubectlError as error:
        if NOT_THERE not in str(error):
            return
        found = kubectl("get", "persistentvolumeclaims", *namespace, "--output=name").split()
        names = [one.rpartition("/")[2] for one in found]
        raise OvlabError(f"claim: there is no persistent volume claim {name!r}{nearest(name, names)}") from None


def status(job: str) -> Outcome:
    """Tell what has become of a job, and say why on standard error where it waits or has failed.

    A pod that has ended is deleted, its log kept where it failed. A cluster that does not answer is asked again: as
    long as nothing else is known, the job is running.
    """
    namespace, name = _parts(job)
    try:
        text = kubectl("get", "pod", name, f"--namespace={namespace}", "--ignore-not-found", "--output=json")
        pod = json.loads(text) if text.strip() else None
    except (KubectlError, ValueError) as error:
        _tell_once(name, f"{job}: {error}; asked again")
        return Outcome.RUNNING
    found = state_of(pod, datetime.now(UTC))
    if found.outcome is Outcome.RUNNING:
        if found.why:
            _tell_once(name, f"{_told(pod, job)} waits: {found.why}")
        return found.outcome
    _tell_end(found, pod, namespace, name)
    return found.outcome


def cancel(jobs: Sequence[str]) -> None:
    """Have pods ended.

    Raises
    ------
    OvlabError
        If kubectl is missing or fails; the pods are named.
    """
    for namespace in sorted({_parts(job)[0] for job in jobs}):
        names = [name for one, name in map(_parts, jobs) if one == namespace]
        options = ["--ignore-not-found", "--wait=false", f"--grace-period={GRACE_S}"]
        try:
            kubectl("delete", "pod", *names, f"--namespace={namespace}", *options)
        except OvlabError as error:
            raise OvlabError(f"{error}; perhaps still there: {', '.join(jobs)}") from None


def watch(settings_path: Path) -> None:
    """Live beside a run, and end the pods that it leaves: those of one that is interrupted or killed.

    The first line printed tells the run. It ends with SIGTERM, which Snakemake sends when it has done, or with
    Snakemake.
    """
    from ovlab_pods.settings import read_settings

    ended = threading.Event()
    # Ctrl-C goes to all that the terminal has started; pods are looked after when the run itself has ended.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    namespace = read_settings(settings_path).namespace
    run, parent = f"run-{secrets.token_hex(5)}", os.getppid()
    print(run, flush=True)
    while os.getppid() == parent and not ended.wait(WATCHED_EVERY_S):
        pass
    if shutil.which("kubectl") is None:  # nothing was created then, and each job has said so
        return
    at = [f"--namespace={namespace}"] if namespace else []
    kubectl("delete", "pods", *at, f"--selector={RUN_LABEL}={run}", "--wait=false", f"--grace-period={GRACE_S}")


def _tell_end(found: State, pod: dict[str, Any] | None, namespace: str, name: str) -> None:
    (LOGS / f"{name}.told").unlink(missing_ok=True)
    at = f"--namespace={namespace}"
    if found.outcome is Outcome.FAILED:
        log = LOGS / f"{name}.log"
        try:
            said = kubectl("logs", name, at) if pod else ""
        except KubectlError as error:
            said = f"{error}\n"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"{said}{json.dumps(pod, indent=1)}\n", encoding="utf-8")
        _say(f"{_told(pod, name)}: {found.why}; log: {log}")
    if pod:
        try:
            kubectl("delete", "pod", name, at, "--ignore-not-found", "--wait=false")
        except KubectlError as error:
            _say(f"{name}: not deleted: {error}")


def _tell_once(name: str, line: str) -> None:
    """Say a line unless it was the last one said of that pod, by another process like this one."""
    told = LOGS / f"{name}.told"
    if not told.is_file() or told.read_text(encoding="utf-8") != line:
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_text(line, encoding="utf-8")
        _say(line)


def _told(pod: dict[str, Any] | None, name: str) -> str:
    what = pod["metadata"].get("annotations", {}).get(TOLD) if pod else None
    return f"{what} (pod {pod['metadata']['name']})" if pod and what else f"pod {name}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parts(job: str) -> tuple[str, str]:
    namespace, _, name = job.partition("/")
    if not namespace or not name:
        raise OvlabError(f"{job!r}: expected NAMESPACE/NAME of a pod")
    return namespace, name
