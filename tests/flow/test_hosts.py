"""Hosts: what exists once and what once a host, what another host adds, and what is said of names that are wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from workflow_runs import TINY, copy_workflow, planned, snakemake

from ovlab.errors import OvlabError
from ovlab.specs import HERE
from ovlab_flow import Grid, load_grid
from ovlab_flow.__main__ import main
from ovlab_flow.retry import records_of

FEW = (
    "experiment.models=[digits_cnn]",
    "experiment.precisions=[fp32,int8]",
    "experiment.devices=[cpu]",
    "experiment.scenarios=[single_stream,offline]",
)
HOSTS = {
    "left": "slurm: {partition: old, constraint: cascadelake}\nexpect: {cpu_model: '*Xeon*'}\n",
    "right": "kubernetes: {node_selector: {kind: new}}\n",
}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return extra_conf(tmp_path / "conf", HOSTS)


def extra_conf(folder: Path, hosts: dict[str, str]) -> Path:
    (folder / "host").mkdir(parents=True)
    for name, text in hosts.items():
        (folder / "host" / f"{name}.yaml").write_text(text)
    return folder


def grid(conf: Path, *overrides: str, hosts: str = "[left,right]") -> Grid:
    return load_grid("quickstart", extra_conf=str(conf), overrides=[*FEW, f"experiment.hosts={hosts}", *overrides])


class Wildcards:
    host = "left"


def test_measurements_exist_once_a_host_and_all_else_once(conf: Path) -> None:
    one, two = grid(conf, hosts="[left]"), grid(conf)
    assert set(two.sessions) == {("digits_cnn", "cpu", s, h) for s in ("single_stream", "offline") for h in HOSTS}
    assert set(two.profiles) == {("digits_cnn", "cpu", host) for host in HOSTS}
    assert set(two.machines) == {("cpu", host) for host in HOSTS}
    assert (two.sources, two.variants, two.accuracies) == (one.sources, one.variants, one.accuracies)
    assert two.profiles["digits_cnn", "cpu", "right"].machine is two.machines["cpu", "right"]


def test_another_host_leaves_the_files_of_the_first_as_they_are(conf: Path) -> None:
    one, two = grid(conf, hosts="[left]"), grid(conf)
    assert set(records_of(one)) < set(records_of(two))
    for name, session in one.sessions.items():
        assert two.sessions[name].settings == session.settings
    assert len(set(records_of(two))) == len(list(records_of(two)))


def test_a_host_that_nobody_asks_for_is_this_one(conf: Path) -> None:
    plain = load_grid("quickstart", overrides=FEW)
    assert {cell.host for cell in plain.report.experiment.cells()} == {HERE}
    assert plain.report.hosts[HERE].asks_for_nothing
    assert not grid(conf).report.hosts["right"].asks_for_nothing


def test_an_executor_finds_what_to_ask_for(conf: Path) -> None:
    found = grid(conf).host(Wildcards)
    assert (found.slurm.partition, found.slurm.constraint, found.slurm.account) == ("old", "cascadelake", None)


def test_a_step_knows_its_host(conf: Path) -> None:
    found = grid(conf)
    steps = [found.sessions["digits_cnn", "cpu", "offline", "left"], found.profiles["digits_cnn", "cpu", "left"]]
    for step in (*steps, found.machines["cpu", "left"]):
        assert (step.settings.host_name, step.settings.expect.cpu_model) == ("left", "*Xeon*")


def test_peaks_of_a_host_that_is_elsewhere_do_not_depend_on_this_machine(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digests() -> dict[tuple[str, str], str]:
        return {name: one.digest for name, one in grid(conf, hosts="[left,here]").machines.items()}

    before = digests()
    monkeypatch.setattr("ovlab_flow.grid.profiling.host_identity", lambda: "another machine")
    after = digests()
    assert before["cpu", "left"] == after["cpu", "left"]
    assert before["cpu", HERE] != after["cpu", HERE]
    moved = grid(conf, "host.slurm.partition=new", hosts="[left]")
    assert moved.machines["cpu", "left"].digest != after["cpu", "left"]


def test_exclusions_name_hosts(conf: Path) -> None:
    found = grid(conf, "experiment.exclude=[{host: right, scenario: offline}]")
    assert {(name[2], name[3]) for name in found.sessions} == {
        ("single_stream", "left"),
        ("single_stream", "right"),
        ("offline", "left"),
    }


MISTAKES = {
    "experiment.hosts=[lefd]": r"experiment\.hosts: unknown host 'lefd'; did you mean 'left'\?",
    "experiment.hosts=[left,left]": r"hosts: names something twice \('left'\)",
    "experiment.hosts=[]": r"hosts: empty",
    "experiment.exclude=[{host: rihgt}]": r"experiment\.exclude: unknown host 'rihgt'; did you mean 'right'\?",
    "experiment.goals=[{where: {host: rihgt}, at_most: {latency_ms_p50: 1}}]": r"unknown host 'rihgt'",
    "host=left": r"choose with experiment\.hosts=\[\.\.\.\]",
    "hosts=[left]": r"it is experiment\.hosts=\[\.\.\.\]",
    "host.slurm.partitoin=a": r"slurm\.partitoin: unknown key; did you mean 'partition'\?",
    "host.expect.cpu_modl=a": r"expect\.cpu_modl: unknown key; did you mean 'cpu_model'\?",
    "host.kubernetes.node_selector=a": r"node_selector: input should be keys and values \(got 'a'\)",
    "host.slurm.partition=''": r"slurm\.partition: string should have at least 1 character",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(conf: Path, mistake: str) -> None:
    with pytest.raises(OvlabError) as caught:
        grid(conf, mistake)
    assert re.search(MISTAKES[mistake], str(caught.value)), str(caught.value)


def test_adding_a_host_plans_only_what_it_measures(tmp_path: Path) -> None:
    folder = copy_workflow(tmp_path)
    extra_conf(folder / "extra", HOSTS)
    overrides = (*TINY, "experiment.profile=true", "experiment.hosts=[left,right]")
    done = snakemake(folder, "-n", overrides=overrides, extra_conf="extra")
    assert done.returncode == 0, done.stdout[-2000:]
    found = planned(done.stdout)
    assert (found["convert"], found["validate"]) == (2, 3)
    assert (found["benchmark"], found["measure_peaks"], found["profile_layers"]) == (2, 2, 2)
    for host in HOSTS:
        assert f"benchmark digits_cnn on cpu of host {host}, single_stream" in done.stdout
        assert f"results/quickstart/sessions/{host}/digits_cnn/cpu/single_stream/session.json" in done.stdout


def test_the_list_of_cells_names_hosts_where_there_are_several(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heads = []
    for hosts in ("[left]", "[left,right]"):
        arguments = ["--extra-conf", str(conf), *FEW, f"experiment.hosts={hosts}"]
        assert main(arguments) == 0
        lines = capsys.readouterr().out.splitlines()
        heads.append((lines[0].split(), len([line for line in lines if "offline" in line])))
    axes = ["model", "precision", "device", "scenario"]
    assert heads == [(axes, 2), ([*axes, "host"], 4)]
