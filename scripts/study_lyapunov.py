#!/usr/bin/env python3
"""Largest Lyapunov exponents against the dynamical mean field, and those of the configs.

  theory   the mean field's exponent of tanh networks with weights of standard deviation g / sqrt(N)
  random   such networks by `brisc analyze --lyapunov`: each g's mean over seeds (of the largest; more of
           smaller ones), a line in 1/N through them, and its limit against it
  configs  every configs/small/*.yaml, or those given by --config

usage: scripts/study_lyapunov.py [PART ...] [--g 0.9 1.5 2 3 4] [--neurons 480 1000 2000] [--seeds 4]
       [--tau TIME] [--config FILE ...] [--exponents 2] [--brisc build/brisc]
exit status 0: every number is within its bounds. About half an hour on two cores in all.

The mean field (Sompolinsky, Crisanti, Sommers, Phys. Rev. Lett. 61 (1988) 259; Crisanti, Sompolinsky,
Phys. Rev. E 98 (2018) 062120), here for the Euler steps h <- (1 - d) h + d J phi(h), d = dt/tau, that
brisc makes. With C(n) the autocorrelation of h over n steps and F(C) = E[phi(x) phi(y)] of two normals
with variance C(0) and covariance C:

  -(1 - d) [C(n+1) - 2 C(n) + C(n-1)] + d^2 C(n) = d^2 g^2 F(C(n)),    C(n) -> 0,

a particle in a potential, found by shooting from C(1) = C(-1). A tangent vector's covariance between
steps s and t is L^(s+t) D(s - t); the same two steps applied to it give

  [L^2 + (1 - d)^2] D(n) - (1 - d) L [D(n+1) + D(n-1)] = d^2 g^2 F'(C(n)) D(n),   exponent ln(L)/d,

so the largest L makes this operator's lowest eigenvalue 0. For d -> 0 it is their Schroedinger
equation, exponent = -1 + sqrt(1 - ground state energy). F = sum a_n^2 (C/C(0))^n with the Hermite
coefficients a_n of phi.

The wave networks' largest exponents are positive (0.02 to 0.07 per tau, both ways of measuring), without
noise as well: several modes grow at once, and the waves they make change irregularly, over seconds. So
the waves have no bound here.

Networks of N neurons fall short of the mean field, the more so near g = 1, by a share of 1/N.

An average over a finite time falls short of the exponent: with exponents as dense as these, a vector is
still turning to the first ones. Its growth lags by about 1/(2t), so an average from T/5 to 6T/5 by
ln(6)/(2T), which the bound allows for beside two error bars.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.polynomial.polynomial import polyval
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import brentq

TERMS = 400  # Hermite coefficients of tanh: the last one's square is below 1e-9 up to g = 4
DELTA = 0.1  # dt / tau of the random networks


def squares(variance):
    """a_n^2, phi(sqrt(variance) z) = sum a_n He_n(z) / sqrt(n!)."""
    z = np.arange(-45, 45, 0.02)
    phi = np.tanh(np.sqrt(variance) * z)
    before, now = np.zeros_like(z), np.exp(-z * z / 4) / (2 * np.pi) ** 0.25
    weight = 0.02 * now
    found = np.empty(TERMS)
    for n in range(TERMS):
        found[n] = np.sum(weight * now * phi) ** 2
        before, now = now, (z * now - np.sqrt(n) * before) / np.sqrt(n + 1)
    return found


def shoot(g, delta, variance):
    """C(0), C(1), ... while it falls and stays positive."""
    odd = squares(variance)[1::2]
    k = delta ** 2 / (1 - delta)

    def pull(c):
        return k * (c - g * g * c / variance * polyval((c / variance) ** 2, odd))
    c = [variance, variance + pull(variance) / 2]
    while 0 < c[-1] < c[-2]:
        c.append(2 * c[-1] - c[-2] + pull(c[-1]))
    return np.array(c)


def autocorrelation(g, delta):
    """C(n) to 1e-12 C(0): by bisection on C(0), then its exponential tail."""
    low, high = 0.0, g * g
    while low < 0.5 * (low + high) < high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if shoot(g, delta, middle)[-1] < 0 else (low, middle)
    c = shoot(g, delta, low)[:-1]
    c = c[c > 1e-4 * low]
    trace = 2 + delta ** 2 / (1 - delta) * (1 - g * g * squares(low)[1] / low)
    decay = trace / 2 - np.sqrt(trace ** 2 / 4 - 1)
    return np.concatenate([c, c[-1] * decay ** np.arange(1, int(np.log(1e-8) / np.log(decay)))])


def mean_field(g, delta):
    """Largest exponent in 1/tau; below the transition that of h = 0, with J's largest eigenvalue g."""
    if g <= 1:
        return np.log(1 - delta + delta * g) / delta
    c = autocorrelation(g, delta)
    a2 = squares(c[0])
    well = (g * delta) ** 2 / c[0] * polyval(np.concatenate([c[:0:-1], c]) / c[0],
                                             (np.arange(TERMS) * a2)[1:])

    def lowest(exponent):
        growth = np.exp(delta * exponent)
        return eigh_tridiagonal(growth ** 2 + (1 - delta) ** 2 - well,
                                np.full(len(well) - 1, -(1 - delta) * growth), eigvals_only=True,
                                select="i", select_range=(0, 0))[0]
    return brentq(lowest, -0.5, np.log(g) + 1)


class Verdict:
    missed = 0

    def __call__(self, good):
        self.missed += not good
        return "" if good else "   OUTSIDE"


def theory(gains):
    print("mean field: exponent in 1/tau at dt = tau/10, at dt -> 0; its limits (g - 1)^2/2, ln g")
    for g in gains:
        fine = [mean_field(g, d) for d in (0.05, 0.025)]
        print(f"    g = {g:<4g} {mean_field(g, DELTA):+.4f}  {2 * fine[1] - fine[0]:+.4f}", end="")
        print(f"   {(g - 1) ** 2 / 2:.4f}  {np.log(g):.4f}" if g > 1 else "")


def analyze(brisc, config, *options):
    command = [brisc, "analyze", config, "--json", "--quiet", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}")
    return json.loads(done.stdout)["lyapunov"]


def random_network(arguments, folder, g, neurons, seed):
    """(exponent, its error) of one network."""
    tau = 20
    path = os.path.join(folder, f"{g}_{neurons}_{seed}.yaml")
    with open(path, "w") as file:
        file.write(f"populations: {{E: {{lattice: [{neurons // 40}, 40], gain: {{kind: tanh, max: 1}}}}}}\n"
                   f"connections: {{E: {{E: {{mean: 0, std: {g}, profile: uniform, density: 1}}}}}}\n"
                   f"dynamics: {{tau: {tau}, initial: {{normal: [0, 1]}}}}\n"
                   f"simulation: {{dt: {DELTA * tau}, duration: 4000, onset: 1000, seed: {seed}}}\n"
                   f"output: {{every: {DELTA * tau}}}\n")
    answer = analyze(arguments.brisc, path, "--lyapunov", "1", "--threads", "1", "--time",
                     str((arguments.tau or 800) * tau))
    return answer["exponents"][0], answer["errors"][0]


def mean_of(answers):
    """What one network's finite time leaves, or more where networks differ by more."""
    exponents, errors = np.array(answers).T
    spread = max(np.sqrt(np.mean(errors ** 2)), np.std(exponents, ddof=1))
    return np.mean(exponents), spread / np.sqrt(len(answers))


def random_networks(arguments, folder, verdict):
    sizes, largest = sorted(arguments.neurons), max(arguments.neurons)
    seeds = {n: round(arguments.seeds * (largest / n) ** 0.5) for n in sizes}
    time = arguments.tau or 800
    short = np.log(6) / 2 / time
    print(f"\nrandom networks, dt = tau/10, {time:g} tau: means over networks, and theirs for 1/N -> 0; mean field")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for g in arguments.g:
            found = {n: pool.map(lambda seed, n=n: random_network(arguments, folder, g, n, seed),
                                 range(1, seeds[n] + 1)) for n in reversed(sizes)}
            found = {n: mean_of(list(found[n])) for n in sizes}
            means, errors = np.array([found[n] for n in sizes]).T
            design = np.column_stack([np.ones(len(sizes)), 1 / np.array(sizes)]) / errors[:, None]
            covariance = np.linalg.inv(design.T @ design)
            limit, slope = covariance @ design.T @ (means / errors)
            error, expected = np.sqrt(covariance[0, 0]), mean_field(g, DELTA)
            good = -short - 2 * error < limit - expected < 2 * error
            sign = means[-1] > 5 * errors[-1] if g >= 1.5 else means[-1] < 0
            print(f"    g = {g:<4g} " + "  ".join(f"N = {n} ({seeds[n]}): {m:+.4f} +- {e:.4f}"
                                                  for n, m, e in zip(sizes, means, errors)) +
                  f"\n             1/N -> 0: {limit:+.4f} +- {error:.4f}, shift {slope:+.1f}/N; mean field "
                  f"{expected:+.4f}  {(limit - expected) / error:+.1f} error bars{verdict(sign and good)}",
                  flush=True)


def configs(arguments, verdict):
    time = arguments.tau or 200
    paths = arguments.config or sorted(glob.glob("configs/small/*.yaml"))
    print(f"\nconfigs, {time:g} tau: exponents; twin; bound: chaos above 0 by 5 error bars, others but "
          "the waves not above by 2; twins within 2")
    for path in paths:
        answer = analyze(arguments.brisc, path, "--lyapunov", str(arguments.exponents), "--time",
                         str(time * 20))
        first, error = answer["exponents"][0], answer["errors"][0]
        good = first > 5 * error if "chaos" in path else "wave" in path or first < 2 * error
        good = good and abs(first - answer["twin"]) < 2 * max(error, answer["twin_error"])
        print(f"    {path:34s} " + "  ".join(f"{x:+.4f} +- {e:.4f}" for x, e in
                                             zip(answer["exponents"], answer["errors"])) +
              f"; {answer['twin']:+.4f} +- {answer['twin_error']:.4f}{verdict(good)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter,
                                     usage=argparse.SUPPRESS)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--g", nargs="+", type=float, default=[0.5, 0.9, 1.5, 2, 3, 4])
    parser.add_argument("--neurons", nargs="+", type=int, default=[480, 1000, 2000], help="multiples of 40")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--tau", type=float, help="averaging time (random 800, configs 200)")
    parser.add_argument("--config", nargs="+")
    parser.add_argument("--exponents", type=int, default=2)
    parser.add_argument("--brisc", default="build/brisc")
    arguments = parser.parse_args()
    parts = arguments.parts or ["theory", "random", "configs"]
    if set(parts) - {"theory", "random", "configs"}:
        parser.error(f"unknown part in {' '.join(parts)}; known: theory, random, configs")
    verdict = Verdict()
    if "theory" in parts:
        theory(arguments.g)
    if "random" in parts:
        with tempfile.TemporaryDirectory() as folder:
            random_networks(arguments, folder, verdict)
    if "configs" in parts:
        configs(arguments, verdict)
    print("\nall within bounds" if not verdict.missed else f"\n{verdict.missed} outside their bounds")
    return 1 if verdict.missed else 0


if __name__ == "__main__":
    sys.exit(main())
