"""How far launches of one cell are apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ovlab.report.columns import AXES, LAUNCHES, PRECISION, results_table
from ovlab.report.format import significant
from ovlab.report.table import Column, Table

INFERENCES = Column("timed_inferences", "timed inferences", numeric=True, whole=True)
BETWEEN = Column("spread_between_launches", "between launches", "%", numeric=True, scale=100)
SLOWEST = Column("slowest_over_best", "slowest launch / best", "×", numeric=True)
WITHIN = Column("spread_within_launches", "within a launch", "%", numeric=True, scale=100)


def spread_table(ok: pd.DataFrame) -> Table:
    """Make the table of spreads between and within launches."""
    columns = [*AXES, PRECISION, LAUNCHES, INFERENCES, BETWEEN, SLOWEST, WITHIN]
    caption = (
        "Spread of latency as coefficient of variation: between the launches' means (what the samples inside do "
        "not explain), and of the samples inside a launch. Slowest launch: its median over the best one's."
    )
    return results_table("spread", caption, columns, ok, grouped=4)


def spread_sentences(ok: pd.DataFrame) -> list[str]:
    """Say how far launches of one variant are apart at worst, which shows how quiet the host was."""
    spread = ok["spread_between_launches"].astype(float)
    if spread.notna().sum() == 0:
        return []
    worst = ok.iloc[int(np.nanargmax(spread.to_numpy()))]
    largest, middle = (significant(100 * float(one), 2) for one in (spread.max(), spread.median()))
    where = f"{worst['model']} {worst['precision']} on {worst['device']}, {worst['scenario']}"
    return [
        f"Mean latency varied between launches of the same cell by {middle} % in the median cell and by {largest} % "
        f"at worst ({where}; coefficient of variation)."
    ]
