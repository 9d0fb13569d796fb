"""What a model's output means, by task: from raw outputs to predictions, from predictions to a metric."""

from ovlab.tasks.classification import Classification

__all__ = ["TASKS", "Classification"]

TASKS = {"classification": Classification}
