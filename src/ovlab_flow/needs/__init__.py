"""What a job needs of the machine that a cluster gives it."""

from ovlab_flow.needs.memory import memory_mb

__all__ = ["memory_mb"]
