#!/usr/bin/env python3
"""Every instant: at each call that changes a file, brisc is killed, asked to stop, or the call fails.

usage: scripts/study_instants.py [--brisc build/brisc] [--every 1] [--short]

After each: the output opens, and `resume` (or the command given again) ends in the content of an
uninterrupted run; a failed call is one message and exit status 1 or 2, or overcome. --every N: all
renames, links, unlinks and changes of size, but only each Nth of the other calls. --short: N = 40, and
only kills.
Exit status 0: all hold; 77: skipped.
"""
import argparse
import os
import shutil
import signal
import sys
import tempfile

from study_resume import DONE, FAILED, HERE, STOPPED, TINY, USAGE, Study, compile_shim, contents

# Counts calls (CALL_LOG: their names); at call CALL_AT it is killed, gets SIGTERM, or fails once.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int log_fd = -1;
static int fails(const char *name) {
    static int seen, at = -1;
    static const char *what;
    if (!what) {
        what = getenv("CALL_DO") ? getenv("CALL_DO") : "";
        at = atoi(getenv("CALL_AT"));
        if (getenv("CALL_LOG"))
            log_fd = open(getenv("CALL_LOG"), O_CREAT | O_WRONLY | O_TRUNC, 0666);
    }
    if (log_fd >= 0)
        dprintf(log_fd, "%s\n", name);
    if (__sync_fetch_and_add(&seen, 1) != at)
        return 0;
    if (strcmp(what, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(what, "term") == 0)
        kill(getpid(), SIGTERM);
    errno = ENOSPC;
    return strcmp(what, "fail") == 0;
}
#define CALL(type, name, parameters, arguments)                                                    \
    type name parameters {                                                                         \
        static type(*real) parameters;                                                             \
        if (!real)                                                                                 \
            real = dlsym(RTLD_NEXT, #name);                                                        \
        return fails(#name) ? -1 : real arguments;                                                 \
    }
CALL(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t at), (fd, b, n, at))
CALL(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at))
CALL(int, ftruncate64, (int fd, off64_t n), (fd, n))
CALL(int, ftruncate, (int fd, off_t n), (fd, n))
CALL(int, rename, (const char *a, const char *b), (a, b))
CALL(int, link, (const char *a, const char *b), (a, b))
CALL(int, unlink, (const char *a), (a))
CALL(int, fsync, (int fd), (fd))
CALL(int, fdatasync, (int fd), (fd))
"""
RUN, RESUME = ["run", "c.yaml", "-o", "run.h5"], ["resume", "run.h5"]
CONFIG = TINY.replace("duration: 400", "duration: 100").replace("every: 8,", "every: 4,").replace(": 30}", ": 130}")


class Instants(Study):
    def __init__(self, arguments, folder):
        arguments.seed = 1
        super().__init__(arguments, folder)
        self.shim = compile_shim(folder, SHIM)
        if not self.shim:
            sys.exit(77)
        self.environment["OMP_NUM_THREADS"] = self.environment["OPENBLAS_NUM_THREADS"] = "1"

    def at(self, place, words, call, what, **more):
        before = dict(self.environment)
        self.environment.update(LD_PRELOAD=self.shim, CALL_AT=str(call), CALL_DO=what, **more)
        done = self.run(place, *words)
        self.environment = before
        return done

    def calls(self, start, words):
        """The calls that the command makes from `start`, and the place that it leaves."""
        place = self.copy(start, "whole")
        log = os.path.join(self.folder, "calls")
        done = self.at(place, words, -1, "", CALL_LOG=log)
        if "Sanitizer" in done.err or "ASan" in done.err:
            print("skipped: not under the address sanitizer")
            sys.exit(77)
        self.expect(f"{words}", done.returncode == DONE, done.err)
        with open(log) as file:
            return file.read().split(), place

    def copy(self, start, name):
        place = os.path.join(self.folder, name)
        shutil.rmtree(place, ignore_errors=True)
        return shutil.copytree(start, place)

    def each(self, name, start, words, what):
        calls, whole = self.calls(start, words)
        whole = contents(os.path.join(whole, "run.h5"))
        chosen = [k for k, call in enumerate(calls)
                  if k % self.arguments.every == 0 or not call.startswith(("pwrite", "fsync"))]
        for k in chosen:
            place = self.copy(start, "now")
            path = os.path.join(place, "run.h5")
            at = f"{name}, {what} at call {k} ({calls[k]})"
            done = self.at(place, words, k, what)
            codes = {"kill": [-signal.SIGKILL], "term": [DONE, STOPPED, -signal.SIGTERM], "fail": [DONE, FAILED, USAGE]}
            self.expect(at, done.returncode in codes[what], f"{done.returncode} {done.err}")
            if what == "fail" and done.returncode != DONE:
                lines = [s for s in done.err.splitlines() if not s.startswith("brisc: warning")]
                self.expect(at, len(lines) == 1 and lines[0].startswith("brisc: "), done.err)
            try:
                if os.path.exists(path):
                    contents(path)
                    again = self.run(place, *RESUME)
                    self.expect(f"{at}: resume", again.returncode == DONE, again.err)
                if not os.path.exists(path) or words != RESUME:
                    again = self.run(place, *words, *(["--force"] if words[0] == "run" else []))
                    self.expect(f"{at}: again", again.returncode == DONE, again.err)
                found = contents(path)
            except Exception as error:  # whatever a reader may raise is what is counted
                self.expect(at, False, f"unreadable: {error}")
                continue
            different = [key for key in {*found, *whole} if found.get(key) != whole.get(key)]
            self.expect(f"{at}: content", not different, different[:5])
        print(f"{name}: {what} at {len(chosen)} of {len(calls)} calls", flush=True)


def study(instants):
    empty = instants.place("empty", CONFIG)
    calls, done = instants.calls(empty, RUN)
    done = instants.copy(done, "done")
    midway = instants.copy(empty, "midway")
    instants.at(midway, RUN, [k for k, call in enumerate(calls) if call.startswith("pwrite")][-60], "kill")
    damaged = instants.copy(midway, "damaged")
    with open(os.path.join(damaged, "run.h5.checkpoint"), "r+b") as file:
        file.seek(900)
        file.write(b"damage")
    for what in ["kill"] if instants.arguments.short else ["kill", "term", "fail"]:
        instants.each("run", empty, RUN, what)
        instants.each("resume", midway, RESUME, what)
        instants.each("resume, last checkpoint damaged", damaged, RESUME, what)
        instants.each("resume --until", done, [*RESUME, "--until", "160"], what)
        instants.each("resume --set", midway, [*RESUME, "--set", "output.checkpoint_steps=60"], what)
        instants.each("spectrum into it", done, ["spectrum", "run.h5", "--leading", "2"], what)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--brisc", default=os.path.join(HERE, "..", "build", "brisc"))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        arguments = parser.parse_args()
        arguments.every = 40 if arguments.short else arguments.every
        instants = Instants(arguments, folder)
        study(instants)
    print("all hold" if instants.failures == 0 else f"{instants.failures} do not hold")
    return instants.failures > 0


if __name__ == "__main__":
    sys.exit(main())
