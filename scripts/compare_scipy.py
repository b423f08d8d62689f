#!/usr/bin/env python3
"""One step of brisc against SciPy's CSR float32 product with the same matrix, in one run.

usage: scripts/compare_scipy.py [--config configs/wave.yaml] [--brisc build/brisc] [--rounds 5]

Each round times both, so that a machine whose speed drifts slows both; the ratio is the median of
the rounds' ratios. brisc's time is a whole step (product, neurons, noise, frames): the run's
simulate_s over its steps.
"""
import argparse
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


def brisc_step_ms(arguments, folder):
    output = subprocess.run(
        [arguments.brisc, "run", arguments.config, "-o", os.path.join(folder, "run.h5"), "--force",
         "--json", "--quiet", "--backend", "cpu", "--set", "simulation.duration=100",
         "--set", "simulation.onset=0", "--set", "output.every=2",
         "--set", "expect.regime=undecided"],
        stdout=subprocess.PIPE, check=True, text=True).stdout
    timing = json.loads(output)["timing"]
    return 1e3 * timing["simulate_s"] / timing["steps"], timing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--config", default="configs/wave.yaml")
    parser.add_argument("--brisc", default="build/brisc")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.path.dirname(arguments.brisc) or ".") as folder:
        path = os.path.join(folder, "network.h5")
        subprocess.run([arguments.brisc, "export", arguments.config, "-o", path, "--quiet"],
                       check=True, stdout=subprocess.DEVNULL)
        with h5py.File(path) as file:
            csr = file["csr"]
            matrix = scipy.sparse.csr_matrix(
                (csr["data"][:], csr["indices"][:], csr["indptr"][:]), shape=csr.attrs["shape"])
        matrix.indptr = matrix.indptr.astype(np.int32)
        assert matrix.data.dtype == np.float32 and matrix.indices.dtype == np.int32
        rate = np.random.default_rng(1).uniform(-1, 1, matrix.shape[1]).astype(np.float32)
        ratios = []
        for k in range(arguments.rounds):
            times = []
            for _ in range(10):
                start = time.perf_counter()
                matrix @ rate
                times.append(1e3 * (time.perf_counter() - start))
            scipy_ms = statistics.median(times)
            brisc_ms, timing = brisc_step_ms(arguments, folder)
            ratios.append(scipy_ms / brisc_ms)
            print(f"round {k + 1}: SciPy CSR float32 {scipy_ms:6.2f} ms, brisc {brisc_ms:6.2f} ms a "
                  f"step, ratio {ratios[-1]:.2f}; built in {timing['build_s']:.2f} s, "
                  f"{timing['bytes_per_synapse']:.2f} bytes a synapse", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f} over {matrix.nnz} synapses")


if __name__ == "__main__":
    sys.exit(main())
