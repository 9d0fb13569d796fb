"""Decoders of users, and suppression of overlaps."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovlab.errors import OvlabError
from ovlab.metrics.detection import Detections
from ovlab.tasks.decoders import DECODERS, bind, load_decoders, suppress

HEAD = """
from __future__ import annotations
from ovlab.metrics.detection import Detections
from ovlab.tasks.decoders import decoder
"""
OWN = (
    HEAD
    + """
@decoder("own")
def own(outputs, *, width, height, classes, scale: float = 1.0):
    return Detections([classes - 1], [0.5], [[0, 0, width * scale, height * scale]])
"""
)


@pytest.fixture(autouse=True)
def _same_decoders_afterwards() -> Iterator[None]:
    before = dict(DECODERS)
    yield
    DECODERS.clear()
    DECODERS.update(before)


def write(tmp_path: Path, text: str, name: str = "mine.py") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_users_decoder(tmp_path: Path) -> None:
    path = write(tmp_path, OWN)
    assert load_decoders(path) == ["own"]
    assert load_decoders(path) == ["own"]  # for a second model
    found = bind("own", {"scale": 0.5}, width=20, height=10, classes=3)({})
    assert found.boxes.tolist() == [[0, 0, 10, 5]] and found.class_ids.tolist() == [2]
    with pytest.raises(OvlabError, match=r"decoder own: parameters\.scale: .*'much'"):
        bind("own", {"scale": "much"}, width=20, height=10, classes=3)


def test_a_path_from_the_current_folder_or_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deeper").mkdir()
    path = write(tmp_path, OWN)
    (tmp_path / "link.py").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    for relative in (path.name, f"deeper/../{path.name}", "link.py"):
        assert load_decoders(Path(relative)) == ["own"]
        DECODERS.pop("own")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def broken(:", r"mine\.py cannot be loaded, line 1"),
        ("import no_such_module_here", r"mine\.py cannot be loaded .*no_such_module_here"),
        ("raise SystemExit(3)", "cannot be loaded"),
        ("x = 1", "registers no decoder"),
        (OWN.replace('"own"', '"ssd"'), "decoder 'ssd' exists already"),
        (OWN.replace("classes,", "").replace("classes - 1", "0"), "takes no 'classes'"),
    ],
)
def test_a_bad_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OvlabError, match=f"decoder_file: .*{message}") as caught:
        load_decoders(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(OvlabError, match="decoder_file: no file"):
        load_decoders(tmp_path / "mine.py")
    with pytest.raises(OvlabError, match=r"expected a name ending in \.py"):
        load_decoders(write(tmp_path, OWN, "mine.txt"))


def test_a_type_hint_that_means_nothing(tmp_path: Path) -> None:
    load_decoders(write(tmp_path, OWN.replace("scale: float", "scale: Flaot")))
    with pytest.raises(OvlabError, match=r"decoder own: a type hint cannot be resolved .*'Flaot'"):
        bind("own", {"scale": 1.0}, width=20, height=10, classes=3)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "returns NoneType, expected Detections"),
        ("return outputs['nothing']", "KeyError: 'nothing'"),
        ("return Detections([classes], [1.0], [[0, 0, 1, 1]])", "class index 3, expected 0 to 2"),
        ("return Detections([0], [1.0], [[0, 0, 1]])", "boxes have shape"),
    ],
)
def test_a_decoder_that_fails(tmp_path: Path, body: str, message: str) -> None:
    load_decoders(write(tmp_path, OWN.partition("    return")[0] + f"    {body}\n"))
    with pytest.raises(OvlabError, match=f"decoder own: {message}"):
        bind("own", {}, width=20, height=10, classes=3)({})


def naive(found: Detections, iou: float, most: int) -> list[int]:
    """Compare each box with each that stayed, one by one."""
    kept: list[int] = []
    for i in sorted(range(len(found)), key=lambda i: -found.scores[i]):
        a = found.boxes[i]
        for j in kept:
            b = found.boxes[j]
            shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
            if found.class_ids[i] == found.class_ids[j] and shared > iou * union:
                break
        else:
            kept.append(i)
    return kept[:most]


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.sampled_from([0.3, 0.45, 0.5, 1.0]), st.integers(1, 40))
def test_suppression_is_that_of_the_naive_loop(seed: int, count: int, iou: float, most: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 20, (count, 2))
    # Small whole numbers: equal scores, equal boxes and overlaps right at the threshold do occur.
    found = Detections(
        rng.integers(0, 3, count),
        rng.integers(0, 12, count) / 12,
        np.hstack([low, low + rng.integers(1, 12, (count, 2))]),
    )
    kept = suppress(found, iou, most)
    expected = naive(found, iou, most)
    assert kept.boxes.tolist() == found.boxes[expected].tolist()
    assert kept.scores.tolist() == found.scores[expected].tolist()
    assert kept.class_ids.tolist() == found.class_ids[expected].tolist()


def test_by_hand() -> None:
    boxes = [[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 5.1], [0, 0, 10, 10]]
    found = Detections([0, 0, 0, 1], [0.9, 0.8, 0.7, 0.6], boxes)  # type: ignore[arg-type]
    # The second overlaps by exactly one half, which is not more; the third by more; the fourth is of another class.
    assert suppress(found, 0.5, 9).scores.tolist() == [0.9, 0.8, 0.6]
    assert suppress(found, 0.5, 2).scores.tolist() == [0.9, 0.8]
    assert suppress(found, None, 3).scores.tolist() == [0.9, 0.8, 0.7]
    assert len(suppress(Detections([], [], []), 0.5, 9)) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["ssd", "yolo", "fastestdet", "boxes_scores_labels"])
def test_the_docs_have_every_parameter_of_a_decoder(name: str) -> None:
    text = (Path(__file__).parents[4] / "docs/configuration.md").read_text(encoding="utf-8")
    section = text.partition("### Parameters of the decoders")[2].partition("\n## ")[0]
    row = next((line for line in section.splitlines() if line.startswith(f"| `{name}` |")), "")
    given = {"outputs", "width", "height", "classes"}
    wanted = [key for key in inspect.signature(DECODERS[name]).parameters if key not in given]
    assert [key for key in wanted if not re.search(rf"`{key}[`:]", row)] == []
