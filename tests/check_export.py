"""What scripts/export_activity.py writes, opened by the packages it is for: check_export.py BRISC."""
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
    import yaml  # noqa: F401
    from scipy.io import loadmat
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "scripts" / "export_activity.py"
N, FRAMES, FRAME_MS, WAVE_HZ, TRIALS = 24, 101, 2.0, 20.0, 2
SMALL = ["configs/wave.yaml", "--quiet", "--set", f"populations.E.lattice=[{N}, {N}]", "--set",
         "populations.I.lattice=[12, 12]", "--set", f"simulation.duration={(FRAMES - 1) * FRAME_MS:g}", "--set",
         "simulation.onset=20", "--set", f"simulation.trials={TRIALS}", "--set", "expect.regime=undecided"]
SMALL += [option for a in "EI" for b in "EI" for option in ("--set", f"connections.{a}.{b}.range=0.15")]


def export(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True)


def done(*arguments):
    result = export(*arguments)
    assert result.returncode == 0 and not result.stderr, result.stderr


def make_run(program, folder):
    """A run's file whose E rates are then a plane wave of 2 cycles along x, 1 along -y."""
    path = folder / "run.h5"
    subprocess.run([program, "run", *SMALL, "-o", path], check=True, stdout=subprocess.DEVNULL)
    y, x = (np.mgrid[:N, :N] + 0.5) / N
    with h5py.File(path, "r+") as run:
        t = run["time"][()][:, None, None] / 1000
        wave = np.cos(2 * np.pi * (2 * x - y - WAVE_HZ * t))
        run["rate_E"][...] = [wave * (1 + trial) for trial in range(TRIALS)]
        return path, run["rate_E"][()], run["rate_I"][()]


def check_neuropatt(path, rates, inhibitory):
    done(path, "--to", "neuropatt")
    mat = loadmat(path.with_suffix(".mat"))
    np.testing.assert_array_equal(mat["data"], rates.transpose(2, 3, 1, 0))  # row, column, time, trial
    assert abs(mat["Fs"].item() - 500) < 1e-9 and mat["start_ms"].item() == 0
    other = path.with_name("other.mat")
    done(path, "--to", "neuropatt", "--population", "I", "--trial", 1, "--onset", 50, "-o", other)
    mat = loadmat(other)
    np.testing.assert_array_equal(mat["data"], inhibitory[1, 25:].transpose(1, 2, 0))
    assert mat["start_ms"].item() == 50


def check_neo(path, rates):
    import neo
    import quantities as pq
    done(path, "--to", "neo", "--side", 4, "--onset", 20)
    with neo.io.NixIO(str(path.with_suffix(".nix")), mode="ro") as file:
        block = file.read_block()
    assert len(block.segments) == TRIALS
    for trial, segment in enumerate(block.segments):
        signal, = segment.analogsignals
        assert signal.units == pq.dimensionless and signal.t_start == 20 * pq.ms
        assert abs(signal.sampling_rate.rescale("Hz").item() - 500) < 1e-9
        assert abs((signal.annotations["spatial_scale"] / (4 * pq.mm / N)).simplified.item() - 1) < 1e-12
        x, y = signal.array_annotations["x_coords"], signal.array_annotations["y_coords"]
        np.testing.assert_array_equal(signal.magnitude, rates[trial, 10:, y, x].T)
    return block.segments[0].analogsignals[0]


def check_elephant(signal):
    """The wave's frequency by its spectrum, its wave vector by the phases of its analytic signal."""
    from elephant.signal_processing import hilbert
    from elephant.spectral import welch_psd
    frequencies, power = welch_psd(signal, frequency_resolution=10)
    peaks = frequencies.rescale("Hz").magnitude[np.argmax(np.asarray(power), axis=-1)]
    assert np.all(peaks == WAVE_HZ), peaks
    # Away from the ends of the record, where the analytic signal of a cut sine is off.
    phase = np.angle(hilbert(signal).magnitude[40:50]).reshape(-1, N, N)
    for axis, cycles in ((1, -1), (2, 2)):
        steps = np.angle(np.exp(1j * (np.roll(phase, -1, axis) - phase))).mean() * N / (2 * np.pi)
        assert abs(-steps - cycles) < 0.05, (axis, steps)  # cos(q - w t): its analytic phase is w t - q


def check_cobrawap(path, folder):
    """Its own check of its input, the last block of its first stage."""
    package = importlib.util.find_spec("cobrawap")
    if package is None:
        print("Cobrawap is not here: its check of the exported file was left out")
        return
    pipeline = pathlib.Path(package.origin).parent / "pipeline"
    places = [str(pipeline)]
    if importlib.util.find_spec("snakemake") is None:  # which gives these scripts a logger, no more
        (folder / "snakemake").mkdir()
        (folder / "snakemake" / "__init__.py").touch()
        (folder / "snakemake" / "logging.py").write_text("import logging\nlogger = logging.getLogger()\n")
        places.append(str(folder))
    check = pipeline / "stage01_data_entry" / "scripts" / "check_input.py"
    said = subprocess.run([sys.executable, check, "--data", path.with_suffix(".nix")], capture_output=True,
                          text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(places)})
    assert said.returncode == 0, said.stderr
    words = dict(line.split("\t", 1) for line in said.stdout.splitlines() if "\t" in line)
    words = {key.strip(" :"): value.strip() for key, value in words.items()}
    assert words["Grid Dimensions"] == f"{N} x {N}" and words["Empty Grid Sites"] == "0", words
    assert words["Number of Channels"] == str(N * N) and words["Spatial Scale"].endswith("mm"), words


def check_errors(path, folder):
    empty = folder / "empty.h5"
    with h5py.File(empty, "w") as other:
        other["x"] = 1
    for arguments, status, words in (((empty, "--to", "neo"), 1, "not a file of brisc"),
                                     ((path, "--to", "spike2"), 2, "invalid choice"),
                                     ((path, "--to", "neo", "-o", "a.mat"), 2, "ends in .nix"),
                                     ((path, "--to", "neo", "--side", "-1"), 2, "above 0"),
                                     ((path, "--to", "neo", "-o", "missing/a.nix"), 1, "no folder missing"),
                                     ((path, "--to", "neuropatt"), 2, "give --force"),
                                     ((path, "--to", "neuropatt", "--onset", "200", "--force"), 2, "two are needed"),
                                     ((path, "--to", "neuropatt", "--trial", "2", "--force"), 2, "0 to 1")):
        result = export(*arguments)
        assert result.returncode == status and words in result.stderr, (arguments, result.stderr)
        assert result.stderr.count("\n") == 1, result.stderr


def main(program):
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        path, rates, inhibitory = make_run(program, folder)
        check_neuropatt(path, rates, inhibitory)
        check_errors(path, folder)
        missing = [name for name in ("neo", "nixio", "elephant") if importlib.util.find_spec(name) is None]
        if missing:
            print(f"{', '.join(missing)} not here: the files for Neo, Elephant and Cobrawap were left out")
            return
        check_elephant(check_neo(path, rates))
        check_cobrawap(path, folder)
    finally:
        shutil.rmtree(folder)


main(os.path.abspath(sys.argv[1]))
