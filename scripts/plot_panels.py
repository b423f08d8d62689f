"""The panels of a run's page: each draws one into axes that the page has placed."""
import textwrap

import numpy as np
from matplotlib import colors, patches, pyplot, ticker

from plot_page import (BLUE, COLOURS, GREY, ORANGE, SKY, Table, absent, colour_bar, draw_stability,
                       legend_above, number, size_mm)
from plot_run import FRAMES_MIN, population_mean

# Order parameters in the table: name in the file, what it is called here, decimals.
ROWS = [
    ("wavenumber", "wave number |n| (cycles / {side})", 2),
    ("frequency_hz", "frequency (Hz)", 1),
    ("frequency_mean_hz", "mean frequency (Hz)", 1),
    ("mean_activity", "mean activity", 3),
    ("cv", "coefficient of variation", 2),
    ("local_synchrony", "local synchrony", 3),
    ("global_synchrony", "global synchrony", 3),
    ("moran", "Moran's index", 3),
    ("oscillation_index", "oscillation index", 3),
    ("persistence", "persistence", 2),
]


# ---- the predicted spectrum ----


def frame_spectrum(axes, radius, re, im):
    """Limits with equal scales and room for labels on the right. Returns millimetres a unit."""
    width, height = size_mm(axes)
    left, right, top = min(-radius, *re, 0), max(radius, 1, *re), max(radius, 1, *np.abs(im))
    unit = min((width - 22) / (right - left), 0.45 * height / top)
    spare = width - (right - left) * unit
    start = left - min(spare / 2, spare - 19) / unit
    axes.set(xlim=(start, start + width / unit), ylim=(-height / unit / 2, height / unit / 2),
             xlabel=r"Re $\lambda$ (dimensionless)", ylabel=r"Im $\lambda$ (dimensionless)")
    axes.axhline(0, color="#DDDDDD", linewidth=0.5, zorder=0)
    axes.axvline(0, color="#DDDDDD", linewidth=0.5, zorder=0)
    return unit


def label_modes(run, axes, x, y, n, unit):
    """Wave vectors n of the modes (x, y), the first in bold: above them where they lie apart in a
    row, otherwise in a column beside them."""
    names = [str(sum(pair)) if run.is_ring else "({}, {})".format(*pair) for pair in n]
    names[0] = "n = " + names[0]
    in_row = len(x) > 1 and np.all(y == y[0]) and np.min(np.diff(np.sort(x))) * unit > 4
    ranks = np.argsort(np.argsort(-y, kind="stable"))
    beside = max(x.max() + 7 / unit, axes.get_xlim()[1] - 17 / unit if x.max() < 1 else 0)
    for i, name in enumerate(names):
        at = (x[i], 3 / unit) if in_row else \
            (beside, y.mean() + ((len(y) - 1) / 2 - ranks[i]) * 4 / unit)
        axes.annotate(name, (x[i], y[i]), at, rotation=60 if in_row else 0, rotation_mode="anchor",
                      ha="left", va="center", weight="normal" if i else "bold",
                      arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkA": 0,
                                  "shrinkB": 2})


def draw_spectrum(run, axes, bar):
    modes = run.prediction
    if not modes:
        bar.remove()
        return absent(axes, "no prediction in the file")
    re, im, growth, std, nx, ny = (np.asarray(modes.get(name, []), float)
                                   for name in ("re", "im", "growth", "std", "nx", "ny"))
    radius = float(modes.get("bulk_radius_effective", modes.get("bulk_radius", 0)))
    unit = frame_spectrum(axes, radius, re, im)
    axes.add_patch(patches.Circle((0, 0), radius, facecolor="#CFE3F2", edgecolor=BLUE,
                                  linewidth=0.5, label=f"bulk, radius {radius:.2f}"))
    draw_stability(run, axes)
    n = np.hypot(nx, ny)
    norm = colors.Normalize(0, max(1, *n, 0))
    shade = colors.ListedColormap(pyplot.get_cmap("viridis_r")(np.linspace(0.05, 0.95, 256)))
    std = np.where(np.isfinite(std), std, 0)
    for grows, name in ((True, "growing mode"), (False, "decaying mode")):
        for sign in (1, -1):
            who = ((growth > 1) == grows) & ((im != 0) | (sign > 0))
            edge = shade(norm(n[who]))
            axes.errorbar(re[who], sign * im[who], xerr=std[who], yerr=(std * (im != 0))[who],
                          fmt="none", ecolor=GREY, elinewidth=0.6)
            axes.scatter(re[who], sign * im[who], s=11 if grows else 7, linewidth=0.7, zorder=3,
                         facecolor=edge if grows else "white", edgecolor=edge)
        if np.any((growth > 1) == grows):
            axes.scatter([], [], s=9, facecolor=GREY if grows else "white", edgecolor=GREY,
                         linewidth=0.7, label=name)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.14), ncol=2, borderaxespad=0,
                handlelength=1.4, handletextpad=0.5, labelspacing=0.25, columnspacing=1.5)
    if len(n) == 0:
        return bar.remove()
    leading = np.argsort(-growth, kind="stable")[:4]
    if growth.max() > 1:
        leading = leading[growth[leading] > 1]
    label_modes(run, axes, re[leading], im[leading],
                [(int(nx[i]), int(ny[i])) for i in leading], unit)
    colour_bar(bar, norm, shade, f"|n| (cycles / {run.side})")
    bar.yaxis.set_major_locator(ticker.MaxNLocator(integer=True))


# ---- the verdict ----


def verdict_rows(run):
    """(quantity, predicted, observed) as text."""
    predicted = run.predicted()
    yield ("regime", run.prediction.get("regime", "not in the file"),
           run.order["regime"] if run.is_measured else "not measured")
    for name, label, decimals in ROWS:
        cells = [number(values.get(name), decimals) for values in (predicted, run.order)]
        if run.prediction and not predicted and name in ("wavenumber", "frequency_hz"):
            cells[0] = "none"
        for k, values in enumerate((predicted, run.order)):
            if name.startswith("frequency") and values.get(name) == 0:
                cells[k] = "none"
        if any(cells):
            yield label.format(side=run.side), *cells


def draw_verdict(run, axes):
    table = Table(axes, (0.70, 0.985))
    table.rule(0.8)
    table.row(("", "predicted", "observed"), weight="bold")
    table.rule(0.4)
    for k, cells in enumerate(verdict_rows(run)):
        table.row(cells, weight="normal" if k else "bold")
    table.rule(0.8)
    line, y = table.line, table.y - 0.25 * table.line
    if run.is_measured:
        agrees = bool(run.order["agrees"])
        axes.text(0, y, "agree" if agrees else "disagree", weight="bold", fontsize=8, va="center",
                  color=BLUE if agrees else ORANGE)
    else:
        axes.text(0, y, "no verdict in the file: it is written when a run ends", va="center",
                  color=GREY)
    reasons = {"observed": run.order["reason"] if run.is_measured else None,
               "linearized about": run.prediction.get("followed")}
    for name, text in reasons.items():
        for part in textwrap.wrap(f"{name}: {text}", 62) if text else []:
            y -= 0.8 * line
            axes.text(0, y, part, va="center", color="#404040")


# ---- the sheet ----


def sheet_label(run):
    return f"{run.quantity} of {run.shown} ({run.units})"


def colour_scale(activity):
    """(norm, map) for all frames: diverging and symmetric where rates have both signs."""
    if activity.low < 0 < activity.high:
        top = max(-activity.low, activity.high)
        return colors.Normalize(-top, top), "RdBu_r"
    low, high = min(activity.low, 0.0), max(activity.high, 0.0)
    return colors.Normalize(low, high if high > low else low + 1), "viridis"


def chosen_frames(run, activity):
    """Five frames: over the last period where there is a rhythm, else evenly from the onset on."""
    last = len(run.time) - 1
    if activity.peak_hz > 0:
        period = 1000 / activity.peak_hz / (run.time[1] - run.time[0])  # frames
        if 5 <= period <= last - run.observed:
            return [round(last - period * k / 5) for k in (4, 3, 2, 1, 0)]
    return sorted(set(np.linspace(run.observed, last, 5).round().astype(int)))


def draw_frames(run, row, bar, activity):
    """Into the axes of `row`, which are five."""
    norm, shade = colour_scale(activity)
    frames = chosen_frames(run, activity)
    for axes, frame in zip(row, frames):
        axes.imshow(run.variable[frame], cmap=shade, norm=norm, origin="lower",
                    extent=(0, 1, 0, 1), interpolation="nearest")
        axes.set_title(f"{run.time[frame]:g} ms", pad=2)
        axes.set(xticks=[0, 1], yticks=[0, 1])
        if axes is not row[0]:
            axes.set(xticklabels=[], yticklabels=[])
    row[0].set_xlabel("x (torus sides)", labelpad=-4)
    row[0].set_ylabel("y (torus sides)", labelpad=-4)
    for axes in row[len(frames):]:
        axes.remove()
    colour_bar(bar, norm, shade, sheet_label(run))


def draw_space_time(run, axes, bar, activity):
    norm, shade = colour_scale(activity)
    _, ny, nx = run.variable.shape
    step = [max(1, n // 2000) for n in (len(run.time), ny, nx)]  # more than the page resolves
    field = run.variable[:len(run.time):step[0], ::step[1], ::step[2]]
    axes.imshow(field.reshape(len(field), -1).T, cmap=shade, norm=norm, origin="lower",
                aspect="auto", extent=(run.time[0], run.time[-1], 0, 1))
    axes.axvline(run.onset_ms, color="black", linestyle="--", linewidth=0.8)
    axes.set(xlabel="time (ms)", ylabel="x (rings)", xlim=(0, run.end_ms))
    colour_bar(bar, norm, shade, sheet_label(run))


# ---- traces ----


def mark_onset(run, axes):
    axes.axvspan(0, run.onset_ms, color="#F0F0F0", linewidth=0, zorder=0)
    axes.axvline(run.onset_ms, color="black", linestyle="--", linewidth=0.6)
    axes.set_xlim(0, run.end_ms)
    axes.spines[["top", "right"]].set_visible(False)


def draw_means(run, axes, activity):
    """Limits fit what follows the onset; the transient may leave them."""
    low, high = np.inf, -np.inf
    for k, name in enumerate(run.variables):
        mean = activity.mean if name == run.shown else population_mean(run, name)
        axes.plot(run.time, mean, color=COLOURS[k], label=name)
        low, high = min(low, mean[run.observed:].min()), max(high, mean[run.observed:].max())
    pad = max(0.15 * (high - low), 0.05 * max(-activity.low, activity.high), 1e-12)
    axes.set(ylim=(low - pad, high + pad), ylabel="mean")
    axes.tick_params(labelbottom=False)
    if 0 < run.onset_ms <= run.end_ms:
        axes.text(run.onset_ms, 1.03, "onset", transform=axes.get_xaxis_transform(), ha="center",
                  va="bottom")
    legend_above(axes, "lower right", height=1.25, ncol=len(run.variables))
    mark_onset(run, axes)


def draw_neurons(run, axes, activity):
    """One row a neuron, all of one scale, from where the transient enters the row for good."""
    observed = activity.single[run.observed:]
    middle = (observed.min() + observed.max()) / 2
    largest = max(-activity.low, activity.high, 1e-12)
    span = max(observed.max() - observed.min(), 0.05 * largest)
    _, ny, nx = run.variable.shape
    names, shown = [], COLOURS[list(run.variables).index(run.shown)]
    for k, (y, x) in enumerate(activity.sites):
        values = activity.single[:, k] - middle
        start = np.flatnonzero(np.abs(values) > 0.6 * span).max(initial=-1) + 1
        axes.plot(run.time[start:], values[start:] - 1.2 * k * span, color=shown, linewidth=0.6)
        where = {"x": (x + .5) / nx, "y": (y + .5) / ny}
        names.append(", ".join(f"{v:.2f}" for k, v in where.items() if {"x": nx, "y": ny}[k] > 1))
    bar = float(f"{span:.0e}")
    axes.plot([1.012 * run.end_ms] * 2, [-bar / 2, bar / 2], color="black", linewidth=1.2,
              clip_on=False)
    axes.text(1.02 * run.end_ms, 0, f"{bar:g}", va="center")
    axes.set(yticks=[-1.2 * k * span for k in range(len(names))], yticklabels=names,
             ylim=(-1.2 * len(names) * span + 0.55 * span, 0.65 * span), xlabel="time (ms)",
             ylabel=f"{run.shown} neurons\nat {'x' if run.is_ring else 'x, y'}")
    mark_onset(run, axes)


# ---- spectra ----


TOO_SHORT = f"fewer than {FRAMES_MIN} frames\nafter the onset"


def scaled(amplitude):
    """(amplitude, label) with small values in a power of ten."""
    top = amplitude.max()
    exponent = int(np.floor(np.log10(top))) if top > 0 else 0
    if exponent >= -2:
        return amplitude, "amplitude (dimensionless)"
    return amplitude * 10.0**-exponent, rf"amplitude ($10^{{{exponent}}}$)"


def draw_spatial(run, axes, bar, activity):
    if activity.spatial is None:
        bar.remove()
        return absent(axes, TOO_SHORT)
    amplitude, label = scaled(activity.spatial)
    ny, nx = amplitude.shape
    n_y, n_x = np.arange(ny) - ny // 2, np.arange(nx) - nx // 2
    n = np.hypot(n_y[:, None], n_x[None, :])
    predicted = run.predicted().get("wavenumber")
    # As far as amplitudes of a tenth of the largest, at most to 20.
    edge = max(n[amplitude > 0.1 * amplitude.max()].max(initial=0) + 1, 1.5 * (predicted or 0), 6)
    edge = max(0, min(int(edge), 20, max(nx, ny) // 2 - 1))
    name = f"predicted |n| = {predicted:.3g}" if predicted is not None else None
    if run.is_ring:
        bar.remove()
        half = amplitude.reshape(-1)[max(nx, ny) // 2:][:edge + 1]
        axes.plot(half, "o-", color=BLUE, markersize=2)
        peak = int(half.argmax())
        axes.plot(peak, half[peak], "o", color=ORANGE, markersize=4, label=f"observed |n| = {peak}")
        if name:
            axes.axvline(predicted, color="black", linestyle="--", label=name)
        axes.set(xlabel="n (cycles / ring)", ylabel=label, ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    else:
        axes.imshow(amplitude, cmap="magma", origin="lower", interpolation="nearest", vmin=0,
                    extent=(n_x[0] - .5, n_x[-1] + .5, n_y[0] - .5, n_y[-1] + .5))
        reach = edge + 0.5
        if name:
            angle = np.linspace(0, 2 * np.pi, 200)
            circle = max(predicted, 0.06 * reach, 0.6) * np.array([np.cos(angle), np.sin(angle)])
            axes.plot(*circle, "--", color=SKY, linewidth=1, label=name)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="$n_x$ (cycles / torus side)",
                 ylabel="$n_y$ (cycles / torus side)")
        colour_bar(bar, colors.Normalize(0, amplitude.max() or 1), "magma", label)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(ticker.MaxNLocator(5, integer=True))
    legend_above(axes, ncol=2)


def draw_temporal(run, axes, activity):
    if activity.temporal is None:
        return absent(axes, TOO_SHORT)
    f = activity.frequencies_hz
    amplitude, label = scaled(activity.temporal)
    predicted, observed = run.predicted().get("frequency_hz"), activity.peak_hz
    axes.plot(f, amplitude, color=BLUE, linewidth=0.9)
    if observed > 0:
        axes.plot(observed, amplitude.max(), "o", color=ORANGE, markersize=4,
                  label=f"observed peak, {observed:.1f} Hz")
    if predicted:
        axes.axvline(predicted, color="black", linestyle="--",
                     label=f"predicted, {predicted:.1f} Hz")
    # As far as amplitudes of a twentieth of the largest.
    edge = 1.1 * f[amplitude > 0.05 * amplitude.max()].max(initial=0)
    axes.set(xlim=(0, min(f[-1], max(edge, 1.2 * (predicted or 0), 3 * observed, 10))),
             ylim=(0, None), xlabel="frequency (Hz)", ylabel=label)
    axes.spines[["top", "right"]].set_visible(False)
    legend_above(axes, ncol=2)
