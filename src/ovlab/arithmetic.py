"""What a CPU computes in: its instructions for each element type, and what that means for a precision."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

# Flags of /proc/cpuinfo to the instructions that they stand for, fastest first.
INSTRUCTIONS = {
    "f32": {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sve": "SVE", "asimd": "NEON"},
    "f16": {"amx_fp16": "AMX FP16", "avx512_fp16": "AVX-512 FP16"},
    "bf16": {"amx_bf16": "AMX BF16", "avx512_bf16": "AVX-512 BF16", "bf16": "Arm BF16"},
    "i8": {
        "amx_int8": "AMX INT8",
        "avx512_vnni": "AVX-512 VNNI",
        "avx_vnni": "AVX-VNNI",
        "i8mm": "Arm I8MM",
        "asimddp": "Arm dot product",
    },
}
TITLES = {"f32": "FP32", "f16": "FP16", "bf16": "BF16", "i8": "INT8"}
TILES = "amx_"
"""Flags of AMX, which multiplies whole tiles, begin with this; all other instructions work on vectors."""


@dataclass(frozen=True)
class Arithmetic:
    """A CPU's instructions for one element type.

    Attributes
    ----------
    element_type : str
        ``f32``, ``f16``, ``bf16`` or ``i8``.
    instructions : tuple of str
        Names of the instruction sets with arithmetic in this type, fastest first.
    meaning : str
        What follows for a precision that asks for this type; empty where there is nothing to say.
    """

    element_type: str
    instructions: tuple[str, ...]
    meaning: str

    @property
    def title(self) -> str:
        """The element type as people write it: ``INT8``."""
        return TITLES[self.element_type]


def arithmetic_of(flags: Collection[str]) -> dict[str, Arithmetic]:
    """Tell what a CPU computes in.

    Parameters
    ----------
    flags : collection of str
        Its flags, as ``/proc/cpuinfo`` and ``environment.cpu.flags`` of a record name them.

    Returns
    -------
    dict of Arithmetic
        By element type. Empty for a CPU of which nothing is known.
    """
    found = {kind: tuple(name for flag, name in known.items() if flag in flags) for kind, known in INSTRUCTIONS.items()}
    if not found["f32"]:
        return {}
    tiles = {kind for kind, known in INSTRUCTIONS.items() if any(flag in flags and TILES in flag for flag in known)}
    return {kind: Arithmetic(kind, names, _meaning(kind, names, tiles)) for kind, names in found.items()}


def _meaning(kind: str, instructions: tuple[str, ...], tiles: set[str]) -> str:
    if kind == "i8" and not instructions:
        return (
            "no VNNI and no AMX: an INT8 multiply-accumulate is put together from several instructions, so that INT8 "
            "gains less time than on CPUs that have either"
        )
    if kind == "f16" and not instructions:
        return "FP16 weights are widened to FP32: they save space in the file, and the arithmetic is that of FP32"
    if kind == "bf16" and not instructions:
        return "not executed: a precision that asks for BF16 alone is unavailable"
    if kind == "f16" and tiles and kind not in tiles:
        others = sorted(TITLES[one] for one in tiles)
        have = "have" if len(others) > 1 else "has"
        return (
            f"in vectors, while {' and '.join(others)} {have} AMX, whose peak is higher: FP16 may be slower than the "
            "default"
        )
    return ""
