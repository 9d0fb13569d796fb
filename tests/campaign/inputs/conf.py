"""YAML, names, overrides and values of the configuration."""

from __future__ import annotations

import re
import shutil

import test_hostile_yaml as hostile_yaml
import yaml
from workflow_runs import ROOT

from campaign.cases import Command, Family, Room, parametrized

YAML, COMPOSED, NAMES, OVERRIDES, VALUES = (
    Family("YAML"),
    Family("composition"),
    Family("names"),
    Family("overrides"),
    Family("values"),
)
FAMILIES = (YAML, COMPOSED, NAMES, OVERRIDES, VALUES)
SMALL = hostile_yaml.SMALL
ONE_LINE = "^error: .*"


def chosen(group: str) -> list[str]:
    """Choose one cell with the file ``x`` of a group."""
    names = {one.partition("=")[0]: one for one in (*SMALL, "experiment.scenarios=[offline]")}
    return [*(names | {f"experiment.{group}s": f"experiment.{group}s=[x]"}).values()]


def of_group(room: Room, group: str, content: str | bytes) -> Command:
    room.write(f"conf/{group}/x.yaml", content)
    return room.plan(*chosen(group))


for what, (content, words) in hostile_yaml.IN_A_FILE.items():
    YAML.add(
        what,
        lambda room, content=content: of_group(room, "scenario", content),
        ONE_LINE + re.escape(words.lstrip(", :")),
    )

for group, content, words in parametrized(hostile_yaml.test_what_a_composition_cannot_be_made_of):
    COMPOSED.add(
        f"{group}: {content[:20]!r}",
        lambda room, group=group, content=content: of_group(room, group, content),
        ONE_LINE + re.escape(words.lstrip("/")),
    )

for texts, words in parametrized(hostile_yaml.test_overrides_are_bounded_too):
    OVERRIDES.add(
        texts[0][:40],
        lambda room, texts=texts: room.plan(*SMALL, "experiment.scenarios=[offline]", *texts),
        ONE_LINE + re.escape(words),
    )


def named(room: Room, name: str) -> Command:
    path = room.here / "conf/experiment" / f"{name}.yaml"
    path.parent.mkdir(parents=True)
    shutil.copy(ROOT / "conf/experiment/quickstart.yaml", path)
    return room.plan(experiment=name)


for name in hostile_yaml.BAD_NAMES:
    if name:  # an empty one is the default
        NAMES.add(
            repr(name), lambda room, name=name: named(room, name), "^error: experiment .*: a file cannot be called so: "
        )
for (name,) in parametrized(hostile_yaml.test_a_name_is_no_path):
    NAMES.add(repr(name[:20]), lambda room, name=name: room.plan(experiment=name), "^error: unknown experiment ")


def changed(room: Room, group: str, base: str, **changes: object) -> Command:
    """Plan with a shipped file that was changed."""
    data = yaml.safe_load((ROOT / "conf" / group / f"{base}.yaml").read_text(encoding="utf-8"))
    for path, value in changes.items():
        place = data
        *parents, last = path.split("__")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    room.write(f"conf/{group}/x.yaml", yaml.safe_dump(data, allow_unicode=True))
    return room.plan(*chosen(group))


def add(group: str, base: str, key: str, value: object, words: str) -> None:
    VALUES.add(
        f"{group} {key} = {str(value)[:30]}",
        lambda room: changed(room, group, base, **{key: value}),
        f"^error: .*{group}/x.yaml.*{words}",
    )


HASH = "0" * 64
NOT_HTTP = "is not an http or https address"
for address in ("file:///etc/passwd", "ftp://example.org/a", "javascript:alert(1)", "gopher://a/b", "//host/a", ""):
    add("model", "digits_cnn", "files", [{"url": address, "sha256": HASH}], NOT_HTTP)
for name in ("../a", "/etc/passwd", "..", "a/b", "a\\b", "a\nb", "\x1b[31m", "x" * 300):
    add("model", "digits_cnn", "files", [{"url": "http://a/b", "sha256": HASH, "name": name}], "is not a file name")
for hash_ in ("", "0" * 63, "g" * 64, 5, None):
    add("model", "digits_cnn", "files", [{"url": "http://a/b", "sha256": hash_}], "sha256")
for size in (0, -1, 1.5, "many", float("nan"), float("inf")):
    add("model", "digits_cnn", "files", [{"url": "http://a/b", "sha256": HASH, "size": size}], "size")
for shape in ([], [0, 3, 64, 64], [-5, 3, 64, 64], ["a"], "all"):
    add("model", "digits_cnn", "input__shape", shape, "shape")
for scale in ([0], [float("nan")], [float("inf")], [1, 2], ["one"], []):
    add("model", "digits_cnn", "preprocess__scale", scale, "scale")
for mean in ([float("nan")], [1, 2, 3, 4, 5], "mean"):
    add("model", "digits_cnn", "preprocess__mean", mean, "mean")
add("model", "digits_cnn", "framework", "pickle", "framework")
add("model", "digits_cnn", "task", "world_domination", "task")
add("model", "digits_cnn", "frame_work", "onnx", "frame_work: .*did you mean 'framework'")
add("model", "digits_cnn", "files", [], "files")
VALUES.add(
    "embedded file elsewhere",
    lambda room: room.download({"embedded": "../../etc/passwd", "sha256": HASH}),
    "^failed: embedded: '../../etc/passwd' points outside of ",
)
add("model", "digits_ssd", "detection__classes", [], "classes")
add("model", "digits_ssd", "detection__score_threshold", float("nan"), "score_threshold")
VALUES.add(
    "a data set's format",
    lambda room: room.plan(*SMALL, "experiment.scenarios=[offline]", "dataset.format=pickle"),
    "^error: .*format: 'pickle' is not valid",
)
for shape in ([10**30, 3, 64, 64], [1, 3, 10**9, 10**9], [1, 3, -(10**30), 64], [True, 3, 64, 64], [1.5, 3, 64, 64]):
    add("model", "digits_cnn", "input__shape", shape, "shape")
add("device", "cpu", "device", "", "device")
for name in ("", " ", "a b", "x" * 5000, "\x1b[31m"):
    add("device", "cpu", "properties", {name: "a"}, "is no name of a property")
for value in ([1], None, {"A": 1}, float("nan")):
    add("device", "cpu", "properties", {"A": value}, "properties.A: ")
for launches in (True, 10**9, "many"):
    VALUES.add(
        f"launches = {launches}",
        lambda room, launches=launches: room.plan(
            *SMALL, "experiment.scenarios=[offline]", f"measurement.launches={launches}"
        ),
        "^error: override .*measurement.launches: ",
    )
add("scenario", "offline", "mode", "busy_loop", "mode")
add("scenario", "offline", "batch", 10**12, "batch")
add("scenario", "offline", "batch", -1, "batch")
add("scenario", "offline", "infer_requests", 10**9, "infer_requests")
for key in ("threads", "streams"):
    for number in (10**9, 10**30, 0, -1, 1.5, float("nan"), "many"):
        add("scenario", "offline", key, number, key)
add("precision", "int8", "quantization__subset", 10**12, "subset")
add("precision", "int8", "quantization__subset", -1, "subset")
