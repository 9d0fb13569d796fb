"""What Snakemake says of a job in the script that it wants run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovlab.errors import OvlabError, one_line
from ovlab.specs.host import PodNeeds

HEAD = "# properties = "


@dataclass(frozen=True)
class Job:
    """A job of Snakemake, or a group of them.

    Attributes
    ----------
    script : Path
        The shell script that runs it; absolute.
    name : str
        Of the rule, or of the group.
    told : str
        For people: the values of its wildcards.
    threads, memory_mb : int
        What it asks for.
    minutes : int, optional
        After which it is to be ended.
    node : PodNeeds
        What it needs of its node.
    outputs : tuple of str
        Files that it makes, as far as Snakemake names them.
    identity : str
        The same for the same work, whichever run asks for it.
    """

    script: Path
    name: str
    told: str
    threads: int
    memory_mb: int
    minutes: int | None
    node: PodNeeds
    outputs: tuple[str, ...]
    identity: str


def read_job(script: Path) -> Job:
    """Read a job from the script that Snakemake has written for it.

    Raises
    ------
    OvlabError
        If the script does not say what job it is, or the job does not say how much memory it needs.
    """
    try:
        lines = script.read_text(encoding="utf-8").splitlines()
        said: dict[str, Any] = json.loads(next(one for one in lines if one.startswith(HEAD)).removeprefix(HEAD))
    except (OSError, ValueError, StopIteration) as error:
        raise OvlabError(f"{script}: no script of a job of Snakemake's: {one_line(error)}") from None
    resources, wildcards = said["resources"], said.get("wildcards") or {}
    name = str(said.get("rule") or said.get("groupid"))
    if "mem_mb" not in resources:
        raise OvlabError(f"{name}: no memory given, expected the resource mem_mb (--set-resources {name}:mem_mb=N)")
    outputs = tuple(said.get("output") or ())
    needs = resources.get("kubernetes")
    return Job(
        script=script.absolute(),
        name=name,
        told=" ".join(str(value) for value in wildcards.values()),
        threads=max(int(said["threads"]), 1),
        memory_mb=int(resources["mem_mb"]),
        minutes=int(resources["runtime"]) if "runtime" in resources else None,
        node=PodNeeds.from_json(needs, f"{name}: resources: kubernetes") if needs else PodNeeds(alone=False),
        outputs=outputs,
        # A group's number is made of its last job; a single job's is another one in each run.
        identity=json.dumps([name, wildcards, sorted(outputs), said["jobid"] if said["type"] == "group" else None]),
    )
