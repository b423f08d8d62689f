#!/usr/bin/env python3
"""Several trials of one network, end to end: file, readers, resume, order parameters, commands.

usage: check_trials.py BRISC        exit status 0: everything holds; 77: skipped
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

try:
    import h5netcdf  # noqa: F401
    import h5py
    import netCDF4
    import numpy as np
    import xarray
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

DONE, FAILED, USAGE, STOPPED = 0, 1, 2, 3
TRIALS, FRAMES = 3, 41
SHAPES = {"E": (24, 24), "I": (12, 12)}

# Waves or bumps, by the initial state: the trials need not agree.
CONFIG = """\
populations:
  E: {lattice: [24, 24], gain: {kind: tanh, max: 1}}
  I: {lattice: [12, 12], gain: {kind: tanh, max: 5}}
connections:
  E: {E: {mean: 9.0, std: 0.4, range: 0.1, density: 0.8}, I: {mean: -9.0, std: 0.4, range: 0.12, density: 0.8}}
  I: {E: {mean: 15.48, std: 0.4, range: 0.1, density: 0.8}, I: {mean: -9.0, std: 0.4, range: 0.12, density: 0.8}}
dynamics: {noise: 0.0158, initial: {uniform: [-3.5, 6.5]}}
simulation: {dt: 0.2, duration: 80, onset: 20, seed: 1}
output: {every: 2, fields: [rate, potential], checkpoint_every: 0s, checkpoint_steps: 70}
"""
SET = ["--set", f"simulation.trials={TRIALS}"]


class Checks:
    def __init__(self, program, folder):
        self.program, self.folder, self.made = program, folder, 0
        self.environment = dict(os.environ, SOURCE_DATE_EPOCH="1000000000", OMP_WAIT_POLICY="passive")

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *words, place="."):
        return subprocess.Popen([self.program, *words], cwd=self.path(place), env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words, status=DONE, says=(), place="."):
        child = self.start(*words, place=place)
        out, err = child.communicate(timeout=300)
        assert child.returncode == status, (words, child.returncode, out, err)
        for text in says:
            assert text in err + out, (words, text, out, err)
        self.made += 1
        return out

    def json(self, *words, **more):
        return json.loads(self.run(*words, "--json", **more))


def variables():
    return [(f"{field}_{p}", p) for field in ("rate", "potential") for p in "EI"]


def check_file(c):
    """Dimensions, coordinate, layout, every reader; and the first trial is the run without."""
    one = c.json("run", "c.yaml", "-o", "one.h5")
    several = c.json("run", "c.yaml", "-o", "several.h5", *SET)
    assert several["hash"]["connectivity"] == one["hash"]["connectivity"]
    assert several["hash"]["state"] != one["hash"]["state"]
    for engine in ({}, {"engine": "netcdf4"}, {"engine": "h5netcdf"}):
        with xarray.open_dataset(c.path("several.h5"), **engine) as run:
            np.testing.assert_array_equal(run.trial, np.arange(TRIALS))
            assert run.trial.attrs["units"] == "1" and run.trial.attrs["long_name"]
            assert int(run.frames_written) == FRAMES == run.sizes["time"]
            for name, p in variables():
                assert run[name].dims == ("trial", "time", f"y_{p}", f"x_{p}"), run[name].dims
                assert run[name].dtype == np.float32 and np.isfinite(run[name]).all()
        with xarray.open_dataset(c.path("several.h5"), group="order", **engine) as order:
            assert order.moran.dims == ("trial",) and order.moran.attrs["long_name"]
            np.testing.assert_array_equal(order.trial, np.arange(TRIALS))
            assert order.regime_of_trial.dims == ("trial",)
            np.testing.assert_allclose(order.moran, [t["order"]["moran"] for t in several["trials"]],
                                       rtol=1e-9)
    with netCDF4.Dataset(c.path("several.h5")) as run:
        for group in (run, *run.groups.values()):
            assert not any(d.startswith("phony") for d in group.dimensions)
            for name, variable in group.variables.items():
                assert variable.units and variable.long_name, name
    with h5py.File(c.path("several.h5")) as run, h5py.File(c.path("one.h5")) as alone:
        assert "trial" not in alone and alone["order/moran"].shape == ()
        for name, p in variables():
            stored, (ny, nx) = run[name], SHAPES[p]
            assert stored.shape == (TRIALS, FRAMES, ny, nx) and stored.chunks is None
            assert np.isnan(stored.fillvalue) and stored.dims[0][0].name == "/trial"
            assert stored[0].tobytes() == alone[name][()].tobytes(), f"trial 0 of {name}"
            for a in range(TRIALS):
                for b in range(a):  # other initial states, and other noise
                    assert (stored[a, 0] != stored[b, 0]).mean() > 0.9, (name, a, b)
                    assert (stored[a, -1] != stored[b, -1]).mean() > 0.9, (name, a, b)
    # Noise alone: trials that begin alike part at the first step.
    c.run("run", "c.yaml", "-o", "noise.h5", *SET, "--set", "dynamics.initial={constant: 0.5}")
    with h5py.File(c.path("noise.h5")) as run:
        h = run["potential_E"][()]
        assert (h[:, 0] == 0.5).all() and (h[0, 1] != h[1, 1]).mean() > 0.9


def check_order(c):
    """Mean, deviation and common regime are those of the trials', analysed apart."""
    run = c.json("run", "c.yaml", "-o", "order.h5", *SET)
    whole = c.json("analyze", "order.h5")
    for key in ("order", "order_std", "regime", "reason", "trials"):
        assert whole[key] == run[key], key
    apart = [c.json("analyze", "order.h5", "--trial", str(t)) for t in range(TRIALS)]
    assert whole["trials"] == [{key: t[key] for key in ("order", "regime", "reason")} for t in apart]
    alone = c.json("run", "c.yaml", "-o", "alone.h5")
    assert all(alone[key] == apart[0][key] for key in ("order", "regime", "reason"))
    for name in whole["order"]:
        values = [t["order"][name] for t in apart]
        np.testing.assert_allclose(whole["order"][name], np.mean(values), rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(whole["order_std"][name], np.std(values, ddof=1), rtol=1e-6, atol=1e-8)
    # A file of each trial, without the others, as measured data: the same numbers.
    with xarray.open_dataset(c.path("order.h5")) as run_file:
        for t in range(TRIALS):
            run_file[["rate_E"]].isel(trial=t, drop=True).to_netcdf(c.path(f"t{t}.nc"))
            more = ["--onset", "20", "--quiet"]
            assert c.json("analyze", f"t{t}.nc", *more)["order"] == apart[t]["order"]
        run_file[["rate_E"]].drop_vars("trial").to_netcdf(c.path("all.nc"))
    measured = c.json("analyze", "all.nc", "--onset", "20", "--quiet")
    assert [t["order"] for t in measured["trials"]] == [t["order"] for t in apart]
    text = c.run("analyze", "order.h5", says=["3 trials", "+-"])
    assert text.partition("\n  regime:")[0].count("+-") == len(whole["order"]) + 1
    c.run("analyze", "order.h5", "--trial", "3", status=USAGE, says=["--trial 3", "order.h5", "0 to 2"])
    c.run("analyze", "alone.h5", "--trial", "1", status=USAGE, says=["--trial 1", "1 trial, 0 to 0"])
    c.run("analyze", "order.h5", "--trial", "-1", status=USAGE, says=["--trial", '"-1"', "from 0"])
    shutil.copy(c.path("order.h5"), c.path("nan.h5"))
    with h5py.File(c.path("nan.h5"), "r+") as file:
        file["rate_E"][1, 30, 5, 5] = np.nan
    c.run("analyze", "nan.h5", status=FAILED, says=["trial 1"])
    c.run("analyze", "nan.h5", "--trial", "2")


def check_verdict(c):
    """The common regime, or undecided and how many show which; agreement and expectation are of all."""
    both = ["--set", "dynamics.noise=0", "--set", "dynamics.initial={file: states.h5}", "--set",
            "output.fields=[rate, potential]"]
    c.run("run", "c.yaml", "-o", "states.h5", *SET)
    with h5py.File(c.path("states.h5"), "r+") as file:
        for p in "EI":
            file[f"potential_{p}"][0, -1] = 0.0  # at rest, where nothing moves it
    mixed = c.json("run", "c.yaml", "-o", "mixed.h5", *SET, *both)
    regimes = [t["regime"] for t in mixed["trials"]]
    assert regimes[0] == "asynchronous" and len(set(regimes)) > 1, regimes
    assert mixed["regime"] == "undecided" and mixed["agrees"] is False
    for regime in set(regimes):
        assert f"{regimes.count(regime)} {regime}" in mixed["reason"], mixed["reason"]
    c.run("run", "c.yaml", "-o", "mixed.h5", "--force", *SET, *both, "--set", "expect.regime=asynchronous",
          status=FAILED, says=["expect.regime is asynchronous", "undecided", "the trials differ: "])
    c.run("run", "c.yaml", "-o", "mixed.h5", "--force", *SET, "--set", "dynamics.initial={constant: 0}",
          "--set", "dynamics.noise=0", "--set", "expect.regime=asynchronous", says=["all 3 trials"])
    with h5py.File(c.path("mixed.h5")) as file:
        assert file["order"].attrs["regime"] == b"asynchronous"
        assert (file["order/regime_of_trial"][()] == 1).all()


def check_resume(c):
    """Killed, stopped, extended, at another rate: what an uninterrupted run would have written."""
    def place(name):
        shutil.rmtree(c.path(name), ignore_errors=True)
        os.mkdir(c.path(name))
        shutil.copy(c.path("c.yaml"), c.path(name))
        return name

    def content(name):
        with open(c.path(f"{name}/run.h5"), "rb") as file:
            return file.read()

    long = [*SET, "--set", "simulation.duration=1600"]
    c.run("run", "c.yaml", "-o", "run.h5", *long, place=place("whole"))
    cut = 0
    for k, (number, end) in enumerate([(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, STOPPED)]):
        child = c.start("run", "c.yaml", "-o", "run.h5", *long, place=place("cut"))
        while child.poll() is None and not os.path.exists(c.path("cut/run.h5.checkpoint.previous")):
            time.sleep(0.005)
        child.send_signal(number)
        child.communicate(timeout=60)
        if child.returncode == DONE:  # it was faster than the signal
            continue
        assert child.returncode == end, child.returncode
        with h5py.File(c.path("cut/run.h5")) as file:
            n = int(file["frames_written"][()])
            assert np.isfinite(file["rate_E"][:, :n]).all() and 0 < n < 801
        c.run("resume", "run.h5", "--set", "simulation.trials=4", place="cut", status=USAGE,
              says=["run.h5", "simulation.trials (3, 4)"])
        c.run("resume", "run.h5", "--threads", str(1 + 2 * k), place="cut", says=["resumed"])
        assert content("cut") == content("whole"), signal.Signals(number).name
        cut += 1
    assert cut > 0, "no run was cut short"
    # Half the run, then the rest, in a file of its own: the same frames, trial by trial.
    c.run("run", "c.yaml", "-o", "run.h5", *SET, place=place("half"))
    c.run("resume", "run.h5", "--until", "160", place="half")
    c.run("run", "c.yaml", "-o", "run.h5", *SET, "--set", "simulation.duration=160", place=place("both"))
    with h5py.File(c.path("half/run.h5")) as a, h5py.File(c.path("both/run.h5")) as b:
        for name, _ in variables():
            assert a[name][()].tobytes() == b[name][()].tobytes(), name
        for name in ("state_hash", "frames_hash"):
            assert a.attrs[name] == b.attrs[name], name
        assert (a["order/moran"][()] == b["order/moran"][()]).all()
    # A frame of the last trial that is not what was written.
    shutil.copytree(c.path("half"), c.path("bad"))
    with h5py.File(c.path("bad/run.h5"), "r+") as file:
        file["potential_I"][2, 3, 4, 5] += 1
    c.run("resume", "run.h5", "--until", "200", place="bad", status=FAILED, says=["run.h5", "not what was written"])


def check_initial_file(c):
    """Each trial from its own last state; from a file with one, all from that."""
    quiet = ["--set", "dynamics.noise=0", "--set", "simulation.onset=0"]
    c.run("run", "c.yaml", "-o", "first.h5", *SET, *quiet)
    whole = c.json("run", "c.yaml", "-o", "long.h5", *SET, *quiet, "--set", "simulation.duration=160")
    rest = c.json("run", "c.yaml", "-o", "rest.h5", *SET, *quiet, "--set", "dynamics.initial={file: first.h5}")
    assert rest["hash"]["state"] == whole["hash"]["state"]
    c.run("run", "c.yaml", "-o", "rest1.h5", *quiet, "--set", "dynamics.initial={file: first.h5}")
    c.run("run", "c.yaml", "-o", "start.h5", *SET, "--set", "dynamics.initial={file: rest1.h5}")
    with h5py.File(c.path("rest.h5")) as all_of, h5py.File(c.path("rest1.h5")) as one, \
            h5py.File(c.path("start.h5")) as start:
        assert (all_of["potential_E"][0] == one["potential_E"]).all()
        assert (start["potential_E"][:, 0] == one["potential_E"][-1]).all()
        assert (start["potential_E"][0, 1] != start["potential_E"][1, 1]).any()
    c.run("run", "c.yaml", "-o", "x.h5", "--set", "simulation.trials=4", "--set",
          "dynamics.initial={file: first.h5}", status=USAGE,
          says=["first.h5", "potential_E", "3 trials", "simulation.trials is 4", "at most 3"])
    # Populations of other numbers of trials.
    with h5py.File(c.path("first.h5"), "r+") as file:
        values = file["potential_I"][:2]
        del file["potential_I"]
        file["potential_I"] = values
        file["potential_I"].dims[0].attach_scale(file["trial"])
    c.run("run", "c.yaml", "-o", "x.h5", *SET, "--set", "dynamics.initial={file: first.h5}", status=USAGE,
          says=["first.h5", "potential_I", "2 trials", "at most 2"])
    assert not os.path.exists(c.path("x.h5"))


def check_commands(c):
    """spectrum, plan, predict, bench, export: with trials counted, or untouched by them."""
    c.run("spectrum", "several.h5", "--at", "40", "--trial", "3", status=USAGE,
          says=["--trial 3", "several.h5", "3 trials, 0 to 2"])
    c.run("spectrum", "several.h5", "--trial", "1", status=USAGE, says=["--trial 1", "--at MS"])
    options = ["--leading", "4", "--at", "40"]
    of = [c.json("spectrum", "several.h5", "-o", f"s{t}.h5", *options, "--trial", str(t)) for t in range(2)]
    default = c.json("spectrum", "several.h5", "-o", "s.h5", *options)
    alone = c.json("spectrum", "one.h5", "-o", "s1.h5", "--force", *options)
    values = lambda s: [(v["re"], v["im"]) for v in s["leading"]]
    assert values(default) == values(of[0]) == values(alone) != values(of[1])
    assert c.json("predict", "c.yaml") == c.json("predict", "c.yaml", *SET)
    c.run("export", "c.yaml", "-o", "a.h5")
    c.run("export", "c.yaml", "-o", "b.h5", *SET)
    with h5py.File(c.path("a.h5")) as a, h5py.File(c.path("b.h5")) as b:
        assert (a["csr/data"][()] == b["csr/data"][()]).all()
    one, many = c.json("plan", "c.yaml"), c.json("plan", "c.yaml", *SET)
    run = c.json("run", "c.yaml", "-o", "planned.h5", *SET)["timing"]
    used = run["connectivity_bytes"] + run["state_bytes"]
    assert abs(many["device_bytes"] / used - 1) < 0.03, (many, used)
    size = os.path.getsize(c.path("planned.h5")) + 2 * os.path.getsize(c.path("planned.h5.checkpoint"))
    assert size * 0.9 <= many["disk_bytes"] < 2 * size, (many, size)
    assert one["trials"] == 1 and many["trials"] == TRIALS and one["memory"]["frames_bytes"] < many["memory"]["frames_bytes"]
    huge = ["--set", "simulation.trials=4096", "--set", "populations.E.lattice=[6000, 6000]", "--set",
            "populations.I.lattice=[3000, 3000]"]
    huge += [w for a in "EI" for b in "EI" for w in ("--set", f"connections.{a}.{b}.range=0.0005")]
    c.run("run", "c.yaml", "-o", "x.h5", *huge, status=FAILED,
          says=["the network needs", "GB", "are free", "fewer simulation.trials (4096 now)"])
    for wrong in ("0", "-1", "5000", "1.5", "many"):
        c.run("plan", "c.yaml", "--set", f"simulation.trials={wrong}", status=USAGE,
              says=["simulation.trials", f'"{wrong}"', "a whole number from 1 to 4096"])
    bench = c.json("bench", "c.yaml", "--backend", "cpu", *SET)["results"][0]
    assert bench["trials"] == TRIALS
    np.testing.assert_allclose(bench["synapses_per_s"], TRIALS * bench["synapses"] / (1e-3 * bench["step_ms"]), rtol=1e-6)


def check_plot(c):
    """A page of one trial, and refusals."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as missing:
        return print(f"     no pages: {missing}")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts", "plot.py")
    plot = lambda *words: subprocess.run([sys.executable, script, *words], cwd=c.folder,
                                         capture_output=True, text=True)
    pages = []
    for more in ([], ["--trial", "0"], ["--trial", "1"]):
        done = plot("several.h5", "-o", "page.png", *more)
        assert done.returncode == DONE and not done.stderr, done.stderr
        with open(c.path("page.png"), "rb") as page:
            pages.append(page.read())
    assert pages[0] == pages[1] != pages[2]
    for words, says in ((["several.h5", "--trial", "3"], "3 trials, 0 to 2"),
                        (["one.h5", "--trial", "1"], "1 trial, 0 to 0"),
                        (["one.h5", "--trial", "first"], "--trial"),
                        (["several.h5", "--spectrum", "--trial", "1"], "no trials")):
        done = plot(*words)
        assert done.returncode == USAGE and says in done.stderr, done.stderr


def check_xdmf(c):
    """A collection a trial; every slab lies in its variable and names its trial and frame."""
    root = ElementTree.parse(c.path("several.h5.xdmf")).getroot()
    series = root.findall("Domain/Grid")
    assert [s.get("Name") for s in series] == [f"{name} trial {t}" for name in
                                               ("rate_E", "rate_I", "potential_E", "potential_I")
                                               for t in range(TRIALS)]
    with h5py.File(c.path("several.h5")) as run:
        for k, grid in enumerate(series):
            assert len(grid) == FRAMES
            for t, frame in enumerate(grid):
                assert float(frame.find("Time").get("Value")) == 2.0 * t
                slab, source = frame.findall("Attribute/DataItem/DataItem")
                shape = run[source.text.split(":")[1]].shape
                assert tuple(map(int, source.get("Dimensions").split())) == shape
                assert list(map(int, slab.text.split())) == [k % TRIALS, t, 0, 0, 1, 1, 1, 1, 1, 1, *shape[2:]]


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        c = Checks(os.path.abspath(program), folder)
        with open(c.path("c.yaml"), "w") as file:
            file.write(CONFIG)
        for check in (check_file, check_order, check_verdict, check_resume, check_initial_file,
                      check_commands, check_xdmf, check_plot):
            start = time.monotonic()
            check(c)
            print(f"ok   {check.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{c.made} commands")


main(sys.argv[1])
