"""How often intervals hold the truth: simulations behind the choice of each method in `ovlab.stats`.

``python benchmarks/interval_coverage.py launches`` compares intervals of a ratio of two equal variants, and of one
variant's typical latency, from few launches; ``paired`` those of a paired difference of accuracy; ``map`` bootstraps of
mean average precision; ``stopping`` shows what the stop rule costs; ``critical`` makes the table of critical values in
`ovlab.stats.robust` anew. Everything is seeded; ``map`` and ``critical`` take minutes.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ovlab.metrics.detection import Detections, GroundTruth
from ovlab.metrics.voc import VocStyle, voc_map
from ovlab.stats.bootstrap import percentile_interval, resample_images
from ovlab.stats.proportion import tango, wilson
from ovlab.stats.robust import CRITICAL, critical_value, huber, tuning

Floats = NDArray[np.float64]
Bounds = tuple[Floats, Floats]

Z = float(stats.norm.ppf(0.975))
BETWEEN = 0.01  # standard deviation of the logarithm of a launch's speed
DRIFT = 0.02  # of what hits a whole round
WITHIN = 0.05  # of a sample inside a launch
CORRELATION = 0.8  # of successive samples
SAMPLES, BLOCK = 196, 14
SLOW_SHARE, SLOW = 4 / 54, math.log(1.5)  # launches that are slow for their whole life, as seen
POOL, RESAMPLES = 50, 400


def launch_samples(rng: np.random.Generator, sessions: int, launches: int, slow_share: float, drift: Floats) -> Floats:
    """Draw log latencies: shape (sessions, launches, SAMPLES)."""
    level = (
        drift + rng.normal(0, BETWEEN, (sessions, launches)) + SLOW * (rng.random((sessions, launches)) < slow_share)
    )
    noise = rng.normal(0, WITHIN * math.sqrt(1 - CORRELATION**2), (sessions, launches, SAMPLES))
    noise[..., 0] /= math.sqrt(1 - CORRELATION**2)
    for i in range(1, SAMPLES):
        noise[..., i] += CORRELATION * noise[..., i - 1]
    return level[..., None] + noise


def block_medians(rng: np.random.Generator, samples: Floats) -> Floats:
    """Medians of POOL block resamples of each launch: shape (sessions, launches, POOL)."""
    sessions, launches, _ = samples.shape
    result = np.empty((sessions, launches, POOL))
    for i in range(POOL):
        start = rng.integers(0, SAMPLES - BLOCK + 1, (sessions, launches, SAMPLES // BLOCK))
        index = (start[..., None] + np.arange(BLOCK)).reshape(sessions, launches, -1)
        result[..., i] = np.median(np.take_along_axis(samples, index, axis=2), axis=2)
    return result


def launch_bounds(rng: np.random.Generator, values: Floats, pools: Floats | None) -> dict[str, Bounds]:
    """Bounds of each method from log values a launch; `pools` adds the hierarchical bootstraps."""
    sessions, n = values.shape
    mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / math.sqrt(n)
    location, robust_error = huber(values)
    draws = rng.integers(0, n, (sessions, RESAMPLES, n))
    drawn = np.take_along_axis(values[:, None, :], draws, axis=2)
    boot = drawn.mean(axis=2)
    bounds: dict[str, Bounds] = {
        "Huber, exact critical values": _around(location, critical_value(n) * robust_error),
        "Student t of the logs": _around(mean, stats.t.ppf(0.975, n - 1) * error),
        "percentile bootstrap": _quantiles(boot, np.full(sessions, 0.025), np.full(sessions, 0.975)),
        "BCa bootstrap": _bca(values, boot),
        "bootstrap-t": _bootstrap_t(mean, error, drawn),
    }
    if pools is not None:
        pick = rng.integers(0, POOL, draws.shape)
        nested = np.take_along_axis(pools.reshape(sessions, 1, -1), draws * POOL + pick, axis=2).mean(axis=2)
        low, high = _quantiles(nested, np.full(sessions, 0.025), np.full(sessions, 0.975))
        widening = stats.t.ppf(0.975, n - 1) / Z * math.sqrt(n / (n - 1))
        bounds["hierarchical bootstrap"] = (low, high)
        bounds["hierarchical bootstrap, widened"] = (mean + widening * (low - mean), mean + widening * (high - mean))
    return bounds


def _around(centre: Floats, half: Floats) -> Bounds:
    return centre - half, centre + half


def _quantiles(replicates: Floats, low: Floats, high: Floats) -> Bounds:
    ordered = np.sort(replicates, axis=1)
    last = ordered.shape[1] - 1
    at = [np.clip(np.rint(level * last).astype(int), 0, last)[:, None] for level in (low, high)]
    return np.take_along_axis(ordered, at[0], 1)[:, 0], np.take_along_axis(ordered, at[1], 1)[:, 0]


def _bca(values: Floats, boot: Floats) -> Bounds:
    n = values.shape[1]
    mean = values.mean(axis=1, keepdims=True)
    below = ((boot < mean).mean(axis=1) + (boot <= mean).mean(axis=1)) / 2
    shift = stats.norm.ppf(np.clip(below, 1 / RESAMPLES, 1 - 1 / RESAMPLES))
    influence = (values - mean) / (n - 1)
    acceleration = (influence**3).sum(axis=1) / (6 * (influence**2).sum(axis=1) ** 1.5)
    levels = [stats.norm.cdf(shift + (shift + z) / (1 - acceleration * (shift + z))) for z in (-Z, Z)]
    return _quantiles(boot, levels[0], levels[1])


def _bootstrap_t(mean: Floats, error: Floats, drawn: Floats) -> Bounds:
    own = drawn.std(axis=2, ddof=1) / math.sqrt(drawn.shape[2])
    # A resample of one launch only has no spread: its t is infinite, on the side of its deviation.
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num((drawn.mean(axis=2) - mean[:, None]) / own, nan=0.0, posinf=1e9, neginf=-1e9)
    low, high = _quantiles(t, np.full(len(mean), 0.025), np.full(len(mean), 0.975))
    return mean - high * error, mean - low * error


def run_launches() -> None:
    """Print coverage and width from 3, 5, 10 and 20 launches."""
    for title, slow_share in (("calm", 0.0), ("4 of 54 launches slow by half", SLOW_SHARE)):
        for n, sessions in ((3, 2000), (5, 2000), (10, 1000), (20, 500)):
            rng = np.random.default_rng((n, sessions))
            drift = rng.normal(0, DRIFT, (sessions, n))
            variants = [launch_samples(rng, sessions, n, slow_share, drift) for _ in range(2)]
            values = [np.median(one, axis=2) for one in variants]
            pools = [block_medians(rng, one) for one in variants]
            print(f"\nratio of two equal variants, {title}, {n} launches, {sessions} sessions")
            for name, bounds in launch_bounds(rng, values[0] - values[1], pools[0] - pools[1]).items():
                _report(name, bounds, 0.0)
            big = rng.normal(0, math.hypot(BETWEEN, DRIFT), 400_000) + SLOW * (rng.random(400_000) < slow_share)
            print(f"one variant, {title}, {n} launches")
            for name, bounds in launch_bounds(rng, values[0], pools[0]).items():
                _report(name, bounds, float(huber(big, tuning(n))[0]) if "Huber" in name else slow_share * SLOW)


def _report(name: str, bounds: Bounds, truth: float) -> None:
    low, high = bounds
    half = np.sinh(np.minimum((high - low) / 2, math.log(2000)))  # a bootstrap-t of three launches may be unbounded
    print(
        f"  {name:34s} covers {np.mean((low <= truth) & (truth <= high)):6.1%}"
        f"   half-width median {np.median(half):7.2%}, 90th percentile {np.quantile(half, 0.9):8.2%}"
    )


def run_stopping() -> None:
    """Print the coverage when a session stops at the first, or the second, interval narrower than 2 %."""
    sessions, most, width = 4000, 40, 0.02
    for slow_share in (0.0, SLOW_SHARE):
        for spread in (0.005, 0.01, 0.015, 0.02, 0.03):
            rng = np.random.default_rng(7)
            logs = [
                rng.normal(0, spread, (sessions, most)) + SLOW * (rng.random((sessions, most)) < slow_share)
                for _ in range(2)
            ]
            ratio = logs[0] - logs[1]
            halves, holds = np.full((sessions, most + 1), np.inf), np.zeros((sessions, most + 1), dtype=bool)
            for n in range(4, most + 1):
                location, error = huber(ratio[:, :n])
                halves[:, n] = np.sinh(critical_value(n) * error)
                holds[:, n] = np.abs(location) <= critical_value(n) * error
            narrow = halves <= width
            line = f"slow {slow_share:4.0%}, launches vary by {spread:.1%}:"
            may_stop = np.arange(most + 1) >= 5
            must_stop = np.arange(most + 1) == most
            for name, enough in (("first", narrow), ("second", narrow & np.roll(narrow, 1, axis=1))):
                stop = enough & may_stop | must_stop
                at = stop.argmax(axis=1)
                line += f"  {name} narrow interval: covers {holds[np.arange(sessions), at].mean():.1%}"
                line += f" at {np.median(at):.0f} launches;"
            print(line)


def run_critical() -> None:
    """Print the critical values of Huber's estimate beside those in use."""
    print("values   " + "   ".join(f"{level:.2f} (in use)" for level in CRITICAL))
    for n in [*range(2, 31), 40, 60, 100]:
        rng = np.random.default_rng(n)
        parts = [huber(rng.normal(size=(20_000, n))) for _ in range(100 if n < 8 else 30)]
        ratio = np.concatenate([np.abs(location) / error for location, error in parts])
        cells = [f"{np.quantile(ratio, level):7.3f} ({critical_value(n, level):6.3f})" for level in CRITICAL]
        print(f"{n:6d} " + "  ".join(cells), flush=True)


def newcombe(both: int, gains: int, losses: int, images: int) -> tuple[float, float]:
    """Newcombe's method 10 for gains minus losses over images (Statistics in Medicine 17 (1998) 2635-2650)."""
    neither = images - both - gains - losses
    first, second = wilson(both + gains, images), wilson(both + losses, images)
    determinant: float = both * neither - gains * losses
    if determinant > 0:
        determinant = max(determinant - images / 2, 0)
    product = (both + gains) * (losses + neither) * (both + losses) * (gains + neither)
    phi = determinant / math.sqrt(product) if product else 0.0
    value = first.value - second.value
    down = (first.value - first.low, second.high - second.value)
    up = (second.value - second.low, first.high - first.value)
    root = [math.sqrt(max(a * a - 2 * phi * a * b + b * b, 0)) for a, b in (down, up)]
    return value - root[0], value + root[1]


def run_paired() -> None:
    """Print coverage and width of intervals of a paired difference of accuracy."""
    for images, discordance, difference, accuracy in (
        (100, 0.03, 0.0, 0.8),
        (100, 0.1, 0.0, 0.8),
        (100, 0.1, -0.04, 0.8),
        (500, 0.01, 0.0, 0.6),
        (500, 0.03, 0.0, 0.6),
        (500, 0.03, -0.01, 0.6),
        (300, 0.02, -0.02, 0.7),
        (1000, 0.01, 0.0, 0.9),
        (10000, 0.028, -0.002, 0.81),
    ):
        rng = np.random.default_rng(images)
        gain, loss = (discordance + difference) / 2, (discordance - difference) / 2
        cells = [accuracy - loss, gain, loss, 1 - accuracy - gain]
        hits: dict[str, list[bool]] = {}
        widths: dict[str, list[float]] = {}
        for both, gains, losses, _ in rng.multinomial(images, cells, size=5000).tolist():
            score = tango(gains, losses, images)
            spread = Z * math.sqrt(gains + losses - (gains - losses) ** 2 / images) / images
            wald = (score.value - spread, score.value + spread)
            found = {
                "Tango": (score.low, score.high),
                "Newcombe 10": newcombe(both, gains, losses, images),
                "Wald": wald,
            }
            for name, (low, high) in found.items():
                hits.setdefault(name, []).append(low - 1e-12 <= difference <= high + 1e-12)
                widths.setdefault(name, []).append(high - low)
        cells_text = "; ".join(f"{k} covers {np.mean(v):.1%}, width {np.mean(widths[k]):.2%}" for k, v in hits.items())
        print(f"{images} images, {discordance:.1%} part, difference {difference:+.1%}: {cells_text}", flush=True)


Scenes = tuple[list[list[Detections]], list[GroundTruth]]


def simulated_detectors(rng: np.random.Generator, images: int, classes: int) -> Scenes:
    """Draw objects and what two related detectors find of them (the second finds 2 points fewer)."""
    detections: list[list[Detections]] = [[], []]
    truth = []
    for _ in range(images):
        ease = rng.beta(4, 2) * 1.5
        objects, alarms = int(rng.poisson(1.5)) + 1, int(rng.poisson(3.6))
        corner, size = rng.uniform(0, 400, (objects + alarms, 2)), rng.uniform(20, 100, (objects + alarms, 2))
        boxes = np.hstack([corner, corner + size])
        ids = (rng.random(objects + alarms) ** 2 * classes).astype(np.int64)
        truth.append(GroundTruth(ids[:objects], boxes[:objects]))
        luck, surety = rng.random(objects), rng.normal(0, 1, objects + alarms)
        surety += np.where(np.arange(objects + alarms) < objects, 1.0, -1.5)
        shift = np.zeros_like(boxes)
        shift[:objects] = rng.normal(0, 5, (objects, 4))
        for variant, rate in enumerate((0.70, 0.68)):
            own = np.where(rng.random(objects) < 0.1, rng.random(objects), luck)
            found = np.concatenate([own < np.minimum(rate * ease, 0.98), np.ones(alarms, dtype=bool)])
            moved = boxes + shift + rng.normal(0, 2, boxes.shape)
            scores = surety + rng.normal(0, 0.3, surety.shape)
            detections[variant].append(Detections(ids[found], scores[found], moved[found]))
    return detections, truth


def run_map(data_sets: int = 300) -> None:
    """Print the coverage of bootstraps over images for mAP and for a difference of mAP."""
    for classes, images in ((5, 100), (5, 400), (20, 100), (20, 500)):
        rng = np.random.default_rng((classes, images))
        found, truth = simulated_detectors(rng, 20_000, classes)
        styles: list[VocStyle] = ["11point", "area"]
        true = {style: [voc_map(one, truth, classes, style=style).mean() for one in found] for style in styles}
        hits: dict[str, list[bool]] = {}
        for _ in range(data_sets):
            found, truth = simulated_detectors(rng, images, classes)
            weights = resample_images(images, rng, 500)
            for style, (first, second) in true.items():
                metrics = [voc_map(one, truth, classes, style=style) for one in found]
                replicates = [metric.mean(weights) for metric in metrics]
                value = [metric.mean() for metric in metrics]
                for what, centre, spread, target in (
                    ("value", value[0], replicates[0], first),
                    ("difference", value[1] - value[0], replicates[1] - replicates[0], second - first),
                ):
                    for name, (low, high) in _map_bounds(centre, spread).items():
                        hits.setdefault(f"{style} {what}, {name}", []).append(low <= target <= high)
        print(f"{classes} classes, {images} images, true mAP " + ", ".join(f"{k} {v[0]:.3f}" for k, v in true.items()))
        for name, flags in sorted(hits.items()):
            print(f"  {name:36s} covers {np.mean(flags):.1%}", flush=True)


def _map_bounds(value: float, replicates: Floats) -> dict[str, tuple[float, float]]:
    percentile = percentile_interval(value, replicates)
    low, high = percentile.low, percentile.high
    half = Z * float(replicates.std(ddof=1))
    below = float(((replicates < value).mean() + (replicates <= value).mean()) / 2)
    shift = float(stats.norm.ppf(np.clip(below, 1 / len(replicates), 1 - 1 / len(replicates))))
    corrected = np.quantile(replicates, stats.norm.cdf([2 * shift - Z, 2 * shift + Z]))
    return {
        "percentile": (low, high),
        "basic": (2 * value - high, 2 * value - low),
        "normal": (value - half, value + half),
        "bias-corrected": (float(corrected[0]), float(corrected[1])),
    }


RUNS: dict[str, Callable[[], None]] = {
    "launches": run_launches,
    "paired": run_paired,
    "map": run_map,
    "stopping": run_stopping,
    "critical": run_critical,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Simulate how often intervals hold the truth.")
    parser.add_argument("what", choices=RUNS, help="which simulation to run")
    RUNS[parser.parse_args().what]()
