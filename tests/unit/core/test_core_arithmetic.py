"""What a CPU computes in, from the flags of the CPUs that were measured."""

from __future__ import annotations

import pytest

from ovlab.arithmetic import INSTRUCTIONS, arithmetic_of
from ovlab.environment import RELEVANT_FLAGS

SKYLAKE = ["avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "hypervisor"]
CASCADE_LAKE = [*SKYLAKE, "avx512_vnni"]
ZEN4 = [*CASCADE_LAKE, "avx512_bf16"]
SAPPHIRE_RAPIDS = [*ZEN4, "avx_vnni", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"]
GRANITE_RAPIDS = [*SAPPHIRE_RAPIDS, "amx_fp16"]
ARM = ["asimd", "asimddp", "bf16", "i8mm"]


@pytest.mark.parametrize(
    ("flags", "f32", "f16", "bf16", "i8"),
    [
        (["avx", "avx2"], ["AVX2", "AVX"], [], [], []),
        (SKYLAKE, ["AVX-512", "AVX2", "AVX"], [], [], []),
        (CASCADE_LAKE, ["AVX-512", "AVX2", "AVX"], [], [], ["AVX-512 VNNI"]),
        (ZEN4, ["AVX-512", "AVX2", "AVX"], [], ["AVX-512 BF16"], ["AVX-512 VNNI"]),
        (
            SAPPHIRE_RAPIDS,
            ["AVX-512", "AVX2", "AVX"],
            ["AVX-512 FP16"],
            ["AMX BF16", "AVX-512 BF16"],
            ["AMX INT8", "AVX-512 VNNI", "AVX-VNNI"],
        ),
        (ARM, ["NEON"], [], ["Arm BF16"], ["Arm I8MM", "Arm dot product"]),
    ],
)
def test_instructions_of_a_cpu(
    flags: list[str], f32: list[str], f16: list[str], bf16: list[str], i8: list[str]
) -> None:
    found = {kind: list(one.instructions) for kind, one in arithmetic_of(flags).items()}
    assert found == {"f32": f32, "f16": f16, "bf16": bf16, "i8": i8}


def test_int8_without_a_dot_product() -> None:
    assert "no VNNI and no AMX" in arithmetic_of(SKYLAKE)["i8"].meaning
    assert not any(arithmetic_of(flags)["i8"].meaning for flags in (CASCADE_LAKE, ZEN4, SAPPHIRE_RAPIDS, ARM))


def test_fp16_beside_amx() -> None:
    told = arithmetic_of(SAPPHIRE_RAPIDS)["f16"].meaning
    assert told == "in vectors, while BF16 and INT8 have AMX, whose peak is higher: FP16 may be slower than the default"
    assert not arithmetic_of(GRANITE_RAPIDS)["f16"].meaning
    assert "widened to FP32" in arithmetic_of(ZEN4)["f16"].meaning


def test_bf16_is_not_executed_without_its_instructions() -> None:
    assert "unavailable" in arithmetic_of(CASCADE_LAKE)["bf16"].meaning
    assert not arithmetic_of(ZEN4)["bf16"].meaning


def test_nothing_is_said_of_an_unknown_cpu() -> None:
    assert arithmetic_of([]) == {}


def test_every_flag_is_one_that_records_keep() -> None:
    assert {flag for flags in INSTRUCTIONS.values() for flag in flags} <= set(RELEVANT_FLAGS)
