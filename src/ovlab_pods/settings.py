"""What all pods of a run have in common (``profiles/kubernetes/pods.yaml``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from ovlab.errors import OvlabError, one_line
from ovlab.specs.base import Spec, parse_spec
from ovlab.specs.host import Cores, LabelKey, LabelValue

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
"""Of an object of Kubernetes: a subdomain in the sense of RFC 1123."""
Minutes = Annotated[float, Field(ge=0, le=525600)]
UserId = Annotated[int, Field(ge=1, lt=2**31)]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?([kMGT]i?|Ki)?$")]


class Toleration(Spec):
    """A taint that nodes may have all the same (as in a pod's ``spec.tolerations``)."""

    key: LabelKey | None = None
    operator: Literal["Exists", "Equal"] = "Exists"
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class WaitSettings(Spec):
    """For how long a pod may not have begun, in minutes.

    Attributes
    ----------
    image
        While its image cannot be pulled.
    matching_node
        While no node has the labels that its host asks for: an autoscaler may add one.
    node
        While all such nodes are taken: what a queue is for.
    start
        While its node does not start it, say because a volume cannot be mounted.
    """

    image: Minutes = 5.0
    matching_node: Minutes = 15.0
    node: Minutes = 1440.0
    start: Minutes = 30.0


class PodSettings(Spec):
    """What all pods of a run have in common.

    Attributes
    ----------
    image
        As the Dockerfile makes it, at the version of this checkout.
    claim, mount
        Name of the volume claim (ReadWriteMany) that this folder lies on, and where it is seen, here and in pods.
    namespace
        None: that of kubectl's current context.
    user, group
        Numbers of the user and the group that pods run as; None: those of who runs Snakemake.
    measuring_cores
        Cores of a measuring pod whose host's file does not say ``kubernetes.cores``: all that a node can give.
    may_run_beside
        Namespaces whose pods may be on the node of a measurement: what a cluster runs on every node.
    scratch
        Most that a pod may write to its own ``/tmp``.
    service_account
        That pods run as; its token is not given to them.
    image_pull_secrets
        Names of secrets with the registry's credentials.
    """

    image: Annotated[str, Field(pattern=r"^\S+$")]
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    image_pull_secrets: list[Name] = []
    claim: Name
    mount: Annotated[str, Field(pattern=r"^/[^:]+$")]
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")] | None = None
    service_account: Name | None = None
    user: UserId | None = None
    group: UserId | None = None
    measuring_cores: Cores
    may_run_beside: list[Name] = ["kube-system"]
    tolerations: list[Toleration] = []
    scratch: Quantity = "4Gi"
    wait_minutes: WaitSettings = WaitSettings()


def read_settings(path: Path) -> PodSettings:
    """Read the settings that all pods share.

    Raises
    ------
    OvlabError
        Naming the file, the key, what is wrong with it and what was expected.
    """
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OvlabError(one_line(error)) from None
    except (ValueError, yaml.YAMLError) as error:
        raise OvlabError(f"{path}: {one_line(error)}") from None
    if not isinstance(data, dict):
        raise OvlabError(f"{path}: expected keys and values")
    return parse_spec(PodSettings, data, str(path))
