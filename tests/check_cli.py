#!/usr/bin/env python3
"""The command line as its users meet it: wrong input, refusals, full disks, signals, JSON, and the
same bits from every variant.

usage: check_cli.py BRISC        exit status 0: everything holds; 77: skipped
"""
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

try:
    import h5py
    import numpy as np
    import xarray
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

DONE, FAILED, USAGE, STOPPED = 0, 1, 2, 3
FRAMES = 51

# A small asynchronous network: weak weights.
CONFIG = """\
populations:
  E: {lattice: [24, 24], gain: {kind: tanh, max: 1}}
  I: {lattice: [12, 12], gain: {kind: tanh, max: 5}}
connections:
  E: {E: {mean: 1.0, std: 0.1, range: 0.1, density: 0.9}, I: {mean: -2.0, std: 0.1, range: 0.14, density: 0.9}}
  I: {E: {mean: 2.0, std: 0.1, range: 0.1, density: 0.9}, I: {mean: -2.0, std: 0.1, range: 0.14, density: 0.9}}
dynamics: {noise: 0.0158, initial: {uniform: [-1, 1]}}
simulation: {dt: 0.2, duration: 100, onset: 20, seed: 1}
"""
ONE = "populations: {E: {lattice: [24, 24]}}\n"
PATHWAY = ONE + "connections: {E: {E: {mean: 0.5, range: 0.1, %s}}}\n"

# What is wrong, the whole config, and what the message must say.
BAD_CONFIGS = [
    ("unknown key", CONFIG + "extra: 1\n", ["bad.yaml:9: extra: unknown key", "nearest known key"]),
    ("misspelt key", CONFIG.replace("duration", "duratoin"),
     ["bad.yaml:8: simulation.duratoin: unknown key", "nearest known key: duration"]),
    ("misspelt section", ONE.replace("populations", "populatoins"),
     ["bad.yaml:1: populatoins: unknown key", "nearest known key: populations"]),
    ("wrong type", CONFIG.replace("dt: 0.2", "dt: fast"),
     ["bad.yaml:8: simulation.dt", 'found "fast"', "expected a number in (0, 1000] ms"]),
    ("a list for a number", CONFIG.replace("dt: 0.2", "dt: [0.2]"), ["simulation.dt", "[0.2]"]),
    ("a number for a list", CONFIG.replace("[24, 24]", "24x24"),
     ["populations.E.lattice", '"24x24"', "expected [nx, ny]"]),
    ("out of range", CONFIG.replace("dt: 0.2", "dt: -0.2"), ["simulation.dt", '"-0.2"', "(0, 1000]"]),
    ("a negative density", PATHWAY % "density: -0.5",
     ["connections.E.E.density", '"-0.5"', "(0, 1000]"]),
    ("too few frames", CONFIG + "output: {every: 20}\n", ["output.every", "20 ms", "frames", "simulation.onset"]),
    ("no rate to judge by", CONFIG + "output: {fields: [potential]}\n",
     ["output.fields", "rate", "say [rate, potential]"]),
    ("wider than the torus", PATHWAY.replace("0.1", "1.2") % "density: 0.5",
     ["connections.E.E.range", '"1.2"', "(0, 0.5] torus side"]),
    ("no size", PATHWAY % "std: 1", ["connections.E.E", "out_degree, in_degree, density", "exactly one"]),
    ("two sizes", PATHWAY % "density: 0.5, in_degree: 9", ["connections.E.E", "found 2", "exactly one"]),
    ("more inputs than neurons", PATHWAY % "in_degree: 600",
     ["connections.E.E.in_degree", "600", "576 neurons"]),
    ("in-degree beyond reach", PATHWAY.replace("0.1", "0.02") % "in_degree: 300, rule: fixed_indegree",
     ["connections.E.E", "300 inputs", "the sources within reach", "change in_degree"]),
    ("no populations", "connections: {}\n", ["populations", "missing", "at least one"]),
    ("an empty file", "", ["populations", "missing"]),
    ("no lattice", "populations: {E: {}}\n", ["populations.E.lattice", "missing", "expected [nx, ny]"]),
    ("a lattice of no sites", ONE.replace("24]", "0]"), ["populations.E.lattice", "[24, 0]", "from 1"]),
    ("a source that is not there", PATHWAY.replace("{E: {mean", "{X: {mean") % "density: 0.5",
     ["connections.E.X", "no population is called X"]),
    ("a target that is not there", PATHWAY.replace("{E: {E", "{X: {E") % "density: 0.5",
     ["connections.X", "no population is called X"]),
    ("not YAML", "a: [1\n", ["not valid YAML", "closing bracket"]),
    ("a key twice", ONE + ONE, ["bad.yaml:2", "duplicate key"]),
    ("no such regime", ONE + "expect: {regime: waves}\n", ["expect.regime", '"waves"', "wave, chaos"]),
    ("tables beyond memory",
     "populations: {E: {lattice: [20000, 20000]}}\n"
     "connections: {E: {E: {mean: 1, range: 0.3, density: 0.5}}}\n",
     ["connections.E.E", "1 GiB", "20000x20000", "shorter range"]),
]

# Arguments and what the message must say. CONFIG is ok.yaml, a file that is there old.h5.
BAD_ARGUMENTS = [
    (["frobnicate"], ["frobnicate", "not a command", "--help"]),
    (["run"], ["which file?", "usage: brisc run"]),
    (["export", "ok.yaml"], ["where to?", "-o FILE"]),
    (["predict", "ok.yaml", "--frob"], ["--frob", "not an option of `brisc predict`", "--help"]),
    (["predict", "ok.yaml", "-o", "x.h5"], ["-o: not an option of `brisc predict`"]),
    (["predict", "ok.yaml", "--set", "network.bits=8"],
     ["network.bits", "nearest known key: weight_bits"]),
    (["predict", "ok.yaml", "--set", "simulation.tau=8"],
     ["simulation.tau", "nearest known key: populations.*.tau"]),
    (["predict", "ok.yaml", "--backend", "foo"], ["--backend", '"foo"', "auto, cpu or cuda"]),
    (["analyze", "old.h5", "--set", "simulation.onset=9"], ["--set", "`brisc analyze` reads no config"]),
    (["describe", "--set", "a=9"], ["--set", "`brisc describe` reads no config"]),
    (["run", "ok.yaml", "-o", "ok.yaml", "--force"], ["ok.yaml", "is read by this command", "-o"]),
    (["export", "ok.yaml", "-o", "ok.yaml", "--force"], ["ok.yaml", "is read by this command", "-o"]),
    (["run", "ok.yaml", "--set", "dynamics.initial={file: old.h5}", "-o", "old.h5", "--force"],
     ["old.h5", "is read by this command", "-o"]),
    (["resume", "ok.yaml"], ["ok.yaml", "has no checkpoint", "brisc run --force"]),
    (["resume", "nowhere.h5"], ["nowhere.h5", "No such file", "output file of a run"]),
    (["predict", "ok.yaml", "more"], ["more", "one argument too many"]),
    (["describe", "ok.yaml"], ["ok.yaml", "takes no file"]),
    (["predict", "nowhere.yaml"], ["nowhere.yaml", "No such file"]),
    (["predict", "."], [".", "Is a directory"]),
    (["predict", "old.h5"], ["old.h5", "expected a YAML text file"]),
    (["predict", "ok.yaml", "--set", "simulation.dt"], ["--set", '"simulation.dt"', "KEY.PATH=VALUE"]),
    (["predict", "ok.yaml", "--set", "simulaton.dt=1"], ["simulaton.dt", "nearest known key: simulation.dt"]),
    (["predict", "ok.yaml", "--set", "simulation.dt=x"], ["simulation.dt", '"x"', "a number"]),
    (["predict", "ok.yaml", "--set", "dynamics.tau=0.1"], ["simulation.dt", "0.2 ms", "dt <= tau"]),
    (["predict", "ok.yaml", "--set", "simulation.duration=100.1"],
     ["simulation.duration", "100.1 ms", "whole number", "0.2 ms"]),
    (["predict", "ok.yaml", "--set", "simulation.onset=200"], ["simulation.onset", "200", "not before the end"]),
    (["predict", "ok.yaml", "--threads", "0"], ["--threads", '"0"', "from 1"]),
    (["run", "ok.yaml", "-o", "x.h5", "--simd", "fast"], ["--simd", '"fast"', "portable, avx2"]),
    (["run", "ok.yaml", "-o", "x.h5", "--backend", "gpu"], ["--backend", '"gpu"', "auto, cpu or cuda"]),
    (["export", "ok.yaml", "-o", "x.h5", "--format", "csv"], ["--format", '"csv"', "csr or sonata"]),
    (["run", "ok.yaml", "-o", "old.h5"], ["old.h5 is there already", "--force"]),
    (["export", "ok.yaml", "-o", "old.h5"], ["old.h5 is there already", "--force"]),
    (["run", "ok.yaml", "-o", "nowhere/x.h5"], ["nowhere/x.h5", "cannot be written", "No such file", "-o"]),
    (["plan", "ok.yaml", "-o", "nowhere/x.h5"], ["nowhere/x.h5", "cannot be written", "No such file", "-o"]),
    (["run", "ok.yaml", "-o", ".", "--force"], [".", "not a regular file", "-o"]),
    (["run", "ok.yaml", "-o", "x.h5", "--set", "dynamics.initial={file: nowhere.h5}"],
     ["nowhere.h5", "No such file"]),
    (["run", "ok.yaml", "-o", "x.h5", "--set", "dynamics.initial={file: old.h5}"],
     ["old.h5", "potential_E", "output.fields: [rate, potential]"]),
    (["analyze", "old.h5", "--lyapunov", "2", "--set", "simulation.onset=9"], ["--set", "old.h5", "as it was run"]),
    (["analyze", "old.h5", "--lyapunov", "721"], ["--lyapunov 721", "720 neurons"]),
    (["analyze", "old.h5", "--lyapunov", "0"], ["--lyapunov", '"0"', "from 1"]),
    (["analyze", "old.h5", "--time", "500"], ["--time 500", "--lyapunov K"]),
    (["analyze", "ok.yaml", "--lyapunov", "2", "--time", "5"], ["--time 5", "200 ms"]),
    (["analyze", "old.h5", "--lyapunov", "2", "--trial", "1"], ["--trial 1", "trial"]),
    (["analyze", "nowhere.h5"], ["nowhere.h5", "No such file"]),
    (["analyze", "ok.yaml"], ["ok.yaml", "not a readable HDF5 file"]),
    (["analyze", "old.h5", "--variable", "rate_X"], ["old.h5", "rate_X", "it has rate_E, rate_I"]),
    (["analyze", "old.h5", "--onset", "1e6"], ["old.h5", "0 frames", "earlier onset"]),
    (["analyze", "old.h5", "--onset", "late"], ["--onset", '"late"', "in ms"]),
    (["spectrum"], ["which file?", "usage: brisc spectrum"]),
    (["spectrum", "nowhere.h5"], ["nowhere.h5", "No such file"]),
    (["spectrum", "."], [".", "Is a directory"]),
    (["spectrum", "old.h5", "--set", "simulation.seed=2"], ["simulation.seed=2", "old.h5", "give a config"]),
    (["spectrum", "ok.yaml", "--full", "--leading", "3"], ["--full and --leading exclude"]),
    (["spectrum", "ok.yaml", "--leading", "0"], ["--leading", '"0"', "from 1"]),
    (["spectrum", "ok.yaml", "--leading", "many"], ["--leading", '"many"', "whole number"]),
    (["spectrum", "ok.yaml", "--leading", "719"], ["--leading 719", "720 neurons", "718 at most", "--full"]),
    (["spectrum", "ok.yaml", "--by", "size"], ["--by", '"size"', "growth, real or modulus"]),
    (["spectrum", "ok.yaml", "--vectors", "-1"], ["--vectors", '"-1"', "from 0"]),
    (["spectrum", "ok.yaml", "--at", "10"], ["--at 10", "ok.yaml", "has no states"]),
    (["spectrum", "old.h5", "--at", "101.1"], ["--at 101.1", "old.h5", "from 0 to 100 ms"]),
    (["spectrum", "old.h5", "--at", "-1"], ["--at", '"-1"', "in ms"]),
    (["spectrum", "old.h5", "--at", "nan"], ["--at", '"nan"', "in ms"]),
    (["spectrum", "old.h5", "--at", "10", "--weights"], ["--weights", "--at", "one of them"]),
    (["spectrum", "ok.yaml", "-o", "old.h5"], ["old.h5 is there already", "--force"]),
    (["spectrum", "old.h5", "-o", "./old.h5", "--force"], ["./old.h5", "the input itself", "leave out -o"]),
    (["spectrum", "ok.yaml", "-o", "ok.yaml", "--force"], ["ok.yaml", "the input itself", "another name"]),
    (["spectrum", "ok.yaml", "-o", "nowhere/x.h5"], ["nowhere/x.h5", "cannot be written", "No such file", "-o"]),
    (["spectrum", "old.h5", "-o", ".", "--force"], [".", "not a regular file", "-o"]),
]

# Networks that no machine can hold, or write; said at once.
HUGE = ["--set=populations.E.lattice=[20000, 20000]", "--set=populations.I.lattice=[10000, 10000]"]
HUGE += [f"--set=connections.{a}.{b}.range=0.002" for a in "EI" for b in "EI"]


class Checks:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.wrong = []
        self.made = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def names(self):
        return set(os.listdir(self.folder))

    def run(self, *arguments, **options):
        return subprocess.run([self.program, *arguments], cwd=self.folder, capture_output=True,
                              text=True, timeout=120, **options)

    def expect(self, name, condition, detail=""):
        self.made += 1
        if not condition:
            self.wrong.append(f"{name}: {detail}")
            print(f"FAIL {name}: {detail}")

    def status(self, name, done, status, fragments=()):
        """The exit status; on stderr one message that holds all fragments; on failure nothing on
        stdout."""
        lacking = [f for f in fragments if f not in done.stderr]
        told = done.stderr.startswith("brisc: ") if status else True
        self.expect(name, done.returncode == status and not lacking and told,
                    f"exit {done.returncode}, expected {status}; lacking {lacking} in: {done.stderr}")

    def json(self, name, done):
        """The one JSON object that is all of stdout; no NaN, no Infinity."""
        def refuse(constant):
            raise ValueError(f"{constant} is no JSON")
        try:
            value = json.loads(done.stdout, parse_constant=refuse)
        except ValueError as error:
            value = error
        self.expect(name, isinstance(value, dict), f"{value}: {done.stdout[:200]} {done.stderr}")
        return value if isinstance(value, dict) else {}

    def keys(self, name, value, wanted):
        missing = [k for k in wanted.split() if k not in value]
        self.expect(name, not missing, f"{missing} not in {sorted(value)}")


def check_wrong_input(c):
    for name, text, fragments in BAD_CONFIGS:
        c.write("bad.yaml", text)
        before = c.names()
        for command in (["predict", "bad.yaml"], ["run", "bad.yaml", "-o", "x.h5"]):
            done = c.run(*command, "--json")
            c.status(f"{name}: {command[0]}", done, USAGE, fragments)
            c.expect(f"{name}: nothing written", done.stdout == "" and c.names() == before)
    with open(c.path("old.h5"), "rb") as file:
        old = file.read()
    before = c.names()
    for arguments, fragments in BAD_ARGUMENTS:
        done = c.run(*arguments)
        c.status(" ".join(arguments), done, USAGE, fragments)
        c.expect(f"{' '.join(arguments)}: nothing written", done.stdout == "" and c.names() == before)
    with open(c.path("old.h5"), "rb") as file:
        c.expect("the file that was there is untouched", file.read() == old)
    done = c.run()
    c.expect("no command: help, exit 2", done.returncode == USAGE and "usage: brisc" in done.stdout)


def check_help(c):
    everything = c.run("--help")
    c.status("--help", everything, DONE)
    c.status("--version", c.run("--version"), DONE)
    for command in ("predict", "plan", "run", "resume", "spectrum", "analyze", "export", "describe",
                    "bench", "selftest"):
        c.expect(f"--help lists {command}", f"\n  {command} " in everything.stdout)
        done = c.run(command, "--help")
        c.expect(f"{command} --help", done.returncode == DONE and "--set" in done.stdout and
                 f"usage: brisc {command}" in done.stdout and not done.stderr, done.stderr)


def check_light_start(c):
    """The GPU's linear algebra is loaded where it is used: it would slow every command's start."""
    done = subprocess.run([c.program], env={**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"},
                          stdout=subprocess.PIPE, text=True, timeout=60)
    linked = [word for word in done.stdout.split() if word.startswith("lib")]
    heavy = [word for word in linked if word.startswith(("libcusolver", "libcublas", "libcusparse"))]
    c.expect("libraries at the start", linked and not heavy, done.stdout)


def check_clipping(c):
    c.write("clipped.yaml", PATHWAY % "in_degree: 60")  # density 60/(576 2 pi 0.1^2) = 1.66
    done = c.run("predict", "clipped.yaml")
    # The continuum, without its images: sum of min(1, a exp(-q)) = 1 + log a of a.
    share = 1 - (1 + np.log(1.658)) / 1.658
    c.status("p > 1 is clipped", done, DONE,
             ["warning: connections.E.E", "clipped", "% of the in-degree is lost", "instead of 60"])
    lost = float(done.stderr.split("clipped; ")[1].split()[0]) / 100
    c.expect("the share lost", abs(lost - share) < 0.01, f"{lost}, expected about {share}")
    c.expect("--quiet: no warning", c.run("predict", "clipped.yaml", "--quiet").stderr == "")
    c.write("full.yaml", PATHWAY.replace("0.1", "0.14") % "density: 1")  # images add 3e-11 to 1
    c.expect("a density of 1", c.run("predict", "full.yaml").stderr == "")


def check_keys_without_effect(c):
    """A key that the kind of gain does not use is not passed over in silence."""
    for gain, key in (("kind: tanh, exponent: 2", "exponent"), ("kind: linear, max: 1", "max"),
                      ("kind: sigmoid, min: 0", "min")):
        c.write("gain.yaml", ONE.replace("24]", "24], gain: {%s}" % gain))
        c.status(f"no effect: {gain}", c.run("predict", "gain.yaml"), DONE,
                 [f"gain.yaml:1: populations.E.gain.{key}: ignored", "this kind of gain"])
    c.expect("all of effect", c.run("predict", "ok.yaml").stderr == "")


def check_initial_file_missing(c):
    """A missing file is named with its key before anything starts; predict says it reads none."""
    initial = ("--set", "dynamics.initial={file: none.h5}")
    for command in ("plan", "run"):
        c.status(f"{command}: no initial state", c.run(command, "ok.yaml", *initial), USAGE,
                 ["populations.E.initial", "none.h5", "No such file", "give the file's path"])
    predicted = c.json("predict", c.run("predict", "ok.yaml", "--json", *initial))
    c.expect("predict says so", "its file is not read" in predicted["followed"], predicted["followed"])


def check_bench(c):
    """The documented keys, numbers that agree with one another, and a config that is not there."""
    done = c.run("bench", "ok.yaml", "--json", "--backend", "cpu", "--threads", "1",
                 "--simd", "portable")
    c.status("bench", done, DONE)
    result = c.json("bench", done).get("results", [{}])[0]
    c.keys("bench", result, "backend device step_ms synapses_per_s bytes_per_synapse bytes_moved "
                            "device_gb_per_s bandwidth_share build_s baseline ratio_to_baseline "
                            "one_trial_step_ms ratio_to_one_trial")
    c.keys("bench: baseline", result["baseline"], "name step_ms")
    for name, found, wanted in (
            ("synapses_per_s", result["synapses_per_s"], 1e3 * result["synapses"] / result["step_ms"]),
            ("gb_per_s", result["gb_per_s"], 1e-6 * result["bytes_moved"] / result["step_ms"])):
        c.expect(f"bench: {name}", abs(found - wanted) <= 1e-6 * wanted, f"{found}, not {wanted}")
    c.expect("bench: step_ms", result["step_ms_low"] <= result["step_ms"] <= result["step_ms_high"])
    c.expect("bench: device", result["device"].endswith("--simd portable"), result["device"])
    c.status("bench: no config", c.run("bench", "none.yaml"), USAGE, ["none.yaml"])


ORDER = ("mean_activity cv local_synchrony global_synchrony moran oscillation_index frequency_hz "
         "frequency_mean_hz wavenumber persistence")
MODE = "nx ny re im std multiplicity growth"


def check_json(c):
    """Keys as documented; numbers that agree with one another."""
    def prediction(name, value):
        c.keys(name, value, "bulk_radius outliers dominant fixed_points regime")
        c.keys(name, value.get("dominant", {}), f"{MODE} wavenumber wavelength frequency_hz")
        c.expect(name, value["outliers"], "no outliers")
        for mode in value["outliers"]:
            c.keys(name, mode, MODE)

    predicted = c.json("predict", c.run("predict", "ok.yaml", "--json"))
    prediction("predict", predicted)
    plan = c.json("plan", c.run("plan", "ok.yaml", "--json"))
    c.keys("plan", plan, "neurons synapses memory_bytes memory_free_bytes device_bytes "
                         "device_free_bytes memory disk_bytes disk_free_bytes build_s simulate_s "
                         "backend device")
    c.keys("plan.memory", plan["memory"], "program_bytes prediction_bytes network_bytes state_bytes "
                                          "frames_bytes order_bytes")
    run = c.json("run", c.run("run", "ok.yaml", "-o", "json.h5", "--json"))
    c.keys("run", run, "prediction order regime agrees timing hash")
    prediction("run", run["prediction"])
    c.expect("run predicts as predict", run["prediction"] == predicted)
    c.keys("run.order", run["order"], ORDER)
    c.keys("run.timing", run["timing"], "build_s simulate_s steps synapses bytes_per_synapse")
    c.keys("run.hash", run["hash"], "connectivity state")
    c.expect("regime", run["regime"] == predicted["regime"] == "asynchronous" and
             run["agrees"] is True, run["regime"])
    c.expect("steps", run["timing"]["steps"] == 500)
    c.expect("neurons", plan["neurons"] == 24 * 24 + 12 * 12)
    # Some 4e4 synapses, each deviating by at most 1/2: within 5 of 100.
    synapses = run["timing"]["synapses"]
    c.expect("plan's synapses", abs(plan["synapses"] - synapses) < 500, f"{plan['synapses']}, {synapses}")
    used = run["timing"]["connectivity_bytes"] + run["timing"]["state_bytes"]
    c.expect("plan's memory", abs(plan["device_bytes"] / used - 1) < 0.03, f"{plan['device_bytes']}, {used}")
    c.expect("plan's parts", plan["device_bytes"] == plan["memory"]["network_bytes"] +
             plan["memory"]["state_bytes"] < plan["memory_bytes"], plan["memory"])
    size = sum(os.path.getsize(c.path(f"json.h5{part}")) for part in ("", ".xdmf", ".checkpoint"))
    c.expect("plan's disk", size <= plan["disk_bytes"] < 2 * size, f"{plan['disk_bytes']}, {size}")
    analyzed = c.json("analyze", c.run("analyze", "json.h5", "--json"))
    c.keys("analyze", analyzed, "order regime")
    c.expect("analyze as run", analyzed["order"] == run["order"] and analyzed["regime"] == run["regime"])
    # From the run's last checkpoint, at 100 ms, and from a config's onset, at 20 ms; then 10 tau pass.
    for source, start in (("json.h5", 300), ("ok.yaml", 220)):
        told = c.json("lyapunov", c.run("analyze", source, "--lyapunov", "2", "--time", "400", "--json"))
        c.expect("lyapunov beside order", ("order" in told) == (source == "json.h5"))
        c.keys("lyapunov", told["lyapunov"], "exponents errors unit twin twin_error kaplan_yorke")
        c.expect("lyapunov", told["lyapunov"]["unit"] == "1/tau" and told["lyapunov"]["start_ms"] == start and
                 all(-1 < x < 0 for x in told["lyapunov"]["exponents"]), told)
    for form in ("csr", "sonata"):
        report = c.json("export", c.run("export", "ok.yaml", "-o", f"{form}.h5", "--json", "--format", form))
        c.keys("export", report, "file format synapses hash")
        c.expect("export as run", report["hash"]["connectivity"] == run["hash"]["connectivity"] and
                 report["synapses"] == synapses)
    described = c.json("describe", c.run("describe", "--json"))
    rows = described.get("keys", [])
    c.expect("describe", len(rows) > 20, described)
    for row in rows:
        c.keys("describe", row, "key type default meaning")


def check_same_bits(c):
    """Threads and instruction sets change no hash; the seed does."""
    hashes = {}
    for variant in (["--threads", "1"], ["--threads", "2"], ["--simd", "portable"], ["--simd", "avx2"],
                    ["--simd", "avx512"], ["--set", "simulation.seed=2"]):
        done = c.run("run", "ok.yaml", "-o", "same.h5", "--force", "--json", *variant)
        if variant[0] == "--simd" and done.returncode == FAILED and "this processor" in done.stderr:
            print(f"     {' '.join(variant)}: this processor lacks it")
            continue
        c.status(" ".join(variant), done, DONE)
        hashes[" ".join(variant)] = json.loads(done.stdout)["hash"]
    other = hashes.pop("--set simulation.seed=2")
    first = hashes["--threads 1"]
    for name, found in hashes.items():
        c.expect(f"same bits: {name}", found == first, f"{found}, {first}")
    c.expect("another seed", all(other[k] != first[k] for k in first), other)
    # --set is the same as writing it, and the stored config repeats the run.
    c.write("two.yaml", CONFIG.replace("seed: 1", "seed: 2"))
    written = json.loads(c.run("run", "two.yaml", "-o", "two.h5", "--json").stdout)["hash"]
    c.expect("--set as if written", written == other)
    with h5py.File(c.path("two.h5")) as file:
        c.write("stored.yaml", file.attrs["config"])
        c.expect("hash in the file", file.attrs["connectivity_hash"] == written["connectivity"])
    stored = json.loads(c.run("run", "stored.yaml", "-o", "stored.h5", "--json").stdout)["hash"]
    c.expect("the stored config", stored == written)


def check_expectation(c):
    right = c.run("run", "ok.yaml", "-o", "right.h5", "--set", "expect.regime=asynchronous")
    c.status("expected regime", right, DONE)
    c.expect("the table", all(w in right.stdout for w in ("predicted", "observed", "regime", "agree")))
    wrong = c.run("run", "ok.yaml", "-o", "wrong.h5", "--json", "--set", "expect.regime=wave")
    c.status("another regime", wrong, FAILED, ["expect.regime is wave", "asynchronous"])
    c.keys("another regime", c.json("another regime", wrong), "order regime")
    with h5py.File(c.path("wrong.h5")) as file:
        c.expect("another regime: file complete", file["frames_written"][()] == FRAMES and
                 file["order"].attrs["regime"] == b"asynchronous")
    c.status("default output", c.run("run", "ok.yaml", "--quiet"), DONE)
    c.expect("default output: ok.h5", "ok.h5" in c.names())


def check_initial_file(c):
    """Without noise, two runs of half the time, the second from the first's last potential, end in
    the state of one whole run."""
    quiet = ["--json", "--set", "dynamics.noise=0", "--set", "output.fields=[rate, potential]",
             "--set", "simulation.onset=0"]
    run = lambda name, duration, *more: c.run("run", "ok.yaml", "-o", name, *quiet, "--set",
                                              f"simulation.duration={duration}", *more)
    whole, half = run("whole.h5", 80), run("half.h5", 40)
    rest = run("rest.h5", 40, "--set", "dynamics.initial={file: half.h5}")
    for done in (whole, half, rest):
        c.status("initial state from a file", done, DONE)
    state = lambda done: json.loads(done.stdout)["hash"]["state"]
    c.expect("initial state from a file", state(rest) == state(whole) != state(half))
    with h5py.File(c.path("half.h5")) as first, h5py.File(c.path("rest.h5")) as second:
        for p in "EI":
            c.expect("first frame", np.array_equal(first[f"potential_{p}"][-1], second[f"potential_{p}"][0]))
            with h5py.File(c.path("h.h5"), "a") as file:
                file[f"h_{p}"] = first[f"potential_{p}"][-1]
    done = run("rest2.h5", 40, "--set", "dynamics.initial={file: h.h5}")
    c.status("initial state from h_E(y, x)", done, DONE)
    c.expect("initial state from h_E(y, x)", done.stdout and state(done) == state(rest))
    done = run("x.h5", 40, "--set", "dynamics.initial={file: half.h5}", "--set",
               "populations.I.lattice=[24, 24]")
    c.status("initial state of another lattice", done, USAGE,
             ["half.h5", "potential_I", "12 x 12", "24 x 24", "must agree"])


def check_not_enough(c):
    """Said at once, with both numbers, before anything is built or written."""
    before = c.names()
    for command in (["plan", "ok.yaml"], ["run", "ok.yaml", "-o", "x.h5"],
                    ["export", "ok.yaml", "-o", "x.h5"]):
        done = c.run(*command, *HUGE)
        c.status(f"{command[0]}: memory", done, FAILED,
                 ["the network needs", "GB", "are free", "smaller lattices"])
    needed = json.loads(c.run("plan", "ok.yaml", "--json", *HUGE).stdout)["memory_bytes"]
    # 5.65e12 synapses: 2 bytes a dense one and its gaps, 4 a listed one, and row pointers.
    c.expect("plan's memory", 1.6e13 < needed < 2.5e13, needed)
    done = c.run("plan", "ok.yaml", "--set", "simulation.duration=1e9", "--set", "output.every=0.2")
    c.status("plan: disk", done, FAILED, ["the output needs 2.24e+04 GB", "are free", "output.every"])
    done = c.run("run", "ok.yaml", "-o", "x.h5", "--set", "simulation.duration=1e9", "--set",
                 "output.every=0.2")
    c.status("run: disk", done, FAILED, ["x.h5", "of disk", "-o", "output.every"])
    c.expect("nothing is left", c.names() == before, c.names() - before)


def check_full_disk(c):
    """However early the disk is full: exit 1 and a message, and a file that opens: the one that was
    to be replaced, untouched, or the new one with the frames that it says it has."""
    shutil.copy(c.path("old.h5"), c.path("full.h5"))
    with open(c.path("old.h5"), "rb") as file:
        old = file.read()
    before, outcomes = c.names() | {"full.h5.xdmf", "full.h5.checkpoint"}, set()
    for limit in (0, 1000, 100000, 200000, 230000, 236000, 240000, 10**7):
        done = c.run("run", "ok.yaml", "-o", "full.h5", "--force", "--json",
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        name = f"full disk at {limit}"
        with open(c.path("full.h5"), "rb") as file:
            kept = file.read() == old
        outcomes.add((done.returncode, kept))
        if limit == 10**7:
            c.status(name, done, DONE)
        else:
            c.status(name, done, done.returncode and FAILED,
                     ["full.h5", "File too large"] if done.returncode else [])
        with xarray.open_dataset(c.path("full.h5")) as run:
            n = int(run.frames_written)
            c.expect(name, n <= FRAMES and np.isfinite(run.rate_E[:n]).all(), f"{n} frames")
        c.expect(name, c.names() <= before, f"left behind: {c.names() - before}")
    c.expect("full disk: early, and not", {(FAILED, True), (DONE, False)} <= outcomes, outcomes)
    # A disk of 128 KiB, in a mount of the child's own: known before the network is built.
    script = 'mkdir small && mount -t tmpfs -o size=128k tmpfs small && exec "$0" run ok.yaml -o small/x.h5'
    try:
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script, c.program], cwd=c.folder,
                              capture_output=True, text=True, timeout=60)
    except OSError as error:
        print(f"     no small disk to fill: {error}")
        return
    if "brisc" not in done.stderr:
        print(f"     no small disk to fill: {done.stderr.strip()}")
    else:
        c.status("a disk of 128 KiB", done, FAILED, ["small/x.h5", "of disk", "are free there"])


def check_spectrum_refusals(c):
    """What is wrong is said before the network is built, and of a file before it is changed."""
    before = c.names()
    big = ["--set=populations.E.lattice=[200, 200]", "--set=populations.I.lattice=[100, 100]"]
    done = c.run("spectrum", "ok.yaml", "-o", "x.h5", "--full", *big)
    c.status("--full of 50000", done, FAILED, ["50000 neurons", "GB", "--leading 12"])
    done = c.run("spectrum", "ok.yaml", "-o", "x.h5", "--full", *HUGE)  # cannot have been built
    c.status("--full of 5e8", done, FAILED, ["500000000 neurons", "GB", "--leading 12"])
    done = c.run("spectrum", "ok.yaml", "-o", "x.h5", *HUGE)
    c.status("leading of 5e8", done, FAILED, ["12 leading", "500000000 neurons", "GB", "free", "--leading"])
    c.expect("nothing is left", c.names() == before, c.names() - before)

    with h5py.File(c.path("plain.h5"), "w") as file:
        file["activity"] = np.zeros((3, 4, 5))
    xarray.Dataset({"activity": (("time", "y", "x"), np.zeros((3, 4, 5)))}).to_netcdf(c.path("data.nc"))
    c.write("text.h5", "not a config\n")
    for name in ("plain.h5", "data.nc"):
        for more in ([], ["--at", "1"], ["-o", "x.h5"]):
            c.status(f"no network: {name} {more}", c.run("spectrum", name, *more), USAGE,
                     [name, "holds no network", "a config"])
    done = c.run("spectrum", "text.h5")
    c.status("a text file", done, USAGE, ["text.h5", "expected keys such as populations"])
    c.expect("no library's own messages", "HDF5" not in done.stderr, done.stderr)
    c.status("missing", c.run("spectrum", "no.h5", "--at", "1"), USAGE, ["no.h5", "No such file"])

    shutil.copy(c.path("old.h5"), c.path("none.h5"))
    with h5py.File(c.path("none.h5"), "r+") as file:
        file["frames_written"][()] = 0
    c.status("no frames", c.run("spectrum", "none.h5", "--at", "0"), USAGE,
             ["none.h5", "no complete frame"])
    with h5py.File(c.path("none.h5"), "r+") as file:
        file["frames_written"][()] = FRAMES
        del file["rate_I"]
    c.status("no rates", c.run("spectrum", "none.h5", "--at", "0"), USAGE,
             ["none.h5", "potential_I or rate_I", "output.fields"])
    with h5py.File(c.path("none.h5"), "r+") as file:
        file.attrs["config"] = file.attrs["config"].replace("seed: 1", "seed: 2")
    c.status("another network", c.run("spectrum", "none.h5"), FAILED,
             ["none.h5", "connectivity hash", "config was edited"])
    done = c.run("spectrum", "ok.yaml", "-o", "apart.h5", "--quiet", "--leading", "4")
    c.status("a file of its own", done, DONE)
    c.status("no states", c.run("spectrum", "apart.h5", "--at", "1"), USAGE,
             ["--at 1", "apart.h5", "holds no states"])
    with h5py.File(c.path("old.h5"), "r+"):
        c.status("held by a writer", c.run("spectrum", "old.h5"), USAGE,
                 ["old.h5", "another program is writing it"])
    for name in ("plain.h5", "data.nc", "text.h5", "none.h5", "apart.h5"):
        os.remove(c.path(name))


def check_spectrum_full_disk(c):
    """A run's file that the group does not fit in stays as it is, byte for byte."""
    for first in (True, False):  # without the group, and with it
        with open(c.path("old.h5"), "rb") as file:
            before = file.read()
        for more in (0, 1000, 70000, 100000, 150000):
            limit = len(before) + more
            done = c.run("spectrum", "old.h5", "--json",
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            name = f"spectrum, full disk at {more} more"
            c.status(name, done, FAILED, ["old.h5", "/spectrum", "File too large"])
            with open(c.path("old.h5"), "rb") as file:
                c.expect(name, file.read() == before and done.stdout == "")
        c.status("spectrum, disk", c.run("spectrum", "old.h5"), DONE)
        with xarray.open_dataset(c.path("old.h5"), group="spectrum") as file:
            c.expect("spectrum, disk", file.sizes["eigenvalue"] == 24 * 24 + 12 * 12)


def check_spectrum_read_only(c):
    """A run's file that may not be written is measured, into another file only."""
    shutil.copy(c.path("old.h5"), c.path("locked.h5"))
    os.chmod(c.path("locked.h5"), 0o444)
    options = {}
    if os.geteuid() == 0:  # to whom no file is locked
        os.chmod(c.folder, 0o755)
        options = {"preexec_fn": lambda: os.setresuid(65534, 65534, 65534)}
    try:
        done = c.run("spectrum", "locked.h5", **options)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"     no user without rights: {error}")
        return
    c.status("a locked file", done, USAGE, ["locked.h5", "Permission denied"])
    if options:
        done = c.run("spectrum", "ok.yaml", "-o", "x.h5", **options)
        c.status("a locked folder", done, USAGE, ["x.h5", "cannot be written", "Permission denied", "-o"])
    c.status("into another", c.run("spectrum", "locked.h5", "-o", "beside.h5"), DONE)


def check_signal(c, number):
    """Stopped: exit 3, and a file that holds every frame up to there."""
    name = signal.Signals(number).name
    output, path = f"{name}.h5", c.path(f"{name}.h5")
    child = subprocess.Popen([c.program, "run", "ok.yaml", "-o", output, "--json", "--set",
                              "simulation.duration=1e6", "--set", "output.every=20"], cwd=c.folder,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline, frames = time.monotonic() + 60, 0
    while frames < 12 and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.05)
        try:
            with h5py.File(path) as file:  # readers may come while it is written
                frames = int(file["frames_written"][()])
        except (OSError, KeyError):
            pass
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    stopped = float(err.split("signal at ")[1].split()[0]) if "signal at " in err else -1
    c.expect(name, child.returncode == STOPPED and out == "" and stopped > 0 and
             f"{output} holds every frame" in err and "1000000.0 ms" in err,
             f"{child.returncode} {out} {err}")
    with xarray.open_dataset(path) as run:
        n = int(run.frames_written)
        c.expect(name, n >= 12 and run.attrs["complete"] == 0, n)
        c.expect(f"{name}: frames", run.time[n - 1] <= stopped < run.time[n - 1] + 20.0, stopped)
        c.expect(f"{name}: frames", np.isfinite(run.rate_E[:n]).all() and np.isnan(run.rate_E[n]).all())
    order = c.json(f"{name}: analyze", c.run("analyze", output, "--json"))
    c.keys(f"{name}: analyze", order.get("order", {}), ORDER)
    # The same frames as a run that ends there by itself.
    c.run("run", "ok.yaml", "-o", "ended.h5", "--force", "--set", f"simulation.duration={20 * (n - 1)}",
          "--set", "output.every=20")
    with h5py.File(path) as a, h5py.File(c.path("ended.h5")) as b:
        c.expect(f"{name}: same frames", np.array_equal(a["rate_E"][:n], b["rate_E"][:]))


def check_selftest(c, child):
    out, err = child.communicate(timeout=300)
    done = subprocess.CompletedProcess([], child.returncode, out, err)
    c.status("selftest", done, DONE)
    c.expect("selftest", c.json("selftest", done).get("same") is True, out)


def check_closed_output(c):
    if os.path.exists("/dev/full"):
        for arguments in (["describe"], ["predict", "ok.yaml"], ["predict", "ok.yaml", "--json"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([c.program, *arguments], cwd=c.folder, stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=60)
            c.status(f"{arguments} to a full disk", done, FAILED, ["standard output"])


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        c = Checks(os.path.abspath(program), folder)
        c.write("ok.yaml", CONFIG)
        # The longest check, beside the others.
        selftest = subprocess.Popen([c.program, "selftest", "--json"], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        c.status("run", c.run("run", "ok.yaml", "-o", "old.h5"), DONE)
        for check, *more in ((check_wrong_input,), (check_help,), (check_light_start,),
                             (check_clipping,), (check_keys_without_effect,),
                             (check_initial_file_missing,), (check_bench,), (check_json,), (check_same_bits,),
                             (check_expectation,), (check_initial_file,), (check_not_enough,),
                             (check_full_disk,), (check_spectrum_refusals,),
                             (check_spectrum_full_disk,), (check_spectrum_read_only,),
                             (check_signal, signal.SIGINT),
                             (check_signal, signal.SIGTERM), (check_closed_output,),
                             (check_selftest, selftest)):
            start, wrong = time.monotonic(), len(c.wrong)
            check(c, *more)
            print(f"{'ok  ' if len(c.wrong) == wrong else 'FAIL'} {check.__name__} "
                  f"({time.monotonic() - start:.1f} s)")
    print(f"{c.made} checks, {len(c.wrong)} failed")
    return bool(c.wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
