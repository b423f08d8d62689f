#!/usr/bin/env python3
"""Independent check of `brisc predict --json`: the same quantities from NumPy, by other routes
(separable sums or whole lattices instead of FFTs of tables, relaxation instead of Newton).

usage: check_theory.py BRISC        exit status 0: every comparison holds
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

# Tables hold probabilities in units of 2^-32, truncated; sums over 4e4 cells lose under 1e-5 of
# K > 100 inputs, so 1e-7 of a symbol; the error grows a little where eigenvalues nearly meet.
TOLERANCE = 1e-6


def network(g, d, std, side=200, sizes=(0.95,) * 4, **connection):
    """The published E/I network; g, d in the order EE, EI, IE, II (target, source)."""
    one = lambda i: dict(mean=g[i], std=std, range=d[i], density=sizes[i], **connection)
    return {
        "populations": {
            "E": {"lattice": [side, side], "gain": {"kind": "tanh", "max": 1}},
            "I": {"lattice": [side // 2, side // 2], "gain": {"kind": "tanh", "max": 5}},
        },
        "connections": {"E": {"E": one(0), "I": one(1)}, "I": {"E": one(2), "I": one(3)}},
        "dynamics": {"tau": 20.0, "noise": 0.0158, "initial": {"uniform": [-3.5, 6.5]}},
        "simulation": {"dt": 0.2},
    }


MISMATCH, ALIKE, CHAOS = (0.05, 0.07, 0.05, 0.07), (0.07,) * 4, (0.05, 0.05, 0.05, 0.0815)
CASES = {
    "wave": network((9, -9, 15.48, -9), MISMATCH, 0.1),
    "bump": network((9, -9, 10.8, -9), MISMATCH, 0.1),
    "synchronous": network((13.05, -9, 9.45, -9), ALIKE, 0.1),
    "oscillation": network((13.05, -9, 15.3, -9), ALIKE, 0.1),
    "asynchronous": network((6.3, -9, 10, -9), ALIKE, 0.1),
    "chaos": network((5.5, -5, 5, -4.25), CHAOS, 0.9),
    "clipped": network((6, -5, 9, -5), (0.1, 0.12, 0.1, 0.12), 0.3, 60, (1.6, 1.2, 1.3, 1.5)),
    "fixed in-degree": network((5.5, -5, 5, -4.25), (0.1, 0.1, 0.1, 0.12), 0.2, 60,
                               rule="fixed_indegree"),
    "fixed in-degree, lognormal": network((5.5, -5, 5, -4.25), (0.1, 0.1, 0.1, 0.12), 0.2, 60,
                                          rule="fixed_indegree", weights="lognormal"),
    "exponential": network((3, -2, 4, -2), (0.05, 0.07, 0.05, 0.07), 0.2, 60, (0.9,) * 4,
                           profile="exponential"),
    "disc": network((3, -2, 4, -2), (0.11, 0.13, 0.11, 0.13), 0.2, 60, (0.9,) * 4, profile="disc"),
}


def probabilities(connection, target, source):
    """p[class_y, class_x, y, x] of every source site, target sites of one unit cell, and the
    displacements along x and y, and the mean out-degree k."""
    d, n_target = connection["range"], np.prod(target)
    profile = connection.get("profile", "gaussian")
    area = {"gaussian": 2 * np.pi * d * d, "exponential": 2 * np.pi * d * d, "disc": np.pi * d * d}
    k = connection["density"] * area[profile] * n_target
    axes = []
    for n, m in zip(target, source):
        sites = n // np.gcd(n, m)
        axes.append((np.arange(m) + 0.5) / m - (np.arange(sites)[:, None] + 0.5) / n)
    x, y = axes[0][None, :, None, :], axes[1][:, None, :, None]
    images = range(-3, 4)
    if profile == "gaussian":
        wrapped = lambda s: sum(np.exp(-(s + m) ** 2 / (2 * d * d)) for m in images)
        shape = wrapped(x) * wrapped(y)
    else:
        r = [np.hypot(x + mx, y + my) for mx in images for my in images]
        shape = sum(np.exp(-q / d) if profile == "exponential" else q <= d for q in r)
    return np.minimum(1, connection["density"] * shape), x, y, k


def inclusion(p, count):
    """Probabilities of `count` draws without replacement with weights p, by bisection."""
    low, high = 0.0, 1e6
    for _ in range(200):
        t = (low * high) ** 0.5 if low > 0 else high / 2
        low, high = (t, high) if np.sum(-np.expm1(-t * p)) < count else (low, t)
    return -np.expm1(-high * p)


def mean_network(config, reach=12):
    """Symbol[nx, ny, a, b] for 0 <= nx, ny < reach, variance M[a, b], and what rows of fixed sums take
    off it at a wave."""
    names = list(config["populations"])
    lattices = [config["populations"][a]["lattice"] for a in names]
    size = len(names)
    symbol, variance = np.zeros((reach, reach, size, size)), np.zeros((size, size))
    fixed = np.zeros_like(symbol)
    n = np.arange(reach)
    for a in range(size):
        for b in range(size):
            c = config["connections"][names[a]][names[b]]
            p, x, y, k = probabilities(c, lattices[a], lattices[b])
            spread, mean = c["std"] ** 2 / k, c["mean"] / k
            if c.get("rule") == "fixed_indegree":
                count = round(k * np.prod(lattices[b]) / np.prod(lattices[a]))
                p = np.array([[inclusion(q, count) for q in row] for row in p])
                recentred = c.get("weights") != "lognormal"
                spread *= 1 - recentred / count
            classes = p.shape[0] * p.shape[1]
            variance[a, b] = np.sum(p * (spread + mean**2) - (p * mean) ** 2) / classes
            turn = lambda s: np.exp(-2j * np.pi * n[:, None] * s.ravel()).reshape(reach, *s.shape)
            ex, ey = turn(x[0, :, 0, :]), turn(y[:, 0, :, 0])
            def transform(of):
                value = np.einsum("YXyx,nXx,mYy->nm", of, ex, ey, optimize=True) / classes
                assert np.abs(value.imag).max() < 1e-9 * np.abs(value).max(), "it is real"
                return value.real
            symbol[:, :, a, b] = transform(p) * mean
            if c.get("rule") == "fixed_indegree":
                # The recentred weights about their sample mean, and which inputs a row has: both
                # add up to the same in every row, x x/Sum x of the variances of each.
                for part in [transform(p * (1 - p) * mean**2)] + [transform(p * spread)] * recentred:
                    fixed[:, :, a, b] += part**2 / part[0, 0]
    return symbol, variance, fixed


def radius(variance, gain):
    return np.abs(np.linalg.eigvals(variance * gain**2)).max() ** 0.5


def mean_field_gain(symbol, variance, maximum, noise):
    """<phi'> of the symmetric state (mean 0) of tanh gains, by relaxation and a trapezoid sum."""
    z = np.linspace(-9, 9, 4001)
    weight = np.exp(-z * z / 2) * (z[1] - z[0]) / np.sqrt(2 * np.pi)
    spread = np.ones(len(maximum))
    for _ in range(5000):
        t = np.tanh(np.sqrt(spread)[:, None] * z / maximum[:, None])
        spread = 0.5 * (spread + variance @ (maximum**2 * (t * t @ weight)) + noise**2)
    return (1 - t * t) @ weight


def predict(config):
    """What brisc should print, for networks whose rest state h = 0 is followed with tanh gains."""
    symbol, variance, fixed = mean_network(config)
    populations = list(config["populations"].values())
    maximum = np.array([float(p["gain"]["max"]) for p in populations])
    size = np.array([np.prod(p["lattice"]) for p in populations])
    delta = config["simulation"]["dt"] / config["dynamics"]["tau"]
    gain = np.ones(len(maximum))
    result = {"bulk_radius": radius(variance, gain)}
    chaotic = result["bulk_radius"] > 1
    if chaotic:
        gain = mean_field_gain(symbol, variance, maximum, config["dynamics"]["noise"])
    edge, modes = radius(variance, gain), []
    for nx, ny in np.ndindex(symbol.shape[:2]):
        if nx > ny:
            continue
        values, right = np.linalg.eig(symbol[nx, ny] * gain)
        left = np.linalg.inv(right)  # rows: l.v = 1
        for k, value in enumerate(values):
            if value.imag < 0 or abs(value) <= edge:
                continue
            m = (variance - fixed[nx, ny]) * gain**2
            # all orders of the bulk's noise: M + M M/|lambda|^2 + ...
            m = np.linalg.inv(np.eye(len(size)) - variance * gain**2 / abs(value) ** 2) @ m
            std = np.sqrt(max(0, (abs(left[k]) ** 2 / size) @ m @ abs(right[:, k]) ** 2))
            modes.append({
                "nx": int(nx), "ny": int(ny), "re": value.real, "im": value.imag, "std": std,
                "multiplicity": (1 if nx == ny == 0 else 4 if nx == ny or nx == 0 else 8),
                "growth": abs(1 - delta + delta * value),
            })
    result["outliers"] = sorted(modes, key=lambda m: -m["growth"])
    top = result["outliers"][0]
    names = [["synchronous", "oscillation"], ["bump", "wave"]]
    unstable = names[int(top["ny"] > 0)][int(top["im"] > 0)]
    result["regime"] = unstable if top["growth"] > 1 else "chaos" if chaotic else "asynchronous"
    return result


def compare(name, ours, theirs):
    """Complaints about one network."""
    wrong = []

    def number(what, x, y):
        if not abs(x - y) <= TOLERANCE * max(1, abs(y)):
            wrong.append(f"{name}: {what} is {y:.9g}, NumPy has {x:.9g}")

    number("bulk_radius", ours["bulk_radius"], theirs["bulk_radius"])
    if ours["regime"] != theirs["regime"]:
        wrong.append(f"{name}: regime is {theirs['regime']}, NumPy has {ours['regime']}")
    if len(ours["outliers"]) != len(theirs["outliers"]):
        wrong.append(f"{name}: {len(theirs['outliers'])} outliers, NumPy has {len(ours['outliers'])}")
    for mode in theirs["outliers"]:
        same = [m for m in ours["outliers"] if (m["nx"], m["ny"]) == (mode["nx"], mode["ny"])]
        if not same:
            wrong.append(f"{name}: outlier {mode} is not in NumPy's list")
            continue
        near = min(same, key=lambda m: abs(m["re"] - mode["re"]) + abs(m["im"] - mode["im"]))
        for key in near:
            number(f"{key} at n = ({mode['nx']}, {mode['ny']})", near[key], mode[key])
    number("largest growth", ours["outliers"][0]["growth"], theirs["dominant"]["growth"])
    return wrong


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "network.yaml")
        for name, config in CASES.items():
            with open(path, "w") as file:
                json.dump(config, file)  # JSON is YAML
            done = subprocess.run([sys.argv[1], "predict", path, "--json"], capture_output=True,
                                  text=True)
            if done.returncode:
                wrong.append(f"{name}: exit status {done.returncode}: {done.stderr.strip()}")
                continue
            theirs, ours = json.loads(done.stdout), predict(config)
            complaints = compare(name, ours, theirs)
            wrong += complaints
            print(f"{'FAIL' if complaints else 'ok':4} {name}: {theirs['regime']}, "
                  f"R {theirs['bulk_radius']:.5f}, {len(theirs['outliers'])} outliers")
    print(*wrong, sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
