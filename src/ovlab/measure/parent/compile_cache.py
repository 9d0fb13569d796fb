"""Compile time from a warm cache: launches of their own, which time nothing else."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ovlab.errors import OvlabError
from ovlab.files import write_json
from ovlab.measure.parent import launcher
from ovlab.measure.parent.launches import VariantUnderTest

log = logging.getLogger("ovlab.measure")


def compile_from_cache(
    variants: Mapping[str, VariantUnderTest], launches: int, timeout: float, seed: int, scratch: Path
) -> dict[str, list[float]]:
    """Measure how long each variant takes to compile when its device's cache has the model already.

    One launch of each fills the cache (``CACHE_DIR``); those that follow are fresh processes, interleaved like all.

    Parameters
    ----------
    variants : mapping
        By name; those that failed are left out.
    launches : int
        Launches of each after the first; 0 for none at all.
    timeout : float
        Seconds after which a launch is taken for hung.
    seed : int
        Draws the order.
    scratch : Path
        Folder for the caches, requests and results.

    Returns
    -------
    dict
        Name to compile times in ms, one a launch. A launch that the device did not serve from its cache gives none: a
        device need not have one. Nor does one that fails: the timed launches have succeeded, so this is the cache's
        fault alone.
    """
    found: dict[str, list[float]] = {name: [] for name, variant in variants.items() if not variant.error}
    generator = np.random.default_rng(seed)
    names = list(found) if launches else []
    for number in range(launches + 1):
        for index in generator.permutation(len(names)):
            name = names[index]
            place = scratch / f"cache-{index}"
            place.mkdir(exist_ok=True)
            milliseconds = _compile(variants[name], place, timeout)
            if number and milliseconds is not None:
                found[name].append(milliseconds)
    return found


def _compile(variant: VariantUnderTest, place: Path, timeout: float) -> float | None:
    """Compile in a fresh process and return the time in ms, None unless it came from the cache."""
    request, result = place / "request.json", place / "result.json"
    result.unlink(missing_ok=True)
    fields = asdict(variant.request(place / "samples.npy", False)) | {"mode": "compile"}
    fields["properties"] = fields["properties"] | {"CACHE_DIR": str(place)}
    write_json(request, fields)
    try:
        answer = launcher.run_launch(request, result, timeout)
    except OvlabError as error:
        log.info("compiling with a cache: %s", error)
        return None
    return float(answer["compile_ms"]) if answer.get("from_cache") else None
