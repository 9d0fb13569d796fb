"""Where two variants disagree: what a task records of it besides the difference of its metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from ovlab.data.images import Image

MOST_CLASSES = 10
"""So many classes with the largest losses, and as many with the largest gains, go into a record."""


class Drawing(Protocol):
    """What a task draws on an image on which two variants disagree."""

    def panels(self, image: Image, scale: float) -> list[Image]:
        """Draw what the reference says and what the variant says, each on an image of its own.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            The image in BGR, shrunk; it stays as it is.
        scale : float
            Its size over that of the original.
        """


@dataclass(frozen=True)
class Disagreement:
    """An image on which a variant and its reference disagree.

    Attributes
    ----------
    image : str
        Its id.
    outcome : str
        ``loss`` (only the reference is right), ``gain``, ``both wrong``, or nothing where that cannot be said.
    truth, reference, variant : str
        What is there and what each variant says, in words; `truth` is empty where it is not known.
    drawing : Drawing, optional
        Where words do not say it all.
    """

    image: str
    outcome: str
    truth: str
    reference: str
    variant: str
    drawing: Drawing | None = None


@dataclass(frozen=True)
class Differences:
    """Where a variant and its reference disagree.

    Attributes
    ----------
    agreement_of : str
        What agreement counts.
    disagreements : list of Disagreement
        A bounded number of the images on which they disagree.
    images : int
        Number of all images on which they disagree.
    test : str
        What the p-value comes from; empty without a metric.
    classes : list of dict
        The classes with the largest losses and gains, as plain data.
    classes_compared : int
        Number of all classes that were compared.
    """

    agreement_of: str
    disagreements: list[Disagreement]
    images: int
    test: str = ""
    classes: list[dict[str, Any]] = field(default_factory=list)
    classes_compared: int = 0

    def plain(self) -> dict[str, Any]:
        """Return what goes into a record: all but the images."""
        return {
            "test": self.test,
            "agreement_of": self.agreement_of,
            "images_that_disagree": self.images,
            "classes": self.classes,
            "classes_compared": self.classes_compared,
        }


def counted(number: int, noun: str) -> str:
    """Return ``1 box`` or ``2 boxes``."""
    plural = f"{noun}es" if noun.endswith("x") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def largest_changes(table: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Take the classes with the largest losses and gains.

    Parameters
    ----------
    table : DataFrame
        One row a class, by rising ``delta``.
    columns : sequence of str
        Which columns to take.

    Returns
    -------
    list of dict
        At most `MOST_CLASSES` losses, the largest first, then at most as many gains, the largest last.
    """
    losses = table[table["delta"] < 0].head(MOST_CLASSES)
    gains = table[table["delta"] > 0].tail(MOST_CLASSES)
    rows = pd.concat([losses, gains])[list(columns)]
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]
