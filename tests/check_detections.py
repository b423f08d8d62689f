#!/usr/bin/env python3
"""Patterns end to end: measured data and runs, JSON, /detections as readers see it, resumes.

usage: check_detections.py BRISC        exit status 0: everything holds; 77: skipped
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
    import xarray
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

DONE, FAILED, USAGE = 0, 1, 2
FRAMES, SIDE, MM, HZ, N_X, N_Y = 300, 48, 0.1, 20.0, 2, 1
GROUPS = {"wave", "flow", "singularities", "modes", "bumps", "pattern", "asynchrony", "persistence"}
CONFIG = os.path.abspath("configs/small/wave.yaml")
RING = os.path.abspath("configs/ring.yaml")
SET = ["--set", "simulation.duration=600", "--set", "simulation.onset=200", "--set", "output.checkpoint_every=0s",
       "--set", "output.checkpoint_steps=1000"]


class Checks:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.environment = dict(os.environ, SOURCE_DATE_EPOCH="1000000000", OMP_WAIT_POLICY="passive")

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *words, status=DONE, says=()):
        done = subprocess.run([self.program, *words], cwd=self.folder, env=self.environment, timeout=300,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        for part in says:
            assert part in done.stdout + done.stderr, (words, part, done.stdout, done.stderr)
        return done.stdout

    def json(self, *words, **more):
        return json.loads(self.run(*words, "--json", **more))


def store(path, values, frame_ms=2.0):
    with h5py.File(path, "w") as file:
        file["activity"] = values.astype("f4")
        for k, (name, step, unit) in enumerate((("time", frame_ms, "ms"), ("y", MM, "mm"), ("x", MM, "mm"))):
            file[name] = np.arange(values.shape[k]) * step
            file[name].attrs["units"] = unit
            file[name].make_scale(name)
            file["activity"].dims[k].attach_scale(file[name])


def plane_wave():
    t, y, x = np.ogrid[:FRAMES, :SIDE, :SIDE]
    noise = np.random.default_rng(1).normal(size=(FRAMES, SIDE, SIDE))
    return np.cos(2 * np.pi * (N_X * (x + .5) / SIDE + N_Y * (y + .5) / SIDE - HZ * t * 2e-3)) + 0.3 * noise


def check_wave(c):
    """The names that DESIGN promises, and numbers that are known."""
    store(c.path("plane.h5"), plane_wave())
    found = c.json("analyze", "plane.h5", "--variable", "activity", "-o", "found.h5")
    speed = HZ / np.hypot(N_X, N_Y) * SIDE * MM  # mm/s
    direction = np.degrees(np.arctan2(N_Y, N_X))
    for name in ("wave", "flow"):
        assert abs(found[name]["speed"] / speed - 1) < 0.05, (name, found[name])
        assert abs(found[name]["direction_deg"] - direction) < 3, (name, found[name])
    assert abs(found["wave"]["wavenumber"] * SIDE * MM - np.hypot(N_X, N_Y)) < 0.05
    assert abs(found["wave"]["frequency_hz"] - HZ) < 0.05 * HZ and found["wave"]["travelling_index"] > 0.9
    for name in ("clockwise", "counterclockwise", "sources", "sinks", "saddles"):
        assert found["singularities"][name] == 0, found["singularities"]
    assert found["modes"]["variance_explained"][0] > 0.9
    assert found["bumps"].keys() >= {"count", "reason"}
    c.run("analyze", "plane.h5", "--variable", "activity", "-o", "found.h5", status=USAGE, says=["--force"])
    projected = c.json("analyze", "plane.h5", "--variable", "activity", "--modes", "found.h5")
    share = np.array(projected["projection"]["variance_explained"])
    np.testing.assert_allclose(share, found["modes"]["variance_explained"], rtol=1e-3, atol=1e-6)


def check_file(c):
    """Every variable says what it is, to xarray too; a second look replaces the first."""
    with h5py.File(c.path("found.h5")) as file:
        assert set(file["detections"]) == GROUPS, set(file["detections"])

        def described(name, item):
            if isinstance(item, h5py.Dataset):
                assert item.attrs["units"] and item.attrs["long_name"], name

        file["detections"].visititems(described)
    with xarray.open_dataset(c.path("found.h5"), group="detections/flow") as flow:
        assert flow.velocity_x.dims == ("frame", "y", "x") and flow.speed.attrs["units"] == "mm/s"
    shutil.copy(c.path("plane.h5"), c.path("both.h5"))
    for _ in range(2):
        c.run("analyze", "both.h5", "--variable", "activity", "-o", "both.h5")
    with h5py.File(c.path("both.h5")) as both, h5py.File(c.path("plane.h5")) as plane, \
            h5py.File(c.path("found.h5")) as found:
        assert np.array_equal(both["activity"], plane["activity"])
        assert both["detections/wave/speed"][()] == found["detections/wave/speed"][()]


def check_nothing(c):
    """Noise, a constant, too few frames: a reason and no number. NaN and a band that cannot be: an error."""
    store(c.path("noise.h5"), np.random.default_rng(2).normal(size=(200, 32, 32)))
    found = c.json("analyze", "noise.h5", "--variable", "activity")
    assert found["wave"]["kind"] == "none" and found["wave"]["speed"] is None
    assert found["bumps"]["count"] == 0 and "none" in found["pattern"]["reason"]
    assert "speed" not in found["flow"] and "no rhythm" in found["flow"]["reason"]
    store(c.path("constant.h5"), np.ones((200, 32, 32)))
    found = c.json("analyze", "constant.h5", "--variable", "activity")
    assert "constant" in found["wave"]["reason"] and "speed" not in found["wave"]
    store(c.path("short.h5"), plane_wave()[:40])
    found = c.json("analyze", "short.h5", "--variable", "activity")
    assert "frames" in found["wave"]["reason"] and "speed" not in found["wave"]
    broken = plane_wave()
    broken[7, 3, 4] = np.nan
    store(c.path("nan.h5"), broken)
    c.run("analyze", "nan.h5", "--variable", "activity", status=FAILED, says=["frame 7"])
    c.run("analyze", "plane.h5", "--variable", "activity", "--band", "200,300", status=USAGE, says=["250 Hz"])
    c.run("analyze", "plane.h5", "--variable", "activity", "--band", "30,20", status=USAGE, says=["LOW,HIGH"])
    c.run("analyze", "plane.h5", "--variable", "activity", "--modes", "plane.h5", status=USAGE, says=["no modes"])


def check_run(c):
    """A run stores them; without them `resume` adds what is missing, to the same bytes."""
    answer = c.json("run", CONFIG, *SET, "-o", "run.h5", "--force")
    assert answer.keys() >= GROUPS, answer.keys()
    none = c.json("run", CONFIG, *SET, "-o", "none.h5", "--set", "output.detections=none", "--set",
                  "simulation.duration=300", "--set", "expect.regime=undecided")
    assert not GROUPS & none.keys()
    with h5py.File(c.path("none.h5")) as none, h5py.File(c.path("run.h5")) as run:
        assert "detections" not in none and set(run["detections"]) == GROUPS
        assert np.array_equal(none["rate_E"], run["rate_E"][:151])
    analyzed = c.json("analyze", "run.h5")
    assert {name: answer[name] for name in GROUPS} == {name: analyzed[name] for name in GROUPS}
    longer, without = c.path("longer"), c.path("without")
    for folder in (longer, without):
        os.mkdir(folder)
        for name in ("run.h5", "run.h5.checkpoint"):
            shutil.copy(c.path(name), folder)
    c.run("resume", "longer/run.h5", "--until", "660", says=["wave"])
    with h5py.File(os.path.join(longer, "run.h5")) as file:
        assert file["rate_E"].shape[0] == 331 and set(file["detections"]) == GROUPS
    # Killed between the last checkpoint and the patterns: the file is complete, without them.
    with h5py.File(os.path.join(without, "run.h5"), "a") as file:
        del file["detections"]
    os.mkdir(c.path("without/run.h5.tmp"))  # where the copy would be made
    c.run("resume", "without/run.h5", says=["without /detections", "`brisc resume without/run.h5` adds them"])
    os.rmdir(c.path("without/run.h5.tmp"))
    c.run("resume", "without/run.h5", says=["is complete"])
    with h5py.File(os.path.join(without, "run.h5")) as file, h5py.File(c.path("run.h5")) as run:
        assert file["detections/wave/frequency_hz"][()] == run["detections/wave/frequency_hz"][()]
        assert np.array_equal(file["detections/flow/phase"], run["detections/flow/phase"])
    whole = open(c.path("run.h5"), "rb").read()
    c.json("run", CONFIG, *SET, "-o", "run.h5", "--force")
    assert open(c.path("run.h5"), "rb").read() == whole
    # Exponents take long: what does not measure them anew leaves them.
    c.run("run", RING, "-o", "ring.h5", says=["wave"])
    c.run("analyze", "ring.h5", "--lyapunov", "1", "--time", "200", "-o", "ring.h5")
    with h5py.File(c.path("ring.h5")) as file:
        exponents = file["detections/lyapunov/exponents"][()]
    c.run("analyze", "ring.h5", "-o", "ring.h5")
    with h5py.File(c.path("ring.h5")) as file:
        assert np.array_equal(file["detections/lyapunov/exponents"], exponents) and "lyapunov" not in file


def main():
    with tempfile.TemporaryDirectory() as folder:
        c = Checks(os.path.abspath(sys.argv[1]), folder)
        for check in (check_wave, check_file, check_nothing, check_run):
            check(c)
            print(f"{check.__name__}: holds", flush=True)


if __name__ == "__main__":
    main()
