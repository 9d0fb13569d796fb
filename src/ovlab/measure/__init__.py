"""The benchmark step: measure all variants of a session in interleaved rounds of fresh processes."""

from ovlab.measure.session import Variant, benchmark

__all__ = ["Variant", "benchmark"]
