"""Compares the squared errors of casemate's quantiser with those of ggml's.

    go build -o /tmp/run ./conformance/quantization/run
    python conformance/quantization/errors.py /tmp/run LLAMA/build/bin/libggml-base.so

Needs numpy and gguf (pip install numpy gguf). Prints the table of
docs/formats/quantization.md: casemate's error by ggml's, without importance
matrix, all errors summed / mean over blocks.
"""
import ctypes
import subprocess
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

COUNT = 1024 * 256
COLUMNS = 256
TYPES = "Q8_0 Q6_K Q5_K Q5_1 Q5_0 Q4_K Q4_1 Q4_0".split()


def rows(rng):
    """The kinds of numbers, by name."""
    outliers = rng.normal(0, 0.02, COUNT)
    chosen = rng.random(COUNT) < 0.01
    outliers[chosen] *= rng.uniform(5, 30, chosen.sum())
    groups = rng.normal(0, 0.01, (COUNT // 32, 32)) * np.exp(rng.normal(0, 1, (COUNT // 32, 1)))
    return {
        "Gaussian": rng.normal(0, 0.02, COUNT),
        "Laplace": rng.laplace(0, 0.02, COUNT),
        "1 % outliers of 5–30 σ": outliers,
        "Student t, 3 degrees": rng.standard_t(3, COUNT) * 0.01,
        "uniform": rng.uniform(-0.05, 0.05, COUNT),
        "groups of unequal size": groups.reshape(-1),
    }


def by_ggml(library, kind, x):
    """x in blocks, as ggml makes them."""
    elements, size = GGML_QUANT_SIZES[kind]
    out = np.zeros(COUNT // elements * size, np.uint8)
    wrote = library.ggml_quantize_chunk(int(kind), x.ctypes.data, out.ctypes.data, 0, COUNT // COLUMNS, COLUMNS, None)
    assert wrote == out.size, (kind, wrote, out.size)
    return out


def squared(kind, blocks, x):
    """The squared error of each block."""
    elements, _ = GGML_QUANT_SIZES[kind]
    return ((dequantize(blocks, kind).astype(np.float64) - x) ** 2).reshape(-1, elements).sum(1)


def main(run, path):
    library = ctypes.CDLL(path)
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    kinds = {name: x.astype(np.float32) for name, x in rows(np.random.default_rng(7)).items()}
    print("| format |" + "".join(f" {name} |" for name in kinds))
    print("|---|" + "---|" * len(kinds))
    for name in TYPES:
        kind = GGMLQuantizationType[name]
        cells = []
        for x in kinds.values():
            ours = np.frombuffer(subprocess.run([run, name], input=x.tobytes(), stdout=subprocess.PIPE, check=True).stdout, np.uint8)
            a, b = squared(kind, ours, x), squared(kind, by_ggml(library, kind, x), x)
            cells.append(f" {a.sum() / b.sum():.3f} / {(a / b).mean():.3f} |")
        print(f"| {name} |" + "".join(cells))


if __name__ == "__main__":
    main(*sys.argv[1:])
