"""A comparison of two variants as records keep it."""

from __future__ import annotations

from ovlab.records import Quantity
from ovlab.stats.comparison import Comparison
from ovlab.stats.interval import Interval


def comparison_quantities(comparison: Comparison) -> dict[str, Quantity]:
    """Return the numbers of a comparison as a record keeps them."""
    values = {
        "accuracy_delta": Quantity.of(comparison.difference, "fraction"),
        "accuracy_p": Quantity.of(Interval.unknown(comparison.p_value), "probability"),
        "detectable_drop": Quantity.of(Interval.unknown(comparison.detectable), "fraction"),
        "compared": Quantity(comparison.images, "count"),
    }
    values |= {f"images_needed/{drop:g}": Quantity(images, "count") for drop, images in comparison.needed.items()}
    if comparison.gains is not None and comparison.losses is not None:
        values |= {"gains": Quantity(comparison.gains, "count"), "losses": Quantity(comparison.losses, "count")}
    return values
