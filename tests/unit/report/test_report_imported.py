"""The report says which variants others made, from where, what of them is quantised and what was executed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report_factory import Recipe, context_of, make_records, make_settings, make_tables, page_of

from ovlab.records import Quantity
from ovlab.report import Records, results_frame
from ovlab.report.sections.findings.precisions import model_findings
from ovlab.report.sections.models import Models
from ovlab.specs import ReportSettings

URL = "https://vendor.example/int8/net.xml"
SHA = "cd" * 32


def make(tmp_path: Path, quantisers: int = 38, executed: str = "i8", **values: float) -> tuple[ReportSettings, Records]:
    """Two models in three precisions, of which others made `vendor` for the first."""
    recipe = Recipe(
        models=["net", "other"],
        precisions=["fp32", "int8", "vendor"],
        scenarios=["single_stream"],
        comparisons=True,
        executed={"vendor": executed},
    )
    settings, records = make_settings(recipe), make_records(recipe, tmp_path)
    source = settings.models["net"].model_copy(
        update={
            "framework": "ir",
            "licence": "Vendor’s own",
            "files": (settings.models["net"].files[0].model_copy(update={"url": (URL,), "sha256": SHA}),),
        }
    )
    plain = settings.plain() | {
        "imported": [{"model": "net", "precision": "vendor", "source": source.plain()}],
    }
    variant = records.variants["net", "vendor"]
    variant.data["imported"] = {
        "framework": "ir",
        "files": [],
        "quantisation": {"quantisers": quantisers, "weights": 20, "layers": 21},
        "weight_types": {"i8": 995, "f32": 5},
    }
    variant.values |= {name: Quantity(value, "fraction") for name, value in values.items()}
    return ReportSettings.model_validate(plain), records


def test_an_imported_variant_is_described_after_its_model(tmp_path: Path) -> None:
    settings, records = make(tmp_path)
    described = Models().context(context_of(settings, records))["described"]
    assert [one.name for one in described] == ["net", "net in vendor", "other", "data"]
    facts = dict(described[1].facts)
    assert facts["imported"] == "made by others, measured as it is"
    assert (facts["framework"], facts["from"], facts["licence"]) == ("ir", URL, "Vendor’s own")
    assert (facts["FakeQuantize operations"], facts["layers with quantised weights"]) == ("38", "20 of 21")
    assert facts["stored weights"] == "99.5 % i8 and 0.500 % f32"
    assert facts["executed on cpu"] == "100 % i8 of the multiply-accumulates"
    assert described[1].files == [("net.xml", "5.00 MB", SHA)]


def test_credentials_of_its_address_are_shown_nowhere(tmp_path: Path) -> None:
    settings, records = make(tmp_path)
    secret = settings.imported[0].source.files[0].model_copy(update={"url": (f"{URL}?token=s3cret",)})
    source = settings.imported[0].source.model_copy(update={"files": (secret,)})
    settings = settings.model_copy(update={"imported": (settings.imported[0].model_copy(update={"source": source}),)})
    page = page_of(settings, records)
    assert "s3cret" not in page
    assert "https://vendor.example/int8/net.xml?***" in page


@pytest.mark.parametrize("model", ["net", "other"])
def test_the_table_of_variants_says_imported(tmp_path: Path, model: str) -> None:
    table = make_tables(*make(tmp_path))["variants"]
    made = {(row[0], row[1]): row[2] for row in table.rows}
    expected = {"net": "others, imported from ir", "other": "conversion, f32 weights"}
    assert made[model, "vendor"] == expected[model]
    assert made[model, "int8"] == "NNCF, calibrated"


def test_the_table_of_rounding_is_there_where_a_quantised_onnx_was_compared(tmp_path: Path) -> None:
    settings, records = make(tmp_path, rounded_difference=0.0094, rounding_noise=0.0098, parity_images=16)
    (row,) = make_tables(settings, records)["rounding"].rows
    assert row[:2] == ["net", "vendor"]
    assert [one.value for one in row[2:]] == [0.0094, 0.0098, 16]  # type: ignore[union-attr]
    assert "what rounding changes" in page_of(settings, records)
    assert "rounding" not in make_tables(*make(tmp_path / "other"))


@pytest.mark.parametrize(
    ("quantisers", "executed", "said"),
    [
        (38, "i8", ""),
        (38, "i8+f32", "Executed in i8+f32 on cpu: 87.0 % of the multiply-accumulates in INT8."),
        (0, "f32", ""),
        (0, "bf16", "Executed in bf16 on cpu."),
    ],
)
def test_findings_begin_with_who_made_it_and_end_with_what_was_executed(
    tmp_path: Path, quantisers: int, executed: str, said: str
) -> None:
    settings, records = make(tmp_path, quantisers, executed)
    frame = results_frame(settings, records)
    first, second = model_findings(settings, frame, records)
    sentences = {one.subject: one.sentences for one in first.findings}
    assert sentences["vendor"][0] == "Made by others and imported, measured as it is."
    assert [one for one in sentences["vendor"] if one.startswith("Executed in")] == ([said] if said else [])
    others = [*sentences["int8"], *(text for one in second.findings for text in one.sentences)]
    assert not [text for text in others if "imported" in text]


def test_a_record_that_failed_is_told(tmp_path: Path) -> None:
    settings, records = make(tmp_path)
    variant = records.variants["net", "vendor"]
    records.variants["net", "vendor"] = replace(variant, status="failed", reason="no such host", data={})
    described = Models().context(context_of(settings, records))["described"]
    assert "stored weights" not in dict(described[1].facts)
    assert "failed: no such host" in page_of(settings, records)
