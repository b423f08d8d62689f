#!/usr/bin/env python3
"""A step of brisc against other libraries' products with the same matrix, in one run.

usage: scripts/bench_peers.py [CONFIG] [--brisc build/brisc] [--rounds 5]

SciPy's CSR float32 product (one thread, as SciPy has it), and, where they are installed, MKL's
(pip install mkl) and PyTorch's (pip install torch), on all threads. Each round times everything, so
that a machine whose speed drifts slows all alike; ratios are medians of the rounds' ratios. brisc's
time is a whole step (product, neurons, noise, frames): a run's simulate_s over its steps, in the
default format and in the compact one (8-bit weights).
"""
import argparse
import ctypes
import ctypes.util
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np
import scipy.sparse

FORMATS = [("brisc, default", []), ("brisc, compact", ["--set", "network.weight_bits=8"])]
STEPS = ["--set", "simulation.duration=100", "--set", "simulation.onset=0",
         "--set", "output.every=2", "--set", "expect.regime=undecided"]


def matrix_of(arguments, folder):
    path = os.path.join(folder, "network.h5")
    subprocess.run([arguments.brisc, "export", arguments.config, "-o", path, "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    with h5py.File(path) as file:
        csr = file["csr"]
        matrix = scipy.sparse.csr_matrix((csr["data"][:], csr["indices"][:], csr["indptr"][:]),
                                         shape=csr.attrs["shape"])
    os.remove(path)
    matrix.indptr = matrix.indptr.astype(np.int32)
    assert matrix.data.dtype == np.float32 and matrix.indices.dtype == np.int32
    return matrix


def mkl_product(matrix, x):
    """y = A x by MKL's inspector-executor, or the reason why not."""
    paths = glob.glob(os.path.join(sys.prefix, "lib", "libmkl_rt.so*"))
    paths.append(ctypes.util.find_library("mkl_rt"))
    try:
        mkl = ctypes.CDLL(next(path for path in paths if path))
    except (StopIteration, OSError):
        return None, "not installed"

    class Description(ctypes.Structure):  # struct matrix_descr
        _fields_ = [("type", ctypes.c_int), ("mode", ctypes.c_int), ("diag", ctypes.c_int)]

    general, not_transposed, zero_based = Description(20, 0, 0), 10, 0
    handle, y = ctypes.c_void_p(), np.empty(matrix.shape[0], np.float32)
    rows, columns = (ctypes.c_int(n) for n in matrix.shape)
    pointer = [a.ctypes.data_as(ctypes.c_void_p)
               for a in (matrix.indptr[:-1], matrix.indptr[1:], matrix.indices, matrix.data)]
    if mkl.mkl_sparse_s_create_csr(ctypes.byref(handle), zero_based, rows, columns, *pointer) != 0:
        return None, "mkl_sparse_s_create_csr failed"
    mkl.mkl_sparse_set_mv_hint(handle, not_transposed, general, 10000)
    mkl.mkl_sparse_optimize(handle)
    vectors = x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p)

    def product():
        status = mkl.mkl_sparse_s_mv(not_transposed, ctypes.c_float(1), handle, general,
                                     vectors[0], ctypes.c_float(0), vectors[1])
        assert status == 0
        return y
    return product, None


def torch_product(matrix, x):
    try:
        import torch
    except ImportError:
        return None, "not installed"
    csr = torch.sparse_csr_tensor(*(torch.from_numpy(a) for a in
                                    (matrix.indptr, matrix.indices, matrix.data)),
                                  size=matrix.shape)
    vector = torch.from_numpy(x)
    return lambda: (csr @ vector).numpy(), None


def peers(matrix, x):
    found = {"SciPy CSR float32": lambda: matrix @ x}
    expected = matrix.astype(np.float64) @ x.astype(np.float64)
    for name, make in [("MKL CSR float32", mkl_product), ("PyTorch CSR float32", torch_product)]:
        product, reason = make(matrix, x)
        if product is None:
            print(f"{name}: {reason}")
            continue
        error = np.abs(product() - expected).max() / np.abs(expected).max()
        assert error < 1e-4, f"{name} gives another product: {error}"
        found[name] = product
    return found


def product_ms(product):
    product()
    times = []
    for _ in range(10):
        start = time.perf_counter()
        product()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def brisc_run(arguments, folder, options):
    output = subprocess.run(
        [arguments.brisc, "run", arguments.config, "-o", os.path.join(folder, "run.h5"), "--force",
         "--json", "--quiet", "--backend", "cpu", *STEPS, *options],
        stdout=subprocess.PIPE, check=True, text=True).stdout
    timing = json.loads(output)["timing"]
    return 1e3 * timing["simulate_s"] / timing["steps"], timing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("config", nargs="?", default="configs/wave.yaml")
    parser.add_argument("--brisc", default="build/brisc")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.path.dirname(arguments.brisc) or ".") as folder:
        matrix = matrix_of(arguments, folder)
        x = np.random.default_rng(1).uniform(-1, 1, matrix.shape[1]).astype(np.float32)
        others = peers(matrix, x)
        rounds, timing = [], {}
        for k in range(arguments.rounds):
            ms = {name: product_ms(product) for name, product in others.items()}
            for name, options in FORMATS:
                ms[name], timing[name] = brisc_run(arguments, folder, options)
            rounds.append(ms)
            print(f"round {k + 1}: " + ", ".join(f"{name} {t:.2f} ms" for name, t in ms.items()),
                  flush=True)
    print(f"\n{matrix.shape[0]} neurons, {matrix.nnz} synapses, {os.cpu_count()} cores\n")
    print(f"{'':22}{'median ms':>10}" + "".join(f"{name.split(',')[1] + ' is':>14}"
                                                for name, _ in FORMATS))
    for name in rounds[0]:
        print(f"{name:22}{statistics.median(r[name] for r in rounds):10.2f}" + "".join(
            f"{statistics.median(r[name] / r[ours] for r in rounds):11.2f} x " for ours, _ in FORMATS))
    for name, _ in FORMATS:
        print(f"{name}: {timing[name]['bytes_per_synapse']:.2f} bytes a synapse, built in "
              f"{timing[name]['build_s']:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
