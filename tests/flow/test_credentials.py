"""User, password and token of an address serve the download, and stand in nothing that a run prints or keeps."""

from __future__ import annotations

import atexit
import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.cli import parse_config
from snakemake.exceptions import WorkflowError
from web_server import WebServer
from workflow_runs import ROOT

from ovlab.records import read_record
from ovlab_flow import grid_for_snakemake, last_words, load_grid
from ovlab_flow.command_line import as_lines

USER, PASSWORD, TOKEN = "ursula", "s3cret-passw0rd", "t0ken-of-hers"
SECRETS = (USER, PASSWORD, TOKEN, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
OVERRIDES = [
    "experiment.models=[mine]",
    "experiment.precisions=[fp32,int8]",
    "experiment.devices=[cpu]",
    "experiment.scenarios=[offline]",
]
MODEL = (ROOT / "resources" / "digits_cnn.onnx").read_bytes()


@pytest.fixture
def guarded(server: WebServer) -> WebServer:
    """A server that gives its file only to who knows user, password and token."""
    server.authorization = "Basic " + SECRETS[-1]
    server.files[f"/mirror/digits_cnn.onnx?token={TOKEN}"] = MODEL
    return server


def secret_url(server: WebServer, path: str, password: str = PASSWORD) -> str:
    return f"http://{USER}:{password}@127.0.0.1:{server.port}{path}?token={TOKEN}"


def write_model(folder: Path, *urls: str) -> None:
    """Write the YAML of a model whose file comes from these addresses."""
    data = yaml.safe_load((ROOT / "conf/model/digits_cnn.yaml").read_text(encoding="utf-8"))
    (file,) = data["files"]
    del file["embedded"]
    data["files"] = [file | {"url": list(urls)}]
    (folder / "conf" / "model").mkdir(parents=True)
    (folder / "conf" / "model" / "mine.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")


def run(folder: Path, *arguments: str, **config: str) -> subprocess.CompletedProcess[str]:
    """Run the workflow in a folder that has its own YAML."""
    config = {"extra_conf": "conf", "overrides": f"[{','.join(OVERRIDES)}]"} | config
    values = [f"{key}={value}" for key, value in config.items()]
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "1", "-p", *arguments]
    command += ["--config", *values]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def record_of(folder: Path) -> str:
    """Return the path of the record of the model's files."""
    grid = load_grid("quickstart", extra_conf=str(folder / "conf"), overrides=OVERRIDES)
    (source,) = (one for one in grid.sources.values() if one.group == "models")
    return f"results/sources/models/mine/{source.digest}/source.json"


def found_secrets(folder: Path, done: subprocess.CompletedProcess[str]) -> list[str]:
    """Search all that a run has printed and left, but for the YAML that the user wrote."""
    texts = {"stdout": done.stdout.encode(), "stderr": done.stderr.encode()}
    texts |= {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml"}
    names = {f"name of {path}": str(path).encode() for path in folder.rglob("*")}
    return [
        f"{secret} in {where}"
        for secret in SECRETS
        for where, text in (texts | names).items()
        if secret.encode() in text
    ]


def test_an_address_with_credentials(guarded: WebServer, tmp_path: Path) -> None:
    write_model(tmp_path, guarded.url("/nothing"), secret_url(guarded, "/mirror/digits_cnn.onnx"))
    path = record_of(tmp_path)
    done = run(tmp_path, path)
    record = read_record(tmp_path / path, "source")
    assert record.ok, record.reason
    shown = f"http://***@127.0.0.1:{guarded.port}/mirror/digits_cnn.onnx?***"
    assert record.data["files"][0]["origin"] == shown
    assert record.settings["files"][0]["url"][1] == shown
    assert shown in done.stdout + done.stderr
    assert found_secrets(tmp_path, done) == []


def test_a_token_from_the_environment(guarded: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc.yaml"))  # as ~/.netrc; the search leaves out the user's own files
    (tmp_path / "netrc.yaml").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n", encoding="utf-8")
    write_model(tmp_path, guarded.url("/mirror/digits_cnn.onnx?token=${oc.env:MY_TOKEN}"))
    path = record_of(tmp_path)
    done = run(tmp_path, path)
    record = read_record(tmp_path / path, "source")
    assert record.ok, record.reason
    assert found_secrets(tmp_path, done) == []


def test_a_mirror_with_credentials(guarded: WebServer, tmp_path: Path) -> None:
    write_model(tmp_path, "http://127.0.0.1:1/digits_cnn.onnx")
    path = record_of(tmp_path)
    done = run(tmp_path, path, mirror=secret_url(guarded, "/mirror/"))
    record = read_record(tmp_path / path, "source")
    assert record.ok, record.reason
    assert record.data["files"][0]["origin"] == f"http://***@127.0.0.1:{guarded.port}/mirror/digits_cnn.onnx?***"
    assert found_secrets(tmp_path, done) == []


def test_failures_show_no_credentials(guarded: WebServer, tmp_path: Path) -> None:
    guarded.files["/text?token=" + TOKEN] = b"not the model"
    guarded.raw["/long?token=" + TOKEN] = lambda write: (
        write(b"HTTP/1.1 200 OK\r\nContent-Length: long\r\n\r\n") and None
    )
    leads = f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ftp://{USER}:{PASSWORD}@host/f?{TOKEN}\r\n\r\n"
    guarded.raw["/elsewhere?token=" + TOKEN] = lambda write: write(leads.encode()) and None
    echo = f"HTTP/1.1 404 no {TOKEN} of {USER}:{PASSWORD}\r\nContent-Length: 0\r\n\r\n".encode()
    guarded.raw["/echo?token=" + TOKEN] = lambda write: write(echo) and None
    paths = ("/mirror/digits_cnn.onnx", "/nothing", "/text", "/long", "/elsewhere", "/echo")
    odd = [
        f"http://{USER}:{PASSWORD}@127.0.0.1:port/digits_cnn.onnx?{TOKEN}",
        f"http://{USER}:{PASSWORD}/x@127.0.0.1/digits_cnn.onnx?{TOKEN}",
        f"http://{USER}:{PASSWORD}@/digits_cnn.onnx?{TOKEN}",
        f"http://{USER}:{PASSWORD}@[::1/digits_cnn.onnx?{TOKEN}",
    ]
    wrong = secret_url(guarded, "/mirror/digits_cnn.onnx", password=PASSWORD + "x")
    write_model(tmp_path, wrong, *(secret_url(guarded, path) for path in paths[1:]), *odd)
    path = record_of(tmp_path)
    done = run(tmp_path, path, mirror=secret_url(guarded, "/nowhere"))
    record = read_record(tmp_path / path, "source")
    assert record.status == "failed"
    for words in ("401 Unauthorized", "404 Not Found", "sha256 is", "Content-Length", "neither http nor https"):
        assert words in record.reason
    assert found_secrets(tmp_path, done) == []


def test_no_command_of_a_whole_experiment_shows_credentials(guarded: WebServer, tmp_path: Path) -> None:
    write_model(tmp_path, secret_url(guarded, "/mirror/digits_cnn.onnx"))
    done = run(tmp_path, "-n", mirror=secret_url(guarded, "/mirror"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("http://***@127.0.0.1") > 3
    assert found_secrets(tmp_path, done) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mirrror", "http://{0}@host/?{1}"),
        ("overrides", "[model.files=[http://{0}@host/f?{1}]]"),
        ("overrides", '[model.files=[{{url:"ftp://{0}@host/f?{1}"}}]]'),
        ("overrides", '[model.files=[{{ulr:"http://{0}@host/f?{1}"}}]]'),
        ("overrides", '[results="http://{0}@host/?{1}",sed=3]'),
        ("extra_conf", "http://{0}@host/?{1}"),
    ],
)
def test_mistakes_show_no_credentials(key: str, value: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        grid_for_snakemake({key: value.format(f"{USER}:{PASSWORD}", TOKEN)})
    assert not [secret for secret in SECRETS if secret in str(caught.value)]


def test_the_report_knows_what_the_run_was_given_but_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    mirror = f"https://{USER}:{PASSWORD}@example.org/mirror?token={TOKEN}"
    overrides = ["seed=3", "experiment.devices=[cpu]"]
    grid = grid_for_snakemake({"experiment": "quickstart", "mirror": mirror, "overrides": f"[{','.join(overrides)}]"})
    told = grid.report.options
    assert told[0] == "mirror=https://***@example.org/mirror?***"
    # The command of the report gives them again: what Snakemake reads of it is what was given.
    assert as_lines(parse_config([told[1]])["overrides"]) == overrides
    assert not [secret for secret in SECRETS if secret in grid.report.to_json()]
    assert grid_for_snakemake({"experiment": "quickstart"}).report.options == ()


def test_the_last_words_show_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []

    def register(function: Callable[..., Any], *arguments: Any, **_options: Any) -> None:
        printed.extend(arguments)

    monkeypatch.setattr(atexit, "register", register)
    mirror = f"mirror=http://{USER}:{PASSWORD}@host/dir?{TOKEN}"
    monkeypatch.setattr(sys, "argv", ["snakemake", "--cores", "all", "--config", "experiment=quickstart", mirror])
    (tmp_path / "failures.txt").write_text("1 cell: 1 failed\n", encoding="utf-8")
    last_words(str(tmp_path / "failures.txt"))
    (text,) = printed
    assert (
        "try the failed steps again: snakemake --cores all --config experiment=quickstart 'mirror=http://***@host"
        in text
    )
    assert not [secret for secret in SECRETS if secret in text]


def test_a_run_removes_what_a_killed_one_left(server: WebServer, tmp_path: Path) -> None:
    server.files["/digits_cnn.onnx"] = MODEL
    write_model(tmp_path, server.url("/digits_cnn.onnx"))
    path = record_of(tmp_path)
    left = tmp_path / "results/sources/datasets/gone/12345678/.files.abc.partial"
    left.mkdir(parents=True)
    (left / ".owner.lock").touch()
    (left / "image.png").touch()
    dry = run(tmp_path, "-n", path)
    assert dry.returncode == 0, dry.stderr
    assert left.exists()
    done = run(tmp_path, path)
    assert done.returncode == 0, done.stderr
    assert not left.exists()


def test_a_variant_that_others_made_has_its_address_handed_over_too(guarded: WebServer, tmp_path: Path) -> None:
    write_model(tmp_path, guarded.url("/mirror/digits_cnn.onnx"))
    file = {"url": secret_url(guarded, "/mirror/digits_cnn.onnx"), "sha256": hashlib.sha256(MODEL).hexdigest()}
    source = {"framework": "onnx", "files": [file], "licence": "Apache-2.0"}
    text = "# @package _global_\n" + yaml.safe_dump({"precision": {"source": source}})
    (tmp_path / "conf" / "model_precision").mkdir()
    (tmp_path / "conf" / "model_precision" / "mine-int8_imported.yaml").write_text(text, encoding="utf-8")
    chosen = [one.replace("fp32,int8", "fp32,int8_imported") for one in OVERRIDES]
    grid = load_grid("quickstart", extra_conf=str(tmp_path / "conf"), overrides=chosen)
    variant = next(one for one in grid.variants.values() if one.precision == "int8_imported")
    path = f"results/sources/models/mine/{variant.model_source.digest}/source.json"
    done = run(tmp_path, path, overrides=f"[{','.join(chosen)}]")
    record = read_record(tmp_path / path, "source")
    assert record.ok, record.reason
    assert record.data["files"][0]["origin"].startswith("http://***@127.0.0.1:")
    assert found_secrets(tmp_path, done) == []
    assert not [one for one in grid.all_settings() if any(secret in one.to_json() for secret in SECRETS)]
