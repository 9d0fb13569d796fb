"""The tasks that there are."""

from __future__ import annotations

from ovlab.tasks.classification import ClassificationTask
from ovlab.tasks.detection import DetectionTask
from ovlab.tasks.protocol import Task

_DECLARED: tuple[Task, ...] = (
    ClassificationTask(),
    DetectionTask(),
)

TASKS: dict[str, Task] = {task.name: task for task in _DECLARED}
"""By the name that ``task:`` has in YAML."""
