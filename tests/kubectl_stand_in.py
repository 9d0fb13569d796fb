"""A stand-in for ``kubectl`` and its cluster: one node of this machine, pods that are local processes.

It takes what our commands ask of the real one and refuses anything else, manifests with unknown fields too. Its state
is the folder that ``KUBECTL_STATE`` names: `claims` and `images` (names, one a line), `node.json` (the node's labels),
`created/` (every manifest that it ever took), `pods/` (those that are there), `logs/`, and `hold`: while that is there,
no pod starts.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
from filelock import FileLock

NODE = "node-1"
NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
VALUE = {"type": "string", "pattern": "^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"}
KEY = "^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
TEXT = {"type": "string"}


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def _map(value: Any) -> dict[str, Any]:
    return {"type": "object", "patternProperties": {KEY: value}, "additionalProperties": False}


def _list(item: Any) -> dict[str, Any]:
    return {"type": "array", "items": item}


EXPRESSION = _object("key operator", key=TEXT, operator={"enum": ["In", "NotIn", "Exists"]}, values=_list(TEXT))
SELECTOR = _object("", matchLabels=_map(VALUE), matchExpressions=_list(EXPRESSION))
QUANTITIES = _map({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?([kMGT]i?|Ki)?$"})
POD = _object(
    "apiVersion kind metadata spec",
    apiVersion={"const": "v1"},
    kind={"const": "Pod"},
    metadata=_object("name labels", name=NAME, namespace=NAME, labels=_map(VALUE), annotations=_map(TEXT)),
    spec=_object(
        "containers restartPolicy securityContext nodeSelector volumes",
        restartPolicy={"const": "Never"},
        automountServiceAccountToken={"const": False},
        enableServiceLinks={"const": False},
        terminationGracePeriodSeconds={"type": "integer", "minimum": 0},
        activeDeadlineSeconds={"type": "integer", "minimum": 1},
        serviceAccountName=NAME,
        imagePullSecrets=_list(_object("name", name=NAME)),
        nodeSelector=_map(VALUE),
        tolerations=_list(
            _object("operator", key=TEXT, operator={"enum": ["Exists", "Equal"]}, value=VALUE, effect=TEXT)
        ),
        affinity=_object(
            "podAntiAffinity",
            podAntiAffinity=_object(
                "requiredDuringSchedulingIgnoredDuringExecution",
                requiredDuringSchedulingIgnoredDuringExecution=_list(
                    _object(
                        "topologyKey labelSelector",
                        topologyKey={"const": "kubernetes.io/hostname"},
                        labelSelector=SELECTOR,
                        namespaceSelector=SELECTOR,
                    )
                ),
            ),
        ),
        securityContext=_object(
            "runAsNonRoot runAsUser",
            runAsNonRoot={"const": True},
            runAsUser={"type": "integer", "minimum": 1},
            runAsGroup={"type": "integer", "minimum": 1},
            seccompProfile=_object("type", type={"const": "RuntimeDefault"}),
        ),
        volumes=_list(
            _object(
                "name",
                name=NAME,
                persistentVolumeClaim=_object("claimName", claimName=TEXT),
                emptyDir=_object("", sizeLimit=TEXT),
            )
        ),
        containers={
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": _object(
                "name image command resources volumeMounts",
                name=NAME,
                image=TEXT,
                imagePullPolicy={"enum": ["IfNotPresent", "Always", "Never"]},
                command=_list(TEXT),
                workingDir={"type": "string", "pattern": "^/"},
                env=_list(
                    _object(
                        "name",
                        name={"type": "string", "pattern": "^[A-Z_]+$"},
                        value=TEXT,
                        valueFrom=_object("fieldRef", fieldRef=_object("fieldPath", fieldPath=TEXT)),
                    )
                ),
                resources=_object("requests limits", requests=QUANTITIES, limits=QUANTITIES),
                securityContext=_object(
                    "allowPrivilegeEscalation capabilities",
                    allowPrivilegeEscalation={"const": False},
                    capabilities=_object("drop", drop={"const": ["ALL"]}),
                ),
                terminationMessagePolicy={"enum": ["File", "FallbackToLogsOnError"]},
                volumeMounts=_list(_object("name mountPath", name=NAME, mountPath={"pattern": "^/"})),
            ),
        },
    ),
)
"""JSON schema of a pod, as far as our manifests use it; anything else is refused."""


def check(pod: Any) -> None:
    """Refuse a manifest with fields that pods do not have, bad names, or mounts of volumes that it lacks."""
    jsonschema.validate(pod, POD)
    volumes = {one["name"] for one in pod["spec"]["volumes"]}
    assert all(one["name"] in volumes for one in pod["spec"]["containers"][0]["volumeMounts"])


def install(folder: Path, *, source: Path) -> dict[str, str]:
    """Make ``kubectl`` and the image's ``python``; return what a run needs in its environment.

    Parameters
    ----------
    folder : Path
        For programs and state.
    source : Path
        Folder of the packages that the image has.
    """
    programs, image, state = folder / "bin", folder / "image", folder / "state"
    for one in (programs, image, state / "created", state / "pods", state / "logs"):
        one.mkdir(parents=True)
    (state / "claims").write_text("ovlab-work\n")
    (state / "images").write_text("ovlab:test\n")
    (state / "node.json").write_text(json.dumps({"kubernetes.io/os": "linux", "kind": "bench"}))
    python = shlex.quote(sys.executable)
    write_program(programs / "kubectl", f'exec {python} {shlex.quote(__file__)} "$@"')
    write_program(image / "python", f'PYTHONPATH="${{PYTHONPATH:-{source}}}" exec {python} "$@"')
    return os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "KUBECTL_STATE": str(state),
        "KUBECTL_IMAGE": str(image),
    }


def write_program(path: Path, text: str) -> None:
    """Write a program for the shell."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


class Cluster:
    """The state of the cluster."""

    def __init__(self, state: Path) -> None:
        self.state = state

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from the state."""
        with FileLock(self.state / "lock"):
            yield

    def names(self, kind: str) -> list[str]:
        """List claims or images."""
        return (self.state / kind).read_text().split()

    def pods(self) -> list[dict[str, Any]]:
        """List the pods that are there."""
        return [json.loads(path.read_text()) for path in sorted((self.state / "pods").glob("*.json"))]

    def pod(self, name: str) -> dict[str, Any] | None:
        """Return a pod."""
        path = self.state / "pods" / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def write(self, pod: dict[str, Any]) -> None:
        """Write a pod that is there still, and its history."""
        path = self.state / "pods" / f"{pod['metadata']['name']}.json"
        if path.exists() or "status" not in pod:
            pod.setdefault("status", {"phase": "Pending"})
            for one in (path, self.state / "created" / path.name):
                one.with_suffix(".new").write_text(json.dumps(pod))
                one.with_suffix(".new").rename(one)

    def delete(self, name: str) -> None:
        """Delete a pod and end its process."""
        pod = self.pod(name)
        if pod is None:
            return
        (self.state / "pods" / f"{name}.json").unlink()
        if (number := pod["status"].get("process")) and pod["status"]["phase"] == "Running":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(number, signal.SIGTERM)

    def may_start(self, pod: dict[str, Any]) -> str:
        """Say why no node takes a pod, in the scheduler's words; empty where one does."""
        labels = json.loads((self.state / "node.json").read_text())
        if not pod["spec"]["nodeSelector"].items() <= labels.items():
            return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: none."
        running = [one for one in self.pods() if one["status"]["phase"] == "Running"]
        if running and any("affinity" in one["spec"] for one in (pod, *running)):
            return "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. preemption: none."
        return ""


def run_pod(cluster: Cluster, name: str) -> None:
    """Be the node for one pod: wait for its place, run its command, keep its state."""
    while True:
        with cluster.locked():
            pod = cluster.pod(name)
            if pod is None:
                return
            why = "held" if (cluster.state / "hold").exists() else cluster.may_start(pod)
            image = pod["spec"]["containers"][0]["image"]
            if why:
                condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
                pod["status"] = {"phase": "Pending", "conditions": [condition]}
            elif image not in cluster.names("images"):
                waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}
                pod["status"] = {"phase": "Pending", "containerStatuses": [{"state": {"waiting": waiting}}]}
            else:
                process = _start(cluster, pod)
                pod["status"] = {"phase": "Running", "process": process.pid, "startTime": _now()}
                cluster.write(pod)
                break
            cluster.write(pod)
        time.sleep(0.2)
    code = process.wait()
    with cluster.locked():
        ended = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "finishedAt": _now()}
        pod["status"] |= {
            "phase": "Failed" if code else "Succeeded",
            "containerStatuses": [{"state": {"terminated": ended}}],
        }
        cluster.write(pod)


def _start(cluster: Cluster, pod: dict[str, Any]) -> subprocess.Popen[bytes]:
    (container,) = pod["spec"]["containers"]
    environment = {"PATH": f"{os.environ['KUBECTL_IMAGE']}:/usr/bin:/bin"}
    environment |= {one["name"]: one.get("value", NODE) for one in container["env"]}
    with (cluster.state / "logs" / pod["metadata"]["name"]).open("wb") as log:
        return subprocess.Popen(
            container["command"],
            cwd=container["workingDir"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def main(arguments: list[str]) -> str:
    """Do what kubectl does; return what it prints."""
    cluster = Cluster(Path(os.environ["KUBECTL_STATE"]))
    if arguments[:1] == ["--node-runs"]:
        run_pod(cluster, arguments[1])
        return ""
    words = [one for one in arguments if not one.startswith("--")]
    options = dict(one.removeprefix("--").partition("=")[::2] for one in arguments if one.startswith("--"))
    with cluster.locked():
        return _answer(cluster, words, options)


def _answer(cluster: Cluster, words: list[str], options: dict[str, str]) -> str:
    said = ""
    match words:
        case ["get", "persistentvolumeclaim", name]:
            if name not in cluster.names("claims"):
                sys.exit(f'Error from server (NotFound): persistentvolumeclaims "{name}" not found')
        case ["get", "persistentvolumeclaims"]:
            said = "\n".join(f"persistentvolumeclaim/{one}" for one in cluster.names("claims"))
        case ["get", "pod", name] if options["output"] == "json":
            pod = cluster.pod(name)
            said = json.dumps(pod) if pod else ""
        case ["logs", name]:
            path = cluster.state / "logs" / name
            said = path.read_text() if path.exists() else ""
        case ["delete", "pods"] if "selector" in options:
            key, _, value = options["selector"].partition("=")
            for pod in cluster.pods():
                if pod["metadata"]["labels"].get(key) == value:
                    cluster.delete(pod["metadata"]["name"])
        case ["delete", "pod", *names]:
            for name in names:
                cluster.delete(name)
        case ["create"] if options["filename"] == "-" and options["output"].startswith("jsonpath="):
            said = _create(cluster, json.load(sys.stdin))
        case _:
            sys.exit(f"error: unknown command {words} {options}")
    return said


def _create(cluster: Cluster, pod: dict[str, Any]) -> str:
    try:
        check(pod)
    except (jsonschema.ValidationError, AssertionError) as error:
        words = " ".join(str(error).split())
        sys.exit(f"Error from server (BadRequest): {words[:500]}")
    name = pod["metadata"]["name"]
    pod["metadata"] |= {"namespace": pod["metadata"].get("namespace", "default"), "creationTimestamp": _now()}
    cluster.write(pod)
    subprocess.Popen(
        [sys.executable, __file__, "--node-runs", name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return f"{pod['metadata']['namespace']}/{name}"


if __name__ == "__main__":
    print(main(sys.argv[1:]))
