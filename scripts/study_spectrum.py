#!/usr/bin/env python3
"""Measured spectra against theory over many seeds and sizes: every number that brisc promises of
`brisc spectrum`, by the program itself.

  zscores   outliers of small networks, 100 seeds: distance from the prediction in error bars
  null      networks with zero mean weights, 20 seeds: no outlier may be reported
  radius    radius of the bulk in the published sets against the number of neurons, with a figure
  leading   ARPACK against the dense solver (n = 5120), and the wave network at full size
  gpu       every eigenvalue of 12,500 neurons by cuSOLVER; skipped without a GPU

usage: scripts/study_spectrum.py [PART ...] [--seeds N] [--brisc build/brisc] [-o radius.png]
exit status 0: every number is within its bounds. About 10 minutes on two cores in all.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np

PATHWAYS = ["E.E", "E.I", "I.E", "I.I"]
# Small networks of 24 x 24 E and 12 x 12 I neurons whose modes stand clear of the disk.
SMALL = {
    "real outliers": dict(mean=(3, -2, 1.5, -4), range=(.2, .2, .2, .2), std=.1),
    "complex outliers": dict(mean=(9, -9, 15.48, -9), range=(.15, .21, .15, .21), std=.1),
}
NULL = {
    "zero mean, K = 30": dict(mean=(0, 0, 0, 0), range=(.1, .1, .1, .1), std=1),
    "zero mean, K = 7": dict(mean=(0, 0, 0, 0), range=(.05, .05, .05, .05), std=1),
}
SETS = ["asynchronous", "wave", "chaos"]
PARTS = ["zscores", "null", "radius", "leading", "gpu"]


def lattices(side):
    return [f"populations.E.lattice=[{side},{side}]", f"populations.I.lattice=[{side // 2},{side // 2}]"]


def small(network):
    settings = lattices(24)
    for i, pathway in enumerate(PATHWAYS):
        for key in ("mean", "range"):
            settings.append(f"connections.{pathway}.{key}={network[key][i]}")
        settings.append(f"connections.{pathway}.std={network['std']}")
    return settings


class Program:
    def __init__(self, path, folder):
        self.path, self.folder = path, folder

    def spectrum(self, config, settings, seed, *options, threads=1):
        """The JSON answer and the file of one `brisc spectrum`."""
        name = "".join(c if c.isalnum() else "_" for c in f"{config}{settings}{options}{seed}")[-150:]
        path = os.path.join(self.folder, name + ".h5")
        command = [self.path, "spectrum", f"configs/{config}.yaml", "-o", path, "--force", "--json",
                   "--quiet", *options]
        if threads:
            command += ["--threads", str(threads)]
        for setting in settings + [f"simulation.seed={seed}"]:
            command += ["--set", setting]
        environment = dict(os.environ)
        if threads:
            environment["OPENBLAS_NUM_THREADS"] = str(threads)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
        if done.returncode:
            sys.exit(f"{' '.join(command)}: exit status {done.returncode}")
        answer = json.loads(done.stdout)
        with h5py.File(path) as f:
            answer["inputs"] = f.attrs["synapses"] / answer["neurons"]
        return answer, path

    def seeds(self, config, settings, count):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [pool.submit(self.spectrum, config, settings, k + 1, "--full") for k in range(count)]
            return [job.result()[0] for job in jobs]


class Verdict:
    def __init__(self):
        self.missed = 0

    def __call__(self, good):
        self.missed += not good
        return "" if good else "   OUTSIDE"


def z_line(label, z, verdict):
    z = np.array(z)
    good = abs(z.mean()) <= 0.3 and 0.8 <= z.std() <= 1.25
    print(f"    {label:28s} mean {z.mean():+.2f}  standard deviation {z.std():.2f}  "
          f"({len(z)} networks){verdict(good)}")


def zscores(program, verdict, seeds):
    print(f"z-scores of outliers, {seeds} seeds; bounds: mean within 0.3, standard deviation 0.8 to 1.25")
    for name, network in SMALL.items():
        answers = program.seeds("wave", small(network), seeds)
        print(f"  {name}: {answers[0]['neurons']} neurons, R = {answers[0]['bulk_radius_predicted']:.3f}")
        groups = defaultdict(list)
        for answer in answers:
            for g in answer["groups"]:
                if g["clear"] and not g["ragged"]:
                    key = (g["nx"], g["ny"], g["multiplicity"], g["predicted_re"], g["predicted_im"])
                    groups[key].append(g)
        for (nx, ny, m, re, im), found in groups.items():
            if any(g["found"] != m for g in found):
                print(f"    ({nx},{ny}) x{m}: not all found {sum(g['found'] != m for g in found)} "
                      f"times{verdict(False)}")
            label = f"({nx},{ny}) x{m} {re:.2f}" + (f" +- {im:.2f}i" if im else "")
            z_line(label + (" re" if im else ""), [g["z_re"] for g in found if g["z_re"] is not None],
                   verdict)
            if im:
                z_line(label + " im", [g["z_im"] for g in found if g["z_im"] is not None], verdict)
        missing, unpredicted = (sum(a[k] for a in answers) for k in ("missing", "unpredicted"))
        print(f"    outliers 3 error bars beyond the disk that were missing: {missing}; unpredicted: "
              f"{unpredicted}{verdict(missing == 0 and unpredicted == 0)}")


def null(program, verdict, seeds):
    print(f"\nnetworks with zero mean weights, {seeds} seeds: outliers reported")
    for name, network in NULL.items():
        answers = program.seeds("wave", small(network), seeds)
        outliers = sum(len(a["outliers"]) for a in answers)
        largest = max(a["bulk_largest"] / a["bulk_radius_predicted"] for a in answers)
        print(f"    {name:20s} {outliers} outliers (ragged edge to {largest:.2f} R)"
              f"{verdict(outliers == 0)}")


def radius(program, verdict, figure):
    sizes = {20: 8, 28: 8, 40: 4, 56: 2, 64: 1}  # side of E's lattice: seeds
    # At fixed density a smaller lattice has fewer inputs K, and the variance of a neuron's inputs
    # fluctuates by 1/K relative from neuron to neuron, which widens the disk by a few 1/K.
    print("\nmeasured radius of the bulk over the predicted one; bounds: 2 % from 5,000 neurons on, "
          "below 4/K")
    table = defaultdict(list)
    for name in SETS:
        for side, seeds in sizes.items():
            answers = program.seeds(name, lattices(side), seeds)
            ratios = [a["bulk_radius_measured"] / a["bulk_radius_predicted"] for a in answers]
            n, ks = answers[0]["neurons"], np.mean([a["ks"] for a in answers])
            inputs = answers[0]["inputs"]
            bound = 0.02 if n >= 5000 else 4 / inputs
            good = all(abs(r - 1) <= bound for r in ratios)
            table[name].append((n, np.mean(ratios), np.std(ratios)))
            print(f"    {name:13s} n = {n:5d}  K = {inputs:5.1f}  {np.mean(ratios):.4f} +- {np.std(ratios):.4f}  "
                  f"({seeds} seeds)  Kolmogorov-Smirnov distance {ks:.3f}{verdict(good)}")
    if figure:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
        axes = pyplot.subplots(figsize=(4.2, 3), layout="constrained")[1]
        for (name, rows), colour, mark in zip(table.items(), ["#D55E00", "#0072B2", "#009E73"], "os^"):
            n, mean, spread = np.array(rows).T
            axes.errorbar(n, mean, spread, color=colour, marker=mark, ms=4, lw=1, capsize=2, label=name)
        axes.axhspan(0.98, 1.02, color="#DDDDDD", lw=0, label="2 %")
        axes.axhline(1, color="k", lw=0.6)
        axes.set(xscale="log", xlabel="neurons", ylabel="bulk radius, measured / predicted")
        axes.set_xticks(n, [f"{k:.0f}" if k < 3000 or k > 5000 else "" for k in n])
        axes.xaxis.set_minor_locator(pyplot.NullLocator())
        axes.legend(frameon=False)
        pyplot.gcf().savefig(figure, dpi=200)
        print(f"    figure: {figure}")


def leading(program, verdict):
    print("\nleading eigenvalues by ARPACK against the dense solver, 12 of largest modulus, n = 5120")
    for name in SETS:
        dense, dense_file = program.spectrum(name, lattices(64), 1, "--full", threads=None)
        lead = program.spectrum(name, lattices(64), 1, "--leading", "12", "--by", "modulus",
                                threads=None)[0]
        with h5py.File(dense_file) as f:
            every = f["spectrum/re"][:] + 1j * f["spectrum/im"][:]
        found = np.array([e["re"] + 1j * e["im"] for e in lead["leading"]])
        error = max(np.abs(every - z).min() / abs(z) for z in found)
        same = np.sort(np.abs(found))[::-1] / np.sort(np.abs(every))[::-1][:len(found)]
        good = error < 1e-6 and abs(same - 1).max() < 1e-6 and dense["seconds"] < 360
        print(f"    {name:13s} relative difference {error:.1e}, {lead['products']} products; dense in "
              f"{dense['seconds']:.0f} s{verdict(good)}")
    wave = program.spectrum("wave", [], 1, "--leading", "12", threads=None)[0]
    unconverged = wave["unconverged"]
    good = wave["products"] <= 300 and wave["seconds"] < 30 and unconverged == 0
    print(f"    wave network, {wave['neurons']} neurons, 12 of largest growth: {wave['products']} "
          f"products, {wave['seconds']:.1f} s, {unconverged} unconverged{verdict(good)}")


def gpu(program, verdict):
    found = subprocess.run([program.path, "plan", "configs/small/wave.yaml", "--backend", "cuda", "--quiet"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if found.returncode:
        print("\nevery eigenvalue of 12,500 neurons on a GPU: skipped, no GPU can be used here")
        return
    answer = program.spectrum("wave", lattices(100), 1, "--full", "--backend", "cuda", threads=None)[0]
    good = answer["solver"] == "cuSOLVER" and answer["solver_seconds"] < 30
    print(f"\nevery eigenvalue of {answer['neurons']} neurons by {answer['solver']}: "
          f"{answer['solver_seconds']:.1f} s{verdict(good)}")


def main():
    sys.stdout.reconfigure(line_buffering=True)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter,
                                     usage=argparse.SUPPRESS)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--brisc", default="build/brisc")
    parser.add_argument("--seeds", type=int, default=100, help="for zscores (100)")
    parser.add_argument("-o", "--output", help="the figure of `radius`")
    arguments = parser.parse_args()
    parts = arguments.parts or PARTS
    if set(parts) - set(PARTS):
        parser.error(f"unknown part in {' '.join(parts)}; known: {' '.join(PARTS)}")
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as folder:
        program = Program(arguments.brisc, folder)
        if "zscores" in parts:
            zscores(program, verdict, arguments.seeds)
        if "null" in parts:
            null(program, verdict, 20)
        if "radius" in parts:
            radius(program, verdict, arguments.output)
        if "leading" in parts:
            leading(program, verdict)
        if "gpu" in parts:
            gpu(program, verdict)
    print("\nall within bounds" if not verdict.missed else f"\n{verdict.missed} outside their bounds")
    return 1 if verdict.missed else 0


if __name__ == "__main__":
    sys.exit(main())
