"""Which node a measuring job asks a cluster for: what its host's YAML says, as the executors have it."""

from __future__ import annotations

import shlex

from ovlab.errors import OvlabError
from ovlab.specs import HostSpec
from ovlab.specs.host import PodNeeds
from ovlab.text import shortened

ALONE = "--exclusive"
"""Nothing else on the node, and all of its cores."""


def node_extra(host: HostSpec, *, alone: bool = True) -> str:
    """Return the options of ``sbatch`` that Snakemake has no resource for: the node alone, and the host's own.

    They go on a shell's command line: each is quoted.

    Raises
    ------
    OvlabError
        If a quote in the host's ``slurm.extra`` does not end.
    """
    try:
        return shlex.join([ALONE] * alone + shlex.split(host.slurm.extra or ""))
    except ValueError as error:
        raise OvlabError(f"conf/host: slurm.extra: {shortened(host.slurm.extra)}: {error}") from None


def pod_needs(host: HostSpec, *, alone: bool = True) -> str:
    """Return what a pod needs of its node, for the resource ``kubernetes`` of a job: JSON.

    Parameters
    ----------
    host : HostSpec
        The host.
    alone : bool
        Whether it is to be the only pod there, and to have all cores.
    """
    return PodNeeds(**host.kubernetes.model_dump(), alone=alone).to_json()
