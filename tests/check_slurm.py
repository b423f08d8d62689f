#!/usr/bin/env python3
"""scripts/slurm/run.sbatch: alone, and under a real Slurm of one node: the node is lost, a job is
preempted, one reaches its time limit, one is cancelled and gone on with by hand. All end with the
content of an uninterrupted run.

usage: check_slurm.py BRISC        exit status 0: everything holds; 77: skipped
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from slurm_node import CannotStart, SlurmNode, descendants

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SCRIPT = os.path.abspath("scripts/slurm/run.sbatch")

# 720 neurons, 100,000 steps: some seconds, with 40 checkpoints.
CONFIG = """\
populations:
  E: {lattice: [24, 24], gain: {kind: tanh, max: 1}}
  I: {lattice: [12, 12], gain: {kind: tanh, max: 5}}
connections:
  E: {E: {mean: 1.0, std: 0.1, range: 0.1, density: 0.9}, I: {mean: -2.0, std: 0.1, range: 0.14, density: 0.9}}
  I: {E: {mean: 2.0, std: 0.1, range: 0.1, density: 0.9}, I: {mean: -2.0, std: 0.1, range: 0.14, density: 0.9}}
dynamics: {noise: 0.0158, initial: {uniform: [-1, 1]}}
simulation: {dt: 0.2, duration: 20000, onset: 500, seed: 1}
output: {every: 50, checkpoint_steps: 2500}
"""

# A brisc and a scontrol that say what they were asked. brisc: PROGRESS is what it leaves in the
# checkpoint; without SIGNAL it exits STATUS at once, with it it sends that signal to run.sbatch and
# exits 3 when it has got it, or, DEAF, dies of it.
FAKES = {"brisc": """\
#!/usr/bin/env bash
echo "brisc $*"
[[ -z $PROGRESS ]] || echo "$PROGRESS" >out.h5.checkpoint
[[ -n $SIGNAL ]] || exit "$STATUS"
[[ -n $DEAF ]] || trap 'echo "brisc got $SIGNAL"; exit 3' "$SIGNAL"
kill -"$SIGNAL" $PPID
for _ in {1..100}; do sleep 0.1; done
""", "scontrol": """\
#!/usr/bin/env bash
echo "scontrol $*"
exit "$REQUEUE"
"""}

# What, environment beside the defaults, files there, exit status, what is said, what is not said.
BEGUN = ["out.h5", "out.h5.checkpoint"]
CASES = [
    ("starts", {}, [], 0, ["brisc run c.yaml -o out.h5 --threads 4 --backend cpu"], ["scontrol"]),
    ("goes on", {}, BEGUN, 0, ["brisc resume out.h5 --threads 4 --backend cpu"], ["brisc run"]),
    ("goes on from the previous", {}, ["out.h5", "out.h5.checkpoint.previous"], 0, ["brisc resume out.h5"], []),
    ("killed before the file was there", {}, ["out.h5.checkpoint"], 0, ["brisc run"], ["brisc resume"]),
    ("another file is there", {"STATUS": "2"}, ["out.h5"], 2, ["brisc run"], ["scontrol"]),
    ("a failure", {"STATUS": "1", "PROGRESS": "5"}, BEGUN, 1, [], ["scontrol"]),
    ("stopped, but not warned", {"STATUS": "3", "PROGRESS": "5"}, BEGUN, 3, [], ["scontrol"]),
    ("killed", {"STATUS": "137", "PROGRESS": "5"}, BEGUN, 137, [], ["scontrol"]),
    ("the time limit", {"SIGNAL": "USR1", "PROGRESS": "5"}, BEGUN, 3, ["brisc got USR1", "scontrol requeue 7"], []),
    ("the time limit, first start", {"SIGNAL": "USR1", "PROGRESS": "5"}, [], 3, ["scontrol requeue 7"], []),
    ("no progress", {"SIGNAL": "USR1"}, BEGUN, 1, ["brisc got USR1", "--time"], ["scontrol"]),
    ("warned while building", {"SIGNAL": "USR1", "DEAF": "1"}, [], 1, ["--time"], ["brisc got", "scontrol"]),
    ("warned at the results", {"SIGNAL": "USR1", "DEAF": "1", "PROGRESS": "5"}, BEGUN, 128 + signal.SIGUSR1,
     ["scontrol requeue 7"], []),
    ("requeue refused", {"SIGNAL": "USR1", "PROGRESS": "5", "REQUEUE": "1"}, BEGUN, 1,
     ["scontrol requeue 7", "submit it again"], []),
    ("terminated", {"SIGNAL": "TERM", "PROGRESS": "5"}, BEGUN, 3, ["brisc got TERM"], ["scontrol"]),
    ("the last restart", {"SLURM_RESTART_COUNT": "9"}, BEGUN, 0, ["brisc resume"], []),
    ("too many restarts", {"SLURM_RESTART_COUNT": "10"}, BEGUN, 1, ["restarted 10 times", "allows 9"], ["resume out"]),
]

wrong = []


def expect(name, condition, detail=""):
    if not condition:
        wrong.append(name)
        print(f"FAIL {name}: {detail}")


def check_script():
    defaults = {"STATUS": "0", "SIGNAL": "", "PROGRESS": "", "DEAF": "", "REQUEUE": "0", "SLURM_JOB_ID": "7",
                "SLURM_CPUS_PER_TASK": "4", "SLURM_RESTART_COUNT": "0", "BRISC_RESTARTS": "9"}
    for name, environment, files, status, said, unsaid in CASES:
        with tempfile.TemporaryDirectory() as folder:
            for fake, text in FAKES.items():
                with open(f"{folder}/{fake}", "w") as file:
                    file.write(text)
                os.chmod(f"{folder}/{fake}", 0o755)
            for file in files:
                open(f"{folder}/{file}", "w").close()
            done = subprocess.run(
                [SCRIPT, "c.yaml", "out.h5", "--backend", "cpu"], cwd=folder, text=True, timeout=60,
                env={**os.environ, "PATH": folder + ":" + os.environ["PATH"], **defaults, **environment},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            expect(f"run.sbatch, {name}", done.returncode == status and all(s in done.stdout for s in said)
                   and not any(s in done.stdout for s in unsaid), f"exit {done.returncode}: {done.stdout}")
    done = subprocess.run([SCRIPT, "c.yaml"], text=True, capture_output=True)
    expect("run.sbatch without output", done.returncode == 2 and "usage: sbatch" in done.stderr, done.stderr)


def content(path):
    """Every dataset, and the root's hashes."""
    with h5py.File(path) as file:
        found = {f"attribute {k}": file.attrs[k] for k in ("connectivity_hash", "state_hash", "frames_hash")}
        file.visititems(lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
    return found


def same(one, other):
    def equal(a, b):
        a, b = np.asarray(a), np.asarray(b)
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return [k for k in sorted({*one, *other}) if k not in one or k not in other or not equal(one[k], other[k])]


class Jobs:
    """Three of them, and a time limit of the test for all that is awaited."""

    def __init__(self, node, program):
        self.node, self.end = node, time.monotonic() + 600
        node.environment["PATH"] = os.path.dirname(program) + ":" + node.path

    def submit(self, *arguments):
        number = self.node.ask("sbatch", "--parsable", f"--chdir={self.node.folder}", "--cpus-per-task=1", *arguments)
        expect(f"sbatch {arguments}", number.isdigit(), number)
        return number

    def wait(self, what, ready):
        while not (value := ready()):
            if time.monotonic() > self.end:
                raise TimeoutError(f"in vain awaited: {what}")
            time.sleep(0.1)
        return value

    def log(self, number):
        try:
            with open(f"{self.node.folder}/brisc-{number}.log") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def ended(self, number, state, restarts, commands):
        """Waits for a job's end, and compares how it came to it."""
        def over():
            job = self.node.job(number)
            return job if job["JobState"] not in ("PENDING", "RUNNING", "COMPLETING", "REQUEUED") else None
        job, log = self.wait(f"the end of job {number}", over), self.log(number)
        starts = re.findall(r"start (\d+): brisc (\w+)", log)
        expect(f"job {number}", (job["JobState"], job["Restarts"]) == (state, restarts) and
               starts == [(str(k + 1), c) for k, c in enumerate(commands)],
               f"{job['JobState']}, {job['Restarts']} restarts, expected {state}, {restarts}; log:\n{log}")

    def brisc_of(self, output):
        """The process id of the brisc that writes a file."""
        for pid in descendants(os.getpid()):
            try:
                with open(f"/proc/{pid}/cmdline") as line:
                    words = line.read().split("\0")
            except OSError:
                continue
            if os.path.basename(words[0]) == "brisc" and output in words:
                return pid
        return None

    def hold(self, output):
        """When a brisc has gone some way since its start it is stopped, so that on no machine, however
        fast, it is done before what is to interrupt it."""
        checkpoint = f"{self.node.folder}/{output}.checkpoint"

        def version():
            try:
                return os.stat(checkpoint).st_ino, os.stat(checkpoint).st_mtime_ns
            except FileNotFoundError:
                return None
        pid = self.wait(f"a start of {output}", lambda: self.brisc_of(output))
        first = self.wait(f"a checkpoint of {output}", version)
        self.wait(f"progress of {output}", lambda: version() not in (None, first))
        os.kill(pid, signal.SIGSTOP)
        return pid


def drive(node, program):
    jobs = Jobs(node, program)
    quietly = {"cwd": node.folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with open(f"{node.folder}/c.yaml", "w") as file:
        file.write(CONFIG)
    # 1. Two jobs lose their node.
    limited = jobs.submit("-p", "high", "--time=10", SCRIPT, "c.yaml", "limited.h5")
    preempted = jobs.submit("-p", "low", SCRIPT, "c.yaml", "preempted.h5")
    for output in ("limited.h5", "preempted.h5"):
        jobs.hold(output)
    with h5py.File(f"{node.folder}/limited.h5") as file:
        frames = int(file["frames_written"][()])
        stored = np.isfinite(file["rate_E"][()]).all(axis=(1, 2))
        expect("read while it is written", 0 < frames <= stored.sum() < len(stored) and stored[:frames].all(),
               f"{frames} frames written, {stored.sum()} of {len(stored)} there")
    node.lose()
    # 2. The one is preempted by a third job (Slurm: SIGCONT, SIGTERM), which is cancelled.
    stopped = jobs.hold("limited.h5")
    jobs.hold("preempted.h5")
    cancelled = jobs.submit("-p", "high", SCRIPT, "c.yaml", "cancelled.h5")
    jobs.hold("cancelled.h5")
    node.ask("scancel", cancelled)
    jobs.ended(cancelled, "CANCELLED", "0", ["run"])
    subprocess.run([program, "resume", "cancelled.h5"], **quietly, check=True)
    subprocess.run([program, "run", "c.yaml", "-o", "whole.h5"], **quietly, check=True)
    # 3. The other comes near its limit, 1 to 2 minutes ahead: slurmctld looks every 30 s, and warns.
    hours, minutes, _ = node.job(limited)["RunTime"].split(":")
    node.ask("scontrol", "update", f"jobid={limited}", f"timelimit={60 * int(hours) + int(minutes) + 2}")
    jobs.wait("the warning", lambda: "SIGUSR1" in jobs.log(limited))
    node.ask("scontrol", "update", f"jobid={limited}", "timelimit=10")
    os.kill(stopped, signal.SIGCONT)
    # 4. All end alike.
    for number in (limited, preempted):
        jobs.ended(number, "COMPLETED", "2", ["run", "resume", "resume"])
    whole = content(f"{node.folder}/whole.h5")
    for output in ("limited.h5", "preempted.h5", "cancelled.h5"):
        different = same(content(f"{node.folder}/{output}"), whole)
        expect(f"{output}: as the uninterrupted run", not different, different)
    print(f"Slurm: node lost (2 jobs), preemption, time limit, cancellation; {len(whole)} variables and hashes "
          f"of 3 files compared with an uninterrupted run's")


def main():
    program = os.path.abspath(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left then either
    check_script()
    print(f"run.sbatch alone: {len(CASES) + 1} cases")
    try:
        with SlurmNode() as node:
            try:
                drive(node, program)
            except TimeoutError as late:
                expect("in time", False, late)
                for name in sorted(os.listdir(node.folder)):
                    if name.endswith((".log", ".out")):
                        print(f"--- {name}", open(f"{node.folder}/{name}").read()[-3000:], sep="\n")
    except CannotStart as reason:
        print(f"skipped (run.sbatch alone was tried): Slurm: {reason}")
        sys.exit(1 if wrong else 77)
    sys.exit(1 if wrong else 0)


main()
