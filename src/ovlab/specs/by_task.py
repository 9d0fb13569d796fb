"""Specs that every task extends by keys of its own: what a YAML file may say depends on its ``task:``.

`ovlab.specs.model.ModelSpec` and `ovlab.specs.dataset.DatasetSpec` hold what all tasks share; each task derives its own
from them (`ovlab.tasks`). Validating the shared one gives an instance of the task's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

from pydantic import BeforeValidator, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError

from ovlab.errors import nearest
from ovlab.specs.base import Spec


@dataclass(frozen=True)
class Format:
    """A layout of a data set's files.

    Attributes
    ----------
    needs : tuple of str
        Keys of a split (`SplitSpec`) that this layout cannot do without.
    needs_class_names : bool
        Whether the data set's YAML must name the classes.
    labelled : bool
        Whether the files say what the images show. Images without labels serve for calibration and for speed.
    """

    needs: tuple[str, ...] = ()
    needs_class_names: bool = False
    labelled: bool = True


class DeclaresSpecs(Protocol):
    """What specs ask of a task; `ovlab.tasks.protocol.Task` says it all."""

    formats: Mapping[str, Format]


def declared_tasks() -> Mapping[str, DeclaresSpecs]:
    """Return the tasks by name.

    They derive their specs from those of this package, so they are looked up when a spec is validated, not imported
    before there is one.
    """
    from ovlab.tasks.registry import TASKS

    return TASKS


def _task_name(value: Any) -> Any:
    if value not in list(declared_tasks()):
        raise ValueError(f"{value!r} is not valid{nearest(str(value), declared_tasks())}")
    return value


def _format_name(value: Any) -> Any:
    names = [name for task in declared_tasks().values() for name in task.formats]
    if value not in names:
        raise ValueError(f"{value!r} is not valid{nearest(str(value), names)}")
    return value


TaskName = Annotated[str, BeforeValidator(_task_name)]
FormatName = Annotated[str, BeforeValidator(_format_name)]


def only(value: Any, task: str) -> BeforeValidator:
    """Refuse anything but `value` for a key that is not for a task.

    Records of the tasks that are older than their own specs carry each other's keys, empty; without them every digest
    would change. A new task has no need of this.
    """

    def check(given: Any) -> Any:
        if given != value:
            raise ValueError(f"not for task {task}")
        return given

    return BeforeValidator(check)


class SpecByTask(Spec):
    """A spec with a key ``task``, whose other keys depend on it.

    Attributes
    ----------
    declared_as : str
        Which attribute of a task holds its own class.
    """

    declared_as: ClassVar[Literal["model_spec", "dataset_spec"]]

    @model_validator(mode="wrap")
    @classmethod
    def _as_its_task_declares(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        of_tasks = {name: getattr(task, cls.declared_as) for name, task in declared_tasks().items()}
        task = data.get("task")
        own = of_tasks.get(task) if isinstance(task, str) else None
        if cls is own:
            return handler(data)
        foreign = {key for spec in of_tasks.values() for key in spec.model_fields} - set((own or cls).model_fields)
        if own is None:
            # The task is what is wrong: nothing is said of the keys that one of them has.
            return handler({key: value for key, value in data.items() if key not in foreign})
        if not issubclass(own, cls):
            raise PydanticCustomError(
                "unknown_key", "task: {task} is not what {spec} is for", {"task": task, "spec": cls.__name__}
            )
        for key in data:
            if key in foreign:
                raise PydanticCustomError("unknown_key", "{key}: not for task {task}", {"key": key, "task": task})
        unknown = set(data) - set(own.model_fields)  # a misspelt section is not a missing one
        for key, field in own.model_fields.items():
            if not unknown and field.is_required() and key not in cls.model_fields and data.get(key) is None:
                message = "{key}: missing, but needed by task {task}"
                raise PydanticCustomError("unknown_key", message, {"key": key, "task": task})
        validated: Self = own.model_validate(data)
        return validated
