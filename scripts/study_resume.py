#!/usr/bin/env python3
"""Nothing lost: kills, signals, damage and faults, each with its count.

usage: scripts/study_resume.py [PART...] [--brisc build/brisc] [--kills 200] [--flips 2000]
                               [--seed 1] [--short]

parts: signals, changes, kills, damage, faults, cost (the wave network; not in --short); all of them
by default. Every resumed file is compared with that of an uninterrupted run, byte by byte.
Exit status 0: all hold.
"""
import argparse
import json
import os
import random
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
HERE = os.path.dirname(os.path.abspath(__file__))

# About a second of stepping, with many frames and checkpoints; and one that takes no time at all.
SMALL = """\
populations:
  E: {lattice: [60, 60], gain: {kind: tanh, max: 1}}
  I: {lattice: [30, 30], gain: {kind: tanh, max: 5}}
connections:
  E: {E: {mean: 3.0, std: 0.1, range: 0.1, density: 0.9}, I: {mean: -3.0, std: 0.1, range: 0.14, density: 0.9}}
  I: {E: {mean: 5.0, std: 0.1, range: 0.1, density: 0.9}, I: {mean: -3.0, std: 0.1, range: 0.14, density: 0.9}}
dynamics: {noise: 0.0158, initial: {uniform: [-1, 1]}}
simulation: {dt: 0.2, duration: 1000, onset: 20, seed: 1}
output: {every: 1, fields: [rate, potential], checkpoint_every: 20ms, checkpoint_steps: 333}
"""
TINY = """\
populations:
  E: {lattice: [10, 10], gain: {kind: tanh, max: 1}}
connections: {E: {E: {mean: 0.9, std: 0.1, range: 0.1, density: 0.9}}}
dynamics: {noise: 0.0158}
simulation: {dt: 0.2, duration: 400, onset: 8, seed: 1}
output: {every: 8, checkpoint_every: 0s, checkpoint_steps: 30}
"""


class Study:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.program = os.path.abspath(arguments.brisc)
        self.random = random.Random(arguments.seed)
        self.failures = 0
        self.environment = dict(os.environ, SOURCE_DATE_EPOCH="1000000000", OMP_WAIT_POLICY="passive")

    def expect(self, what, holds, found=""):
        if not holds:
            self.failures += 1
            print(f"FAIL {what}: {found}", flush=True)

    def place(self, name, config=None):
        """A folder of its own, with c.yaml; commands run in it, so that command lines are equal."""
        path = os.path.join(self.folder, name)
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path)
        if config:
            with open(os.path.join(path, "c.yaml"), "w") as file:
                file.write(config)
        return path

    def start(self, place, *words, **more):
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        return subprocess.Popen([self.program, *words], cwd=place, env=self.environment, **more)

    def run(self, place, *words, **more):
        child = self.start(place, *words, **more)
        try:
            child.out, child.err = child.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            child.kill()
            child.out, child.err = child.communicate()
            child.returncode = "timeout"
        return child

    def reference(self, name, config, *words):
        place = self.place(name, config)
        begin = time.monotonic()
        done = self.run(place, "run", "c.yaml", "-o", "run.h5", *words)
        self.expect(f"{name}: the uninterrupted run", done.returncode == DONE, done.err)
        with open(os.path.join(place, "run.h5"), "rb") as file:
            return file.read(), time.monotonic() - begin

    def same(self, what, place, whole):
        with open(os.path.join(place, "run.h5"), "rb") as file:
            found = file.read()
        self.expect(what, found == whole, f"the file differs from the uninterrupted run's "
                    f"({len(found)} and {len(whole)} bytes)")
        return found == whole

    def readable(self, what, path):
        """By every reader, and frames are whole up to frames_written."""
        try:
            with h5py.File(path) as file:
                n = int(file["frames_written"][()])
                whole = all(np.isfinite(file[v][:n]).all() for v in file if v.startswith("rate_"))
            for engine in ("netcdf4", "h5netcdf"):
                with xarray.open_dataset(path, engine=engine) as run:
                    whole = whole and int(run.frames_written) == n
        except Exception as error:  # whatever a reader may raise is what is counted
            self.expect(what, False, f"unreadable: {error}")
            return -1
        self.expect(what, whole, f"frames below {n} are not whole")
        return n


def signals(study):
    """Stopped by each signal, resumed with other threads and instruction sets."""
    whole, seconds = study.reference("signals_whole", SMALL)
    stopped = 0
    for number, other in ((signal.SIGTERM, ["--threads", "1"]), (signal.SIGINT, ["--simd", "portable"]),
                          (signal.SIGUSR1, ["--threads", "3", "--simd", "avx2"])):
        place = study.place("signals", SMALL)
        child = study.start(place, "run", "c.yaml", "-o", "run.h5")
        while child.poll() is None and not os.path.exists(os.path.join(place, "run.h5.checkpoint.previous")):
            time.sleep(0.01)
        for words in (["resume", "run.h5"], ["run", "c.yaml", "-o", "run.h5", "--force"], ["spectrum", "run.h5"]):
            busy = study.run(place, *words)
            study.expect(f"{words[0]} while it runs", busy.returncode == USAGE and "another program" in busy.err,
                         busy.err)
        child.send_signal(number)
        asked = time.monotonic()
        _, err = child.communicate(timeout=60)
        name = signal.Signals(number).name
        study.expect(name, child.returncode == STOPPED and "brisc resume run.h5" in err, err)
        study.expect(f"{name}: at once", time.monotonic() - asked < 5.0)
        study.readable(name, os.path.join(place, "run.h5"))
        with h5py.File(os.path.join(place, "run.h5")):  # a reader does not keep it out
            done = study.run(place, "resume", "run.h5", *other)
        if "avx2" in other and "lacks it" in done.err:
            done = study.run(place, "resume", "run.h5", "--threads", "3")
        study.expect(f"{name}: resume", done.returncode == DONE and "resumed" in done.out, done.err)
        stopped += study.same(f"{name}: resumed with {' '.join(other)}", place, whole)
        with h5py.File(os.path.join(place, "run.h5"), "r+"):
            busy = study.run(place, "resume", "run.h5", "--until", "1001")
            study.expect(f"{name}: while another program writes it", busy.returncode == USAGE and
                         "another program" in busy.err, busy.err)
        again = study.run(place, "resume", "run.h5")
        study.expect(f"{name}: again", again.returncode == DONE and "is complete" in again.out, again.err)
        study.same(f"{name}: again", place, whole)
    slow_disk(study)
    on_gpu = study.run(place, "selftest", "--backend", "cuda")
    if on_gpu.returncode == DONE and "skipped" not in on_gpu.out + on_gpu.err:
        for begin, end in (("cpu", "cuda"), ("cuda", "cpu")):
            place = study.place("backends", SMALL)
            child = study.start(place, "run", "c.yaml", "-o", "run.h5", "--backend", begin)
            time.sleep(0.6 * seconds)
            child.send_signal(signal.SIGTERM)
            child.communicate(timeout=60)
            study.run(place, "resume", "run.h5", "--backend", end)
            with h5py.File(os.path.join(place, "run.h5")) as run, \
                    h5py.File(os.path.join(study.folder, "signals_whole", "run.h5")) as other:
                study.expect(f"{begin}, then {end}", run.attrs["frames_hash"] == other.attrs["frames_hash"])
    else:
        print("skipped: stopped on cpu, resumed on cuda, and back: no GPU here")
    print(f"signals: {stopped} of 3 stopped runs end in the uninterrupted run's bytes")


SLOW = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
int fdatasync(int fd) {
    usleep(500000);
    return fsync(fd);
}
/* Like NFS: an exclusive lock is for those who may write. */
int flock(int fd, int operation) {
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    if (operation & LOCK_EX && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) {
        errno = EBADF;
        return -1;
    }
    return real(fd, operation);
}
"""


def slow_disk(study):
    """Two signals, of which the second comes while the checkpoint is written; a lock as on NFS."""
    place = study.place("slow", SMALL.replace("20ms", "0s").replace("333", "100000000"))
    shim = compile_shim(place, SLOW)
    if not shim:
        return
    study.environment.update(LD_PRELOAD=shim)
    for first, second in ((signal.SIGTERM, signal.SIGUSR1), (signal.SIGUSR1, signal.SIGTERM)):
        child = study.start(place, "run", "c.yaml", "-o", "run.h5", "--force", "--set", "simulation.duration=100000",
                            "--set", "output.every=100")
        path = os.path.join(place, "run.h5")
        while child.poll() is None and not begun(path):
            time.sleep(0.01)
        busy = study.run(place, "resume", "run.h5")
        study.expect("resumed while it runs, NFS", child.poll() is not None or "another program" in busy.err, busy.err)
        child.send_signal(first)
        time.sleep(0.4)
        child.send_signal(second)
        _, err = child.communicate(timeout=60)
        if "ASan" in err:
            print("skipped: a slow disk: not under the address sanitizer")
            break
        study.expect(f"{first.name}, then {second.name}", child.returncode == STOPPED and
                     "brisc resume run.h5" in err, f"{child.returncode} {err}")
        os.unlink(os.path.join(place, "run.h5"))
    del study.environment["LD_PRELOAD"]


def begun(path):
    if not os.path.exists(path):
        return False
    with h5py.File(path) as file:
        return file["frames_written"][()] > 0


def compile_shim(place, text):
    """A library to preload, or None."""
    with open(os.path.join(place, "shim.c"), "w") as file:
        file.write(text)
    built = subprocess.run(["cc", "-shared", "-fPIC", "-O1", "shim.c", "-o", "shim.so", "-ldl"], cwd=place,
                           capture_output=True, text=True)
    if built.returncode:
        print(f"skipped: no compiler ({built.stderr.strip()[:80]})")
        return None
    return os.path.join(place, "shim.so")


def differing(path, whole):
    found = contents(path)
    return [key for key in sorted(set(found) | set(whole), key=str) if found.get(key) != whole.get(key)]


def contents(path):
    """Every dataset and attribute but how the file came to be."""
    found = {}
    with h5py.File(path) as file:
        def visit(name, thing):
            for key in thing.attrs:
                if key not in ("command_line", "created", "REFERENCE_LIST", "DIMENSION_LIST"):
                    found[name, key] = repr(np.asarray(thing.attrs[key]).tolist())
            if isinstance(thing, h5py.Dataset):
                found[name] = (str(thing.dtype), thing.shape, thing[()].tobytes())
        visit("/", file)
        file.visititems(visit)
    return found


def changes(study):
    """What a resume may change, and what it must refuse."""
    place = study.place("until", SMALL)
    path = os.path.join(place, "run.h5")
    study.run(place, "run", "c.yaml", "-o", "run.h5", "--set", "simulation.duration=300")
    done = study.run(place, "resume", "run.h5", "--until", "1000")
    study.reference("until_whole", SMALL)
    whole = contents(os.path.join(study.folder, "until_whole", "run.h5"))
    study.expect("--until", done.returncode == DONE and contents(path) == whole,
                 f"{done.err} {differing(path, whole)}")
    early = study.run(place, "resume", "run.h5", "--until", "400")
    study.expect("--until the past", early.returncode == USAGE and "1000 ms already" in early.err, early.err)
    other = study.run(place, "resume", "run.h5", "--set", "simulation.seed=2", "--set", "dynamics.noise=0")
    study.expect("another config", other.returncode == USAGE and "simulation.seed (1, 2)" in other.err and
                 "dynamics.noise (0.0158, 0)" in other.err, other.err)
    study.expect("refusals change nothing", contents(path) == whole)

    place = study.place("rate", SMALL)
    path = os.path.join(place, "run.h5")
    study.run(place, "run", "c.yaml", "-o", "run.h5", "--set", "simulation.duration=301")
    done = study.run(place, "resume", "run.h5", "--until", "1000", "--set", "output.every=4")
    with h5py.File(path) as run, h5py.File(os.path.join(study.folder, "until_whole", "run.h5")) as one:
        times = np.concatenate([np.arange(302.0), np.arange(304.0, 1001.0, 4.0)])
        study.expect("another rate: times", np.array_equal(run["time"][:], times))
        study.expect("another rate: frames", all(
            np.array_equal(run[v][:], one[v][:][times.astype(int)]) for v in ("rate_E", "potential_I")))
        study.expect("another rate: the end", done.returncode == DONE and
                     run.attrs["state_hash"] == one.attrs["state_hash"], done.err)
    read = study.run(place, "analyze", "run.h5", "--json")
    study.expect("another rate: analyze", read.returncode == DONE, read.err)

    # The file of another run under the name of the first.
    a, b = study.place("a", SMALL), study.place("b", SMALL.replace("seed: 1", "seed: 7"))
    for at in (a, b):
        study.run(at, "run", "c.yaml", "-o", "run.h5", "--set", "simulation.duration=100")
    shutil.copy(os.path.join(b, "run.h5"), os.path.join(a, "run.h5"))
    with open(os.path.join(a, "run.h5"), "rb") as file:
        before = file.read()
    mixed = study.run(a, "resume", "run.h5", "--until", "200")
    study.expect("another run's file", mixed.returncode in (FAILED, USAGE), mixed.err)
    study.same("another run's file is left alone", a, before)
    print("changes: --until, output.every, refusals checked")


def kills(study):
    """kill -9 at random instants, of runs and of their resumes."""
    whole, seconds = study.reference("kills_whole", SMALL)
    wanted = 6 if study.arguments.short else study.arguments.kills
    killed = resumed = before_file = unreadable = alike = 0
    while killed < wanted:
        place = study.place("kills", SMALL)
        path = os.path.join(place, "run.h5")
        words = ["run", "c.yaml", "-o", "run.h5"]
        for _ in range(50):
            child = study.start(place, *words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            if killed < wanted and study.random.random() < 0.7:
                try:
                    child.wait(study.random.uniform(0.0, 1.2 * seconds))
                except subprocess.TimeoutExpired:
                    child.kill()
            _, err = child.communicate()
            if child.returncode != -signal.SIGKILL:
                study.expect("after kills", child.returncode == DONE, f"{words} {child.returncode} {err}")
                break
            killed += 1
            if killed % 20 == 0:
                print(f"kills: {killed} of {wanted}", file=sys.stderr, flush=True)
            if os.path.exists(path):
                unreadable += study.readable("after kill -9", path) < 0
                words = ["resume", "run.h5"]
                resumed += 1
            else:
                before_file += 1
        alike += study.same("after kills", place, whole)
        left = set(os.listdir(place)) - {"c.yaml", "run.h5", "run.h5.xdmf", "run.h5.checkpoint"}
        left -= {"run.h5.tmp", "run.h5.checkpoint.tmp"}  # taken again by the next one
        study.expect("after kills: what is left", not left, left)
    print(f"kills: {killed} kill -9 ({before_file} before there was a file, {resumed} resumed), "
          f"{alike} runs brought to the uninterrupted run's bytes, {unreadable} unreadable files")


def damage(study):
    """Every bit of a sample of positions, truncation at every kilobyte."""
    whole, seconds = study.reference("damage_whole", TINY)
    place = stop_midway(study, TINY, seconds)
    names = ("run.h5", "run.h5.checkpoint", "run.h5.checkpoint.previous")
    kept = {}
    for name in names:
        with open(os.path.join(place, name), "rb") as file:
            kept[name] = file.read()
    counts = {"complete": 0, "refused": 0, "crash": 0, "wrong": 0}
    reads = {"read": 0, "refused": 0, "crash": 0}

    def attempt(what, damaged):
        for name in names:
            with open(os.path.join(place, name), "wb") as file:
                file.write(damaged.get(name, kept[name]))
        if "run.h5" in damaged:
            for words in (["analyze", "run.h5", "--json"],
                          ["spectrum", "run.h5", "--at", "16", "--leading", "2", "-o", "s.h5", "--force"]):
                read = study.run(place, *words)
                outcome = "read" if read.returncode == DONE else "refused" if read.returncode in (
                    FAILED, USAGE) and read.err.startswith("brisc") and "Sanitizer" not in read.err else "crash"
                reads[outcome] += 1
                study.expect(f"{what}: {words[0]}", outcome != "crash", f"{read.returncode} {read.err[-300:]}")
        done = study.run(place, "resume", "run.h5", "--quiet", "--threads", "1")
        if done.returncode == DONE:
            with open(os.path.join(place, "run.h5"), "rb") as file:
                outcome = "complete" if file.read() == whole else "wrong"
        else:
            outcome = "refused" if done.returncode in (FAILED, USAGE) and done.err.startswith("brisc") and \
                "Sanitizer" not in done.err else "crash"
        counts[outcome] += 1
        study.expect(what, outcome in ("complete", "refused"), f"{outcome}: {done.returncode} {done.err[-300:]}")

    attempt("no damage", {})
    flips = 40 if study.arguments.short else study.arguments.flips
    tried = 0
    while tried < flips:
        name = names[tried // 8 % 2]  # the file and the last checkpoint by turns
        at = study.random.randrange(len(kept[name]))
        for bit in range(8):
            flipped = bytearray(kept[name])
            flipped[at] ^= 1 << bit
            attempt(f"{name}: bit {bit} of byte {at} flipped", {name: bytes(flipped)})
            tried += 1
    cuts = 0
    for name in names[:2]:
        for size in range(0, len(kept[name]), 8192 if study.arguments.short else 1024):
            attempt(f"{name}: cut at {size}", {name: kept[name][:size]})
            cuts += 1
    attempt("both checkpoints cut", {n: kept[n][:100] for n in names[1:]})
    place = os.path.join(study.folder, "damage_whole")
    for at in (0, 9):
        with open(os.path.join(place, "run.h5"), "r+b") as file:
            file.seek(at)
            file.write(bytes([whole[at] ^ 0x40]))
        done = study.run(place, "resume", "run.h5")
        study.expect(f"a complete file, byte {at}", done.returncode == DONE and "is put back" in done.err, done.err)
        study.same(f"a complete file, byte {at}", place, whole)
    print(f"damage: {flips} single-bit flips, {cuts} truncations: {counts['complete']} ended in the "
          f"uninterrupted run's bytes, {counts['refused']} refused, {counts['crash']} crashes, "
          f"{counts['wrong']} wrong; analyze and spectrum of the damaged files: {reads['read']} read, "
          f"{reads['refused']} refused, {reads['crash']} crashes")


def stop_midway(study, config, seconds, least=12):
    """A run that SIGTERM stops before its end, with two checkpoints and some frames."""
    for _ in range(200):
        place = study.place("midway", config)
        child = study.start(place, "run", "c.yaml", "-o", "run.h5")
        try:
            child.communicate(timeout=study.random.uniform(0.2, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGTERM)
            child.communicate()
        if child.returncode == STOPPED and study.readable("stopped", os.path.join(place, "run.h5")) >= least:
            return place
    sys.exit("no run could be stopped in its midst")


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
/* Writes of FAIL_SIZE bytes fail with EIO: those from FAIL_FROM on, FAIL_COUNT of them. */
static ssize_t (*real)(int, const void *, size_t, off_t);
ssize_t pwrite64(int fd, const void *b, size_t n, off_t at);
ssize_t pwrite(int fd, const void *b, size_t n, off_t at) {
    static int seen;
    if (!real)
        real = dlsym(RTLD_NEXT, "pwrite64");
    if (n == (size_t)atol(getenv("FAIL_SIZE"))) {
        int k = seen++ - atoi(getenv("FAIL_FROM"));
        if (k >= 0 && k < atoi(getenv("FAIL_COUNT"))) {
            errno = EIO;
            return -1;
        }
    }
    return real(fd, b, n, at);
}
ssize_t pwrite64(int fd, const void *b, size_t n, off_t at) { return pwrite(fd, b, n, at); }
static ssize_t (*real_write)(int, const void *, size_t);
ssize_t write(int fd, const void *b, size_t n) {
    static int seen;
    if (!real_write)
        real_write = dlsym(RTLD_NEXT, "write");
    if (n == (size_t)atol(getenv("FAIL_SIZE"))) {
        int k = seen++ - atoi(getenv("FAIL_FROM"));
        if (k >= 0 && k < atoi(getenv("FAIL_COUNT"))) {
            errno = EIO;
            return -1;
        }
    }
    return real_write(fd, b, n);
}
"""


def faults(study):
    tried = 0

    def outcome(what, done, code, texts):
        nonlocal tried
        tried += 1
        lines = [line for line in done.err.splitlines() if line.startswith("brisc: ")
                 and not line.startswith("brisc: warning")]
        study.expect(what, done.returncode == code and all(t in done.err for t in texts) and
                     len(lines) == (code != DONE), f"{done.returncode} {done.err}")

    def mounted(what, size, place, *words, ready=""):
        """In a mount of the child's own, as root of its own namespace."""
        script = f'mkdir -p small && mount -t tmpfs -o {size} tmpfs small && {ready} exec "$0" "$@"'
        try:
            child = subprocess.run(["unshare", "-rm", "sh", "-c", script, study.program, *words], cwd=place,
                                   capture_output=True, text=True, timeout=120, env=study.environment)
        except OSError as error:
            print(f"skipped: {what}: {error}")
            return None
        child.err = child.stderr
        if "unshare" in child.err or "mount" in child.err:
            print(f"skipped: {what}: {child.err.strip()}")
            return None
        return child

    # Full disk, before the first step and for a checkpoint; a folder that cannot be written.
    place = study.place("full", SMALL)
    done = mounted("full disk", "size=200k", place, "run", "c.yaml", "-o", "small/run.h5")
    if done:
        outcome("full disk", done, FAILED, ["small/run.h5", "are free there", "output.every"])
        # There is room at first (40 MB are needed); another program takes it during the run.
        done = mounted("a checkpoint on a full disk", "size=60m", place, "run", "c.yaml", "-o", "small/run.h5",
                       ready="(while [ ! -e small/run.h5.checkpoint ]; do sleep 0.01; done; "
                             "exec dd if=/dev/zero of=small/other bs=1k 2>small/dd) &")
        study.expect("a checkpoint on a full disk", done.returncode in (DONE, FAILED) and
                     "No space left" in done.err, f"{done.returncode} {done.err}")
        done = mounted("read-only folder", "size=1m", place, "run", "c.yaml", "-o", "small/run.h5",
                       ready="mount -o remount,ro small &&")
        outcome("read-only folder", done, USAGE, ["small/run.h5", "cannot be written", "-o"])

    # The folder is removed while the run writes in it.
    place = study.place("removed", SMALL)
    os.mkdir(os.path.join(place, "gone"))
    child = study.start(place, "run", "c.yaml", "-o", "gone/run.h5")
    while child.poll() is None and not os.path.exists(os.path.join(place, "gone", "run.h5.checkpoint.previous")):
        time.sleep(0.01)
    shutil.rmtree(os.path.join(place, "gone"), ignore_errors=True)
    shutil.rmtree(os.path.join(place, "gone"), ignore_errors=True)
    child.out, child.err = child.communicate(timeout=60)
    outcome("removed folder", child, FAILED, ["gone/run.h5", "removed or replaced", "leave the file"])

    # No memory to build in.
    place = study.place("memory", SMALL)
    if study.run(place, "predict", "c.yaml", preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_AS, (1 << 34, 1 << 34))).returncode == DONE:  # not the address sanitizer
        done = study.run(place, "run", "c.yaml", "-o", "run.h5", "--threads", "1", "--set",
                         "populations.E.lattice=[300,300]", preexec_fn=lambda: resource.setrlimit(
                             resource.RLIMIT_AS, (400 << 20, 400 << 20)))
        outcome("no memory for the build", done, FAILED, ["no memory", "brisc plan"])
        study.expect("no memory: no file", not os.path.exists(os.path.join(place, "run.h5")))

    # A frame that cannot be written once; and one that never can.
    place = study.place("writes", SMALL)
    shim = compile_shim(place, SHIM)
    if shim:
        study.reference("writes_whole", SMALL)
        whole = contents(os.path.join(study.folder, "writes_whole", "run.h5"))
        for count, code in ((1, DONE), (100, FAILED)):
            study.environment.update(LD_PRELOAD=shim, FAIL_SIZE=str(60 * 60 * 4),
                                     FAIL_FROM="150", FAIL_COUNT=str(count))
            done = study.run(place, "run", "c.yaml", "-o", "run.h5", "--force")
            for key in ("LD_PRELOAD", "FAIL_SIZE", "FAIL_FROM", "FAIL_COUNT"):
                del study.environment[key]
            if "Sanitizer" in done.err or "ASan" in done.err:
                print("skipped: failing writes: not under the address sanitizer")
                break
            outcome(f"a frame that fails {count} times", done, code,
                    ["Input/output error", "brisc resume run.h5" if count > 1 else "trying again"])
            n = study.readable(f"a frame that fails {count} times", os.path.join(place, "run.h5"))
            study.expect(f"a frame that fails {count} times", n >= 30, n)
            if code != DONE:
                done = study.run(place, "resume", "run.h5")
                study.expect("after failing writes", done.returncode == DONE, done.err)
                study.expect("after failing writes", contents(os.path.join(place, "run.h5")) == whole)
    print(f"faults: {tried} tried")


def cost(study):
    """Checkpoints of the published wave network: their time and size."""
    config = os.path.join(HERE, "..", "configs", "wave.yaml")
    ratios = []
    for _ in range(3):
        seconds = {}
        for every in ("0s", "10s"):
            place = study.place("cost")
            done = study.run(place, "run", config, "-o", "run.h5", "--json", "--quiet", "--set",
                             f"output.checkpoint_every={every}", "--set", "simulation.duration=1000")
            answer = json.loads(done.out)
            seconds[every] = answer["timing"]["simulate_s"]
        kept = answer["checkpoints"]
        ratios.append(seconds["10s"] / seconds["0s"])
        print(f"cost: {seconds['0s']:.2f} s without, {seconds['10s']:.2f} s with a checkpoint every 10 s, ratio "
              f"{ratios[-1]:.4f}; {kept['stored']} of {kept['bytes'] / 1e6:.3f} MB, at most "
              f"{kept['longest_ms']:.1f} ms; {kept['seconds']:.3f} s in all (and {kept['sync_s']:.3f} s until the "
              f"frames were on disk), {100 * (kept['seconds'] + kept['sync_s']) / seconds['10s']:.2f} % of the run, "
              "in the writer's thread", flush=True)
    study.expect("cost: size", kept["bytes"] < 2e6, kept["bytes"])
    print(f"cost: median ratio {sorted(ratios)[1]:.4f}")


PARTS = {part.__name__: part for part in (signals, changes, kills, damage, faults, cost)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--brisc", default=os.path.join(HERE, "..", "build", "brisc"))
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"{unknown[0]}: expected {', '.join(PARTS)}")
    parts = arguments.parts or [part for part in PARTS if part != "cost" or not arguments.short]
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        study = Study(arguments, folder)
        for part in parts:
            PARTS[part](study)
    print("all hold" if study.failures == 0 else f"{study.failures} do not hold")
    return study.failures > 0


if __name__ == "__main__":
    sys.exit(main())
