"""A host: where its jobs go, by what it is known, and how quiet it must be for a measurement to count."""

from __future__ import annotations

import operator
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

from ovlab.specs.base import Spec

Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]
Words = Annotated[str, Field(min_length=1)]
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$")]
LabelKey = Annotated[
    str,
    Field(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"),
]
"""Of a label or a resource of Kubernetes: ``node.kubernetes.io/instance-type``."""
Cores = Annotated[int, Field(ge=1, le=10_000)]
HERE = "here"
"""The host that asks for nothing: the machine that the workflow runs on."""


class SlurmSpec(Spec):
    """Where Slurm is to run a host's jobs (``slurm`` in ``conf/host``).

    Attributes
    ----------
    partition, account : str, optional
        As for ``sbatch --partition`` and ``--account``.
    constraint : str, optional
        Features of the nodes, as for ``sbatch --constraint``: ``icelake``.
    extra : str, optional
        Further options of ``sbatch``: ``--nodelist=node7``.
    """

    partition: Words | None = None
    constraint: Words | None = None
    account: Words | None = None
    extra: Words | None = None


class KubernetesSpec(Spec):
    """Where Kubernetes is to run a host's jobs (``kubernetes`` in ``conf/host``).

    Attributes
    ----------
    node_selector : dict of str
        Labels that a node must have.
    cores : int, optional
        Whole cores that a node can give to a pod; None: as many as the profile's ``pods.yaml`` says.
    devices : dict of int
        What a pod needs besides, as device plugins name it: ``{gpu.intel.com/i915: 1}``.
    """

    node_selector: dict[LabelKey, LabelValue] = {}
    # Left out where they are not given: peaks that were measured before are still those of their host.
    cores: Annotated[Cores | None, Field(exclude_if=operator.not_)] = None
    devices: Annotated[dict[LabelKey, Annotated[int, Field(ge=1)]], Field(exclude_if=operator.not_)] = {}


class PodNeeds(KubernetesSpec):
    """What a job needs of its node; as a job's resource it is JSON.

    Attributes
    ----------
    alone : bool
        Whether it is to be the only pod there, and to have all cores.
    """

    alone: bool = True


class ExpectSpec(Spec):
    """By what a host is known (``expect`` in ``conf/host``): steps that measure refuse to run elsewhere.

    Patterns may hold ``*`` and ``?``; small letters and capitals are alike.

    Attributes
    ----------
    cpu_model : str, optional
        The processor's model name, as the operating system tells it: ``*Xeon*8380*``.
    node : str, optional
        The machine's name in its network, with or without its domain: ``node[0-9]``.
    """

    cpu_model: Words | None = None
    node: Words | None = None

    def why_not(self, cpu_model: str, node: str) -> str:
        """Say what a machine is expected to be and is not; empty where it is all that.

        Parameters
        ----------
        cpu_model, node : str
            What the machine is.
        """
        found = {"cpu_model": (self.cpu_model, (cpu_model,)), "node": (self.node, (node, node.partition(".")[0]))}
        return "; ".join(
            f"{key} is {names[0]!r}, expected {pattern!r}"
            for key, (pattern, names) in found.items()
            if pattern is not None and not any(fnmatchcase(name.casefold(), pattern.casefold()) for name in names)
        )


class HostSpec(Spec):
    """A host's YAML file (``conf/host``): a machine, or a kind of machine of a cluster, that measures.

    Attributes
    ----------
    slurm, kubernetes
        Where its jobs go under these; without a cluster nobody asks.
    expect : ExpectSpec
        By what it is known.
    """

    description: str = ""
    slurm: SlurmSpec = SlurmSpec()
    kubernetes: KubernetesSpec = KubernetesSpec()
    expect: ExpectSpec = ExpectSpec()

    @property
    def asks_for_nothing(self) -> bool:
        """Whether any machine will do, so that it is the one that the workflow runs on."""
        return self.model_copy(update={"description": ""}) == HostSpec()


class NoiseSpec(Spec):
    """Bounds of the noise gate (``measurement.noise`` in ``conf/config.yaml``).

    A bound of None is not checked; the reading is recorded all the same. Where the host does not tell a reading
    (no frequencies in a virtual machine), its bound has no effect.

    Attributes
    ----------
    wait_s : float
        Seconds that a session waits for the host to become quiet, all its rounds together. 0 never waits.
    then : {"mark", "fail"}
        What becomes of a row that was measured amid noise all the same: its `reason` says so, or it fails.
    tolerated : float
        Share of a row's launches (0 to 1) that may be beyond a bound.
    other_load : float, optional
        Processor time of processes that are not ours, as a share of what all cores have (0 to 1).
    steal : float, optional
        Processor time that the hypervisor gave to others, as a share of what was wanted (0 to 1).
    kernel_slowdown : float, optional
        Time of the calibration kernel over its best in the session, less 1.
    clock_drop : float, optional
        How far the processor's clock at the end of the timed part is below its highest in the session (0 to 1).
    temperature_c : float, optional
        Hottest sensor of the processor at the end of a launch, in degrees Celsius.
    throttling : int, optional
        Thermal throttling events during a launch, all cores together.
    major_faults : int, optional
        Page faults in the timed part that had to be read from a disk.
    """

    wait_s: Annotated[float, Field(ge=0, le=1e6)] = 60.0
    then: Literal["mark", "fail"] = "mark"
    tolerated: Share = 0.2
    other_load: Share | None = 0.2
    steal: Share | None = 0.05
    kernel_slowdown: NotNegative | None = 0.25
    clock_drop: Share | None = None
    temperature_c: NotNegative | None = None
    throttling: Annotated[int, Field(ge=0)] | None = None
    major_faults: Annotated[int, Field(ge=0)] | None = 100
