"""A small results folder as a run leaves it: one classifier in two precisions, a session, two validations, a report."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ovlab.bundle import OpenedBundle
from ovlab.bundle.generated import generated_texts
from ovlab.bundle.layout import MANIFEST, SETTINGS, read_info
from ovlab.bundle.manifest import format_manifest, walk
from ovlab.errors import OvlabError
from ovlab.files import digest_of, sha256_of, sha256_of_data, write_json
from ovlab.inputs.listing import write_listing
from ovlab.measure.parent.launches import Launch, VariantUnderTest, paired
from ovlab.measure.parent.quantities import session_values
from ovlab.records import Quantity, Record, write_record
from ovlab.report import Records, report
from ovlab.specs import DeviceSpec, ReportSettings
from ovlab.stats.launches import ratio_interval
from ovlab.tasks import TASKS

SHA = "ab" * 32
MODEL: dict[str, Any] = {
    "framework": "onnx",
    "files": [{"url": ["https://example.org/net.onnx"], "sha256": SHA}],
    "licence": "MIT",
    "task": "classification",
    "dataset": "data",
}
DATA: dict[str, Any] = {
    "files": [{"url": ["https://example.org/data.zip"], "sha256": SHA}],
    "licence": "CC-BY-4.0",
    "task": "classification",
    "format": "class_folders",
    "splits": {"validation": {"images": "validation"}},
}
PRECISIONS: dict[str, Any] = {
    "fp32": {"weights": "f32", "inference_precision": ["f32"]},
    "int8": {"weights": "f32", "inference_precision": ["f32"], "quantization": {}},
}
EXECUTED = {"fp32": "f32", "int8": "i8"}
ENVIRONMENT: dict[str, Any] = {
    "cpu": {"model": "Test CPU", "architecture": "x86_64", "usable_cores": 2, "flags": ["avx2"]},
    "memory_gb": 8.0,
    "os": "Linux-test",
    "python": "3.11.7",
    "packages": {"openvino": "2026.4.1"},
    "git_commit": "0" * 40,
}
CONF = {
    "config.yaml": "seed: 0\nreference: fp32\nmeasurement: {launches: 3, max_launches: 3}\nvalidation: {}\n",
    "experiment/test.yaml": "experiment:\n  title: A test\n  models: [net]\n  precisions: [fp32, int8]\n"
    "  devices: [cpu]\n  scenarios: [single_stream]\n  profile: false\n",
    "device/cpu.yaml": "device: CPU\n",
    "scenario/single_stream.yaml": "mode: synchronous\n",
    "precision/fp32.yaml": "weights: f32\ninference_precision: [f32]\n",
    "precision/int8.yaml": "weights: f32\ninference_precision: [f32]\nquantization: {}\n",
    "model/net.yaml": "framework: onnx\nlicence: MIT\ntask: classification\ndataset: data\n"
    f"files: [{{url: 'https://example.org/net.onnx', sha256: {SHA}}}]\n",
    "dataset/data.yaml": "licence: CC-BY-4.0\ntask: classification\nformat: class_folders\n"
    f"files: [{{url: 'https://example.org/data.zip', sha256: {SHA}}}]\n"
    "splits: {validation: {images: validation}}\n",
}
IMAGES = 40


def make_settings(validate_on: str = "") -> ReportSettings:
    """Settings of the experiment; `validate_on` is the string of a second device, ``other``, to validate on."""
    axes = {"models": ["net"], "precisions": ["fp32", "int8"], "devices": ["cpu"], "scenarios": ["single_stream"]}
    devices: dict[str, Any] = {"cpu": {"device": "CPU"}}
    if validate_on:
        axes |= {"devices": ["cpu", "other"], "validate_on": ["other"]}
        devices["other"] = {"device": validate_on}
    return ReportSettings.model_validate(
        {
            "name": "test",
            "experiment": {"title": "A test", "profile": False} | axes,
            "reference": "fp32",
            "measurement": {"launches": 3, "max_launches": 3},
            "validation": {},
            "seed": 0,
            "models": {"net": MODEL},
            "datasets": {"data": DATA},
            "precisions": PRECISIONS,
            "devices": devices,
            "scenarios": {"single_stream": {"mode": "synchronous"}},
        }
    )


def make_checkout(home: Path) -> Path:
    """Write what a bundle takes of a checkout."""
    for name, text in CONF.items():
        _write(home / "conf" / name, text)
    _write(home / "Snakefile", "# the workflow\n")
    _write(home / "workflow/rules/report.smk", "# a rule\n")
    _write(home / "requirements.lock", "numpy==2.0\n")
    return home


def make_results(
    results: Path, prefix: str = "results", reason: str = "", run_id: str = "", validate_on: str = ""
) -> Path:
    """Write a results folder; records call it `prefix`, and the session's reason ends with `reason`."""
    settings = make_settings(validate_on)
    model = _source(results / "sources/models/net/00000001", {"net.onnx": b"onnx"}, prefix)
    images = {f"validation/{i % 4}/{i:02}.jpg": b"%d" % i for i in range(IMAGES)}
    data = _source(results / "sources/datasets/data/00000002", images, prefix)
    variants = [_variant(results, name, number) for number, name in enumerate(PRECISIONS, 3)]
    accuracies: list[tuple[Path, Record]] = []
    for number, (path, record) in enumerate(variants):
        accuracies.append(_accuracy(results, number, record, data[1], accuracies[0][0].parent if accuracies else None))
        del path
    for number, (_, record) in enumerate(variants if validate_on else []):
        reference = accuracies[2][0].parent if number else None
        accuracies.append(_accuracy(results, number + 2, record, data[1], reference, settings.devices["other"]))
    session = _session(results, settings, [record for _, record in variants], reason)
    if run_id:
        session[1].run_id = run_id
        write_record(*session)
    found = [model, data, *variants, *accuracies, session]
    seen = [(_seen(path, results, prefix), one) for path, one in found]
    with contextlib.chdir(results.parent):
        report(settings, Records.at(seen), _page(results))
    names = [str(_seen(path, results, prefix)) for path, _ in found]
    _write(results / "test/report/records.txt", "".join(f"{name}\n" for name in names))
    return results


def _page(results: Path) -> Path:
    return results / "test/report/index.html"


def _seen(path: Path, results: Path, prefix: str) -> Path:
    return Path(prefix) / path.relative_to(results)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _record(kind: Any, settings: dict[str, Any], **others: Any) -> Record:
    fixed = {"environment": ENVIRONMENT, "run_id": "0123456789ab", "created": "2026-01-02T03:04:05+00:00"}
    return Record(kind, settings, **fixed, **others)


def _source(folder: Path, files: dict[str, bytes], prefix: str) -> tuple[Path, Record]:
    for name, content in files.items():
        (folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "files" / name).write_bytes(content)
    write_listing(folder / "files", folder / "files.lst", {}, hashed=True)
    root = f"{prefix}/sources/{'/'.join(folder.parts[-3:])}"
    hashes = {"files.lst": sha256_of(folder / "files.lst")}
    told = {"root": f"{root}/files", "listing": f"{root}/files.lst", "files": []}
    record = _record("source", {"files": []}, inputs={"archive": SHA}, files=hashes, data=told)
    write_record(folder / "source.json", record)
    return folder / "source.json", record


def _variant(results: Path, name: str, number: int) -> tuple[Path, Record]:
    folder = results / f"variants/net/{name}/0000000{number}"
    hashes = {}
    for file in ("model.bin", "model.xml"):
        _write(folder / file, f"{file} of {name}")
        hashes[file] = sha256_of(folder / file)
    values = {"model_size": Quantity(5.0 / number, "MB"), "parity_absolute": Quantity(1e-6, "output units")}
    settings = {"model_name": "net", "precision_name": name}
    record = _record("variant", settings, files=hashes, values=values, data={"sha256": hashes})
    write_record(folder / "variant.json", record)
    return folder / "variant.json", record


def _accuracy(
    results: Path,
    number: int,
    variant: Record,
    data: Record,
    reference: Path | None,
    device: DeviceSpec | None = None,
) -> tuple[Path, Record]:
    precision = variant.settings["precision_name"]
    folder = results / f"accuracy/net/{precision}/0000000{number + 5}"
    folder.mkdir(parents=True)
    labels = [i % 4 for i in range(IMAGES)]
    predicted = [[(label + (i < 5 + 4 * number)) % 4, label] for i, label in enumerate(labels)]
    frame = pd.DataFrame({"image": [f"validation/{i % 4}/{i:02}.jpg" for i in range(IMAGES)], "label": labels})
    frame["predicted"], frame["score"] = predicted, np.linspace(0.5, 0.9, IMAGES)
    frame["top1"] = [one[0] == label for one, label in zip(predicted, labels, strict=True)]
    frame["top5"] = True
    frame = frame.sort_values("image", ignore_index=True)
    frame.to_parquet(folder / "predictions.parquet", index=False)
    settings = make_settings()
    task = TASKS["classification"]
    assert task.from_records is not None
    truth, names = frame[["image", "label"]], ["0", "1", "2", "3"]
    evaluator = task.from_records.evaluator(settings.models["net"], settings.datasets["data"], frame, truth, names)
    values = dict(evaluator.score(frame)) | {"samples": Quantity(IMAGES, "count")}
    told: dict[str, Any] = {"metric": evaluator.metric, "class_names": names, "skipped": [], "remarks": []}
    told["images_digest"] = digest_of(list(frame["image"]))
    if reference is not None:
        other = pd.read_parquet(reference / "predictions.parquet")
        values |= evaluator.compare(frame, other)
        told["comparison"] = evaluator.differences(frame, other, 8).plain()
    hashes = {"predictions.parquet": sha256_of(folder / "predictions.parquet")}
    own = {"model_name": "net", "precision_name": precision, "calibration_seed": None}
    own |= {"model": settings.models["net"].plain(), "dataset": settings.datasets["data"].plain()}
    own |= {"precision": settings.precisions[precision].plain(), "validation": settings.validation.plain()}
    own |= {} if device is None else {"device_name": "other", "device": device.plain()}
    told["device"] = settings.validation.device if device is None else device.device
    inputs = variant.files | data.files | hashes
    record = _record("accuracy", own, inputs=inputs, files=hashes, values=values, data=told)
    write_record(folder / "accuracy.json", record)
    return folder / "accuracy.json", record


def _session(results: Path, settings: ReportSettings, variants: list[Record], reason: str) -> tuple[Path, Record]:
    folder = results / "test/sessions/here/net/cpu/single_stream"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(7)
    under_test: dict[str, VariantUnderTest] = {}
    parts = []
    for position, name in enumerate(PRECISIONS):
        under_test[name] = VariantUnderTest(request=lambda *_: None)  # type: ignore[arg-type, return-value]
        for number in (1, 2, 3):
            latency = generator.gamma(40, 0.1 / (1 + position), 50)
            starts = np.concatenate([[0.0], np.cumsum(latency[:-1]) / 1e3])
            elapsed = float((starts + latency / 1e3).max())
            result = _result(len(latency), elapsed)
            under_test[name].launches.append(Launch(number, position, result, starts, latency))
            columns = {"precision": name, "round": number, "position": position, "start_s": starts}
            parts.append(pd.DataFrame(columns | {"latency_ms": latency}))
    pd.concat(parts, ignore_index=True).to_parquet(folder / "samples.parquet", index=False)
    rows = {}
    for name, variant in under_test.items():
        values = session_values(variant, [])
        ratio = Quantity.of(ratio_interval(*paired(variant, under_test["fp32"])), "ratio")
        values["speedup"] = Quantity(1.0, "ratio", 1.0, 1.0) if name == "fp32" else ratio
        quantities = {key: asdict(value) for key, value in values.items()}
        rows[name] = {"status": "ok", "reason": reason, "values": quantities, "effective": _effective(EXECUTED[name])}
    hashes = {"samples.parquet": sha256_of(folder / "samples.parquet")}
    inputs = {f"{one.settings['precision_name']}/{file}": sha for one in variants for file, sha in one.files.items()}
    stated = settings.plain()
    own = {"model_name": "net", "device_name": "cpu", "scenario_name": "single_stream", "dataset_name": "data"}
    own |= {"dataset": stated["datasets"]["data"], "precisions": stated["precisions"], "reference": "fp32", "seed": 0}
    own |= {"device": stated["devices"]["cpu"], "scenario": stated["scenarios"]["single_stream"]}
    own |= {"measurement": stated["measurement"], "resize": stated["models"]["net"]["preprocess"]["resize"]}
    launches = {
        name: [{"round": one.round, "position": one.position, **one.result} for one in variant.launches]
        for name, variant in under_test.items()
    }
    host = {"governor": None, "driver": None, "turbo": None, "smt": False}
    noise = {"host": host, "kernel_ms": [2.5, 2.5, 2.5], "waited_s": 0.0, "waits": []}
    told = {"rows": rows, "launches": launches, "noise": noise}
    record = _record("session", own, inputs=inputs | hashes, files=hashes, data=told)
    write_record(folder / "session.json", record)
    return folder / "session.json", record


def _result(samples: int, elapsed: float) -> dict[str, Any]:
    noise: dict[str, Any] = {"other_load": 0.01, "steal": 0.0, "throttling": None, "temperature_c": None}
    noise |= {"minor_faults": 0, "major_faults": 0, "preemptions": 0, "clock_mhz": None, "kernel_slowdown": 0.0}
    return {
        "compile_ms": 20.0 + elapsed,
        "first_inference_ms": 5.0 + elapsed,
        "throughput_fps": samples / elapsed,
        "samples": samples,
        "batch": 1,
        "steady_rss_mb": 100.0 + elapsed,
        "peak_rss_mb": 110.0 + elapsed,
        "cpu_s": 2 * elapsed,
        "energy_j": {},
        "elapsed_s": elapsed,
        "infer_requests": 1,
        "noise": noise | {"clock_drop": None, "beyond": []},
    }


def _effective(executed: str) -> dict[str, Any]:
    return {
        "EXECUTION_DEVICES": ["CPU"],
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": 2,
        "INFERENCE_PRECISION_HINT": "f32",
        "members": {},
        "executed_shares": {executed: 1.0},
        "executed_layers": {executed: {"Convolution": 5}},
        "executed_kernels": {f"brgconv_{executed}": 1.0},
        "executed_precision": executed,
    }


def forge(bundle: Path) -> None:
    """Make all hashes right again, as a careful forger would: of records, metadata and manifest."""
    hashes = {name: hashlib.sha256((bundle / name).read_bytes()).hexdigest() for name in walk(bundle)}
    for name in [name for name in hashes if name.endswith(".json") and "/report/" not in name]:
        data = json.loads((bundle / name).read_text(encoding="utf-8"))
        if not isinstance(data, dict) or "schema" not in data or "files" not in data:
            continue
        place = name.rpartition("/")[0]
        data["files"] = {file: hashes.get(f"{place}/{file}", sha256) for file, sha256 in data["files"].items()}
        data["inputs"] |= {file: data["files"][file] for file in data["inputs"].keys() & data["files"].keys()}
        data.pop("sha256", None)
        write_json(bundle / name, data | {"sha256": sha256_of_data(data)})
        hashes[name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    with contextlib.suppress(OvlabError, OSError, KeyError):
        opened = OpenedBundle(bundle, read_info(bundle), hashes)
        settings = ReportSettings.from_json((opened.experiment / SETTINGS).read_text(encoding="utf-8"))
        records = [opened.read(path, kind) for kind, path in opened.records()]
        for name, text in generated_texts(opened.info, hashes, records, settings).items():
            (bundle / name).write_text(text, encoding="utf-8")
    rehash(bundle)


def rehash(bundle: Path) -> None:
    """Make the manifest right again."""
    hashes = {name: hashlib.sha256((bundle / name).read_bytes()).hexdigest() for name in walk(bundle)}
    (bundle / MANIFEST).write_text(format_manifest(hashes), encoding="utf-8")
