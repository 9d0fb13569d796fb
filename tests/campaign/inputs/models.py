"""ONNX files, IR, and files that other frameworks' frontends meet."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from campaign.cases import Command, Family, Room
from campaign.inputs.images import FOLDERS

ONNX, IR, FRONTENDS = Family("ONNX"), Family("IR"), Family("frontends")
FAMILIES = (ONNX, IR, FRONTENDS)


def raw(name: str, content: bytes | Callable[[Room], bytes], words: str = r"bad\.onnx") -> None:
    def made(room: Room) -> Command:
        return room.convert(room.write("bad.onnx", content if isinstance(content, bytes) else content(room)))

    ONNX.add(name, made, rf"^failed: .*{words}")


def changed(name: str, change: Callable[[onnx.ModelProto, Room], object], words: str = r"bad\.onnx") -> None:
    def content(room: Room) -> bytes:
        model = onnx.load(room.bench.folder / "toy.onnx")
        change(model, room)
        return model.SerializeToString()

    raw(name, content, words)


def toy(room: Room) -> bytes:
    return (room.bench.folder / "toy.onnx").read_bytes()


raw("empty", b"")
raw("text", b"no model at all, but text")
raw("random", np.random.default_rng(0).bytes(5000))
raw("zeros", bytes(5000))
raw("ones", b"\xff" * 5000)
raw("cut", lambda room: toy(room)[:2000])
raw("pickle", b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.")
raw("page", b"<html>404 Not Found</html>")
raw("pointer of Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
changed("no node", lambda model, room: model.graph.ClearField("node"))
changed("no input", lambda model, room: model.graph.ClearField("input"))
changed("no output", lambda model, room: model.graph.ClearField("output"), ".")
changed("no weights", lambda model, room: model.graph.ClearField("initializer"))
changed("unknown operation", lambda model, room: setattr(model.graph.node[1], "op_type", "Cnov"))
changed("another domain", lambda model, room: setattr(model.graph.node[1], "domain", "com.evil"))
changed("operation of control signs", lambda model, room: setattr(model.graph.node[1], "op_type", "\x1b[31m\u202e\n"))
changed("operation of 100000 letters", lambda model, room: setattr(model.graph.node[1], "op_type", "x" * 100_000))
changed("opset 9999", lambda model, room: setattr(model.opset_import[0], "version", 9999), ".")
changed("unknown input of a node", lambda model, room: model.graph.node[1].input.__setitem__(0, "nothing"))
changed("input of itself", lambda model, room: model.graph.node[1].input.__setitem__(0, model.graph.node[1].output[0]))
changed("weights of another type", lambda model, room: setattr(model.graph.initializer[0], "data_type", 99))
changed("weights of negative size", lambda model, room: model.graph.initializer[0].dims.__setitem__(0, -5))
changed("weights of 2^60", lambda model, room: model.graph.initializer[0].dims.__setitem__(0, 2**60))
changed("weights cut", lambda model, room: setattr(model.graph.initializer[0], "raw_data", b"abc"))
changed("input of size 0", lambda model, room: _shape(model, [1, 3, 0, 0]), ".")
changed("input of 2^31", lambda model, room: _shape(model, [1, 3, 2**31, 2**31]), ".")
changed("input of three dimensions", lambda model, room: _shape(model, [1, 3, 16]), ".")
changed("input of five channels", lambda model, room: _shape(model, [1, 5, 16, 16]), ".")


def _shape(model: onnx.ModelProto, shape: list[int]) -> None:
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("image", TensorProto.FLOAT, shape))


def nan(model: onnx.ModelProto, room: Room) -> None:
    first = model.graph.initializer[0]
    values = np.full_like(numpy_helper.to_array(first), np.nan)
    first.CopyFrom(numpy_helper.from_array(values, first.name))


changed("weights of NaN", nan, "NaN|not finite|differ")


def elsewhere(location: str, length: int = 64) -> Callable[[onnx.ModelProto, Room], None]:
    def change(model: onnx.ModelProto, room: Room) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location.format(canary=room.canary)), ("length", str(length))):
            tensor.external_data.add(key=key, value=value)

    return change


for location in ("../canary/canary.txt", "{canary}/canary.txt", "/etc/passwd", "nowhere.bin", "", "a\0b", "/dev/zero"):
    changed(f"data in {location!r}", elsewhere(location))
changed("data of 2^62 bytes", elsewhere("bad.onnx", 2**62))
changed("data of a negative length", elsewhere("bad.onnx", -5))


def ir(name: str, change: Callable[[Path, Room], object], words: str) -> None:
    """An IR under conversion: as a model that the user names."""

    def made(room: Room) -> Command:
        for part in ("model.xml", "model.bin"):
            shutil.copy(room.bench.folder / "ir" / part, room.here / part)
        change(room.here, room)
        files = [{"path": "model.xml"}, {"path": "model.bin"}]
        return room.convert(
            room.here / "model.xml", framework="ir", files=files, preprocess={}, input={"name": "image"}
        )

    IR.add(name, made, rf"^failed: .*{words}")


def xml(old: str, new: str) -> Callable[[Path, Room], None]:
    def change(folder: Path, room: Room) -> None:
        text = (folder / "model.xml").read_text(encoding="utf-8")
        assert old in text, old
        (folder / "model.xml").write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def content(name: str, data: str | bytes) -> Callable[[Path, Room], object]:
    return lambda folder, room: (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


BAD_XML = r"model\.xml"
ir("xml: empty", content("model.xml", ""), BAD_XML)
ir("xml: text", content("model.xml", "no model"), BAD_XML)
ir("xml: another root", content("model.xml", "<html/>"), BAD_XML)
ir("xml: binary", content("model.xml", bytes(range(256)) * 10), BAD_XML)
LAUGHS = (
    '<!DOCTYPE net [<!ENTITY a "'
    + "x" * 1000
    + '">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
)
ir("xml: entities", content("model.xml", LAUGHS + ']><net name="&j;" version="11"/>'), BAD_XML)
ir("xml: nested 100000 deep", content("model.xml", "<net>" * 100_000), BAD_XML)
ir("xml: cut", lambda folder, room: _halve(folder / "model.xml"), BAD_XML)
ir("xml: another version", xml('version="11"', 'version="9999"'), BAD_XML)
ir("xml: no layers", content("model.xml", '<net name="a" version="11"><layers/><edges/></net>'), BAD_XML)
ir("xml: unknown operation", xml('type="ReLU"', 'type="Evil"'), BAD_XML)
ir("xml: unknown operation set", xml('version="opset1"', 'version="evil"'), BAD_XML)
ir("xml: weights beyond the file", xml('offset="0"', 'offset="99999999999"'), BAD_XML)
ir("xml: weights of negative size", xml('offset="0"', 'offset="-8"'), BAD_XML)
ir("xml: edge to nowhere", xml('to-layer="', 'to-layer="999'), BAD_XML)
ir("bin: empty", content("model.bin", b""), BAD_XML)
ir("bin: cut", lambda folder, room: _halve(folder / "model.bin"), BAD_XML)
ir("bin: missing", lambda folder, room: (folder / "model.bin").unlink(), BAD_XML)


def _halve(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def variant(name: str, change: Callable[[Path], object], words: str) -> None:
    """A variant whose files, or whose record, are not what the convert step has left."""

    def made(room: Room) -> Command:
        folder = room.here / "variant"
        shutil.copytree(room.bench.folder / "ir", folder)
        change(folder)
        return room.validate(room.bench.folder / "data", FOLDERS, folder / "variant.json")

    IR.add(name, made, rf"(^failed|^error): .*{words}")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


CHANGED = "was changed after it was (made|written)"
variant("variant: one bit of model.bin", lambda folder: flip(folder / "model.bin"), rf"model\.bin: {CHANGED}")
variant("variant: one bit of model.xml", lambda folder: flip(folder / "model.xml"), rf"model\.xml: {CHANGED}")
variant("variant: model.bin missing", lambda folder: (folder / "model.bin").unlink(), r"model\.bin: cannot be read")
variant("variant: record missing", lambda folder: (folder / "variant.json").unlink(), r"variant\.json: missing")
variant("variant: record cut", lambda folder: _halve(folder / "variant.json"), r"variant\.json: not a record")
variant("variant: record empty", lambda folder: (folder / "variant.json").write_bytes(b""), "not a record")
variant("variant: record binary", lambda folder: (folder / "variant.json").write_bytes(b"\xff\0\1"), "not a record")
variant("variant: record a list", lambda folder: (folder / "variant.json").write_text("[]"), "not a record")
variant("variant: record nested", lambda folder: (folder / "variant.json").write_text("[" * 99_999), "not a record")
variant(
    "variant: record of another kind",
    lambda folder: _edit(folder, schema="ovlab/session/1"),
    "expected 'ovlab/variant/1'|changed",
)
variant(
    "variant: record of a later version",
    lambda folder: _edit(folder, schema="ovlab/variant/9"),
    "expected 'ovlab/variant/1'|changed",
)
variant("variant: status changed", lambda folder: _edit(folder, status="fine"), CHANGED)
variant("variant: hash changed too", lambda folder: _edit(folder, files={"model.bin": "0" * 64}), CHANGED)
variant("variant: unknown field", lambda folder: _edit(folder, more=1), "not a record|changed")


def _edit(folder: Path, **changes: object) -> None:
    path = folder / "variant.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


for framework, name in (
    ("tensorflow", "bad.pb"),
    ("tflite", "bad.tflite"),
    ("paddle", "bad.pdmodel"),
    ("pytorch", "bad.pt"),
):
    for what, data in (("empty", b""), ("text", b"no model"), ("random", np.random.default_rng(1).bytes(4000))):
        FRONTENDS.add(
            f"{framework}: {what}",
            lambda room, framework=framework, name=name, data=data: room.convert(
                room.write(name, data), framework=framework, files=[{"path": name}]
            ),
            rf"^failed: .*{name.replace('.', '[.]')}",
        )
