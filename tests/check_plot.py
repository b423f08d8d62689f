"""The pages of scripts/plot.py for runs and measured spectra: check_plot.py BRISC."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from types import SimpleNamespace

try:
    import h5py
    import matplotlib  # noqa: F401
    import numpy as np
    import scipy  # noqa: F401
    import yaml  # noqa: F401
    from matplotlib import image
    from PIL import Image
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts")
sys.path.insert(0, SCRIPTS)
from plot_detections import CELL_MM, TOP_MM  # noqa: E402
from plot_panels import verdict_rows  # noqa: E402
from plot_plane import closer_view, spread_out  # noqa: E402
from plot_run import read_run  # noqa: E402
from plot_spectrum import transient_row  # noqa: E402

SMALL = ["configs/wave.yaml", "--set", "populations.E.lattice=[24, 24]", "--set",
         "populations.I.lattice=[12, 12]"]
SMALL += [option for a in "EI" for b in "EI"
          for option in ("--set", f"connections.{a}.{b}.range=0.15")]
GREY = 0.01  # of a colour's range: below it three channels are one


def plot(*arguments):
    return subprocess.run([sys.executable, os.path.join(SCRIPTS, "plot.py"), *arguments],
                          capture_output=True, text=True)


def share_of_ink(picture, top, bottom, left, right):
    height, width = picture.shape[:2]
    part = picture[int(top * height):int(bottom * height), int(left * width):int(right * width), :3]
    return np.mean(np.ptp(part, axis=2) > GREY)


def verdict_of(file):
    with h5py.File(file) as run:
        return list(verdict_rows(read_run(pathlib.Path(file), run, None, 0)))


def check_run(program, folder):
    """A run, the same file without its verdict (as a stopped run leaves it), a single neuron."""
    file, stopped, single = (os.path.join(folder, f"{name}.h5")
                             for name in ("run", "stopped", "single"))
    short = ["--quiet", "--set", "simulation.duration=40", "--set", "simulation.onset=10", "--set",
             "expect.regime=undecided", "--set", "output.detections=none"]
    one = [option for a in "EI" for option in ("--set", f"populations.{a}.lattice=[1]")]
    for config, output in ((SMALL, file), ([*SMALL, *one], single)):
        subprocess.run([program, "run", *config, *short, "-o", output], check=True,
                       stdout=subprocess.DEVNULL)
    shutil.copy(file, stopped)
    with h5py.File(stopped, "r+") as run:
        run["order/mean_activity"][()] = np.nan
    for path in (file, stopped, single):
        done = plot(path, "-o", os.path.join(folder, "run.png"))
        assert done.returncode == 0 and not done.stderr, done.stderr
    regime, *rows = verdict_of(file)
    assert regime[1].isalpha() and regime[2].isalpha(), regime
    assert float(dict((row[0], row[2]) for row in rows)["mean activity"]) > 0, rows
    regime, *rows = verdict_of(stopped)
    assert regime[2] == "not measured", regime
    assert "nan" not in str(rows), rows
    check_detections(file, folder)


def add_detections(file):
    """Those of a spiral that turns about the middle, in the names and shapes of brisc's detectors."""
    with h5py.File(file, "r+") as run:
        time = run["time"][()]
        observed = time[time >= 10]
        side = (np.arange(24) + 0.5) / 24
        x, y = np.meshgrid(side, side)
        dx, dy = x - 0.5, y - 0.5
        phase = np.angle(np.exp(1j * (np.arctan2(dy, dx) - 0.3 * observed[::4, None, None])))
        velocity = np.array([-dy, dx]) / (dx**2 + dy**2 + 0.01)

        def put(name, values, unit="1", **scales):
            item = run.create_dataset(f"detections/{name}", data=np.asarray(values, dtype=float))
            item.attrs["units"] = unit

        for group in ("flow", "modes", "bumps"):
            put(f"{group}/x", side, "torus side")
            put(f"{group}/y", side, "torus side")
        put("flow/frame", observed[::4], "ms")
        put("flow/phase", phase, "rad")
        put("flow/velocity_x", np.broadcast_to(velocity[0], phase.shape), "torus side/s")
        put("flow/velocity_y", np.broadcast_to(velocity[1], phase.shape), "torus side/s")
        put("flow/time", observed, "ms")
        put("flow/order_series", 0.3 + 0.1 * np.sin(observed))
        put("flow/synchrony_series", 0.1 + 0 * observed)
        put("singularities/kind", [1, 4])
        put("singularities/lifetime_ms", [observed[-1] - observed[0], 10], "ms")
        for name, values in (("track", np.r_[np.full(len(observed), 1), 2, 2]),
                             ("time_ms", np.r_[observed, observed[:2]]),
                             ("x", np.r_[0.5 + 0.02 * np.cos(observed), 0.99, 0.01]),
                             ("y", np.r_[0.5 + 0.02 * np.sin(observed), 0.2, 0.2])):
            put(f"singularities/path_{name}", values, "torus side" if name in "xy" else "1")
        put("modes/velocity_x", [velocity[0], velocity[1], dx])
        put("modes/velocity_y", [velocity[1], velocity[0], dy])
        put("modes/variance_explained", [0.6, 0.2, 0.05])
        put("wave/spectrum_wavenumber", np.arange(6), "1/torus side")
        put("wave/spectrum_frequency_hz", np.arange(-50, 50, 5), "Hz")
        put("wave/power", np.exp(-np.abs(np.arange(6)[:, None] - 2) - np.abs(np.arange(20) - 13.0)))
        put("wave/peak_wavenumber", [2], "1/torus side")
        put("wave/peak_frequency_hz", [15], "Hz")
        put("bumps/frame", [observed[3]], "ms")
        put("bumps/label", [np.where(np.hypot(dx, dy) < 0.2, 1, 0)])
        put("bumps/count", 1)
        put("bumps/count_error", 0.1)
        put("bumps/track_lifetime_ms", [20], "ms")
        put("bumps/path_track", [1, 1, 1])
        put("bumps/path_time_ms", observed[2:5], "ms")
        put("bumps/path_x", [0.5, 0.55, 0.6], "torus side")
        put("bumps/path_y", [0.5, 0.5, 0.55], "torus side")
        put("pattern/wavenumber_axis", np.arange(10), "1/torus side")
        put("pattern/power_frames", np.exp(-np.abs(np.arange(10) - 3.0)))
        put("pattern/power_mean", 0.1 * np.exp(-np.abs(np.arange(10) - 3.0)))
        put("pattern/wavenumber", 3.1, "1/torus side")
        put("pattern/half_width", 0.5, "1/torus side")
        put("pattern/wavelength_predicted", 0.3, "torus side")
        put("asynchrony/distance", side[:12], "torus side")
        put("asynchrony/correlation", np.exp(-5 * side[:12]))
        put("persistence/birth", [-2, -1.5, -1])
        put("persistence/death", [2, 0.5, 0.2])
        put("persistence/sum", 7.2)
        put("lyapunov/exponents", [0.05, 0.01, -0.2], "1/tau")
        put("lyapunov/errors", [0.01, 0.01, 0.02], "1/tau")
        put("lyapunov/twin", 0.06, "1/tau")
        put("lyapunov/twin_error", 0.02, "1/tau")
        put("lyapunov/time", observed, "ms")
        put("lyapunov/convergence", np.array([0.05, 0.01, -0.2]) + 1 / observed[:, None], "1/tau")
        run["detections/flow"].attrs["motion"] = "travelling, in no one direction"
        run["detections/bumps"].attrs["reason"] = "1 place of raised activity that lasts"


def check_detections(file, folder):
    """The second page, whole and of one group alone; the film with and without arrows over it."""
    plain, marked = (os.path.join(folder, name) for name in ("plain.gif", "marked.gif"))
    page = os.path.join(folder, "found.png")
    beside = os.path.join(folder, "found_detections.png")
    with h5py.File(file, "r+") as run:  # the run's own
        if "detections" in run:
            del run["detections"]
    assert plot(file, "--film", plain).returncode == 0
    done = plot(file, "-o", page)
    assert done.returncode == 0 and not os.path.exists(beside), done.stderr
    add_detections(file)
    done = plot(file, "-o", page, "--film", marked)
    assert done.returncode == 0 and not done.stderr, done.stderr
    picture = image.imread(beside)
    whole = picture.shape[0]
    foot = CELL_MM[1] * 5 + 3
    top = TOP_MM + 3.5 * 2  # two lines of words
    for panel in range(15):  # every one has colour
        row, column = divmod(panel, 3)
        edges = ((top + CELL_MM[1] * (row + end)) / (top + foot) for end in (0, 1))
        assert share_of_ink(picture, *edges, column / 3, (column + 1) / 3) > 0.001, panel
    with Image.open(plain) as a, Image.open(marked) as b:
        a.seek(3)
        b.seek(3)
        assert np.any(np.asarray(a.convert("RGB")) != np.asarray(b.convert("RGB")))
    with h5py.File(file, "r+") as run:
        for group in list(run["detections"]):
            if group != "bumps":
                del run["detections"][group]
    done = plot(file, "-o", page)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert image.imread(beside).shape[0] < whole / 2
    alone = os.path.join(folder, "alone.h5")
    with h5py.File(file) as run, h5py.File(alone, "w") as other:
        run.copy("detections", other)
    done = plot(alone)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert share_of_ink(image.imread(alone[:-3] + ".png"), 0.2, 1, 0, 1) > 0.001


def check_page(file, folder):
    for kind in (".png", ".pdf"):
        page = os.path.join(folder, "page" + kind)
        done = plot(file, "-o", page)
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert os.path.getsize(page) > 0
    with open(page, "rb") as pdf:
        assert pdf.read(5) == b"%PDF-"
    picture = image.imread(os.path.join(folder, "page.png"))
    # Coloured: the plane (points, disk), and the maps at the foot of the page.
    for top, bottom, left, right in ((0.08, 0.36, 0.1, 0.45), (0.8, 0.95, 0.1, 0.8)):
        assert share_of_ink(picture, top, bottom, left, right) > 0.001, (file, top)


def check_full(file):
    """The stored radial distribution is the one that `ks` was measured against."""
    with h5py.File(file) as run:
        s = run["spectrum"]
        radius, fraction = s["radius"][()], s["radial_fraction_predicted"][()]
        assert radius[0] == 0 and radius[-1] == s["bulk_radius_predicted"][()]
        assert np.all(np.diff(fraction) > 0) and abs(fraction[-1] - 1) < 1e-6  # as radial.c has it
        outliers = set(zip(s["outlier_re"][()], s["outlier_im"][()]))
        modulus = np.sort([np.hypot(re, im) for re, im in zip(s["re"][()], s["im"][()])
                           if (re, abs(im)) not in outliers])
        assert len(s["re"]) == 24 * 24 + 12 * 12 and len(outliers) > 0
        n, f = len(modulus), np.interp(modulus, radius, fraction)
        ks = max(np.max(np.arange(1, n + 1) / n - f), np.max(f - np.arange(n) / n))
        # Linear between 65 radii: of a distribution that bends by less than 8/R^2, 8/(8 64^2).
        assert abs(ks - s["ks"][()]) < 64**-2, (ks, s["ks"][()])


def check_groups(file):
    """Groups, their modes and the outliers found belong together."""
    with h5py.File(file) as run:
        s = run["spectrum"]
        of_mode, multiplicity = s["predicted/group"][()], s["predicted/multiplicity"][()]
        groups = s["group_multiplicity"][()]
        np.testing.assert_array_equal(np.bincount(of_mode, multiplicity)[1:], groups)
        known = s["outlier_group"][()]
        known = known[np.isfinite(known)].astype(int)
        assert len(known) > 0 and known.min() >= 1 and known.max() <= len(groups)
        found = s["group_found"][()]
        assert np.all(found[np.unique(known) - 1] > 0) and np.all(found <= groups)


def check_errors(file, folder):
    empty = os.path.join(folder, "empty.h5")
    with h5py.File(empty, "w") as other:
        other["x"] = 1
    for arguments, status, words in (((empty,), 1, "neither a run"),
                                     ((empty, "--spectrum"), 1, "neither a run"),
                                     ((file, "--film", "a.gif"), 2, "no frames"),
                                     ((file, "--population", "X"), 2, "it has E, I")):
        done = plot(*arguments)
        assert done.returncode == status and words in done.stderr, (arguments, done.stderr)
        assert done.stderr.count("\n") == 1, done.stderr


def check_labels():
    at = np.array([0.0, 0.1, 5.0, 0.1, -3.0])
    placed = spread_out(at, 1.0)
    order = np.argsort(at, kind="stable")
    assert np.all(np.diff(placed[order]) > 1 - 1e-12)
    assert placed[2] == 5 and placed[4] == -3, placed  # alone: where they belong
    assert abs(np.mean(placed[[0, 1, 3]]) - np.mean(at[[0, 1, 3]])) < 1e-12


def check_dissolved():
    """A mode at the disk's edge, whose error bar has grown beyond all bounds, does not set the view."""
    modes = {name: np.array(column) for name, column in (
        ("re", [1.001, 0.2]), ("im", [0.0, 3.0]), ("std", [9.0, 0.1]), ("multiplicity", [4, 1]),
        ("group", [1, 2]))}
    outliers = {"re": np.array([0.3]), "im": np.array([3.1]), "group": np.array([2.0])}
    s = SimpleNamespace(radius=1.0, reach=1.3, full=True, groups=2, modes=modes, outliers=outliers,
                        re=np.array([0.3, 0.3, 0.5]), im=np.array([3.1, -3.1, 0.0]))
    assert np.abs(closer_view(s)[1]).max() < 4, closer_view(s)


def check_transient():
    """Growth beside an unstable mode's, and one that has not peaked, are called so."""
    s = SimpleNamespace(re=np.array([0.5, np.nan]), transient_growth=7.0, transient_time=2.5,
                        transient_horizon=10.0)
    assert transient_row(s) == ("largest transient growth", "", "7 at 2.5 τ")
    s.re, s.transient_time = np.array([1.5, 0.2]), 10.0
    assert transient_row(s) == ("largest growth over the unstable mode's", "", "7, still rising at 10 τ")


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        full, leading = (os.path.join(folder, name) for name in ("full.h5", "leading.h5"))
        for file, which in ((full, ["--full"]), (leading, ["--leading", "12", "--by", "modulus"])):
            subprocess.run([program, "spectrum", *SMALL, *which, "-o", file, "--quiet"], check=True,
                           stdout=subprocess.DEVNULL)
            check_page(file, folder)
            check_groups(file)
        check_full(full)
        check_errors(leading, folder)
        check_run(program, folder)
    check_labels()
    check_dissolved()
    check_transient()


main(os.path.abspath(sys.argv[1]))
