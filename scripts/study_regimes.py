#!/usr/bin/env python3
"""The observed regime against the predicted one, over small networks drawn from the published
parameter planes, the six regimes and their borders alike: a confusion matrix.

A network is away from borders where theory's answer would not change if a growth or a radius moved by
3 %: each mode's equivalent real part 1 + (growth - 1) / delta and the bulk's radius are more than 3 %
from 1, no mode that would make another regime comes within 3 % of the leading one, and its pair of
eigenvalues is not about to meet and turn (real to complex) either. Near a border
one network may lie on either side of it (its eigenvalues scatter by a few percent): either side's
regime is right there.

usage: scripts/study_regimes.py [-n 300] [--first 1000] [-o regimes.jsonl] [--plot regimes.png] [--brisc build/brisc]
The file keeps every network that is done; another call goes on from there. 300 take about half an hour
on two cores. exit status 0: at least 97 % right away from borders, and near them no more wrong than
undecided, or 3 %.
"""
import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

REGIMES = ["asynchronous", "synchronous", "oscillation", "bump", "wave", "chaos"]
PATHWAYS = ["E.E", "I.E", "E.I", "I.I"]
MARGIN = 0.03


def uniform(draw, low, high):
    return low + (high - low) * draw.random()


def mismatch(draw):
    """DESIGN.md section 1, plane with range mismatch, at 80 x 80 sites, ranges 1.6 times as long."""
    return dict(side=80, mean=(uniform(draw, 6.3, 9.9), uniform(draw, 9.0, 16.2), -9, -9), std=.1,
                range=(.08, .08, .112, .112), density=.95)


def alike(draw):
    """Plane without range mismatch, at 60 x 60 sites, ranges twice as long."""
    return dict(side=60, mean=(uniform(draw, 6.3, 15.3), uniform(draw, 7.2, 16.2), -9, -9), std=.1,
                range=(.14,) * 4, density=.95)


def variance(draw):
    """Plane of chaos by variance, at 80 x 80 sites, ranges 1.6 times as long."""
    return dict(side=80, mean=(5.5, 5, -5, -4.25), std=uniform(draw, .3, 1.1),
                range=(.08, .08, .08, uniform(draw, .08, .192)), density=.95)


def sparsity(draw):
    """Plane of chaos by sparsity."""
    return dict(side=80, mean=(5.5, 5, -5, -4.25), std=.55,
                range=(.08, .08, .08, uniform(draw, .08, .192)), density=uniform(draw, .1, .7))


PLANES = [mismatch, alike, variance, sparsity]


def config(network, seed, observed_ms=1000.0):
    side, connections = network["side"], {}
    for k, pathway in enumerate(PATHWAYS):
        target, source = pathway.split(".")
        connections.setdefault(target, {})[source] = dict(
            mean=network["mean"][k], std=network["std"], range=network["range"][k], density=network["density"])
    return dict(populations=dict(E=dict(lattice=[side, side], gain=dict(kind="tanh", max=1)),
                                 I=dict(lattice=[side // 2, side // 2], gain=dict(kind="tanh", max=5))),
                connections=connections,
                dynamics=dict(tau=20.0, noise=0.0158, initial=dict(uniform=[-3.5, 6.5])),
                simulation=dict(dt=0.2, duration=500.0 + observed_ms, onset=500.0, seed=seed),
                output=dict(every=2.0, detections="none"))


def brisc(program, *words):
    done = subprocess.run([program, *words, "--json", "--quiet", "--threads", "1"], stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1) or not done.stdout:
        sys.exit(f"{program} {' '.join(words)}: exit status {done.returncode}")
    return json.loads(done.stdout)


def kind(mode):
    moving, homogeneous = mode["frequency_hz"] > 0, mode["nx"] == 0 and mode["ny"] == 0
    return ("oscillation" if moving else "synchronous") if homogeneous else ("wave" if moving else "bump")


def turnings(leading, modes):
    """How far two eigenvalues of one wave vector are from meeting, where they turn from real to complex: the
    share by which their product would have to change."""
    if leading["frequency_hz"] > 0:
        return [leading["im"]**2 / (leading["re"]**2 + leading["im"]**2)]
    partners = [mode["re"] for mode in modes if mode is not leading and mode["re"] * leading["re"] > 0 and
                (mode["nx"], mode["ny"]) == (leading["nx"], leading["ny"])]
    return [(leading["re"] - re)**2 / (4 * leading["re"] * re) for re in partners]


def borders(prediction, delta=0.01):
    """[(distance, the regimes that meet there)]: see above."""
    real = lambda mode: 1 + (mode["growth"] - 1) / delta  # noqa: E731
    radius, modes = prediction["bulk_radius_effective"], prediction["outliers"] or [prediction["dominant"]]
    leading, calm = modes[0], "chaos" if radius > 1 else "asynchronous"
    found = [(abs(real(leading) - 1), {calm, kind(leading)}),
             (abs(radius - 1), {"asynchronous", "chaos", prediction["regime"]})]
    if leading["growth"] > 1:
        turning = {True: {"synchronous", "oscillation"}, False: {"bump", "wave"}}[leading["nx"] == leading["ny"] == 0]
        found += [(turn, turning) for turn in turnings(leading, modes)]
        found += [(real(leading) - real(mode), {kind(leading), kind(mode)}) for mode in modes
                  if kind(mode) != kind(leading)]
    return found


def own_spectrum(program, row):
    """The eigenvalues of the network itself that grow most, and the modes they are matched to: theory's are a
    mean over networks, and where a group of twenty scatters the largest one leads."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "network.yaml")
        with open(path, "w") as file:
            json.dump(config(row["network"], row["index"] + 1), file)
        spectrum = brisc(program, "spectrum", path, "--leading", "16", "-o", os.path.join(folder, "spectrum.h5"))
    return ", ".join(f"({one['nx']},{one['ny']}) {one['re']:.2f}" + f"+-{abs(one['im']):.2f}i" * (one["im"] != 0)
                     for one in spectrum["outliers"][:3])


def draw_network(program, folder, wanted, index):
    """The first network of its own random sequence that theory says is of the wanted regime."""
    draw = random.Random(index)
    path = os.path.join(folder, f"{index}.yaml")
    while True:
        network = draw.choice(PLANES)(draw)
        with open(path, "w") as file:
            json.dump(config(network, index + 1), file)
        prediction = brisc(program, "predict", path)
        if prediction["regime"] == wanted:
            slow = prediction["regime"] in ("oscillation", "wave")  # ten periods, at the linear frequency
            periods_ms = 10e3 / prediction["dominant"]["frequency_hz"] if slow else 0.0
            observed_ms = 100.0 * math.ceil(min(max(1000.0, periods_ms), 4000.0) / 100.0)
            with open(path, "w") as file:
                json.dump(config(network, index + 1, observed_ms), file)
            return path, network, prediction


def measure(program, folder, index):
    path, network, prediction = draw_network(program, folder, REGIMES[index % len(REGIMES)], index)
    output = os.path.join(folder, f"{index}.h5")
    seen = brisc(program, "run", path, "-o", output)
    for name in os.listdir(folder):
        if name.startswith(f"{index}."):
            os.remove(os.path.join(folder, name))
    near = borders(prediction)
    sides = {prediction["regime"]}.union(*(regimes for far, regimes in near if far <= MARGIN))
    return dict(index=index, network=network, distance=min(far for far, _ in near), sides=sorted(sides),
                predicted=prediction["regime"],
                observed=seen["regime"], reason=seen["reason"], order=seen["order"])


def table(rows, title):
    columns = REGIMES + ["undecided"]
    print(f"\n{title}: {len(rows)} networks\n  {'predicted':14s}" + "".join(f"{c[:12]:>14s}" for c in columns))
    count = Counter((row["predicted"], row["observed"]) for row in rows)
    for regime in REGIMES:
        print(f"  {regime:14s}" + "".join(f"{count[regime, c]:14d}" for c in columns))


def plot(away, near, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(1, 2, figsize=(7.1, 3.4), layout="constrained", sharey=True)
    columns = REGIMES + ["undecided"]
    for axis, rows, title in zip(axes, (away, near), ("away from borders", "within 3 % of a border")):
        count = Counter((row["predicted"], row["observed"]) for row in rows)
        values = [[count[r, c] for c in columns] for r in REGIMES]
        axis.imshow(values, cmap="Blues", vmin=0, vmax=max(map(max, values)) or 1)
        for i, line in enumerate(values):
            for k, value in enumerate(line):
                if value:
                    axis.text(k, i, value, ha="center", va="center", fontsize=7,
                              color="white" if value > 0.6 * max(map(max, values)) else "black")
        axis.set_xticks(range(len(columns)), columns, rotation=45, ha="right", fontsize=7)
        axis.set_yticks(range(len(REGIMES)), REGIMES, fontsize=7)
        axis.set_title(f"{title} ({len(rows)} networks)", fontsize=8)
        axis.set_xlabel("observed", fontsize=8)
    axes[0].set_ylabel("predicted", fontsize=8)
    figure.savefig(path, dpi=200)


def main():
    sys.stdout.reconfigure(line_buffering=True)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=300, help="networks (300)")
    parser.add_argument("--first", type=int, default=1000,
                        help="the first network's number (1000; the observer's bounds were set on 0 to 151)")
    parser.add_argument("-o", "--output", default="regimes.jsonl", help="what is done (regimes.jsonl)")
    parser.add_argument("--plot", help="the matrices as a figure")
    parser.add_argument("--brisc", default="build/brisc")
    given = parser.parse_args()
    done = {}
    if os.path.exists(given.output):
        with open(given.output) as file:
            done = {row["index"]: row for row in map(json.loads, file)}
    wanted = range(given.first, given.first + given.n)
    left = [index for index in wanted if index not in done]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool, \
            open(given.output, "a") as file:
        for row in pool.map(lambda index: measure(given.brisc, folder, index), left):
            done[row["index"]] = row
            print(json.dumps(row), file=file, flush=True)
            count = sum(index in done for index in wanted)
            if count % 20 == 0:
                print(f"{count} of {given.n}", file=sys.stderr)
    rows = [done[index] for index in wanted]
    away = [row for row in rows if row["distance"] > MARGIN]
    near = [row for row in rows if row["distance"] <= MARGIN]
    table(away, "away from borders")
    table(near, f"within {MARGIN:.0%} of a border")
    right = sum(row["predicted"] == row["observed"] for row in away)
    undecided = sum(row["observed"] == "undecided" for row in near)
    wrong = sum(row["observed"] not in ["undecided", *row["sides"]] for row in near)
    good = bool(away) and right >= 0.97 * len(away) and wrong <= max(undecided, 0.03 * len(near))
    share = math.nan if not away else right / len(away)
    print(f"\naway from borders {right} of {len(away)} are right ({share:.1%}); near them {undecided} of {len(near)} "
          f"are undecided, {wrong} of neither side")
    for row in rows:
        if row["observed"] not in row["sides"] and (row in away or row["observed"] != "undecided"):
            print(f"  {row['index']:4d} {row['predicted']} seen as {row['observed']} (distance {row['distance']:.3f}): "
                  f"{row['reason']}; its own leading eigenvalues: {own_spectrum(given.brisc, row)}")
    if given.plot:
        plot(away, near, given.plot)
    print("within bounds" if good else "outside the bounds")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
