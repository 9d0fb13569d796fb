"""What the tasks of an experiment's models say of themselves in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovlab.specs import ReportSettings
from ovlab.tasks.protocol import Words
from ovlab.tasks.registry import TASKS


def words_of(settings: ReportSettings, model: str) -> Words:
    """Return the words of a model's task."""
    return TASKS[settings.models[model].task].words


def words_of_tasks(settings: ReportSettings) -> list[Words]:
    """Return the words of every task in the experiment, each once, in the order of its models."""
    return [TASKS[name].words for name in dict.fromkeys(spec.task for spec in settings.models.values())]


def metric_title(settings: ReportSettings, row: Mapping[Any, Any]) -> str:
    """Return what the metric of a row of the results is called in sentences and on axes."""
    metric = row.get("metric")
    return words_of(settings, row["model"]).metric_title(metric if isinstance(metric, str) else "")
