"""The honest baseline: speed against the device's own default, and what the CPU has for a precision."""

from __future__ import annotations

from report_factory import Maker, Recipe

from ovlab.report import results_frame
from ovlab.report.sections.environment import environment_facts
from ovlab.report.sections.findings import model_findings
from ovlab.report.sections.results.tables import headline_table, speedup_table

AMX = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"]
PRECISIONS = ["fp32", "default", "fp16", "int8"]
EXACT = (1.0, 1.0, 1.0)


def recipe(**changes: object) -> Recipe:
    over_default = {"fp32": (0.16, 0.15, 0.17), "default": EXACT, "fp16": (0.11, 0.1, 0.12), "int8": (1.52, 1.43, 1.61)}
    fields = {"precisions": PRECISIONS, "scenarios": ["single_stream"], "over_default": over_default, "flags": AMX}
    return Recipe(**(fields | changes))  # type: ignore[arg-type]


def sentences(make: Maker, made_up: Recipe, precision: str) -> list[str]:
    settings, records = make(made_up)
    frame = results_frame(settings, records)
    findings = model_findings(settings, frame[frame["status"] == "ok"], records)[0].findings
    return next(one.sentences for one in findings if one.subject == precision)


def test_a_gain_is_told_over_both(make: Maker) -> None:
    found = sentences(make, recipe(speedups={"int8": (7.52, 7.11, 7.93)}), "int8")
    assert found[0] == "7.5 [7.1, 7.9] times as fast as fp32 on cpu."
    assert found[1] == "1.52 [1.43, 1.61] times as fast as OpenVINO’s default on cpu (BF16)."


def test_slower_than_the_default_is_called_so(make: Maker) -> None:
    found = sentences(make, recipe(executed={"fp16": "f16"}), "fp16")
    (told,) = [one for one in found if one.startswith("Slower than the default: 0.11")]
    assert told.endswith(" times as fast as OpenVINO’s default on cpu (BF16).")
    (told,) = [one for one in found if one.startswith("FP16 on this CPU")]
    assert "AMX, whose peak is higher" in told
    assert told.endswith("(kernels of the multiply-accumulates: brgconv_f16 95 %).")


def test_no_difference_from_the_default(make: Maker) -> None:
    found = sentences(make, recipe(over_default={"int8": (1.02, 0.97, 1.07)}), "int8")
    assert (
        "No difference in speed from OpenVINO’s default on cpu (BF16) could be measured (1.02 [0.97, 1.07]" in found[1]
    )


def test_what_is_executed_as_the_default_is_said_so(make: Maker) -> None:
    found = sentences(make, recipe(over_default={"fp16": EXACT}, executed={"default": "f32"}), "fp16")
    assert "It is executed as OpenVINO’s default on cpu (FP32)." in found


def test_the_default_says_what_it_is_and_is_not_compared_with_itself(make: Maker) -> None:
    found = sentences(make, recipe(), "default")
    assert "Executed in bf16 on cpu." in found
    assert not any("OpenVINO’s default" in one for one in found)


def test_without_a_default_nothing_is_said_of_it(make: Maker) -> None:
    settings, records = make(Recipe())
    assert not any("default" in one for one in sentences(make, Recipe(), "int8"))
    frame = results_frame(settings, records)
    assert frame["speedup_over_default"].isna().all()
    assert "speedup_over_default" not in [column.key for column in headline_table(frame, "fp32").columns]


def test_int8_without_vnni_is_explained(make: Maker) -> None:
    found = sentences(make, recipe(flags=["avx2", "fma"]), "int8")
    (told,) = [one for one in found if one.startswith("INT8 on this CPU")]
    assert "no VNNI and no AMX" in told and "brgconv_i8 95 %" in told
    assert not any("on this CPU" in one for one in sentences(make, recipe(), "int8"))


def test_the_environment_says_what_the_cpu_computes_in(make: Maker) -> None:
    _, records = make(recipe())
    facts = dict(environment_facts(records))
    assert facts["INT8 arithmetic of the CPU"] == "AMX INT8 and AVX-512 VNNI"
    assert facts["FP16 arithmetic of the CPU"].startswith("AVX-512 FP16; in vectors, while BF16 and INT8 have AMX")


def test_speed_ups_over_the_default_are_in_the_tables(make: Maker) -> None:
    settings, records = make(recipe())
    frame = results_frame(settings, records)
    assert frame.set_index("precision")["speedup_over_default"].to_dict()["int8"] == 1.52
    for table in (headline_table(frame, "fp32"), speedup_table(frame, "fp32")):
        assert "speedup_over_default" in [column.key for column in table.columns]
    # Where the default is the reference by name, the column would say the same twice.
    same = frame.assign(speedup_over_default=frame["speedup"])
    assert "speedup_over_default" not in [column.key for column in headline_table(same, "fp32").columns]
