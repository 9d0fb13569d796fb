"""The ledger of accuracy control: what was tried, in what order, and what it brought."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import openvino as ov

from ovlab.records import Quantity

DropType = Literal["absolute", "relative"]


def drop_of(reference: float, accuracy: float, drop_type: DropType) -> float:
    """Return the loss of accuracy, negative for a gain.

    Parameters
    ----------
    reference, accuracy : float
        The FP32 variant's and the other's metric, fractions.
    drop_type : {"absolute", "relative"}
        Whether the loss is in the metric's unit or a fraction of `reference`.
    """
    loss = reference - accuracy
    if drop_type == "absolute":
        return loss
    return loss / reference if reference else 0.0 if loss <= 0 else float("inf")


@dataclass
class Trial:
    """One model that was tried: the fully quantised one (number 0), or one with further layers reverted.

    Attributes
    ----------
    reverted : list of str
        Operations that go back to floating point in this step, on top of those of step `base`.
    accuracy : float, optional
        Its metric on the control images; None if the time ran out before.
    seconds : float
        Since the beginning.
    """

    number: int
    base: int | None = None
    reverted: list[str] = field(default_factory=list)
    accuracy: float | None = None
    seconds: float = 0.0


@dataclass
class Ledger:
    """Everything that accuracy control tried.

    Attributes
    ----------
    metric : str
        The data set's metric.
    max_drop, drop_type
        The target.
    reference : float, optional
        The FP32 variant's metric on the control images.
    stopped : str
        Why the search ended: ``target met``, ``tuned`` (better options were found), ``time budget``, ``iterations`` or
        ``nothing left to revert``.
    """

    metric: str
    max_drop: float
    drop_type: DropType
    reference: float | None = None
    trials: list[Trial] = field(default_factory=list)
    stopped: str = ""

    def drop(self, trial: Trial) -> float | None:
        """Return a trial's drop on the control images."""
        if self.reference is None or trial.accuracy is None:
            return None
        return drop_of(self.reference, trial.accuracy, self.drop_type)

    def meets(self, trial: Trial) -> bool:
        """Whether a trial's drop is within the target."""
        drop = self.drop(trial)
        return drop is not None and drop <= self.max_drop

    def kept(self) -> Trial | None:
        """Return the trial to keep: the first that meets the target, otherwise the one that lost least."""
        judged = [trial for trial in self.trials if trial.accuracy is not None]
        met = [trial for trial in judged if self.meets(trial)]
        if met:
            return met[0]
        return min(judged, key=lambda trial: (self.drop(trial), trial.number), default=None)

    def reverted(self, trial: Trial) -> list[str]:
        """Return all operations that a trial has in floating point, in the order in which they were reverted."""
        own = list(trial.reverted)
        return own if trial.base is None else self.reverted(self.trials[trial.base]) + own

    def plain(self) -> dict[str, Any]:
        """Return the ledger as the record holds it."""
        kept = self.kept()
        chain = set()
        step = kept
        while step is not None:
            chain.add(step.number)
            step = self.trials[step.base] if step.base is not None else None
        return {
            "metric": self.metric,
            "max_drop": self.max_drop,
            "drop_type": self.drop_type,
            "reference_accuracy": self.reference,
            "steps": [
                {
                    "step": one.number,
                    "reverted": one.reverted,
                    "accuracy": one.accuracy,
                    "drop": self.drop(one),
                    "kept": one.number in chain,
                    "seconds": round(one.seconds, 3),
                }
                for one in self.trials
            ],
            "kept_step": kept.number if kept else None,
            "reverted": self.reverted(kept) if kept else [],
            "stopped": self.stopped,
        }


@dataclass
class ControlledVariant:
    """What accuracy control made.

    Attributes
    ----------
    model : openvino.Model
        The variant.
    ledger : Ledger
        How it came about.
    met : bool
        Whether the variant's drop on the control images is within the target.
    accuracy : float
        The variant's metric on the control images.
    values : dict of Quantity
        The numbers for the record.
    """

    model: ov.Model
    ledger: Ledger
    met: bool
    accuracy: float
    values: dict[str, Quantity] = field(default_factory=dict)

    def complaint(self) -> str:
        """Say that the target was missed, empty if it was met."""
        if self.met:
            return ""
        drop = self.values["control_drop"].value or 0.0
        relative = self.ledger.drop_type == "relative"
        unit = "% of the reference’s" if relative else "points"
        return (
            f"accuracy target missed: {self.ledger.metric} drops by {100 * drop:.3g} {unit} on the control images, "
            f"allowed {100 * self.ledger.max_drop:.3g} (search ended: {self.ledger.stopped})"
        )
