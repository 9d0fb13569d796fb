"""From the launches of a variant to the quantities of its row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovlab.measure.parent.launches import VariantUnderTest
from ovlab.records import Quantity

FROM_LAUNCHES = (
    ("throughput", "throughput_fps", "1/s"),
    ("compile_time", "compile_ms", "ms"),
    ("first_inference", "first_inference_ms", "ms"),
    ("peak_rss", "peak_rss_mb", "MB"),
    ("steady_rss", "steady_rss_mb", "MB"),
)
"""Quantities of which each launch gives one number: name, key in the launch's result, unit."""


def session_values(variant: VariantUnderTest, cached_ms: Sequence[float]) -> dict[str, Quantity]:
    """Return the quantities of a variant.

    Parameters
    ----------
    variant : VariantUnderTest
        With at least one launch.
    cached_ms : sequence of float
        Compile times from a warm cache, in ms.

    Returns
    -------
    dict of Quantity
        By name. What could not be measured has no value.
    """
    # Half a second that an absent device does not need.
    from ovlab.measure.parent.server import server_values
    from ovlab.stats.launches import launch_interval, launch_spread

    launches = variant.launches
    results = [launch.result for launch in launches]
    values = {"latency_p50": Quantity.of(launch_interval([np.median(one.latency_ms) for one in launches]), "ms")}
    # The tail is that of all samples together: a percentile of one short launch rests on a handful of them.
    pooled = np.concatenate([one.latency_ms for one in launches])
    values |= {f"latency_p{q}": Quantity(float(np.percentile(pooled, q)), "ms") for q in (90, 95, 99)}
    values["latency_max"] = Quantity(float(pooled.max()), "ms")
    for name, key, unit in FROM_LAUNCHES:
        values[name] = Quantity.of(launch_interval([result[key] for result in results]), unit)
    values["compile_time_cached"] = Quantity.of(launch_interval(cached_ms), "ms")
    spread = launch_spread([launch.latency_ms for launch in launches])
    for name, share in (("spread_between_launches", spread.between), ("spread_within_launches", spread.within)):
        values[name] = Quantity(None if np.isnan(share) else share, "fraction")
    values["slowest_over_best"] = Quantity(spread.slowest_over_best, "ratio")
    inferences, batch = sum(result["samples"] for result in results), results[0]["batch"]
    cpu_s = sum(result["cpu_s"] for result in results)
    values["cpu_time_per_image"] = Quantity(1e3 * cpu_s / (batch * inferences), "ms")
    values["cpu_time_per_inference"] = Quantity(cpu_s / inferences, "s")
    for domain in ("package", "psys"):
        values[f"energy_{domain}"] = _energy(variant, domain)
    noise = [result["noise"] for result in results]
    for name in ("other_load", "steal"):
        known = [found[name] for found in noise if found[name] is not None]
        values[name] = Quantity(float(np.median(known)) if known else None, "fraction")
    values["noisy_launches"] = Quantity(sum(bool(found["beyond"]) for found in noise), "count")
    values["launches"] = Quantity(len(launches), "count")
    values["timed_inferences"] = Quantity(inferences, "count")
    values["infer_requests"] = Quantity(results[0]["infer_requests"], "count")
    values["batch"] = Quantity(batch, "count")
    if "max_rate" in results[0]:
        values |= server_values(variant)
    return values


def _energy(variant: VariantUnderTest, domain: str) -> Quantity:
    """Return the energy per inference in mJ: one number a launch; no value where a launch could not read it."""
    from ovlab.stats.launches import launch_interval

    results = [launch.result for launch in variant.launches]
    joules = [result["energy_j"].get(domain) for result in results]
    # A counter that stands still is not a measurement either.
    if not all(joules):
        return Quantity(None, "mJ")
    each = [1e3 * one / result["samples"] for one, result in zip(joules, results, strict=True)]
    return Quantity.of(launch_interval(each), "mJ")
