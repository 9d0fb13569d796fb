"""What a job needs of the machine that a cluster gives it."""

from ovlab_flow.needs.memory import memory_mb
from ovlab_flow.needs.nodes import node_extra, pod_needs

__all__ = ["memory_mb", "node_extra", "pod_needs"]
