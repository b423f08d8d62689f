"""What `brisc analyze` found, read from /detections: values, units in words, what they say."""
from dataclasses import replace

import h5py
import numpy as np

from plot_run import Trial, attributes


class Found:
    """/detections, by name; None where there is no such thing."""

    def __init__(self, file):
        self.file = file["detections"]

    def __contains__(self, name):
        return isinstance(self.file.get(name), h5py.Dataset)

    def has(self, *names):
        return all(name in self for name in names)

    def __getitem__(self, name):
        return self.file[name][()]

    def number(self, name):
        return float(self.file[name][()]) if name in self else np.nan

    def unit(self, name):
        unit = attributes(self.file[name]).get("units", "1")
        return "" if unit == "1" else unit

    def text(self, name):
        group, key = name.split("/")
        return str(attributes(self.file.get(group, {})).get(key, ""))

    def sheet(self, group):
        """Places of its sites: (x, y, extent, side of the torus in x and y)."""
        x, y = self[f"{group}/x"], self[f"{group}/y"]
        dx, dy = (c[1] - c[0] if len(c) > 1 else 1.0 for c in (x, y))
        extent = (x[0] - dx / 2, x[-1] + dx / 2, y[0] - dy / 2, y[-1] + dy / 2)
        return x, y, extent, (extent[1] - extent[0], extent[3] - extent[2])

    def is_sheet(self, group):
        return self.has(f"{group}/x", f"{group}/y") and \
            min(self.file[f"{group}/x"].size, self.file[f"{group}/y"].size) > 1

    def at(self, group, time_ms, within_ms):
        """(track, x, y) of the places on a group's paths at a time."""
        if not self.has(f"{group}/path_time_ms"):
            return np.zeros((0, 3))
        near = np.abs(self[f"{group}/path_time_ms"] - time_ms) <= within_ms
        return np.column_stack([self[f"{group}/path_{c}"][near] for c in ("track", "x", "y")])


def length_label(found, name):
    unit = found.unit(name)
    return "sites" if unit == "site" else "torus sides" if unit == "torus side" else unit or "1"


def per_length(found, name):
    """"1/torus side" in words."""
    return "cycles / " + found.unit(name).removeprefix("1/").strip("()")


def per_time(unit):
    """"torus side/s" in words, after a number."""
    length, _, time = unit.partition("/")
    return f"{length}s / {time}" if length in ("torus side", "site") and time else unit


def frame_of(run, time_ms):
    """The run's stored frame of that time; None where there is none."""
    if run is None or not len(run.time):
        return None
    k = int(np.argmin(np.abs(run.time - time_ms)))
    step = run.time[1] - run.time[0] if len(run.time) > 1 else 1.0
    return run.variable[k] if abs(run.time[k] - time_ms) < step / 2 else None


def trial_of(file):
    """Trial whose patterns /detections are; a run's own are of the first."""
    return int(file["detections/trial"][()]) if "detections/trial" in file else 0


def of_trial(run, trial):
    """The run with another trial's frames."""
    if run is None or run.trials == 1 or run.trial == trial:
        return run
    frames = {name: Trial(item.stored, trial) for name, item in run.variables.items()}
    return replace(run, variables=frames, trial=trial)


def with_error(found, name, decimals, unit):
    """"name's value +- error unit"; None where it is absent or not finite."""
    value, error = found.number(name), found.number(f"{name}_error")
    if not np.isfinite(value):
        return None
    while 0 < error < 0.95 * 10.0**-decimals and decimals < 6:  # a digit of the error at least
        decimals += 1
    spread = f" ± {error:.{decimals}f}" if error > 0 else ""
    return f"{value:.{decimals}f}{spread} {unit}".replace("-", "\N{MINUS SIGN}").strip()


def measured(found, group):
    """Numbers of a group's line: (name in it, decimals, unit, words before)."""
    rows = {"flow": [("speed", 2, per_time(found.unit("flow/speed")) if "flow/speed" in found else "",
                      ""), ("direction_deg", 0, "°", "towards ")],
            "wave": [("wavenumber", 2, per_length(found, "wave/wavenumber")
                      if "wave/wavenumber" in found else "", ""), ("frequency_hz", 1, "Hz", ""),
                     ("direction_deg", 0, "°", "towards ")]}.get(group, [])
    for name, decimals, unit, before in rows:
        words = with_error(found, f"{group}/{name}", decimals, unit)
        if words and not (name == "frequency_hz" and found.number("wave/frequency_hz") == 0):
            yield before + words.replace(" °", "°")


def statements(found):
    """A line for each kind of pattern that was found; one for what was not."""
    not_found = []
    for group, words, key in (("flow", "motion", "motion"), ("wave", "strongest wave", "kind"),
                              ("bumps", "bumps", "reason"), ("pattern", "pattern", "reason")):
        text = found.text(f"{group}/{key}")
        if text and not text.startswith("none"):
            yield f"{words}: " + "; ".join([text, *measured(found, group)])
        elif text or found.text(f"{group}/reason"):
            not_found.append(words)
    if not_found:
        yield f"not found: {', '.join(not_found)}"
