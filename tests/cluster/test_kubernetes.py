"""A run whose jobs are pods of a stand-in for Kubernetes: what is submitted runs to its end as it stands there."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import kubectl_stand_in
import pandas as pd
import pytest
from workflow_runs import TINY, command, copy_workflow

from ovlab.records import read_record

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("snakemake_executor_plugin_cluster_generic") is None,
    reason="the executor is not installed (make kubernetes)",
)
HOST = "kubernetes: {node_selector: {kind: bench}, cores: 2}\nexpect: {node: node-1}\n"
MEASURING = ("experiment.scenarios=[single_stream,multi_stream]", "experiment.hosts=[lab]", "measurement.duration_s=2")
POLLS = ("--profile", "profiles/kubernetes", "--latency-wait", "5", "--seconds-between-status-checks", "1")


class Run:
    """A folder on the shared volume, and a cluster."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = copy_workflow(folder / "shared") if not (folder / "shared").mkdir() else folder
        self.environment = kubectl_stand_in.install(folder / "cluster", source=self.folder / "src")
        # The code of this folder, as in a checkout of one's own: what pods import then stands in the manifest.
        paths = [str(self.folder / "src"), self.environment.get("PYTHONPATH", "")]
        self.environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self.state = folder / "cluster/state"
        (self.folder / "conf/host/lab.yaml").write_text(HOST)
        told = {"image": "ovlab:test", "claim": "ovlab-work", "mount": str(folder / "shared"), "user": "1000"}
        told |= {"group": "1000", "measuring_cores": "1"} | settings
        (self.folder / "profiles/kubernetes/pods.yaml").write_text("".join(f"{k}: {v}\n" for k, v in told.items()))

    def start(self, *arguments: str, overrides: tuple[str, ...] = TINY, **config: str) -> subprocess.Popen[str]:
        """Start Snakemake; what it says goes to a file, as a pipe that nobody reads would fill."""
        # What a shell without job control runs in the background ignores Ctrl-C, and so would what it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with (self.folder / "run.txt").open("w") as out:
            return subprocess.Popen(
                command(*POLLS, *arguments, overrides=overrides, **config),
                cwd=self.folder,
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def finished(self, run: subprocess.Popen[str], code: int) -> str:
        """Wait for the end, and return what was said."""
        found = run.wait(400)
        said = (self.folder / "run.txt").read_text()
        logs = "".join(path.read_text()[-3000:] for path in self.folder.glob(".snakemake/kubernetes_logs/*.log"))
        assert found == code, said[-6000:] + logs
        return said

    def close(self) -> None:
        """Delete every pod, so that nothing of the cluster goes on."""
        cluster = kubectl_stand_in.Cluster(self.state)
        with cluster.locked():
            for pod in cluster.pods():
                cluster.delete(pod["metadata"]["name"])

    def pods(self) -> list[dict[str, Any]]:
        """Return every pod that was created, the first first."""
        found = [json.loads(path.read_text()) for path in (self.state / "created").glob("*.json")]
        return sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def wait_for(self, condition: Callable[[], object], run: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert run.poll() is None and time.monotonic() < deadline, (self.folder / "run.txt").read_text()[-4000:]
            time.sleep(0.1)


def rule_of(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["labels"]["app.kubernetes.io/component"])


def span(pod: dict[str, Any]) -> tuple[str, str]:
    status = pod["status"]
    return status["startTime"], status["containerStatuses"][0]["state"]["terminated"]["finishedAt"]


@pytest.fixture
def new_run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    made: list[Run] = []

    def make(**settings: str) -> Run:
        made.append(Run(tmp_path, **settings))
        return made[-1]

    yield make
    for run in made:
        run.close()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run that was planned, and whose configuration was damaged before its first pod began."""
    run = Run(tmp_path_factory.mktemp("kubernetes"))
    (run.state / "hold").touch()
    process = run.start(overrides=(*TINY, *MEASURING), mirror="https://ursula:s3cret@127.0.0.1:1/mirror")
    try:
        run.wait_for(run.pods, process)
        (run.folder / "conf/experiment/quickstart.yaml").write_text("no: experiment\n")
        (run.state / "hold").unlink()
        run.finished(process, 0)
        yield run
    finally:
        process.kill()
        process.wait(60)
        run.close()


def test_every_cell_is_measured_and_validated(done: Run) -> None:
    found = pd.read_csv(done.folder / "results/quickstart/report/tables/results.csv")
    assert len(found) == 3 * 2
    assert (found["status"] == "ok").all()
    assert (found["throughput_fps"] > 0).all()
    assert (found["accuracy"] > 0.5).all()


def test_a_model_is_prepared_in_one_pod_and_each_session_is_one(done: Run) -> None:
    rules = [rule_of(pod) for pod in done.pods()]
    assert sorted(rules) == ["benchmark", "benchmark", "prepare"]
    assert not list((done.state / "pods").glob("*.json"))  # pods that have ended are deleted


def test_measuring_pods_have_the_node_and_the_cores_of_their_host(done: Run) -> None:
    for pod in done.pods():
        resources = pod["spec"]["containers"][0]["resources"]
        assert resources["requests"] == resources["limits"]
        if rule_of(pod) == "benchmark":
            assert resources["requests"]["cpu"] == "2"
            assert pod["spec"]["nodeSelector"]["kind"] == "bench"
            assert pod["spec"]["affinity"]
            assert pod["spec"]["activeDeadlineSeconds"] == 240 * 60
        else:
            # What the profile says, and no more than Snakemake has where it runs.
            assert resources["requests"]["cpu"] == str(min(4, len(os.sched_getaffinity(0))))
            assert "kind" not in pod["spec"]["nodeSelector"]
            assert "affinity" not in pod["spec"]


def test_nothing_runs_beside_a_measurement(done: Run) -> None:
    spans = sorted(span(pod) for pod in done.pods())
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    for path in done.folder.glob("results/quickstart/sessions/**/session.json"):
        # A pod's own name says nothing; the node's is handed to it.
        assert read_record(path, "session").data["host"]["node"] == "node-1"


def test_no_manifest_and_no_script_holds_a_credential(done: Run) -> None:
    assert done.pods()
    told = "".join(path.read_text() for path in done.state.rglob("*") if path.is_file())
    assert "s3cret" not in told
    assert "s3cret" not in (done.folder / "run.txt").read_text()


def test_an_image_that_cannot_be_pulled_ends_the_run(new_run: Callable[..., Run]) -> None:
    run = new_run(image="ovlab:nowhere", wait_minutes="{image: 0}")
    said = run.finished(run.start("--retries", "0"), 1)
    assert 'ImagePullBackOff: Back-off pulling image "ovlab:nowhere" (given up after 0 minutes' in said
    assert not list((run.state / "pods").glob("*.json"))


def test_a_claim_that_is_absent_ends_the_run(new_run: Callable[..., Run]) -> None:
    run = new_run(claim="ovlab-wrok")
    said = run.finished(run.start("--retries", "0"), 1)
    assert "error: claim: there is no persistent volume claim 'ovlab-wrok'; did you mean 'ovlab-work'?" in said
    assert not run.pods()


def test_without_kubectl_the_run_ends_with_one_line(new_run: Callable[..., Run], tmp_path: Path) -> None:
    run = new_run()
    (tmp_path / "cluster/bin/kubectl").unlink()
    run.environment["PATH"] = str(tmp_path / "cluster/bin")
    for name in ("sh", "bash", "which", "python3"):
        path = shutil.which(name)
        assert path is not None
        (tmp_path / "cluster/bin" / name).symlink_to(path)
    said = run.finished(run.start("--retries", "0"), 1)
    assert said.count("error: kubectl: no such program on the PATH") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_interrupted_or_killed_takes_its_pods_along(
    new_run: Callable[..., Run], number: signal.Signals
) -> None:
    run = new_run()
    (run.state / "hold").touch()
    process = run.start()
    run.wait_for(run.pods, process)
    time.sleep(1)
    process.send_signal(number)
    process.wait(120)
    deadline = time.monotonic() + 60
    while list((run.state / "pods").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not list((run.state / "pods").glob("*.json"))
