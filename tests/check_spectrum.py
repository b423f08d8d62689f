#!/usr/bin/env python3
"""Independent check of `brisc spectrum`: eigenvalues, vectors, departure from normality and transient
growth against NumPy and SciPy on the exported matrix, gains at a stored state, the leading
eigenvalues against all, and what is written into a run's file.

usage: check_spectrum.py BRISC        exit status 0: every comparison holds; 77: skipped
"""
import copy
import json
import os
import shutil
import sys
import tempfile

try:
    import h5py
    import numpy as np
    import xarray
    from scipy.linalg import eig, expm
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from check_network import OUTLIERS, Brisc, network

DELTA = 0.01  # dt/tau
KEYS = """matrix method solver neurons count unconverged bulk_radius_measured bulk_radius_predicted
bulk_largest ks outliers groups missing unpredicted""".split()
OUTLIER_KEYS = "nx ny re im predicted_re predicted_im std z overlap residual".split()


def small():
    """180 neurons whose gains differ from 1 and between neurons: an input, two kinds of gain."""
    config = network((2, -3, 3, -2.5), 0.4, (0.15, 0.2, 0.15, 0.2), side=12)
    config["populations"]["E"].update(gain=dict(kind="tanh", max=2), input=0.5)
    config["populations"]["I"].update(gain=dict(kind="sigmoid", max=3, threshold=0.3), input=0.2)
    config["dynamics"] = dict(noise=0.3, initial=dict(uniform=[-1, 1]))
    config["simulation"] = dict(dt=0.2, duration=40, onset=10, seed=3)
    config["output"] = dict(every=2, fields=["rate", "potential"])
    return config


def slope(config, h):
    """phi'(h) of the two gains above: a list, E then I."""
    s = 1 / (1 + np.exp(-(h[1] - 0.3)))
    return [1 / np.cosh(h[0] / 2) ** 2, 3 * s * (1 - s)]


def per_neuron(gains, sizes):
    return np.concatenate([np.broadcast_to(g, n).ravel() for g, n in zip(gains, sizes)])


def spectrum(brisc, *arguments, output="spectrum.h5"):
    """JSON and the file's /spectrum, loaded."""
    to = ["-o", brisc.path(output), "--force"] if output else []
    report = json.loads(brisc.run("spectrum", *arguments, *to, "--json"))
    path = brisc.path(output) if output else arguments[0]
    with xarray.open_dataset(path, group="spectrum") as file:
        return report, file.load()


def values(file):
    return file.re.values + 1j * file.im.values


def same_eigenvalues(name, found, matrix, error):
    """One to one with NumPy's. `error`: standard deviation of each entry's rounding; to first order
    it moves an eigenvalue by sqrt(sum |u_i|^2 error_ij^2 |v_j|^2)/|u.v|: 8 of that, and LAPACK's
    backward error of n eps |A| times the eigenvalue's condition, on both sides."""
    expected, left, right = eig(matrix, left=True)
    overlap = np.abs(np.sum(left.conj() * right, axis=0))
    moved = np.sqrt(np.sum(np.abs(left) ** 2 * (error**2 @ np.abs(right) ** 2), axis=0)) / overlap
    rounding = 2 * len(matrix) * np.finfo(float).eps * np.linalg.norm(matrix, 2) / overlap
    distance = np.abs(expected[:, None] - found[None, :])
    nearest = distance.argmin(axis=1)
    assert len(found) == len(expected) == len(set(nearest)), f"{name}: not one to one"
    off = distance.min(axis=1) / (8 * moved + rounding)
    assert off.max() < 1, f"{name}: eigenvalue {expected[off.argmax()]}: {off.max():.2g} tolerances"
    assert np.array_equal(found[found.imag != 0][0::2], found[found.imag != 0][1::2].conj())
    print(f"ok   {name}: {len(found)} eigenvalues, at most {distance.min(axis=1).max():.1e} off")
    return expected


def exported(brisc, config):
    """The matrix, and the standard deviation of its rounding to float32."""
    matrix = np.nan_to_num(brisc.csr(config, config["simulation"]["seed"]))
    return matrix, np.where(matrix != 0, np.spacing(np.abs(matrix).astype(np.float32)), 0) / np.sqrt(12)


def check_full(brisc):
    """J and J diag(phi'(h*))."""
    config = small()
    matrix, error = exported(brisc, config)
    path, sizes = brisc.config(config), (144, 36)
    report, file = spectrum(brisc, path, "--weights")
    assert report["matrix"] == file.attrs["matrix"] == "J"
    same_eigenvalues("J", values(file), matrix, error)
    rest = [p for p in brisc.predict(config)["fixed_points"] if p["followed"]][0]["h"]
    gain = per_neuron(slope(config, [rest["E"], rest["I"]]), sizes)
    report, file = spectrum(brisc, path, "--vectors", "9")
    assert report["matrix"] == "J diag(phi'(h*))" and abs(gain - 1).max() > 0.1, gain
    scaled = matrix * gain
    # h* has 10 digits in the JSON.
    found = same_eigenvalues("J diag(phi'(h*))", values(file), scaled,
                             np.hypot(error * gain, 1e-9 * np.abs(matrix)))
    check_numbers(report, file, scaled, found)
    check_vectors(file, scaled)


def check_numbers(report, file, matrix, found):
    assert not set(KEYS) - set(report), set(KEYS) - set(report)
    assert report["count"] == report["neurons"] == len(matrix) == file.attrs["neurons"]
    assert report["method"] == "full" and file.attrs["full"] == 1 and report["unconverged"] == 0
    assert (file.converged == 1).all()
    for outlier in report["outliers"]:
        assert not set(OUTLIER_KEYS) - set(outlier)
    for key, name in (("bulk_radius_measured",) * 2, ("bulk_radius_predicted",) * 2, ("ks",) * 2,
                      ("bulk_largest",) * 2):
        np.testing.assert_allclose(report[key], file[name], rtol=1e-9)  # JSON has 10 digits

    frobenius = np.linalg.norm(matrix)
    henrici = np.sqrt(frobenius**2 - np.sum(np.abs(found) ** 2))
    normality = report["non_normality"]
    # The weights are rounded to 2^-25 of themselves, the difference is not small.
    np.testing.assert_allclose(normality["henrici"], henrici, rtol=1e-6)
    np.testing.assert_allclose(normality["henrici_relative"], henrici / frobenius, rtol=1e-6)
    alpha = found.real.max() - 1
    horizon = min(max(3 / abs(alpha), 10), 50)
    step, decay = 0.05, np.exp(-max(0, alpha) * 0.05)
    forward = expm((matrix - np.eye(len(matrix))) * step) * decay
    power, norms = np.eye(len(matrix)), [1.0]
    for _ in range(int(horizon / step)):
        power = power @ forward
        norms.append(np.linalg.norm(power, 2))
    best, most = int(np.argmax(norms)), max(norms)
    # The scan misses the top by at most bend step^2/8. The climb ends where a round gains less than
    # 1e-4: within 1e-3 of the top, and of its time by as much as the top is flat.
    assert most > 1.05 and 0 < best < len(norms) - 1, "the network amplifies"
    bend = 2 * most - norms[best + 1] - norms[best - 1]
    above = normality["transient_growth"] / most - 1
    assert -1e-3 < above < bend / 8 / most + 1e-6, (normality, most, bend)
    flat = step * np.sqrt(2e-3 * most / bend) + step
    assert abs(normality["transient_time"] - best * step) < flat, (normality, best * step, flat)
    print(f"ok   Henrici {henrici:.4f}, largest transient {most:.4f} at {best * step:.2f} tau")


def check_vectors(file, matrix):
    """Of the first outlier of each group, then of the eigenvalues that lead; stored in float32."""
    count = len(file.vector)
    assert count == 9
    flat = lambda part: np.concatenate([file[f"vector_{p}_{part}"].values.reshape(count, -1)
                                        for p in "EI"], axis=1).astype(float)
    vectors = flat("re") + 1j * flat("im")
    eigenvalue = file.vector_eigenvalue_re.values + 1j * file.vector_eigenvalue_im.values
    found = values(file)
    lead = lambda z: np.abs(1 - DELTA + DELTA * z)
    outlier = file.outlier_re.values + 1j * file.outlier_im.values
    first = [outlier[i] for i in np.unique(file.outlier_group.values, return_index=True)[1]]
    first = sorted(first, key=lambda z: list(outlier).index(z))
    others = [z for z in sorted(found[found.imag >= 0], key=lead)[::-1] if z not in first]
    np.testing.assert_array_equal(eigenvalue, (first + others)[:count])
    # Each entry is off by 2^-25 of itself, so A v - lambda v by that times |A| + |lambda|; the
    # matrix is off as much.
    limit = 2.0**-24 * (np.linalg.norm(matrix, 2) + np.abs(eigenvalue))
    residual = np.linalg.norm(vectors @ matrix.T - eigenvalue[:, None] * vectors, axis=1)
    assert (residual < limit).all(), residual / limit
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-7)
    for z in eigenvalue:
        stored = file.residual.values[np.argmin(np.abs(found - z))]
        assert 0 < stored < 1e-11 * np.linalg.norm(matrix, 2), stored
    print(f"ok   {count} eigenvectors, residuals at most {residual.max():.1e}")


def check_states(brisc):
    """--at: gains of the nearest stored frame, from potentials, or from rates alone."""
    config = small()
    matrix, error = exported(brisc, config)
    run, bare = brisc.path("run.h5"), brisc.path("bare.h5")
    brisc.run("run", brisc.config(config), "-o", run, "--force", "--quiet")
    shutil.copy(run, bare)
    with h5py.File(bare, "r+") as file:
        del file["potential_E"], file["potential_I"]
    with h5py.File(run) as file:
        frame = int(np.argmin(np.abs(file["time"][:] - 13.2)))
        h = [file[f"potential_{p}"][frame].astype(float).ravel() for p in "EI"]
        at = file["time"][frame]
    gain = np.concatenate(slope(config, h))
    assert np.ptp(gain[:144]) > 0.2 and np.ptp(gain[144:]) > 0.05, "the state is not flat"
    report, file = spectrum(brisc, run, "--at", "13.2")
    # n = 180: below the 0.1 % point of the Kolmogorov-Smirnov distance, 1.95/sqrt(n).
    assert report["ks"] < 0.145 and abs(report["bulk_radius_measured"] /
                                        report["bulk_radius_predicted"] - 1) < 0.1, report
    assert report["matrix"] == file.attrs["matrix"] == f"J diag(phi'(h)) at {at:g} ms" and at == 14
    same_eigenvalues("at a state, from potentials", values(file), matrix * gain, error * gain)
    # A rate in float32 is off by 2^-25 of itself; of slopes r (1 - r/max) and 1 - (r/max)^2 that
    # makes 2^-24 at most. The program's own float32 tanh and sigmoid are good to 2 ulp: 2^-22.
    _, rates = spectrum(brisc, bare, "--at", "13.2")
    same_eigenvalues("at a state, from rates", values(rates), matrix * gain,
                     np.hypot(error * gain, 2.0**-22 * np.abs(matrix)))


def leading_value(by, z):
    return {"growth": np.abs(1 - DELTA + DELTA * z), "real": z.real, "modulus": np.abs(z)}[by]


def check_leading(brisc):
    """The leading ones are the full spectrum's, by every criterion, and lead it; the three differ."""
    path, sets = brisc.config(network((5, -4.5, 7, -4), 0.3, (0.15, 0.18, 0.15, 0.18), side=20)), {}
    _, full = spectrum(brisc, path, output="full.h5")
    for by in ("growth", "real", "modulus"):
        report, file = spectrum(brisc, path, "--leading", "8", "--by", by)
        assert report["method"] == "leading" and file.attrs["full"] == 0
        found, wanted = values(file), values(full)
        wanted = wanted[np.argsort(-leading_value(by, wanted), kind="stable")]
        # The eighth may be one of a pair: then both.
        assert len(found) in (8, 9) and report["count"] == len(found) == len(report["leading"])
        assert file.converged.values.all() and report["unconverged"] == 0
        distance = np.abs(wanted[:, None] - found[None, :])
        # Residuals of 1e-8 |lambda|, times the eigenvalue's condition: some 10 here.
        assert distance.min(axis=0).max() < 1e-6, (by, distance.min(axis=0))
        assert sorted(distance.argmin(axis=0)) == list(range(len(found))), by
        assert (file.residual.values < 1e-8 * np.maximum(1, np.abs(found))).all()
        order = leading_value(by, found)
        assert (np.diff(order) < 1e-9).all(), "best first"
        sets[by] = {complex(round(z.real, 4), round(abs(z.imag), 4)) for z in found}
        print(f"ok   --leading 8 --by {by}: within {distance.min(axis=0).max():.1e} of the full ones")
    assert sets["growth"] != sets["modulus"] != sets["real"], "the criteria differ here"


def check_unequal_tau(brisc):
    """The eigenvalues of J do not decide growth then: said, where growth is asked for."""
    config = network((5, -4.5, 7, -4), 0.3, (0.15, 0.18, 0.15, 0.18), side=12)
    for tau, by, count in ((20, "growth", 0), (10, "growth", 1), (10, "real", 0)):
        config["populations"]["I"]["tau"] = tau
        report, _ = spectrum(brisc, brisc.config(config), "--leading", "4", "--by", by)
        assert len(report["warnings"]) == count, (tau, by, report["warnings"])
    report, _ = spectrum(brisc, brisc.config(config), "--full")
    assert "tau differs" in report["warnings"][0]
    print("ok   unequal tau is said")


def check_outliers(brisc):
    """2000 neurons: every predicted mode is found, in groups as predicted; all and leading agree."""
    path = brisc.config(OUTLIERS)
    report, file = spectrum(brisc, path)
    lead, _ = spectrum(brisc, path, "--leading", "18", "--by", "modulus", output="lead.h5")
    for one in (report, lead):
        assert one["missing"] == 0 and one["unpredicted"] == 0, one
        assert {(g["nx"], g["ny"]): g["found"] for g in one["groups"]} == \
            {(0, 0): 1, (0, 1): 4, (1, 1): 4}, one["groups"]
        assert all(o["overlap"] > 0.7 for o in one["outliers"])
        for g in one["groups"]:  # few: 5 error bars
            assert abs(g["z_re"]) < 5 and (g["z_im"] is None or abs(g["z_im"]) < 5), g
    key = lambda o: (o["nx"], o["ny"], round(o["re"], 5), round(o["im"], 5))
    assert sorted(map(key, report["outliers"])) == sorted(map(key, lead["outliers"]))
    n = len(report["outliers"])
    for name in OUTLIER_KEYS:
        stored = file[f"outlier_{name}"].values
        told = [np.nan if o[name] is None else o[name] for o in report["outliers"]]
        np.testing.assert_allclose(stored, told, rtol=1e-8, atol=1e-13, equal_nan=True)
    # n = 2000: the radius to 1/sqrt(n) = 2 %, KS below its 0.1 % point 1.95/sqrt(n) = 0.044 (the
    # eigenvalues repel, so it is less).
    assert abs(report["bulk_radius_measured"] / report["bulk_radius_predicted"] - 1) < 0.022, report
    assert report["ks"] < 0.044, report["ks"]
    print(f"ok   {n} outliers, bulk radius {report['bulk_radius_measured']:.4f} of "
          f"{report['bulk_radius_predicted']:.4f}, ks {report['ks']:.4f}")


def contents(path, without):
    """Everything in a file but one group: attributes and values."""
    found = {}
    def visit(name, thing):
        if name.split("/")[0] != without:
            found[name] = thing[()] if isinstance(thing, h5py.Dataset) else None
    with h5py.File(path) as file:
        file.visititems(visit)
        return found, {k: file.attrs[k] for k in file.attrs}


def check_run_file(brisc):
    """The group goes into the run's file, is replaced there, and nothing else is touched."""
    run = brisc.path("run.h5")
    with open(run, "rb") as file:
        before = file.read()
    _, other = spectrum(brisc, run, output="other.h5")
    with open(run, "rb") as file:
        assert file.read() == before, "-o leaves the run's file alone"
    kept = contents(run, "spectrum")
    _, file = spectrum(brisc, run, output=None)
    np.testing.assert_array_equal(values(file), values(other))
    assert "outlier" in file.dims
    _, file = spectrum(brisc, run, "--leading", "4", "--weights", output=None)
    assert len(file.eigenvalue) in (4, 5) and file.attrs["matrix"] == "J" and "ks" not in file
    now = contents(run, "spectrum")
    assert now[1] == kept[1] and now[0].keys() == kept[0].keys()
    for name, value in kept[0].items():
        np.testing.assert_array_equal(now[0][name], value)
    for engine in ({}, {"engine": "netcdf4"}, {"engine": "h5netcdf"}):
        for path, group in ((run, "spectrum"), (brisc.path("other.h5"), "spectrum"),
                            (brisc.path("other.h5"), "spectrum/predicted")):
            with xarray.open_dataset(path, group=group, **engine) as opened:
                assert opened.variables
                for name, variable in opened.variables.items():
                    assert variable.attrs["units"] and variable.attrs["long_name"], name
    with xarray.open_dataset(brisc.path("other.h5")) as root:  # the axes of the vectors
        assert {"x_E", "y_E", "x_I", "y_I"} <= set(root.variables)
        assert root.attrs["Conventions"] and root.attrs["config"]
    brisc.run("analyze", run)
    print("ok   the group in a run's file, and replaced")


def check_zero_mean(brisc):
    """A disk and nothing else: no outlier in either way of measuring, and what did not converge of
    its dense edge is marked."""
    config = network((0, 0, 0, 0), 0.9, (0.1, 0.12, 0.1, 0.12))
    report, file = spectrum(brisc, brisc.config(config), "--leading", "40")
    assert report["unconverged"] > 0 == len(report["outliers"]) == report["unpredicted"]
    assert report["unconverged"] == (file.converged == 0).sum()
    loose = file.residual.values[file.converged.values == 0]
    assert (loose > 1e-8).all() and loose.max() < 1, loose
    assert "disk's edge" in brisc.run("spectrum", brisc.config(config), "--leading", "40", "-o",
                                      brisc.path("spectrum.h5"), "--force")
    print(f"ok   zero means: {report['unconverged']} of {report['count']} did not converge, marked")


def check_not_random(brisc):
    """Constant weights onto every target within a disc: no disk, and every mode found."""
    config = dict(populations=dict(E=dict(lattice=[12, 12])), connections=dict(E=dict(E=dict(
        mean=0.9, weights="constant", profile="disc", range=0.25, density=1))))
    for bits in (8, 16, 24):
        report, _ = spectrum(brisc, brisc.config(config), "--set", f"network.weight_bits={bits}")
        assert report["missing"] == report["unpredicted"] == 0 == report["bulk_radius_predicted"]
        assert len(report["outliers"]) > 20
    fixed = copy.deepcopy(config)
    fixed["populations"]["E"]["lattice"] = [20, 20]
    fixed["connections"]["E"]["E"] = dict(mean=0.9, std=0.1, range=0.1, in_degree=20,
                                          rule="fixed_indegree")
    report, _ = spectrum(brisc, brisc.config(fixed))
    uniform = [o for o in report["outliers"] if (o["nx"], o["ny"]) == (0, 0)]
    assert len(uniform) == 1 and uniform[0]["predicted_re"] == 0.9 and uniform[0]["std"] == 0
    assert abs(uniform[0]["re"] - 0.9) < 1e-5 and report["unpredicted"] == 0
    print("ok   weights and rows without randomness")


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        brisc = Brisc(os.path.abspath(program), folder)
        for check in (check_full, check_states, check_leading, check_run_file, check_zero_mean,
                      check_not_random, check_unequal_tau, check_outliers):
            check(brisc)


if __name__ == "__main__":
    main(sys.argv[1])
