"""The commands that Snakemake's executor calls, with a cluster that fails in its ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kubectl_stand_in import write_program
from workflow_runs import ROOT

from ovlab.errors import OvlabError
from ovlab_pods.__main__ import main
from ovlab_pods.commands import LOGS, cancel, require_claim, status
from ovlab_pods.kubectl import kubectl
from ovlab_pods.state import Outcome

POD = {
    "metadata": {
        "name": "ovlab-validate-1",
        "creationTimestamp": "2026-03-01T12:00:00Z",
        "labels": {"app.kubernetes.io/component": "validate"},
        "annotations": {"ovlab/told": "validate digits_cnn int8", "ovlab/wait-minutes": '{"node": 1e9}'},
    },
}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `kubectl` that notes its arguments and prints the file `answer`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()
    answers(tmp_path, 'echo "$@" >> calls; case "$2" in get) cat answer;; logs) echo "line of the log";; esac')
    (tmp_path / "answer").touch()
    return tmp_path


def answers(folder: Path, program: str) -> None:
    write_program(folder / "bin/kubectl", program)


def pod(folder: Path, **found: Any) -> None:
    (folder / "answer").write_text(json.dumps(POD | {"status": found}))


def calls(folder: Path) -> list[str]:
    return [line.split(" ", 1)[1] for line in (folder / "calls").read_text().splitlines()]


def test_a_pod_that_has_ended_is_deleted_and_the_log_of_a_failed_one_kept(
    cluster: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pod(cluster, phase="Succeeded")
    assert status("lab/ovlab-validate-1") is Outcome.SUCCESS
    assert calls(cluster)[-1].startswith("delete pod ovlab-validate-1 --namespace=lab")
    assert capsys.readouterr().err == ""
    pod(cluster, phase="Failed", reason="Evicted", message="The node was low on memory.")
    assert status("lab/ovlab-validate-1") is Outcome.FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert "validate digits_cnn int8 (pod ovlab-validate-1): the pod failed: Evicted: The node was low" in line
    kept = (cluster / LOGS / "ovlab-validate-1.log").read_text()
    assert "line of the log" in kept
    assert "Evicted" in kept
    assert calls(cluster)[-1].startswith("delete pod")


def test_why_a_pod_waits_is_said_once(cluster: Path, capsys: pytest.CaptureFixture[str]) -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 Insufficient cpu."}
    pod(cluster, phase="Pending", conditions=[condition])
    assert [status("lab/ovlab-validate-1") for _ in range(3)] == [Outcome.RUNNING] * 3
    assert capsys.readouterr().err.count("waits: no node takes the pod: 0/3 nodes") == 1
    condition["message"] = "0/4 nodes are available: 4 Insufficient cpu."
    pod(cluster, phase="Pending", conditions=[condition])
    assert status("lab/ovlab-validate-1") is Outcome.RUNNING
    assert "0/4 nodes" in capsys.readouterr().err
    assert not any(one.startswith("delete") for one in calls(cluster))


def test_a_pod_that_somebody_deleted_has_failed(cluster: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("lab/ovlab-validate-1") is Outcome.FAILED
    assert "the pod is gone" in capsys.readouterr().err


@pytest.mark.parametrize("program", ["echo 'Unable to connect to the server: EOF' >&2; exit 1", "echo '<html>'"])
def test_a_cluster_that_does_not_answer_is_asked_again(
    cluster: Path, capsys: pytest.CaptureFixture[str], program: str
) -> None:
    answers(cluster, program)
    assert [status("lab/ovlab-validate-1") for _ in range(2)] == [Outcome.RUNNING] * 2
    assert capsys.readouterr().err.count("asked again") == 1


def test_what_kubectl_says_last_is_the_error(cluster: Path) -> None:
    answers(cluster, "echo 'warning: old' >&2; echo 'error: forbidden: no rights in lab' >&2; exit 1")
    with pytest.raises(OvlabError, match=r"^kubectl create: error: forbidden: no rights in lab$"):
        kubectl("create", stdin="{}")
    answers(cluster, "exec sleep 20")
    with pytest.raises(OvlabError, match=r"kubectl get: no answer within 0\.2 s"):
        kubectl("get", seconds=0.2)


def test_who_may_not_look_up_claims_hears_of_an_absent_one_later(cluster: Path) -> None:
    answers(cluster, "echo 'Error from server (Forbidden): persistentvolumeclaims is forbidden' >&2; exit 1")
    require_claim("work", [])


def test_pods_of_several_namespaces_are_cancelled(cluster: Path) -> None:
    answers(cluster, 'echo "$@" >> calls')
    cancel(["b/two", "a/one", "b/three"])
    first, second = (cluster / "calls").read_text().splitlines()
    assert first.startswith("delete pod one --namespace=a")
    assert second.startswith("delete pod two three --namespace=b")
    assert "--wait=false" in first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "lab/one"], "error: kubectl: no such program on the PATH"),
        (["cancel", "lab/one"], "error: kubectl: no such program on the PATH; still there: lab/one"),
        (["status", "one"], "error: 'one': expected NAMESPACE/NAME"),
        (["submit", "--settings", "nowhere.yaml", "x.sh"], "error: nowhere.yaml: no such file"),
    ],
)
def test_errors_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said)


def test_the_program_that_cancels_is_called_with_the_interpreter_of_the_run(cluster: Path) -> None:
    answers(cluster, f'echo "$@" >> {cluster / "calls"}')
    subprocess.run(
        [ROOT / "profiles/kubernetes/cancel", "lab/one"],
        env=os.environ | {"OVLAB_PYTHON": sys.executable},
        check=True,
    )
    assert "delete pod one" in (cluster / "calls").read_text()


def test_asking_for_states_loads_no_heavy_package() -> None:
    heavy = ("pydantic", "yaml", "snakemake", "numpy")
    code = f"import sys, ovlab_pods.__main__; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
