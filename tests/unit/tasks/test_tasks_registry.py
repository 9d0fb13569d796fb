"""The tasks that ship declare everything, and nobody else knows them."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import ovlab
from ovlab.tasks import TASKS, Task

SOURCE = Path(ovlab.__file__).parent
CODE = [
    path
    for folder in (SOURCE, SOURCE.parent / "ovlab_flow", SOURCE.parents[1] / "scripts")
    for path in sorted(folder.rglob("*.py"))
]
FOLDERS = [SOURCE / "tasks" / name for name in TASKS]
# They name the tasks' folders: to list them, and to keep the name that users' files import.
ENTRANCES = {SOURCE / "tasks" / "registry.py", SOURCE / "tasks" / "decoders.py"}
HEAVY = ("numpy", "pandas", "cv2", "scipy", "pycocotools", "openvino", "pyarrow", "PIL")


def of_others(path: Path) -> bool:
    return path not in ENTRANCES and not any(folder in path.parents for folder in FOLDERS)


@pytest.mark.parametrize("task", list(TASKS.values()), ids=list(TASKS))
def test_every_format_has_its_reader(task: Task) -> None:
    readers = importlib.import_module(f"ovlab.tasks.{task.name}.readers").READERS
    assert set(readers) == set(task.formats)
    assert task.model_spec.declared_as == "model_spec" and task.dataset_spec.declared_as == "dataset_spec"
    assert task.words.method.endswith(".")


def names_of_tasks(path: Path) -> list[str]:
    """Where a file compares with the name of a task, of a format or of a metric, or takes a task's own section."""
    names = {*TASKS, *(name for task in TASKS.values() for name in task.formats)} - {"images"}  # a word of every split
    names |= {name for task in TASKS.values() for name in task.words.metric_titles}
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        said: set[str] = set()
        if isinstance(node, ast.Compare | ast.Dict | ast.Match):
            said = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        elif isinstance(node, ast.Attribute):
            said = {node.attr}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ovlab.tasks."):
            said = {node.module.split(".")[2]}
        found += [f"{path.relative_to(SOURCE.parents[1])}: {name}" for name in sorted(said & names)]
    return found


def test_nothing_else_knows_a_task() -> None:
    assert [found for path in CODE if of_others(path) for found in names_of_tasks(path)] == []
    assert names_of_tasks(SOURCE / "tasks" / "registry.py") != []


def test_what_planning_needs_of_tasks_is_light() -> None:
    code = (
        "import sys\n"
        "from ovlab.specs import DatasetSpec, ModelSpec\n"
        "split = {'validation': {'images': 'v', 'image_set': 'test'}}\n"
        "both = {'licence': '', 'task': 'detection'}\n"
        "DatasetSpec.model_validate(both | {'format': 'voc', 'metric': 'coco', 'splits': split})\n"
        "section = {'framework': 'onnx', 'dataset': 'd', 'files': [{'path': 'x'}]}\n"
        "section |= {'detection': {'decoder': 'ssd', 'classes': ['a']}}\n"
        "ModelSpec.model_validate(both | section)\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_validation_loads_statistics_when_they_are_needed() -> None:
    code = (
        "import sys\n"
        "from importlib import import_module\n"
        "from ovlab import validate\n"
        f"for task in {sorted(TASKS)!r}: import_module(f'ovlab.tasks.{{task}}.evaluator')\n"
        "print(*[name for name in sys.modules if name.split('.')[0] == 'scipy'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_decoders_of_users_keep_their_address() -> None:
    from ovlab.tasks.decoders import DECODERS, decoder
    from ovlab.tasks.detection import decoders

    assert DECODERS is decoders.DECODERS and decoder is decoders.decoder


def test_what_the_report_calls_metrics() -> None:
    titles = TASKS["classification"].words.metric_title
    assert (titles("top-1"), titles("top-5"), titles("")) == ("top-1 accuracy", "top-5", "accuracy")
    assert TASKS["detection"].words.metric_title("mAP (VOC 2007)") == "mAP (VOC 2007)"


def test_what_the_report_says_of_classes_and_truths() -> None:
    classes = {name: (task.words.class_score, task.words.class_size) for name, task in TASKS.items()}
    assert classes == {"classification": ("accuracy", "images"), "detection": ("average precision", "objects")}
    assert TASKS["detection"].words.drawing and not TASKS["classification"].words.drawing
    assert TASKS["classification"].words.class_test and not TASKS["detection"].words.class_test
