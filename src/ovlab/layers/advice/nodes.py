"""Rules on nodes: conversions that were inserted, reference kernels, many small ones."""

from __future__ import annotations

from ovlab.layers.advice.case import LEAST_GAIN, Advice, Case, counted, listed, of_latency, percent, surely
from ovlab.layers.profile.model import Node

MUCH = 0.1


def conversions(case: Case) -> Advice | None:
    """Much time goes to conversions between types and layouts."""
    share = case.verdict.shares["conversions"]
    if not surely(share, MUCH):
        return None
    inserted = [node for node in case.profile.nodes if node.is_inserted and node.time_us]
    buckets: dict[str, float] = {}
    for node in inserted:
        buckets[node.conversion] = buckets.get(node.conversion, 0.0) + node.time_us
    largest = sorted(buckets, key=lambda name: -buckets[name])
    around = _layers_around(case, inserted)
    beside = f", mostly beside {around}" if around else ""
    of_types = sum(node.time_us for node in inserted if node.source.split()[:1] != node.target.split()[:1])
    total = sum(node.time_us for node in inserted)
    if of_types > total / 2:
        cause = "Layers that need another type than their neighbours cause them: execute both sides in the same type."
    else:
        cause = (
            "Layers that need another layout than their neighbours cause them (fast convolutions take channels last): "
            "replace or remove the layers between."
        )
    return Advice(
        "conversions",
        f"{percent(share.value or 0.0)} of the time goes to {counted(len(inserted), 'conversion')} that the plugin "
        f"inserted ({listed(largest)}{beside}). {cause}",
        of_latency(case, total),
    )


def _layers_around(case: Case, inserted: list[Node]) -> str:
    """Return the type of layer that most often stands next to an inserted node in the order of execution."""
    nodes = [node for node in case.profile.nodes if node.time_us]
    counts: dict[str, int] = {}
    for before, node, after in zip(nodes, nodes[1:], nodes[2:], strict=False):
        if node in inserted:
            for one in (before, after):
                if not one.is_inserted and not one.macs:
                    counts[one.type] = counts.get(one.type, 0) + 1
    return max(counts, key=lambda kind: counts[kind], default="")


def reference_kernels(case: Case) -> Advice | None:
    """Much time goes to layers without a kernel of their own: the plugin's reference code runs them."""
    plain = [node for node in case.profile.nodes if node.kernel.startswith("ref") and not node.is_inserted]
    time = sum(node.time_us for node in plain)
    if time / case.profile.total_us < MUCH or of_latency(case, time) < LEAST_GAIN:
        return None
    kinds = sorted({f"{node.type} ({node.kernel})" for node in plain if node.time_us})
    return Advice(
        "reference_kernels",
        f"{percent(time / case.profile.total_us)} of the time goes to {counted(len(plain), 'node')} in the plugin's "
        f"reference code: {listed(kinds)}. Another precision, a newer OpenVINO, or a model "
        "without these layers would avoid it.",
        of_latency(case, time),
    )


def small_nodes(case: Case) -> Advice | None:
    """Much time is the overhead of nodes that compute little."""
    share = case.verdict.shares["overhead"]
    if not surely(share, MUCH):
        return None
    timed = sum(1 for node in case.profile.nodes if node.time_us)
    return Advice(
        "small_nodes",
        f"{percent(share.value or 0.0)} of the time is the overhead of {timed} nodes "
        f"({case.peaks.node_overhead_us:.2g} us each). Several requests in flight with a stream each, or a larger "
        "batch, spread it; a model with fewer and larger layers has less of it.",
        of_latency(case, (share.value or 0.0) * case.profile.total_us),
    )
