"""The section on accuracy: which differences are shown, on which images and layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_factory import Maker, Recipe, page_of
from statsmodels.stats.multitest import multipletests

from ovlab.errors import OvlabError
from ovlab.report import report
from ovlab.report.format import Estimate
from ovlab.report.records import Records
from ovlab.report.sections.accuracy.galleries import galleries
from ovlab.report.sections.accuracy.layers import distance_table, layer_figures, layers_table, suggestions
from ovlab.report.sections.accuracy.pairs import compared_pairs
from ovlab.report.sections.accuracy.tables import classes_table, power_table, significance_table
from ovlab.stats.proportion import exact_mcnemar

RECIPE = Recipe(precisions=["fp32", "fp16", "int8", "int8_accuracy"], scenarios=["offline"], comparisons=True)


def test_every_pair_is_tested_and_adjusted_within_its_family(make: Maker) -> None:
    settings, records = make(RECIPE)
    pairs = compared_pairs(settings, records)
    assert [(pair.precision, pair.against) for pair in pairs] == [
        ("fp16", "fp32"),
        ("int8", "fp32"),
        ("int8_accuracy", "fp32"),
        ("int8", "fp16"),
        ("int8_accuracy", "fp16"),
        ("int8_accuracy", "int8"),
    ]
    for family in (pairs[:3], pairs[3:]):
        raw = [pair.values["accuracy_p"].value for pair in family]
        assert [pair.p_holm for pair in family] == pytest.approx(multipletests(raw, method="holm")[1])
    # The pairs that no record has come from the predictions: ten images lost of a thousand.
    last = pairs[-1]
    assert (last.values["losses"].value, last.values["gains"].value) == (10, 0)
    assert last.values["accuracy_p"].value == pytest.approx(exact_mcnemar([0], [10])[0])
    assert last.values["agreement"].value == pytest.approx(0.99)
    assert {pair.verdict for pair in pairs} == {"loss"}
    assert [row[1] for row in power_table(pairs, "fp32").rows] == ["fp16", "int8", "int8_accuracy"]
    assert len(significance_table(settings, pairs).rows) == 6


def test_without_predictions_the_pairs_with_the_reference_remain(make: Maker) -> None:
    settings, records = make(RECIPE)
    records.accuracy_folders.clear()
    assert [pair.against for pair in compared_pairs(settings, records)] == ["fp32"] * 3
    assert galleries(settings, records) == []


def test_variants_of_other_images_are_not_compared(make: Maker) -> None:
    settings, records = make(RECIPE)
    records.accuracies["net", "int8"].data["images_digest"] = "other"
    pairs = {(pair.precision, pair.against) for pair in compared_pairs(settings, records)}
    assert ("int8", "fp16") not in pairs and ("int8_accuracy", "fp16") in pairs


def test_detectors_are_compared_by_their_resamples(make: Maker) -> None:
    settings, records = make(RECIPE)
    for number, folder in enumerate(records.accuracy_folders.values()):
        shifted = [0.3 - 0.01 * number + 0.001 * (k % 7) for k in range(200)]
        pd.DataFrame({"accuracy": shifted}).to_parquet(folder / "replicates.parquet")
    pair = compared_pairs(settings, records)[-1]
    assert pair.test == "paired bootstrap" and "gains" not in pair.values
    assert pair.values["accuracy_p"].value == pytest.approx(2 / 201)


def test_a_difference_by_chance_is_not_shown(make: Maker) -> None:
    settings, records = make(RECIPE)
    for one in records.accuracies.values():
        if "accuracy_p" in one.values:
            one.values["accuracy_p"] = one.values["accuracy_p"].__class__(0.02, "probability")
    verdicts = [pair.verdict for pair in compared_pairs(settings, records)[:3]]
    assert verdicts == ["no difference shown"] * 3  # three tests: 0.06 each


def test_classes_and_layers_are_shown_in_part_and_written_whole(make: Maker, tmp_path: Path) -> None:
    settings, records = make(RECIPE)
    assert len(classes_table(settings, records).rows) == 3 * 8
    assert {row[3] for row in classes_table(settings, records).rows} == {Estimate(10)}
    shown = [row[2] for row in classes_table(settings, records, 5).rows[:6]]
    assert shown == ["<b>a</b>", "<b>b</b>", "<b>c0</b>", "<b>c1</b>", "<b>c2</b>", "<b>d</b>"]
    assert len(layers_table(settings, records).rows) == 3 * 7
    names = [row[2] for row in layers_table(settings, records, 5).rows[:5]]
    assert names == ["conv_2", "conv_4", "conv_3", "conv_6", "conv_5"]
    report(settings, records, tmp_path / "index.html")
    assert len(pd.read_csv(tmp_path / "tables" / "layers.csv")) == 21
    assert len(pd.read_csv(tmp_path / "tables" / "classes.csv")) == 24


TRIED = {"names": ["head <1>"], "without_outputs": False, "text": "x", "worst_db": 31.04, "mean_db": 38.0}
BEFORE = {"worst_db": 0.2, "mean_db": 22.1}


def advise(records: Records, **changes: Any) -> None:
    check = records.accuracies["net", "int8"].data["layer_check"]
    advice = {"tried": [TRIED, TRIED], "best": TRIED, "before": BEFORE, "calibrated": 64, "measured": 16, "error": ""}
    check["advice"] = advice | changes


def test_what_was_tried_can_be_pasted(make: Maker) -> None:
    settings, records = make(RECIPE)
    assert suggestions(settings, records) == []
    advise(records)
    ((sentence, text),) = suggestions(settings, records)
    assert sentence == (
        "net int8: 0.2 dB in the worst part of the outputs, 22.1 dB in the mean before, 31.0 dB in the worst part of "
        "the outputs, 38.0 dB in the mean with this, quantised with 64 and measured on 16 calibration images (2 "
        "changes tried)."
    )
    assert text == (
        "# @package _global_\n# conf/model_precision/net-int8.yaml\n"
        "precision:\n  quantization:\n    ignored_scope:\n      names:\n      - head <1>\n"
    )
    assert "names:\n      - head &lt;1&gt;" in page_of(settings, records)
    advise(records, best=TRIED | {"names": [], "without_outputs": True})
    assert suggestions(settings, records)[0][1].endswith("quantization:\n    quantize_outputs: false\n")
    (plot,) = layer_figures(settings, records)
    assert plot.name == "layers_net"


def test_what_does_not_help_is_said_and_not_advised(make: Maker) -> None:
    settings, records = make(RECIPE)
    advise(records, best=None)
    ((sentence, text),) = suggestions(settings, records)
    assert sentence.startswith("net int8: 2 changes tried, none helps (0.2 dB")
    assert text == ""
    advise(records, tried=[], error="no images")
    assert suggestions(settings, records) == [("net int8: nothing could be tried (no images).", "")]


def test_parts_of_an_output_have_rows_of_their_own(make: Maker) -> None:
    settings, records = make(RECIPE)
    part = {"axis": 1, "columns": "4-83", "largest": 0.7, "cosine": None, "snr_db": 0.0, "identical": False}
    records.accuracies["net", "int8"].data["layer_check"]["outputs"][0]["parts"] = [part]
    rows = [row for row in distance_table(settings, records).rows if row[1] == "int8"]
    assert [row[2] for row in rows] == ["logits", "logits, columns 4-83"]
    assert (rows[1][4], rows[1][6]) == (Estimate(0.0), "values up to 0.7")


def test_a_check_that_openvino_refused_is_told(make: Maker) -> None:
    settings, records = make(RECIPE)
    check = {"images": 8, "outputs": [], "layers": [], "error": "cannot be cut"}
    records.accuracies["net", "int8"].data["layer_check"] = check
    row = next(row for row in distance_table(settings, records).rows if row[1] == "int8")
    assert row[-1] == "cannot be cut"


def test_the_page_has_the_section_and_escapes_it(make: Maker) -> None:
    text = page_of(*make(RECIPE))
    for part in (
        "Is the difference real?",
        "1 of 11 images (of 1000 compared)",
        "p (Holm)",
        "conv_2",
        "truth: cat &amp; dog",
    ):
        assert part in text
    assert text.count('src="data:image/jpeg;base64,/9j/"') == 3
    assert text.count("<script>") == 1 and "<b>a</b>" not in text


def test_a_file_that_is_no_list_of_images_is_named(make: Maker) -> None:
    settings, records = make(RECIPE)
    path = records.accuracy_folders["net", "int8"] / "disagreements.json"
    path.write_text(path.read_text().replace("/9j/", '\\" onerror='))
    with pytest.raises(OvlabError, match=r"disagreements\.json: not a list of disagreements \(a JPEG is not Base64\)"):
        galleries(settings, records)
    path.write_text("{}")
    with pytest.raises(OvlabError, match="not a list of disagreements"):
        galleries(settings, records)
    (path.parent / "predictions.parquet").write_bytes(b"x")
    with pytest.raises(OvlabError, match=r"predictions\.parquet: cannot be read"):
        compared_pairs(settings, records)
