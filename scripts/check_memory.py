#!/usr/bin/env python3
"""The memory that `brisc plan` says a run takes, against the peak that the run took.

usage: check_memory.py [--brisc BRISC] [--short | --large] [--keys KEY=VALUE ... CONFIG]

By default the wave network in three formats (a minute or two); --short: 100 steps of one (seconds);
--large: configs/large.yaml too (a billion synapses, 3 GB). Exit status 1 where one is more than 5 %
off. On the cpu backend: there the process holds all of it.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

MOST = 0.05  # what plan promises
FORMATS = ([], ["network.weight_bits=8"], ["network.storage=list"])
# As many frames and synapses as the published run, in a tenth of its steps: steps take no memory.
FEWER_STEPS = ["simulation.dt=2", "expect.regime=undecided"]
SHORT = FEWER_STEPS + ["simulation.duration=200", "simulation.onset=20"]


def peak_of(command):
    """Exit status, standard error, most bytes that were resident."""
    with tempfile.TemporaryFile() as error:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=error)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        error.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024
        return process.returncode, error.read().decode(), usage.ru_maxrss * unit


def compare(brisc, config, keys, folder):
    sets = ["--backend", "cpu", "--quiet"]
    for key in keys:
        sets += ["--set", key]
    planned = subprocess.run([brisc, "plan", config, "--json", *sets], capture_output=True, text=True)
    if planned.returncode != 0:
        sys.exit(f"check_memory: plan {config}: {planned.stderr.strip()}")
    plan = json.loads(planned.stdout)
    status, error, peak = peak_of([brisc, "run", config, "-o", os.path.join(folder, "run.h5"),
                                   "--force", *sets])
    if status != 0:
        sys.exit(f"check_memory: run {config}: {error.strip()}")
    off = plan["memory_bytes"] / peak - 1
    name = " ".join([os.path.basename(config), *(key for key in keys if key not in SHORT)])
    parts = plan["memory"]
    print(f"{name:40} {plan['memory_bytes'] / 1e6:10.1f} {peak / 1e6:10.1f} {100 * off:+8.1f} %"
          f" {plan['device_bytes'] / 1e6:10.1f} {parts['frames_bytes'] / 1e6:8.1f}"
          f" {parts['order_bytes'] / 1e6:8.1f} {parts['prediction_bytes'] / 1e6:10.1f}", flush=True)
    return abs(off) <= MOST


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    configs = os.path.join(here, "..", "configs")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config", nargs="?", help="compare this one alone")
    parser.add_argument("--keys", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--brisc", default=os.path.join(here, "..", "build", "brisc"))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    wave = os.path.join(configs, "wave.yaml")
    steps = SHORT if options.short else FEWER_STEPS
    cases = [(wave, keys + steps) for keys in FORMATS[:1 if options.short else None]]
    if options.large:
        cases.append((os.path.join(configs, "large.yaml"), []))
    if options.config:
        cases = [(options.config, options.keys)]
    print(f"{'MB':40} {'planned':>10} {'taken':>10} {'off':>10} {'network':>10} {'frames':>8}"
          f" {'order':>8} {'prediction':>10}")
    with tempfile.TemporaryDirectory() as folder:
        good = [compare(options.brisc, config, keys, folder) for config, keys in cases]
    sys.exit(0 if all(good) else 1)


main()
