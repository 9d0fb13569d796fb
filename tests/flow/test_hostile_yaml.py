"""Odd and hostile files of the configuration: each is answered in one line, at once, before anything is built of it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from snakemake.cli import parse_config
from snakemake.exceptions import WorkflowError
from workflow_runs import ROOT

from ovlab.errors import OvlabError
from ovlab_flow import Grid, grid_for_snakemake, load_grid
from ovlab_flow.__main__ import main
from ovlab_flow.paths import why_bad_folder, why_bad_name
from ovlab_flow.yaml_files import MOST_BYTES, read_yaml

MODE = "mode: asynchronous\n"
SMALL = ("experiment.models=[digits_cnn]", "experiment.precisions=[fp32]", "experiment.devices=[cpu]")


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def laughs(values: str, more: str, levels: int = 12) -> str:
    """Write levels of which each holds the one before nine times."""
    lines = [f"a0: &a0 {values}"]
    lines += [f"a{i}: &a{i} {more.format(','.join([f'*a{i - 1}'] * 9), i)}" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


IN_A_FILE = {
    "aliases": (laughs("[x]", "[{0}]"), ", line 6: a5.2: has more than 50000 values, with what its aliases stand for"),
    "merges": (
        laughs("{k: v}", "{{<<: [{0}], k{1}: 1}}"),
        ", line 6: a5.<<.0: has more than 50000 values, with what its aliases stand for",
    ),
    "alias of itself": ("a: {b: &a [*a]}\n", ", line 1: a.b.0: *a stands inside of what it stands for"),
    "unknown alias": ("a: *b\n", ", line 1: is no YAML (found undefined alias 'b')"),
    "values": (f"a: [{'1,' * 60_000}]\n", ", line 1: a.49997: has more than 50000 values"),
    "size": (f"# {'x' * MOST_BYTES}\n", ": is larger than 1 MiB; long lists of names belong in a text file"),
    "lists in lists": (f"b: {'[' * 5000}{']' * 5000}\n", f", line 1: b{'.0' * 31}: is nested more than 32 deep"),
    "lists never closed": (f"b: {'[' * 5000}", f", line 1: b{'.0' * 31}: is nested more than 32 deep"),
    "keys in keys": ("".join(f"{' ' * i}a:\n" for i in range(900)), ", line 33: a.a."),
    "Latin-1": (b"mode: a\ntitle: caf\xe9\n", ", line 2: byte 0xe9 is not UTF-8 (Latin-1?); save the file as UTF-8"),
    "UTF-16": (MODE.encode("utf-16"), ", line 1: is UTF-16, expected UTF-8; save it as that"),
    "UTF-16 unmarked": (MODE.encode("utf-16-le"), ", line 1: holds the control character '\\x00'"),
    "UTF-32": (MODE.encode("utf-32"), ", line 1: is UTF-32, expected UTF-8"),
    "digits": (f"mode: x\nbatch: {'9' * 5000}\n", ", line 2: batch: '99999999999999999999999999"),
    "hexadecimal digits": (f"batch: 0x{'f' * 5000}\n", ", line 1: batch: '0xffffffffffffffffffffff"),
    "digits of a float": (f"batch: {'9' * 5000}.5e3\n", ", line 1: batch: '99999999999999999999999999"),
    "a number that is none": ("batch: !!int abc\n", ": is no YAML that can be used (ValueError: invalid literal"),
    "twice": ("a: 1\nmode: b\na: 2\n", ", line 3: 'a' is given twice (first in line 1)"),
    "twice inside": ("server: {rate: 1, rate: 2}\n", ", line 1: server: 'rate' is given twice (first in line 1)"),
    "number twice": ("map: {1: a, 1: b}\n", ", line 1: map: '1' is given twice (first in line 1)"),
    "tab": ("server:\n\trate: 1\n", ", line 2: is indented with a tab, expected spaces"),
    "ESC": ("a: b\nc: \x1b[31m\n", ", line 2: holds the control character '\\x1b'; in a text, write it as an escape"),
    "NUL": ('title: "a\\0b"\n', ", line 1: title: 'a\\x00b' holds a character that no text has"),
    "half a character": ('title: "a\\ud800b"\n', ", line 1: title: is no YAML (found invalid Unicode character"),
    "two documents": ("a: 1\n---\nb: 2\n", ", line 2: is no YAML (but found another document)"),
    "code": ("a: {b: !!python/object/apply:os.system [ls]}\n", ", line 1: a.b: the tag '!!python/object/apply:os.sys"),
    "path": ("a: !!python/object/apply:pathlib.Path [a]\n", ", line 1: a: the tag '!!python/object/apply:pathlib.Path"),
    "bytes": ("a: !!binary aGVsbG8=\n", ", line 1: a: the tag '!!binary' is not read here"),
    "list as key": ("? [a, b]\n: c\n", ", line 1: a key must be a single text"),
    "null as key": ("a: {null: 1}\n", ", line 1: a: a key must be a text, null is none"),
    "open quotes": ("title: 'open\n", "title: is no YAML (found unexpected end of stream)"),
    "no YAML": ("files: [\n", "files: is no YAML (did not find expected node content)"),
    "other version": ("%YAML 9.9\n---\na: 1\n", ", line 1: is no YAML (found incompatible YAML document)"),
    "list": ("- CPU\n", ": expected keys and values (KEY: VALUE)"),
    "single value": ("5\n", ": expected keys and values (KEY: VALUE)"),
    "braces": ("{a}: {b}: c\n", ", line 1: a key must be a single text"),
}


@pytest.mark.parametrize(("content", "expected"), IN_A_FILE.values(), ids=IN_A_FILE.keys())
def test_a_file_is_read_within_bounds(tmp_path: Path, content: str | bytes, expected: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    began = time.perf_counter()
    with pytest.raises(OvlabError) as caught:
        read_yaml(path, "conf/x.yaml")
    text = str(caught.value)
    assert text.startswith("conf/x.yaml") and expected in text
    assert len(text) < 400 and text.isprintable()
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbfmode: a\n", {"mode": "a"}),
        (b"a: &a [1, 2]\nb: *a\n", {"a": [1, 2], "b": [1, 2]}),
        (b"a: &a {k: 1}\nb: {<<: *a, l: 2}\n", {"a": {"k": 1}, "b": {"k": 1, "l": 2}}),
        (b"sha256: '" + b"1" * 64 + b"'\nother: " + b"12ab" * 16, {"sha256": "1" * 64, "other": "12ab" * 16}),
        (b'a: "\\e[31m \\u202e"\nb: !!str 5\n', {"a": "\x1b[31m \u202e", "b": "5"}),
        (b"a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        (b"", {}),
        (b"# nothing\n", {}),
        (b"null\n", {}),
    ],
)
def test_what_is_in_order_passes(tmp_path: Path, content: bytes, expected: dict[str, object]) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    assert read_yaml(path, "x.yaml")[1] == expected


def test_a_long_list_of_class_names_passes(tmp_path: Path) -> None:
    names = [f"class number {number}" for number in range(22_000)]
    path = tmp_path / "x.yaml"
    path.write_text("class_names:\n" + "".join(f"- {name}\n" for name in names), encoding="utf-8")
    assert read_yaml(path, "x.yaml")[1]["class_names"] == names


def quickstart_with(folder: Path, content: str, group: str = "scenario", *overrides: str) -> Grid:
    """Plan one cell with a file of a group."""
    (folder / group).mkdir(exist_ok=True)
    (folder / group / "x.yaml").write_text(content, encoding="utf-8")
    chosen = {one.partition("=")[0]: one for one in (*SMALL, "experiment.scenarios=[offline]")}
    chosen[f"experiment.{group}s"] = f"experiment.{group}s=[x]"
    return load_grid("quickstart", extra_conf=str(folder), overrides=[*chosen.values(), *overrides])


REFERRING = "".join(f"x{i}: '${{scenario.x{i + 1}}}${{scenario.x{i + 1}}}'\n" for i in range(40)) + "x40: a\n"


@pytest.mark.parametrize(
    ("group", "content", "expected"),
    [
        ("scenario", laughs("[x]", "[{0}]") + MODE, "/scenario/x.yaml, line 6: a5.2: has more than"),
        ("scenario", MODE + "description: ${nothing}\n", "/scenario/x.yaml: description: Interpolation key 'nothing'"),
        ("scenario", MODE + "description: ${scenario.description}\n", "/scenario/x.yaml: description: Recursive inter"),
        ("scenario", MODE + REFERRING, "configuration: 80 times ${...}, expected at most 16"),
        ("scenario", "defaults: [x]\n" + MODE, "the defaults of a file lead back to it"),
        ("scenario", "defaults: 5\n", "/scenario/x.yaml: defaults: 5, expected a list of names, or of GROUP: NAME"),
        ("scenario", "defaults: [{a: {b: c}}]\n", "/scenario/x.yaml: defaults: {'a': {'b': 'c'}}, expected a list of"),
        ("scenario", "defaults: [../device/cpu]\n" + MODE, "defaults: '../device/cpu', expected a list of names"),
        ("scenario", "# @package _global_\n" + MODE, "/scenario/x.yaml: says nothing of a scenario; does a header"),
        ("scenario", "# @package a b c\n" + MODE, "/scenario/x.yaml, line 1: Too many components"),
        ("scenario", MODE + "batch: ???\n", "/scenario/x.yaml: batch: ??? stands for a value that is missing"),
        ("scenario", MODE + f"description: {'x' * 150_000}\n", "the settings of a report step take 15"),
        (
            "scenario",
            f"mode: sweep\nsweep: {{batch: {list(range(1, 200))}, infer_requests: {list(range(1, 200))}}}\n",
            "/scenario/x.yaml: sweep: batch, infer_requests, streams: 39601 points, expected at most 10000",
        ),
        (
            "precision",
            "inference_precision: f32\nquantization: {}\ncalibration_seeds: 1000000000\n",
            "/precision/x.yaml: calibration_seeds: input should be less than or equal to 1000 (got 1000000000)",
        ),
    ],
)
def test_what_a_composition_cannot_be_made_of(tmp_path: Path, group: str, content: str, expected: str) -> None:
    began = time.perf_counter()
    with pytest.raises(OvlabError) as caught:
        quickstart_with(tmp_path, content, group)
    text = str(caught.value)
    assert expected in text
    assert len(text) < 500 and text.isprintable()
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((f"seed={'9' * 5000}",), "overrides: cannot read 'seed=999"),
        ((f"experiment.title={'[' * 500}{']' * 500}",), "overrides: cannot read 'experiment.title=[[[["),
        ((f"experiment.title={'x' * 30_000}",), "is longer than 20000 characters"),
        (("experiment.title='a\udcffb'",), "configuration: experiment.title: 'a\\udcffb' holds a character that no"),
        (("precision.calibration_seeds=0",), "calibration_seeds: input should be greater than 0 (got 0)"),
        (("measurement.launches=1000000",), "launches: input should be less than or equal to 10000 (got 1000000)"),
        (("measurement.images=1000000000",), "images: input should be less than or equal to 100000 (got 1000000000)"),
        (("measurement.timeout_s=1e300",), "timeout_s: input should be less than or equal to 1000000"),
        (("validation.disagreements=1000000",), "disagreements: input should be less than or equal to 1000"),
        (("results='r{model}'",), "results: 'r{model}': Snakemake takes {...} and <...> in a path for something else"),
        (("results='a<results>b'",), "results: 'a<results>b': Snakemake takes"),
        (("results=-x",), "results: '-x': programs take it for an option"),
        (("results='a\nb'",), "results: 'a\\nb': holds a character that cannot be seen"),
        ((f"results={'x' * 300}",), "is longer than file systems allow (255 bytes a name, 2000 in all)"),
    ],
)
def test_overrides_are_bounded_too(overrides: tuple[str, ...], expected: str) -> None:
    with pytest.raises(OvlabError) as caught:
        load_grid("quickstart", overrides=[*SMALL, "experiment.scenarios=[offline]", *overrides])
    text = str(caught.value)
    assert expected in text
    assert len(text) < 400 and text.isprintable()


BAD_NAMES = ["..", ".", ".hidden", "-x", "--help", "null", "true", "no", "1e5", "007", "0x1f", "1_000", "x.yaml", "a:b"]
BAD_NAMES += ["a,b", "a=b", "a{b}", "{model}", "a[b]", "a'b", 'a"b', "$(x)", "`x`", "a%b", "a;b", "*", "~", "a\tb"]
BAD_NAMES += ["a\u202eb", "a\x1bb", "x" * 101, "é" * 51, "a.", "a ", " a", "a@b", "a\\b", ""]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_means_something_else_is_none(name: str) -> None:
    assert why_bad_name(name)


@pytest.mark.parametrize(
    "name", ["digits_cnn", "2024", "1.5", "my model", "a+b", "a.b", "résnet-50", "日本", "_x", "NA"]
)
def test_a_name_that_is_one(name: str) -> None:
    assert why_bad_name(name) is None


@pytest.mark.parametrize("path", ["results", "/data/my results", "../r", "a $(x) `y` 'q' \"d\" % é", "a<b", "r/"])
def test_a_folder_that_results_can_be_kept_in(path: str) -> None:
    assert why_bad_folder(path) is None


@pytest.mark.parametrize("name", ["..", ".", "-x", "null", "1e5", "true", "a{b}", "x\u202ey"])
def test_a_file_called_so_is_refused(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "experiment").mkdir()
    shutil.copy(ROOT / "conf/experiment/quickstart.yaml", tmp_path / "experiment" / f"{name}.yaml")
    assert main([f"--experiment={name}", "--extra-conf", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"error: experiment {name!r}: a file cannot be called so: ")
    assert told.err.count("\n") == 1 and told.err.rstrip("\n").isprintable()


@pytest.mark.parametrize("name", ["../quickstart", "/etc/passwd", "sub/x", "x" * 100_000, "a/../../b"])
def test_a_name_is_no_path(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--experiment={name}"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: unknown experiment ") and told.count("\n") == 1 and len(told) < 300


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ("[null]", "experiment.models.0: input should be a valid string (got None)"),
        ("[true]", "experiment.models: [True], expected no true or false"),
        ("[1e5]", "experiment.models.0: input should be a valid string (got 100000.0)"),
        ("['null']", "experiment.models: model 'null': a file cannot be called so: YAML reads it as None"),
        ("['1e5']", "experiment.models: model '1e5': a file cannot be called so: YAML reads it as 100000.0"),
        ("['..']", "experiment.models: model '..': a file cannot be called so: use letters, digits"),
    ],
)
def test_an_experiment_that_names_them(tmp_path: Path, models: str, expected: str) -> None:
    (tmp_path / "model").mkdir()
    for name in ("null", "1e5", "true", ".."):
        shutil.copy(ROOT / "conf/model/digits_cnn.yaml", tmp_path / "model" / f"{name}.yaml")
    (tmp_path / "experiment").mkdir()
    chosen = f"{{models: {models}, precisions: [fp32], devices: [cpu], scenarios: [offline]}}"
    text = f"# @package _global_\nexperiment: {chosen}\n"
    (tmp_path / "experiment" / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(OvlabError) as caught:
        load_grid("x", extra_conf=str(tmp_path))
    assert str(caught.value).startswith(f"{tmp_path}/experiment/x.yaml: {expected}")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"experiment": "1e5"}, "--config experiment: 100000.0, expected a name or a folder"),
        ({"experiment": "True"}, "--config experiment: True, expected a name or a folder"),
        ({"experiment": "null"}, "unknown experiment 'null'"),
        ({"experiment": "[a]"}, "--config experiment: ['a'], expected a name or a folder"),
        ({"mirror": "{x}"}, "--config mirror: {'x': ''}, expected a name or a folder"),
        ({"extra_conf": "x" * 5000}, "extra_conf: no folder 'xxxx"),
        ({"overrides": "results=r{model}"}, "overrides: cannot read 'results=r{model}'"),
    ],
)
def test_snakemake_prints_one_line(config: dict[str, str], expected: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        grid_for_snakemake(parse_config([f"{key}={value}" for key, value in config.items()]), ROOT)
    text = str(caught.value)
    assert text.startswith(expected)
    assert "\n" not in text and len(text) < 400


def test_a_workflow_in_a_folder_that_snakemake_cannot_name(tmp_path: Path) -> None:
    home = tmp_path / "{model}"
    (home / "conf").mkdir(parents=True)
    with pytest.raises(WorkflowError, match="run it from its own folder"):
        grid_for_snakemake({}, home)
