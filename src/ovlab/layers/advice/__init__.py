"""What would help: rules that cite their numbers, and stay silent where these do not carry them.

A rule is a function from a `Case` to advice or none; adding one is adding it to `RULES`.
"""

from __future__ import annotations

from ovlab.layers.advice import machine, nodes, quantisation
from ovlab.layers.advice.case import Advice, Case, Rule

__all__ = ["RULES", "Advice", "Case", "advise"]

RULES: tuple[Rule, ...] = (
    machine.other_type_is_faster,
    machine.int8_without_instructions,
    machine.bound_by_bandwidth,
    quantisation.left_in_floating_point,
    quantisation.slower_than_before,
    quantisation.depthwise_gains_nothing,
    nodes.conversions,
    nodes.reference_kernels,
    nodes.small_nodes,
)


def advise(case: Case) -> list[Advice]:
    """Apply all rules, the advice that allows the largest gain first."""
    found = [advice for rule in RULES if (advice := rule(case)) is not None]
    return sorted(found, key=lambda one: -one.gain)
