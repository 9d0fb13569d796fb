"""A job's pod: what stands in its manifest, and what is refused before there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubectl_stand_in import check
from workflow_runs import ROOT

from ovlab.errors import OvlabError
from ovlab.specs import HostSpec
from ovlab_flow.needs import pod_needs
from ovlab_pods.jobs import read_job
from ovlab_pods.manifest import render
from ovlab_pods.names import label_value, pod_name
from ovlab_pods.settings import PodSettings, read_settings

SHARED = Path("/shared/ovlab")
SETTINGS = {"image": "ovlab:1", "claim": "work", "mount": "/shared", "measuring_cores": 8}
HOST = {"kubernetes": {"node_selector": {"kind": "new"}, "cores": 16, "devices": {"gpu.intel.com/i915": 1}}}


def script(folder: Path, **said: Any) -> Path:
    """Write a script as Snakemake does."""
    properties = {
        "type": "single",
        "rule": "benchmark",
        "wildcards": {"model": "m", "host": "lab"},
        "output": ["results/x/session.json"],
        "threads": 1,
        "resources": {"mem_mb": 2100, "runtime": 240},
        "jobid": 7,
    } | said
    path = folder / "snakejob.sh"
    path.write_text(f"#!/bin/sh\n# properties = {json.dumps(properties)}\ncd /shared/ovlab && python -m snakemake\n")
    return path


def measuring(host: dict[str, Any]) -> dict[str, Any]:
    return {"resources": {"mem_mb": 2100, "runtime": 240, "kubernetes": pod_needs(HostSpec.model_validate(host))}}


def pod(folder: Path, settings: dict[str, Any] | None = None, user: tuple[int, int] = (501, 20), **said: Any) -> Any:
    found = render(
        read_job(script(folder, **said)),
        PodSettings.model_validate(SETTINGS | (settings or {})),
        folder=SHARED,
        code=SHARED / "src",
        user=user,
        suffix="0a1b2c",
    )
    check(found)
    return found


def test_a_measuring_pod_has_cores_of_its_own_on_a_node_of_its_host(tmp_path: Path) -> None:
    spec = pod(tmp_path, **measuring(HOST))["spec"]
    (container,) = spec["containers"]
    asked = {"cpu": "16", "memory": "2100M", "gpu.intel.com/i915": "1"}
    assert container["resources"] == {"requests": asked, "limits": asked}
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "kind": "new"}
    assert spec["activeDeadlineSeconds"] == 240 * 60
    assert pod(tmp_path, **measuring({}))["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "8"


def test_a_measuring_pod_is_alone_but_for_what_runs_on_every_node(tmp_path: Path) -> None:
    def term(**settings: Any) -> Any:
        spec = pod(tmp_path, settings, **measuring(HOST))["spec"]
        (found,) = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert found["topologyKey"] == "kubernetes.io/hostname"
        assert found["labelSelector"] == {}  # every pod; none would be no selector at all
        return found["namespaceSelector"]

    (beside,) = term(may_run_beside=["kube-system", "calico-system"])["matchExpressions"]
    assert (beside["operator"], beside["values"]) == ("NotIn", ["kube-system", "calico-system"])
    assert term(may_run_beside=[]) == {}  # all namespaces


def test_other_pods_share_their_node_and_ask_for_the_threads_of_their_rule(tmp_path: Path) -> None:
    group = {"type": "group", "groupid": "prepare", "rule": None, "wildcards": None, "jobid": "a-b-c", "threads": 4}
    found = pod(tmp_path, **group, resources={"mem_mb": 4000})
    assert "affinity" not in found["spec"]
    assert "activeDeadlineSeconds" not in found["spec"]
    assert found["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "4", "memory": "4000M"}
    assert found["metadata"]["name"] == "ovlab-prepare-0a1b2c"
    assert found["metadata"]["labels"]["app.kubernetes.io/component"] == "prepare"


def test_a_pod_is_a_user_without_rights_who_sees_the_shared_folder(tmp_path: Path) -> None:
    spec = pod(tmp_path)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert (spec["securityContext"]["runAsUser"], spec["securityContext"]["runAsGroup"]) == (501, 20)
    (container,) = spec["containers"]
    assert container["command"] == ["/bin/sh", str(tmp_path / "snakejob.sh")]
    assert container["workingDir"] == str(SHARED)
    mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    claims = {one["name"]: one["persistentVolumeClaim"] for one in spec["volumes"] if "persistentVolumeClaim" in one}
    assert [mounted[name] for name in claims] == ["/shared"]
    assert list(claims.values()) == [{"claimName": "work"}]
    other = pod(tmp_path, {"user": 1000, "group": 1001})["spec"]["securityContext"]
    assert (other["runAsUser"], other["runAsGroup"]) == (1000, 1001)


def test_nothing_of_the_environment_but_the_grid_is_in_a_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OVLAB_OPTIONS", "OVLAB_MIRROR", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("OVLAB_GRID", "0123 /shared/ovlab/.snakemake/ovlab/x.json")
    found = pod(tmp_path)
    assert "s3cret" not in json.dumps(found)
    given = {one["name"]: one.get("value") for one in found["spec"]["containers"][0]["env"]}
    assert given["OVLAB_GRID"] == "0123 /shared/ovlab/.snakemake/ovlab/x.json"
    assert given["PYTHONPATH"] == str(SHARED / "src")


def test_what_a_registry_and_tainted_nodes_want_is_handed_on(tmp_path: Path) -> None:
    taint = {"key": "bench", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}
    settings = {"image_pull_secrets": ["registry"], "tolerations": [taint], "namespace": "lab", "service_account": "o"}
    found = pod(tmp_path, settings)
    assert found["metadata"]["namespace"] == "lab"
    assert found["spec"]["tolerations"] == [taint]
    assert found["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert found["spec"]["serviceAccountName"] == "o"
    assert found["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    "rule", ["benchmark", "profile_layers", "x" * 300, "Größe_ñ", "-a-", "_", "a" * 45 + "-" * 30 + "b"]
)
def test_any_name_becomes_one_that_kubernetes_takes(tmp_path: Path, rule: str) -> None:
    found = pod(tmp_path, rule=rule, wildcards={"model": "m" * 5000})
    assert found["metadata"]["name"].startswith("ovlab-")
    assert pod_name(rule, "0a1b2c").endswith("-0a1b2c")
    assert len(label_value(rule)) <= 63


def test_the_same_work_has_the_same_label_in_every_run(tmp_path: Path) -> None:
    def label(**said: Any) -> str:
        return str(pod(tmp_path, **said)["metadata"]["labels"]["ovlab/job"])

    assert label(jobid=7) == label(jobid=8)
    assert label() != label(wildcards={"model": "other"}, output=["results/other.json"])
    of_group = {"type": "group", "groupid": "prepare"}
    assert label(**of_group, jobid="a") != label(**of_group, jobid="b")


def refused(pattern: str, folder: Path, *arguments: Any, **said: Any) -> None:
    with pytest.raises(OvlabError, match=pattern) as error:
        pod(folder, *arguments, **said)
    assert "\n" not in str(error.value)


def test_what_cannot_run_in_a_pod_is_refused(tmp_path: Path) -> None:
    refused(r"/shared/ovlab is not below /other \(mount\).*claim work", tmp_path, {"mount": "/other"})
    refused("/elsewhere/session.json is not below /shared", tmp_path, output=["/elsewhere/session.json"])
    refused("/session.json is not below /shared", tmp_path, output=["../../session.json"])
    refused("do not run as root", tmp_path, None, (0, 0))
    refused("benchmark: no memory given.*mem_mb", tmp_path, resources={})
    with pytest.raises(OvlabError, match="no script of a job"):
        read_job(tmp_path / "nowhere.sh")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("imgae: x", r"pods\.yaml: imgae: unknown key; did you mean 'image'"),
        ("image: x", r"pods\.yaml: claim: missing"),
        ("claim: Work_1", r"pods\.yaml: claim: "),
        ("mount: shared", r"pods\.yaml: mount: "),
        ("user: 0", r"pods\.yaml: user: "),
        ("measuring_cores: 0.5", r"pods\.yaml: measuring_cores: "),
        ("wait_minutes: {image: -1}", r"pods\.yaml: wait_minutes\.image: "),
        ("tolerations: [{key: a, operator: In}]", r"pods\.yaml: tolerations\.0\.operator: .*valid: "),
        ("[", r"pods\.yaml: "),
        ("image", r"pods\.yaml: expected keys and values"),
    ],
)
def test_settings_that_are_wrong_are_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "pods.yaml"
    needed = {key: json.dumps(value) for key, value in SETTINGS.items() if not text.startswith((key, "[", "image"))}
    path.write_text("".join(f"{key}: {value}\n" for key, value in needed.items()) * (text != "image: x") + text)
    if text in {"image: x", "image", "["}:
        path.write_text(text)
    with pytest.raises(OvlabError, match=said) as error:
        read_settings(path)
    assert "\n" not in str(error.value)


def test_the_settings_that_ship_hold() -> None:
    found = read_settings(ROOT / "profiles/kubernetes/pods.yaml")
    text = (ROOT / "profiles/kubernetes/pods.yaml").read_text(encoding="utf-8")
    shown = yaml.safe_load("\n".join(line.removeprefix("# ") for line in text.splitlines()[1:]))
    assert found.wait_minutes.plain() == shown["wait_minutes"]  # those that are shown as defaults
    assert found.scratch == shown["scratch"]
    assert PodSettings.model_validate(shown)


@pytest.mark.parametrize("key", ["node_selector", "devices"])
def test_labels_that_kubernetes_would_refuse_are_refused_in_the_file_of_the_host(key: str) -> None:
    value: object = "yes" if key == "node_selector" else 1
    for name in ("with space", "a/b/c", "x" * 64, "-a"):
        with pytest.raises(ValueError, match=f"kubernetes.{key}"):
            HostSpec.model_validate({"kubernetes": {key: {name: value}}})
    assert HostSpec.model_validate({"kubernetes": {key: {"node.kubernetes.io/instance-type": value}}})
