"""What plot.py needs of a run: the contents of brisc's HDF5 file, means over neurons, spectra."""
import pathlib
from dataclasses import dataclass

import h5py
import numpy as np
import scipy.fft
import yaml

BLOCK_BYTES = 16 << 20  # frames read and transformed at a time
SITES_MAX = 40_000  # neurons in the temporal spectrum: all of 200 x 200, a regular subset of more
FRAMES_MIN = 8  # fewer from the onset on make no spectrum


class Fault(Exception):
    """One line for the user: file or option, reason, remedy."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


@dataclass
class Network:
    """What every file of brisc says of its network."""
    path: pathlib.Path
    attributes: dict
    config: dict
    shapes: dict  # population: (ny, nx)
    shown: str  # the population whose sheet is drawn

    @property
    def is_ring(self):
        return 1 in self.shapes[self.shown]

    @property
    def side(self):
        return "ring" if self.is_ring else "torus side"

    @property
    def delta(self):
        """dt/tau; None where the populations' tau differ."""
        taus = {population["tau"] for population in self.config["populations"].values()}
        return self.config["simulation"]["dt"] / taus.pop() if len(taus) == 1 else None


class Trial:
    """One trial's frames of a (trial, time, y, x) variable, as a (time, y, x) one."""

    def __init__(self, variable, trial):
        self.stored, self.trial = variable, trial
        self.name, self.attrs, self.shape = variable.name, variable.attrs, variable.shape[1:]

    def __getitem__(self, key):
        return self.stored[(self.trial, *key) if isinstance(key, tuple) else (self.trial, key)]


@dataclass
class Run(Network):
    variables: dict  # population: its (time, y, x) variable of rates, or else of potentials
    time: np.ndarray  # of the complete frames, ms
    asked_ms: float  # duration that was asked for
    onset_ms: float
    prediction: dict  # attributes and variables of /prediction; empty where there is none
    order: dict  # the same of /order, of the trial that is shown
    trial: int = 0
    trials: int = 1

    @property
    def variable(self):
        return self.variables[self.shown]

    @property
    def end_ms(self):
        return self.time[-1] or self.asked_ms

    @property
    def observed(self):
        """First frame from the onset on; 0 where the run stopped before it."""
        first = int(np.searchsorted(self.time, self.onset_ms))
        return first if first < len(self.time) else 0

    @property
    def quantity(self):
        return self.variable.name.strip("/").split("_")[0]

    @property
    def units(self):
        units = self.variable.attrs.get("units", "1")
        return "dimensionless" if units == "1" else units

    @property
    def is_measured(self):
        """Whether /order holds a verdict: a run that stopped early has none."""
        return "agrees" in self.order and np.isfinite(self.order.get("mean_activity", np.nan))

    def predicted(self):
        """|n| and frequency of the mode of largest growth, named as in /order; empty if none grows.

        Frequency |Im lambda|/(2 pi tau), left out where the tau differ and the file has none.
        """
        modes = self.prediction
        if len(modes.get("growth", [])) == 0 or max(modes["growth"]) <= 1:
            return {}
        i = int(np.argmax(modes["growth"]))
        values = {"wavenumber": float(np.hypot(modes["nx"][i], modes["ny"][i]))}
        if "frequency_hz" in modes:
            values["frequency_hz"] = float(modes["frequency_hz"][i])
        elif self.delta is not None:
            tau_ms = self.config["simulation"]["dt"] / self.delta
            values["frequency_hz"] = 1000 * abs(modes["im"][i]) / (2 * np.pi * tau_ms)
        return values


def open_file(path):
    if not path.is_file():
        raise Fault(f"{path}: no such file; give the .h5 file that `brisc run` or "
                    "`brisc spectrum` wrote")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if "lock" in str(error):
            raise Fault(f"{path}: still being written; wait for the run, or plot a copy") from None
        reason = str(error).splitlines()[0]
        raise Fault(f"{path}: not a readable HDF5 file ({reason}); give the .h5 file that "
                    "`brisc run` or `brisc spectrum` wrote") from None


def attributes(group):
    """Its attributes; texts of fixed length too as str."""
    return {k: v.decode() if isinstance(v, bytes) else v
            for k, v in getattr(group, "attrs", {}).items()}


def contents(file, name):
    group = file.get(name, {})
    values = {k: v[()] for k, v in group.items() if isinstance(v, h5py.Dataset)}
    return {**attributes(group), **values}


def order_of_trial(file, trial, trials):
    """/order, for one trial where it has several: its own regime in place of the common one."""
    order = contents(file, "order")
    if trials == 1 or "regime_of_trial" not in order:
        return order
    *_, names = file["order/regime_of_trial"].attrs["long_name"].split(": ")
    regimes = dict(part.split() for part in names.split(", "))
    order = {k: v[trial] if np.ndim(v) == 1 else v for k, v in order.items()}
    order["regime"] = regimes[str(order["regime_of_trial"])]
    order["agrees"] = order["regime"] == contents(file, "prediction").get("regime")
    return order


def read_network(path, file, population):
    names = str(file.attrs.get("populations", "")).split()
    if not names or "config" not in file.attrs:
        raise Fault(f"{path}: not a file of brisc, since it lacks `populations` or `config`; give "
                    "the .h5 file that `brisc run` or `brisc spectrum` wrote")
    shown = population or names[0]
    if shown not in names:
        raise Fault(f"--population {shown}: not in {path}; it has {', '.join(names)}", 2)
    shapes = {name: (file[f"y_{name}"].size, file[f"x_{name}"].size) for name in names}
    return Network(path, attributes(file), yaml.safe_load(file.attrs["config"]), shapes, shown)


def read_run(path, file, population, trial):
    network = read_network(path, file, population)
    shown, variables = network.shown, {}
    for name in network.shapes:
        for quantity in ("rate", "potential"):
            if f"{quantity}_{name}" in file:
                variables.setdefault(name, file[f"{quantity}_{name}"])
    if shown not in variables:
        raise Fault(f"{path}: holds neither rate_{shown} nor potential_{shown}; run it with "
                    "output.fields: [rate]")
    trials = 1 if variables[shown].ndim == 3 else variables[shown].shape[0]
    if not 0 <= trial < trials:
        raise Fault(f"--trial {trial}: {path} has {trials} trial{'s' * (trials > 1)}, 0 to "
                    f"{trials - 1}", 2)
    if variables[shown].ndim == 4:
        variables = {name: Trial(stored, trial) for name, stored in variables.items()}
    time = file["time"][()]
    written = int(file["frames_written"][()]) if "frames_written" in file else len(time)
    if written == 0:
        raise Fault(f"{path}: holds no complete frame, the run stopped too early; run it again")
    return Run(**vars(network), variables=variables, time=time[:written],
               asked_ms=float(time[-1]), onset_ms=float(file.attrs.get("onset_ms", 0.0)),
               prediction=contents(file, "prediction"),
               order=order_of_trial(file, trial, trials), trial=trial, trials=trials)


def blocks(run, variable):
    """(index of the first frame, frames) of all complete frames."""
    step = max(1, BLOCK_BYTES // (4 * int(np.prod(variable.shape[1:]))))
    for start in range(0, len(run.time), step):
        frames = variable[start:min(start + step, len(run.time))]
        if not np.isfinite(frames).all():
            raise Fault(f"{run.path}: {variable.name.strip('/')} holds a value that is not finite "
                        f"between {run.time[start]:g} and "
                        f"{run.time[start + len(frames) - 1]:g} ms; run it with a smaller "
                        "simulation.dt or a gain with a bound")
        yield start, frames


def population_mean(run, name):
    return np.concatenate([frames.mean(axis=(1, 2), dtype=float)
                           for _, frames in blocks(run, run.variables[name])])


@dataclass
class Activity:
    """Of the shown population. Spectra are over the frames from the onset on and defined as the
    order parameters define them; None where there are fewer than FRAMES_MIN."""
    mean: np.ndarray  # over neurons [frame]
    sites: list  # (y, x) of the single neurons
    single: np.ndarray  # [frame][neuron]
    low: float  # range from the onset on
    high: float
    spatial: np.ndarray = None  # amplitude, mean over time [n_y][n_x], n = 0 in the middle
    temporal: np.ndarray = None  # amplitude, mean over neurons [bin], bin 0 left out
    frequencies_hz: np.ndarray = None
    peak_hz: float = 0.0  # 0 where there is no peak beyond the first bin


def measure(run):
    _, ny, nx = run.variable.shape
    stride = int(np.ceil((ny * nx / SITES_MAX) ** (1 if run.is_ring else 0.5)))
    sites = [(int(ny * y), int(nx * x)) for y, x in [(.85, .15), (.6, .4), (.35, .65), (.1, .9)]]
    ys, xs = zip(*sites)
    means, singles, series, low, high = [], [], [], np.inf, -np.inf
    spatial = np.zeros((ny, nx))
    for start, frames in blocks(run, run.variable):
        means.append(frames.mean(axis=(1, 2), dtype=float))
        singles.append(frames[:, ys, xs])
        observed = frames[max(0, run.observed - start):]
        if len(observed):
            low, high = min(low, observed.min()), max(high, observed.max())
            deviation = observed - observed.mean(axis=(1, 2), keepdims=True)
            spatial += np.abs(scipy.fft.fft2(deviation, workers=-1)).sum(axis=0)
            thinned = observed[:, ::min(stride, ny), ::min(stride, nx)]
            series.append(thinned.reshape(len(observed), -1))
    activity = Activity(np.concatenate(means), sites, np.concatenate(singles), low, high)
    frames = len(run.time) - run.observed
    if frames >= FRAMES_MIN and run.time[-1] >= run.onset_ms:
        mean = activity.mean[run.observed:]
        one_sign = low >= 0 or high <= 0
        spatial[0, 0] = ny * nx * np.abs(mean - one_sign * mean.mean()).sum()
        activity.spatial = np.fft.fftshift(spatial) / (frames * ny * nx)
        temporal_spectrum(activity, np.concatenate(series), run.time[1] - run.time[0])
    return activity


def temporal_spectrum(activity, series, frame_ms):
    """From series[frame][site]."""
    frames, sites = series.shape
    parts = np.array_split(series, max(1, series.size >> 22), axis=1)
    total = sum(np.abs(scipy.fft.rfft(part - part.mean(axis=0), axis=0, workers=-1)).sum(axis=1)
                for part in parts)
    activity.temporal = 2 / (frames * sites) * total[1:]
    activity.frequencies_hz = np.arange(1, frames // 2 + 1) * 1000 / (frames * frame_ms)
    peak = int(np.argmax(activity.temporal))
    activity.peak_hz = float(activity.frequencies_hz[peak]) if peak > 0 else 0.0
