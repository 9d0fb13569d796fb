"""What jobs ask of a cluster: memory by their models, and a node alone for those that measure."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import yaml
from workflow_runs import ROOT, copy_workflow, snakemake

from ovlab.errors import OvlabError
from ovlab.specs import HostSpec, SourceSpec
from ovlab_flow import load_grid
from ovlab_flow.grid import Source
from ovlab_flow.needs import node_extra
from ovlab_flow.needs.memory import FLOOR_MB, PER_MODEL_MB, UNKNOWN_MB, memory_mb

MEASURING = ("benchmark", "measure_peaks", "profile_layers")
SHA256 = "0" * 64


def rule_names() -> set[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    return set(re.findall(r"^(?:use rule \w+ as|rule) (\w+)", text, re.MULTILINE))


def source(*files: dict[str, object]) -> Source:
    return Source(
        "models", "mine", "0" * 8, SourceSpec.model_validate({"files": [{"sha256": SHA256} | one for one in files]})
    )


def test_memory_grows_with_the_model(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"x" * 3_000_000)
    declared = {"url": "https://example.org/m.onnx", "size": 100_000_000}
    assert memory_mb([], "") == FLOOR_MB
    assert memory_mb([source(declared)], "") == FLOOR_MB + PER_MODEL_MB * 100
    assert memory_mb([source(declared, declared | {"name": "second.onnx"})], "") == FLOOR_MB + PER_MODEL_MB * 200
    assert memory_mb([source({"path": str(tmp_path / "m.onnx")})], "") == FLOOR_MB + PER_MODEL_MB * 3
    assert memory_mb([source({"embedded": "m.onnx"})], str(tmp_path)) == FLOOR_MB + PER_MODEL_MB * 3
    # Variants are measured one after the other: the largest counts.
    small = source({"url": "https://example.org/s.onnx", "size": 1_000_000})
    assert memory_mb([small, source(declared), small], "") == FLOOR_MB + PER_MODEL_MB * 100


@pytest.mark.parametrize("file", [{"url": "https://example.org/m.onnx"}, {"path": "/nowhere/m.onnx"}])
def test_a_model_of_unknown_size_is_taken_for_a_large_one(file: dict[str, object]) -> None:
    assert memory_mb([source(file)], "") == FLOOR_MB + PER_MODEL_MB * UNKNOWN_MB


def test_every_model_that_ships_asks_for_what_a_node_has() -> None:
    for path in (ROOT / "conf/experiment").glob("*.yaml"):
        for one in load_grid(path.stem).variants.values():
            assert FLOOR_MB < memory_mb([one.model_source], str(ROOT / "resources")) < 16_000


def test_the_profile_for_slurm_gives_measurements_a_node_alone() -> None:
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
    for rule in MEASURING:
        found = profile["set-resources"][rule]
        assert "slurm_extra" not in found  # it would take the place of the rule's
        assert found["slot"] == 1  # nodes measure side by side
        assert rule not in profile["groups"]
    assert profile["slurm-status-command"] == "squeue"
    assert {*profile["set-threads"], *profile["set-resources"], *profile["groups"]} <= rule_names()


def test_the_profile_for_kubernetes_names_rules_that_there_are_and_lets_nodes_measure_side_by_side() -> None:
    profile = yaml.safe_load((ROOT / "profiles/kubernetes/config.yaml").read_text(encoding="utf-8"))
    assert {*profile["set-threads"], *profile["set-resources"], *profile["groups"]} <= rule_names()
    for rule in MEASURING:
        found = profile["set-resources"][rule]
        assert "kubernetes" not in found  # it would take the place of the rule's
        assert found["slot"] == 1
        assert rule not in profile["groups"]
    # Python and its packages are the image's; everything else is the shared folder's.
    assert set(profile["shared-fs-usage"]) == {"input-output", "persistence", "sources", "storage-local-copies"}
    assert os.access(ROOT / "profiles/kubernetes" / profile["cluster-generic-cancel-cmd"], os.X_OK)


def test_the_job_for_kubernetes_has_cores_of_its_own() -> None:
    job = yaml.safe_load((ROOT / "profiles/kubernetes/job.yaml").read_text(encoding="utf-8"))
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    # Of class "Guaranteed", in whole cores: only so a static CPU manager sets cores apart.
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert container["resources"]["requests"]["cpu"].isdigit()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["nodeSelector"]
    mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounted.keys() == {one["name"] for one in pod["volumes"]}
    assert container["args"][-1] == f"overrides=[results={mounted['results']}]"


def test_the_image_gets_what_a_run_needs_and_no_more() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {word for line in lines if line.startswith("COPY --chown") for word in line.split()[2:-1]}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    assert kept == copied | {"requirements.lock"}
    assert all((ROOT / name).exists() for name in kept)
    assert {"Snakefile", "conf", "profiles", "resources", "scripts", "src", "workflow"} <= copied
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users == ["ovlab"]
    assert any("--require-hashes" in line for line in lines)


def test_options_of_a_host_are_quoted_for_the_shell_that_they_go_through() -> None:
    assert node_extra(HostSpec()) == "--exclusive"
    of = {"slurm": {"extra": "--nodelist=node7 --licenses='a b'; rm -rf /"}}
    assert node_extra(HostSpec.model_validate(of)) == "--exclusive --nodelist=node7 '--licenses=a b;' rm -rf /"
    with pytest.raises(OvlabError, match=r"slurm\.extra.*quotation"):
        node_extra(HostSpec.model_validate({"slurm": {"extra": "--licenses='a"}}))


def test_measuring_jobs_ask_for_the_node_of_their_host(tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    (folder / "conf/host/lab.yaml").write_text(
        "slurm: {partition: lab, constraint: epyc, account: ours, extra: --nice=7}\n"
        "kubernetes: {node_selector: {kind: new}, cores: 16}\n"
    )
    for path in (folder / "workflow/rules").glob("*.smk"):  # without a message of its own, a job tells its resources
        text = re.sub(r"^    message:\n(        .*\n)+", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        path.write_text(text, encoding="utf-8")
    one = ("experiment.models=[digits_cnn]", "experiment.devices=[cpu]", "experiment.scenarios=[single_stream]")
    done = snakemake(folder, "-n", overrides=(*one, "experiment.hosts=[here,lab]"))
    assert done.returncode == 0, done.stdout
    lines = [line for line in done.stdout.splitlines() if "slurm_extra=" in line]
    there = [line for line in lines if "slurm_partition=lab" in line]
    # A session, a profile and the peaks of each host.
    assert (len(lines), len(there)) == (6, 3)
    assert all(
        "constraint=epyc" in one and "slurm_account=ours" in one and "--exclusive --nice=7" in one for one in there
    )
    asked = [json.loads(re.search(r"kubernetes=(\{.*?true\})", one)[1]) for one in there]  # type: ignore[index]
    assert asked == [{"node_selector": {"kind": "new"}, "cores": 16, "alone": True}] * 3
    assert not any("constraint=" in one or "slurm_account=" in one for one in lines if one not in there)
