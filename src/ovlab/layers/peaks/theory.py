"""What a core could do in a cycle at most, from what its makers say of it.

Counted are operations (two for each multiply-accumulate) a cycle and core. Where two kinds of units have a type, the
faster counts.

=====================  =====  ==========================================================================================
unit                   width  operations a cycle and core
=====================  =====  ==========================================================================================
FMA, two units         W bit  2 units x W/32 numbers x 2 in FP32 [1]_; twice as many in FP16 (AVX-512 FP16)
``VDPBF16PS``          W bit  2 x W/32 x 4 (two products are added to each sum) [2]_
``VPDPBUSD`` (VNNI)    W bit  2 x W/32 x 8 (four products are added to each sum)
AMX                    tiles  16 x 16 sums x 64 bytes in 16 cycles: 1024 INT8 or 512 BF16/FP16 multiply-accumulates [1]_
=====================  =====  ==========================================================================================

``W`` is 512 for AVX-512 with two units, 256 for AVX2, and 256 for AVX-512 on Zen 4, whose units are half as wide as its
registers [2]_. Xeons with one AVX-512 unit do half of this.

References
----------
.. [1] Intel, "64 and IA-32 Architectures Optimization Reference Manual", chapters on AVX-512 and AMX.
.. [2] AMD, "Software Optimization Guide for the AMD Zen4 Microarchitecture", section on floating point.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
UNITS = 2
ZEN4_FAMILY = 25
OF_VECTORS = {"bf16": "bf16_avx512", "i8": "i8_vnni"}
"""Names of what vector units do in a type that tiles have too."""
TILE = {"amx_int8": ("i8", 2048), "amx_bf16": ("bf16", 1024), "amx_fp16": ("f16", 1024)}


def operations_per_cycle(flags: Collection[str], cpuinfo: Path = CPUINFO) -> dict[str, int]:
    """Return the operations a cycle and core by element type; only what is known, so nothing for other than x86.

    Parameters
    ----------
    flags : collection of str
        Of the CPU, as ``/proc/cpuinfo`` names them.
    cpuinfo : Path
        Where the kernel tells vendor and family.
    """
    if "avx2" not in flags or "fma" not in flags:
        return {}
    width = 512 if "avx512f" in flags and not _is_zen4(cpuinfo) else 256
    numbers = UNITS * width // 32
    found = {"f32": 2 * numbers}
    if "avx512_fp16" in flags:
        found["f16"] = 4 * numbers
    if "avx512_bf16" in flags:
        found["bf16"] = 4 * numbers
    if "avx512_vnni" in flags or "avx_vnni" in flags:
        found["i8"] = 8 * numbers
    for flag, (element_type, operations) in TILE.items():
        if flag in flags:
            if element_type in found and element_type in OF_VECTORS:
                found[OF_VECTORS[element_type]] = found[element_type]
            found[element_type] = operations
    return found


def why_below(kernel: str, *, disturbed: bool) -> str:
    """Say why a kernel may stay well below the theoretical peak."""
    if disturbed:
        return "other processes used the CPU in every window"
    if "amx" in kernel:
        return (
            "its tiles are filled from the caches, which takes longer than multiplying them, and the clock under AMX "
            "may be below that of the scalar chain"
        )
    return (
        f"the kernel ({kernel}) may not be the best there is, the CPU may have one wide unit instead of two, share its "
        "core with another thread, or lower its clock under wide vectors"
    )


def _is_zen4(cpuinfo: Path) -> bool:
    try:
        first = cpuinfo.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    except OSError:
        return False
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    return fields.get("vendor_id") == "AuthenticAMD" and fields.get("cpu family") == str(ZEN4_FAMILY)
