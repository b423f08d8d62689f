#!/usr/bin/env python3
"""A run's activity for other tools: NeuroPatt (MATLAB), or Neo, which Elephant and Cobrawap read.

neuropatt: a .mat file with `data`, row x column x time (x trial), and its sampling rate `Fs` in Hz.
neo: a .nix file, a segment a trial, each an AnalogSignal of one channel a site, row after row, with
what Cobrawap asks of its input: x_coords, y_coords (from 0) and spatial_scale.

All frames from --onset on are in memory at once. Exit status: 0 done; 1 a file that cannot be read or
written, or a package that is missing; 2 wrong usage.
"""
import argparse
import pathlib
import sys

import numpy as np

from plot_run import Fault, blocks, open_file, read_run

MAT_BYTES = 2**31 - 1  # of a variable in a .mat file that every MATLAB reads (version 5)
SUFFIX = {"neuropatt": ".mat", "neo": ".nix"}


def trial_runs(given, file):
    """The run, trial by trial: all of them without --trial."""
    first = read_run(given.file, file, given.population, given.trial or 0)
    return [first] if given.trial is not None else (
        read_run(given.file, file, given.population, trial) for trial in range(first.trials))


def frames_from(run, onset_ms):
    """(time, y, x) of the frames from there on, and their times in ms."""
    first = int(np.searchsorted(run.time, onset_ms - 1e-6))
    if len(run.time) - first < 2:
        raise Fault(f"--onset {onset_ms:g}: {run.path} has {len(run.time) - first} frames from there "
                    f"on, to {run.time[-1]:g} ms; two are needed", 2)
    parts = [frames[max(0, first - start):] for start, frames in blocks(run, run.variable)]
    return np.concatenate(parts), run.time[first:]


def sampling_rate_hz(time):
    return 1000 * (len(time) - 1) / (time[-1] - time[0])


def write_neuropatt(given, runs, output):
    from scipy.io import savemat
    sheets = []
    for run in runs:
        frames, time = frames_from(run, given.onset)
        sheets.append(frames.transpose(1, 2, 0))
        total = sum(sheet.nbytes for sheet in sheets)
        if total > MAT_BYTES:
            raise Fault(f"{given.file}: its frames take more than a .mat file's {MAT_BYTES >> 30} GiB; "
                        "give a later --onset, or one --trial")
    data = sheets[0] if len(sheets) == 1 else np.stack(sheets, axis=3)
    savemat(output, {"data": data, "Fs": sampling_rate_hz(time), "start_ms": time[0],
                     "variable": run.variable.name.strip("/"), "boundary": "periodic"})


def write_neo(given, runs, output):
    try:
        import neo
        import quantities as pq
        import nixio  # noqa: F401
    except ImportError as missing:
        raise Fault(f"--to neo: {missing}; `pip install neo nixio`") from None
    block = neo.Block(name=given.file.stem, file_origin=str(given.file))
    for run in runs:
        frames, time = frames_from(run, given.onset)
        _, ny, nx = frames.shape
        if run.trial == 0 and ny not in (1, nx):
            print(f"export_activity.py: warning: {ny} x {nx} sites on a square are no square grid; "
                  "spatial_scale is the distance along x", file=sys.stderr)
        y, x = np.mgrid[:ny, :nx].reshape(2, -1)
        side = given.side * pq.mm if given.side else 1.0 * pq.dimensionless
        signal = neo.AnalogSignal(
            frames.reshape(len(frames), -1), units=run.units, t_start=time[0] * pq.ms,
            sampling_rate=sampling_rate_hz(time) * pq.Hz, name=run.variable.name.strip("/"),
            description=str(run.variable.attrs.get("long_name", "")),
            array_annotations={"x_coords": x, "y_coords": y},
            spatial_scale=side / nx, grid_size=[nx, ny], boundary="periodic",
            spatial_unit="mm" if given.side else "torus side")
        segment = neo.Segment(name=f"trial {run.trial}", index=run.trial)
        segment.analogsignals.append(signal)
        block.segments.append(segment)
    with neo.io.NixIO(str(output), mode="ow") as file:
        file.write_block(block)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Fault(f"{message}; see --help", 2)


def arguments():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path, metavar="FILE.h5")
    parser.add_argument("--to", required=True, choices=sorted(SUFFIX))
    parser.add_argument("-o", "--output", type=pathlib.Path, help="FILE.mat or FILE.nix by default")
    parser.add_argument("--population", help="the first one by default")
    parser.add_argument("--trial", type=int, metavar="N", help="this one alone; all by default")
    parser.add_argument("--onset", type=float, default=0.0, metavar="MS", help="frames from there on")
    parser.add_argument("--side", type=float, metavar="MM",
                        help="the torus's side as tissue (neo); its own unit by default")
    parser.add_argument("--force", action="store_true", help="replace the output file if it is there")
    given = parser.parse_args()
    if given.side is not None and not given.side > 0:
        raise Fault(f"--side {given.side:g}: must be a length in mm, above 0", 2)
    if given.output is None:
        given.output = given.file.with_suffix(SUFFIX[given.to])
    elif given.output.suffix != SUFFIX[given.to]:
        raise Fault(f"-o {given.output}: a file for {given.to} ends in {SUFFIX[given.to]}", 2)
    if not given.output.parent.is_dir():
        raise Fault(f"-o {given.output}: there is no folder {given.output.parent}; create it first")
    if given.output.exists() and not given.force:
        raise Fault(f"-o {given.output}: is there already; give --force to replace it", 2)
    return given


def main():
    try:
        given = arguments()
        with open_file(given.file) as file:
            write = {"neuropatt": write_neuropatt, "neo": write_neo}[given.to]
            write(given, trial_runs(given, file), given.output)
    except (Fault, OSError) as fault:
        print(f"export_activity.py: {fault}", file=sys.stderr)
        return getattr(fault, "status", 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
