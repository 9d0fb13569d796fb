"""The commands that Snakemake's executor calls, with a cluster that fails in its ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubectl_stand_in import Cluster, install, write_program
from workflow_runs import ROOT

from ovlab.errors import OvlabError
from ovlab_pods.__main__ import main
from ovlab_pods.commands import LOGS, cancel, require_claim, status, submit
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
    assert "delete pod one --namespace=a" in first
    assert "delete pod two three --namespace=b" in second
    assert "--wait=false" in first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "lab/one"], "error: kubectl: no such program on the PATH"),
        (
            ["cancel", "lab/one"],
            "error: kubectl: no such program on the PATH; it is what talks to the cluster; perhaps still there: lab/",
        ),
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


def test_the_program_that_cancels_goes_on_by_itself_with_the_interpreter_of_the_run(cluster: Path) -> None:
    answers(cluster, f'while [ ! -e {cluster}/go ]; do sleep 0.1; done; echo "$@" >> {cluster / "calls"}')
    subprocess.run(
        [ROOT / "profiles/kubernetes/cancel", "lab/one"],
        env=os.environ | {"OVLAB_PYTHON": sys.executable},
        check=True,
    )
    assert not (cluster / "calls").exists()  # Snakemake would have killed it by now
    (cluster / "go").touch()
    _wait_for((cluster / "calls").exists)
    assert "delete pod one" in (cluster / "calls").read_text()


def test_a_pod_that_an_earlier_run_has_left_at_the_same_work_is_ended_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in install(tmp_path / "cluster", source=ROOT / "src").items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cluster/state/hold").touch()
    said = {"type": "single", "rule": "convert", "threads": 1, "jobid": 1, "resources": {"mem_mb": 10}, "output": ["a"]}
    script, settings = tmp_path / "job.sh", tmp_path / "pods.yaml"
    settings.write_text(
        f"{{image: 'ovlab:test', claim: ovlab-work, mount: {tmp_path}, user: 9, group: 9, measuring_cores: 1}}"
    )
    cluster = Cluster(tmp_path / "cluster/state")
    made = []
    for output in ("a", "b", "a"):
        script.write_text(f"# properties = {json.dumps(said | {'output': [output]})}\n")
        monkeypatch.setenv("SNAKEMAKE_CLUSTER_SIDECAR_VARS", f"run-{len(made)}")
        made.append(submit(script, settings).removeprefix("default/"))
    assert [cluster.pod(name) is None for name in made] == [True, False, False]
    assert cluster.pods()[0]["metadata"]["labels"]["ovlab/run"].startswith("run-")
    cancel([f"default/{name}" for name in made])
    assert cluster.pods() == []


def test_what_lives_beside_a_run_ends_its_pods_when_the_run_has_gone(cluster: Path) -> None:
    answers(cluster, f'echo "$@" >> {cluster / "calls"}')
    settings = "{image: i, claim: c, mount: /m, measuring_cores: 1, namespace: lab}"
    (cluster / "sidecar").write_bytes((ROOT / "profiles/kubernetes/sidecar").read_bytes())
    (cluster / "sidecar").chmod(0o755)
    (cluster / "pods.yaml").write_text(settings)
    # As Snakemake, which is killed, starts it: it is told nothing.
    parent = subprocess.Popen(
        ["/bin/sh", "-c", f"{cluster}/sidecar > {cluster}/run & wait"],
        env=os.environ | {"OVLAB_PYTHON": sys.executable},
    )
    _wait_for(lambda: (cluster / "run").exists() and (cluster / "run").read_text().endswith("\n"))
    parent.kill()
    parent.wait()
    _wait_for((cluster / "calls").exists)
    run = (cluster / "run").read_text().strip()
    assert f"delete pods --namespace=lab --selector=ovlab/run={run} " in (cluster / "calls").read_text()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_asking_for_states_loads_no_heavy_package() -> None:
    heavy = ("pydantic", "yaml", "snakemake", "numpy")
    code = f"import sys, ovlab_pods.__main__; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
