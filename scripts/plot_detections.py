"""The page of what `brisc analyze` found: /detections as maps, and what a film lays over them."""
import numpy as np
from matplotlib import colors, patheffects, ticker

import plot_panels as panels
from plot_found import (Found, frame_of, length_label, of_trial, per_length, per_time, statements,
                        trial_of)
from plot_page import (BLUE, COLOURS, GREY, ORANGE, Page, colour_bar, legend_above,
                       network_facts)

COLUMNS, CELL_MM, MAP_MM, TOP_MM = 3, (58.5, 57.0), 30.0, 20.0
ARROWS, MODES, PATHS_MAX = 12, 3, 60
# Of singularities/kind: words, marker, colour.
KINDS = [("clockwise", "o", ORANGE), ("counter-clockwise", "o", BLUE), ("source", "^", COLOURS[2]),
         ("sink", "v", COLOURS[3]), ("saddle", "x", GREY)]


# ---- maps ----


def frame_map(found, group, axes):
    _, _, extent, _ = found.sheet(group)
    label = length_label(found, f"{group}/x")
    axes.set(xlim=extent[:2], ylim=extent[2:], aspect="equal",
             xticks=[float(f"{x:.3g}") for x in extent[:2]],
             yticks=[float(f"{y:.3g}") for y in extent[2:]])
    axes.set_xlabel(f"x ({label})", labelpad=-4)
    axes.set_ylabel(f"y ({label})", labelpad=-6)


def draw_map(found, group, axes, values, shade, norm=None):
    _, _, extent, _ = found.sheet(group)
    picture = axes.imshow(values, cmap=shade, norm=norm, origin="lower", extent=extent,
                          interpolation="nearest")
    frame_map(found, group, axes)
    return picture


def arrows_of(x, y, u, v):
    """Mean vectors of about ARROWS x ARROWS blocks."""
    step = max(1, round(max(len(x), len(y)) / ARROWS))
    ny, nx = len(y) // step, len(x) // step
    mean = [c[:ny * step, :nx * step].reshape(ny, step, nx, step).mean(axis=(1, 3)) for c in (u, v)]
    at = [c[:n * step].reshape(n, step).mean(axis=1) for c, n in ((x, nx), (y, ny))]
    return (*np.meshgrid(*at), *mean)


def draw_arrows(axes, sheet, u, v, unit=None):
    """The typical arrow fills a block; with a unit, one of a round length is drawn as the key."""
    x, y, _, side = sheet
    px, py, pu, pv = arrows_of(x, y, u, v)
    speed = np.hypot(pu, pv)
    pu, pv = (np.where(speed > 0, c, np.nan) for c in (pu, pv))
    typical = float(np.quantile(speed[speed > 0], 0.8)) if np.any(speed > 0) else 1.0
    arrows = axes.quiver(px, py, pu, pv, color="black", angles="xy", scale_units="xy", pivot="mid",
                         scale=typical * ARROWS / max(side), width=0.008, headwidth=4)
    arrows.set_path_effects([patheffects.withStroke(linewidth=1.0, foreground="white")])
    if unit:
        key = float(f"{typical:.0e}")
        axes.quiverkey(arrows, 0.95, 1.06, key, f"{key:g} {per_time(unit)}", labelpos="W", labelsep=0.03,
                       fontproperties={"size": 5.5})
    return arrows


def draw_activity(found, run, activity, axes, bar):
    k = film_middle(found)
    time_ms = found["flow/frame"][k]
    norm, shade = panels.colour_scale(activity)
    draw_map(found, "flow", axes, frame_of(run, time_ms), shade, norm)
    draw_arrows(axes, found.sheet("flow"), found["flow/velocity_x"][k], found["flow/velocity_y"][k],
                unit=found.unit("flow/velocity_x"))
    axes.set_title(f"{time_ms:g} ms", loc="left", pad=3)
    colour_bar(bar, norm, shade, panels.sheet_label(run))
    bar.yaxis.set_major_locator(ticker.MaxNLocator(4))


def film_middle(found):
    return found.file["flow/frame"].size // 2


def draw_phase(found, axes, bar):
    k = film_middle(found)
    time_ms = found["flow/frame"][k]
    norm = colors.Normalize(-np.pi, np.pi)
    draw_map(found, "flow", axes, found["flow/phase"][k], "twilight", norm)
    if found.has("flow/velocity_x"):
        draw_arrows(axes, found.sheet("flow"), found["flow/velocity_x"][k],
                    found["flow/velocity_y"][k])
    mark_points(found, axes, time_ms, film_step(found))
    axes.set_title(f"{time_ms:g} ms", loc="left", pad=3)
    colour_bar(bar, norm, "twilight", "phase (rad)")
    bar.set_yticks([-np.pi, 0, np.pi], [r"$-\pi$", "0", r"$\pi$"])


def film_step(found):
    """Half the time between fields that singularities were looked for in, ms."""
    time = found["flow/time"] if "flow/time" in found else found["singularities/path_time_ms"]
    steps = np.diff(np.unique(time))
    return steps.min() / 2 if len(steps) else 0.5


def mark_points(found, axes, time_ms, within_ms):
    """Singularities of one time. Returns what was drawn."""
    if not found.has("singularities/kind"):
        return []
    kinds = found["singularities/kind"].astype(int)
    points = found.at("singularities", time_ms, within_ms)
    drawn = []
    for kind, (_, marker, colour) in enumerate(KINDS):
        of_kind = points[kinds[points[:, 0].astype(int) - 1] == kind]
        edge = {} if marker == "x" else {"markeredgecolor": "white", "markeredgewidth": 0.6}
        drawn += axes.plot(of_kind[:, 1], of_kind[:, 2], marker, color=colour, markersize=4,
                           clip_on=False, **edge)
    return drawn


def path_of(found, group, track, side):
    """(x, y) of a track, with gaps where it goes over a torus's edge."""
    chosen = found[f"{group}/path_track"] == track
    place = np.column_stack([found[f"{group}/path_{c}"][chosen] for c in ("x", "y")])
    jumps = np.any(np.abs(np.diff(place, axis=0)) > np.array(side) / 2, axis=1)
    return np.insert(place, np.flatnonzero(jumps) + 1, np.nan, axis=0).T


def longest(found, group, name):
    """Numbers of the PATHS_MAX tracks that lived longest."""
    return np.argsort(-found[f"{group}/{name}"], kind="stable")[:PATHS_MAX] + 1


def draw_singularities(found, axes):
    group = "flow" if found.is_sheet("flow") else "bumps"
    side = found.sheet(group)[3]
    kinds = found["singularities/kind"].astype(int)
    named = set()
    for track in longest(found, "singularities", "lifetime_ms"):
        words, marker, colour = KINDS[kinds[track - 1]]
        px, py = path_of(found, "singularities", track, side)
        axes.plot(px, py, color=colour, linewidth=0.7)
        axes.plot(px[0], py[0], marker, color=colour, markersize=3.5, clip_on=False, zorder=3,
                  label=None if words in named else words)
        named.add(words)
    frame_map(found, group, axes)
    hidden = len(kinds) - min(len(kinds), PATHS_MAX)
    if hidden:
        axes.set_title(f"the {PATHS_MAX} longest of {len(kinds)}", loc="left", pad=3)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.25, -0.16), ncol=3, fontsize=6, handlelength=1,
                columnspacing=1, handletextpad=0.4, labelspacing=0.25)


def draw_mode(found, k, axes, bar):
    _, _, extent, _ = found.sheet("modes")
    u, v = found["modes/velocity_x"][k], found["modes/velocity_y"][k]
    speed = np.hypot(u, v)
    speed[speed == 0] = np.nan  # outside a mask
    norm = colors.Normalize(0, 1)
    draw_map(found, "modes", axes, speed / (float(np.nanmax(speed)) or 1.0), "Blues", norm)
    draw_arrows(axes, found.sheet("modes"), u, v)
    share = found["modes/variance_explained"][k] if "modes/variance_explained" in found else np.nan
    axes.set_title(f"{100 * share:.3g} % of the variance", loc="left", pad=3)
    colour_bar(bar, norm, "Blues", "speed / its largest")


def draw_bumps(found, run, activity, axes, bar):
    time_ms, label = found["bumps/frame"][0], found["bumps/label"][0]
    x, y, _, side = found.sheet("bumps")
    values = frame_of(run, time_ms)
    if values is None:
        norm, shade, words = colors.Normalize(0, 1), "Blues", "in a bump"
        values = (label > 0).astype(float)
    else:
        (norm, shade), words = panels.colour_scale(activity), panels.sheet_label(run)
    draw_map(found, "bumps", axes, values, shade, norm)
    for number in np.unique(label[label > 0]):
        axes.contour(x, y, label == number, levels=[0.5], colors="black", linewidths=0.8)
    for track in longest(found, "bumps", "track_lifetime_ms"):
        axes.plot(*path_of(found, "bumps", track, side), color=COLOURS[7], linewidth=0.9)
    count, error = found.number("bumps/count"), found.number("bumps/count_error")
    axes.set_title(f"{time_ms:g} ms; {count:.2f} ± {error:.2f} a frame", loc="left", pad=3)
    colour_bar(bar, norm, shade, words)


# ---- curves ----


def tidy(axes):
    axes.spines[["top", "right"]].set_visible(False)


def draw_series(found, axes):
    time = found["flow/time"]
    for k, name in enumerate(("order", "synchrony")):
        if f"flow/{name}_series" in found:
            axes.plot(time, found[f"flow/{name}_series"], color=COLOURS[1 - k], label={
                "order": "plane-wave index", "synchrony": "synchrony"}[name])
    axes.set(xlabel="time (ms)", ylabel="index", ylim=(-0.02, 1.02), xlim=(time[0], time[-1]))
    legend_above(axes, ncol=2, fontsize=6)
    tidy(axes)


def draw_wave(found, run, axes, bar):
    power = found["wave/power"]
    n, f = found["wave/spectrum_wavenumber"], found["wave/spectrum_frequency_hz"]
    top = power.max() or 1.0
    norm = colors.LogNorm(1e-5 * top, top)
    width, bin_hz = (c[1] - c[0] if len(c) > 1 else 1.0 for c in (n, f))
    axes.imshow(np.maximum(power.T, 1e-5 * top), cmap="magma", norm=norm, origin="lower",
                aspect="auto", interpolation="nearest",
                extent=(n[0] - width / 2, n[-1] + width / 2, f[0] - bin_hz / 2, f[-1] + bin_hz / 2))
    predicted = run.predicted() if run is not None else {}
    # As far as a fiftieth of the largest power, what was found and what was predicted.
    strong = np.argwhere(power > 0.02 * top)
    marked = [np.nanmax(found[name], initial=0) if name in found else 0
              for name in ("wave/peak_wavenumber", "wave/peak_frequency_hz")]
    reach_n, reach_f = (
        1.4 * max(np.abs(axis[strong[:, k]]).max(initial=0), marked[k], predicted.get(name) or 0)
        for k, (axis, name) in enumerate(((n, "wavenumber"), (f, "frequency_hz"))))
    axes.set(xlim=(n[0] - width / 2, min(n[-1], max(reach_n, 6 * width))),
             ylim=np.array([-1, 1]) * min(f[-1], max(reach_f, 6 * bin_hz)))
    axes.set(xlabel=f"wave number |k| ({per_length(found, 'wave/spectrum_wavenumber')})"
             + "\nfrequency > 0: with the strongest wave" * bool(marked[0] > 0), ylabel="frequency (Hz)")
    if found.has("wave/peak_wavenumber", "wave/peak_frequency_hz"):
        sign = 1
        if found.has("wave/peak_nx", "wave/peak_ny"):  # as the map's: negative against the first
            peak = np.column_stack([found["wave/peak_nx"], found["wave/peak_ny"]])
            sign = np.where(peak @ peak[0] < 0, -1, 1) if len(peak) else 1
        axes.plot(found["wave/peak_wavenumber"], sign * found["wave/peak_frequency_hz"], "o",
                  color="white", markerfacecolor="none", markersize=5, markeredgewidth=0.8,
                  path_effects=[patheffects.withStroke(linewidth=1.8, foreground="black")])
    if predicted.get("frequency_hz"):
        axes.plot([predicted["wavenumber"]] * 2, np.array([1, -1]) * predicted["frequency_hz"], "+",
                  color=COLOURS[5], markersize=7)
    axes.set_title("○ found   " * bool(marked[0] > 0) + "+ predicted" * bool(
        predicted.get("frequency_hz")), loc="left", pad=3)
    colour_bar(bar, norm, "magma", "variance a bin")


def draw_pattern(found, run, axes):
    n = found["pattern/wavenumber_axis"]
    shown = slice(1, None)
    axes.plot(n[shown], found["pattern/power_frames"][shown], color=BLUE, label="mean of frames")
    axes.plot(n[shown], found["pattern/power_mean"][shown], color=ORANGE, label="mean pattern",
              linewidth=0.6)
    peak, half = found.number("pattern/wavenumber"), found.number("pattern/half_width")
    if np.isfinite(peak):
        axes.axvspan(peak - half, peak + half, color="#DDDDDD", linewidth=0, zorder=0)
        axes.set_title(f"|n| = {peak:.3g}, half width {half:.2g}", loc="left", pad=3)
    predicted = found.number("pattern/wavelength_predicted")
    if np.isfinite(predicted):
        axes.axvline(1 / predicted, color="black", linestyle="--", label="predicted")
    axes.set(xscale="log", yscale="log", ylabel="variance a mode",
             xlabel=f"wave number |n| ({per_length(found, 'pattern/wavenumber_axis')})")
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.legend(loc="upper left", bbox_to_anchor=(-0.3, -0.27), ncol=3, fontsize=6, handlelength=1,
                columnspacing=1, handletextpad=0.4)
    tidy(axes)


def draw_rest(found, run, activity, axes, bar):
    """A map of a run in which no phase moves, at the time of the other maps."""
    named = [found[name].ravel()[0] for name in ("bumps/frame", "persistence/time_ms") if name in found]
    k = int(np.argmin(np.abs(run.time - named[0]))) if named else len(run.time) // 2
    norm, shade = panels.colour_scale(activity)
    axes.imshow(run.variable[k], cmap=shade, norm=norm, origin="lower", extent=(0, 1, 0, 1),
                interpolation="nearest")
    axes.set(xticks=[0, 1], yticks=[0, 1])
    axes.set_xlabel("x (torus sides)", labelpad=-4)
    axes.set_ylabel("y (torus sides)", labelpad=-6)
    axes.set_title(f"{run.time[k]:g} ms", loc="left", pad=3)
    colour_bar(bar, norm, shade, panels.sheet_label(run))
    bar.yaxis.set_major_locator(ticker.MaxNLocator(4))


def draw_spectra(found, axes):
    f = found["asynchrony/frequency_hz"]
    for name, colour, label in (("site", BLUE, "sites, mean"), ("population", ORANGE, "their mean's")):
        axes.plot(f[1:], found[f"asynchrony/{name}_spectrum"][1:], color=colour, label=label)
    axes.set(xscale="log", yscale="log", xlabel="frequency (Hz)", ylabel="power (1/Hz)")
    legend_above(axes, ncol=2, fontsize=6)
    tidy(axes)


def draw_correlation(found, axes):
    r, c = found["asynchrony/distance"], found["asynchrony/correlation"]
    axes.axhline(0, color="#CCCCCC", linewidth=0.5)
    if "asynchrony/correlation_error" in found:
        axes.errorbar(r, c, found["asynchrony/correlation_error"], color=BLUE, elinewidth=0.4)
    else:
        axes.plot(r, c, color=BLUE)
    axes.set(xlabel=f"distance ({length_label(found, 'asynchrony/distance')})",
             ylabel="correlation")
    tidy(axes)


def draw_persistence(found, axes):
    birth, death = found["persistence/birth"], found["persistence/death"]
    ends = np.array([min(birth.min(), death.min()), max(birth.max(), death.max())])
    axes.plot(ends, ends, color=GREY, linewidth=0.5)
    axes.plot(birth, death, "o", color=BLUE, markersize=2.5)
    axes.set(xlabel="birth (standard deviations)", ylabel="death (standard deviations)",
             aspect="equal")
    axes.set_title(f"{len(birth)} component{'s' * (len(birth) != 1)}, sum {found.number('persistence/sum'):.2f}",
                   loc="left", pad=3)
    tidy(axes)


def draw_exponents(found, axes):
    exponents, errors = found["lyapunov/exponents"], found["lyapunov/errors"]
    axes.axhline(0, color="black", linewidth=0.5)
    axes.errorbar(np.arange(1, len(exponents) + 1), exponents, errors, fmt="o", color=BLUE,
                  markersize=3, linewidth=0.8, capsize=2, label="Benettin")
    if np.isfinite(found.number("lyapunov/twin")):
        axes.errorbar([1.2], [found.number("lyapunov/twin")], [found.number("lyapunov/twin_error")],
                      fmt="s", color=ORANGE, markersize=3, linewidth=0.8, capsize=2,
                      label="twin trajectories")
    axes.set(xlabel="number", ylabel=r"Lyapunov exponent (1/$\tau$)",
             xlim=(0.5, len(exponents) + 0.7))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    legend_above(axes, ncol=2, fontsize=6)
    tidy(axes)


def draw_convergence(found, axes):
    time, means = found["lyapunov/time"], found["lyapunov/convergence"]
    axes.axhline(0, color="black", linewidth=0.5)
    for k in range(min(means.shape[1], len(COLOURS))):
        axes.plot(time, means[:, k], color=COLOURS[k], linewidth=0.7)
    late = means[len(time) // 10:]
    pad = 0.3 * (np.nanmax(late) - np.nanmin(late)) or 1e-3
    axes.set(xlabel="time (ms)", ylabel=r"mean growth rate (1/$\tau$)",
             ylim=(min(np.nanmin(late) - pad, -pad), max(np.nanmax(late) + pad, pad)))
    tidy(axes)


def draw_prediction(run, axes, bar):
    """As on the run's page; the legend in one column below."""
    panels.draw_spectrum(run, axes, bar)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.05, -0.26), fontsize=6, handlelength=1.4,
                labelspacing=0.25)


# ---- the page ----


def cells(found, run, activity):
    """(heading, whether it has a colour bar, how it is drawn) of what the file holds."""
    flow = found.is_sheet("flow") and found.has("flow/frame", "flow/phase")
    moves = flow and found.has("flow/velocity_x", "flow/velocity_y")
    if moves and frame_of(run, found["flow/frame"][film_middle(found)]) is not None:
        yield "Activity and velocity of the phase", True, \
            lambda axes, bar: draw_activity(found, run, activity, axes, bar)
    elif run is not None and len(run.time) and not run.is_ring:
        yield "Activity", True, lambda axes, bar: draw_rest(found, run, activity, axes, bar)
    if flow:
        yield "Phase" + ", velocity, singularities" * moves, True, \
            lambda axes, bar: draw_phase(found, axes, bar)
    if found.has("singularities/kind", "singularities/path_x") and \
            (found.is_sheet("flow") or found.is_sheet("bumps")):
        yield "Singularities and their paths", False, \
            lambda axes, bar: draw_singularities(found, axes)
    if found.has("flow/time") and (found.has("flow/order_series") or
                                   found.has("flow/synchrony_series")):
        yield "Order of the motion in time", False, lambda axes, bar: draw_series(found, axes)
    if found.has("modes/velocity_x", "modes/velocity_y") and found.is_sheet("modes"):
        shares = found["modes/variance_explained"] if "modes/variance_explained" in found else None
        for k in range(min(MODES, found.file["modes/velocity_x"].shape[0])):
            if k > 0 and shares is not None and shares[k] < 0.001:
                break  # nothing but noise
            yield f"Mode {k + 1} of the velocity", True, \
                lambda axes, bar, k=k: draw_mode(found, k, axes, bar)
    if found.has("wave/power", "wave/spectrum_wavenumber", "wave/spectrum_frequency_hz"):
        yield "Power, wave number by frequency", True, \
            lambda axes, bar: draw_wave(found, run, axes, bar)
    if found.has("bumps/label", "bumps/frame") and found.is_sheet("bumps"):
        yield "Bumps, outlined, and their paths", True, \
            lambda axes, bar: draw_bumps(found, run, activity, axes, bar)
    if found.has("pattern/wavenumber_axis", "pattern/power_frames"):
        yield "Structure factor", False, lambda axes, bar: draw_pattern(found, run, axes)
    if found.has("asynchrony/distance", "asynchrony/correlation"):
        yield "Correlation by distance", False, lambda axes, bar: draw_correlation(found, axes)
    if found.has("asynchrony/frequency_hz", "asynchrony/site_spectrum",
                 "asynchrony/population_spectrum"):
        yield "Temporal spectra", False, lambda axes, bar: draw_spectra(found, axes)
    if found.has("persistence/birth", "persistence/death"):
        yield "Birth and death of sublevel sets", False, \
            lambda axes, bar: draw_persistence(found, axes)
    if found.has("lyapunov/exponents", "lyapunov/errors"):
        yield "Lyapunov exponents", False, lambda axes, bar: draw_exponents(found, axes)
        if found.has("lyapunov/convergence", "lyapunov/time"):
            yield "Their convergence", False, lambda axes, bar: draw_convergence(found, axes)
        if run is not None and run.prediction:
            yield "Predicted spectrum", True, \
                lambda axes, bar: draw_prediction(run, axes, bar)


def draw_detections_page(file, name, run, activity, path):
    """run and activity: None where the file holds no run."""
    found, trial = Found(file), trial_of(file)
    run = of_trial(run, trial)
    drawn = list(cells(found, run, activity))
    words = list(statements(found))
    rows = -(-len(drawn) // COLUMNS)
    top = TOP_MM + 3.5 * len(words)
    page = Page(180.0, top + max(rows, 1) * CELL_MM[1] + 3)
    page.text(4, 6.5, f"{name}: what was found", fontsize=10, weight="bold")
    if run is not None:
        page.text(4, 11, "  ·  ".join(network_facts(run)), color="#404040")
    if run is not None and run.trials > 1 or "trial" in found:
        page.text(176, 6.5, f"trial {trial}" + (f" of 0 to {run.trials - 1}" if run is not None
                                                else ""), ha="right", fontsize=8)
    for k, text in enumerate(words):
        page.text(4, 14.5 + 3.5 * k, text, color="#404040")
    for k, (heading, has_bar, draw) in enumerate(drawn):
        x = 3 + k % COLUMNS * CELL_MM[0]
        y = top + k // COLUMNS * CELL_MM[1]
        page.heading(x, y, chr(ord("a") + k), heading)
        left = x + (11 if has_bar else 14)  # room for numbers beside a curve
        axes = page.axes(left, y + 7.5, MAP_MM, MAP_MM)
        bar = page.axes(left + MAP_MM + 1.5, y + 7.5, 1.6, MAP_MM) if has_bar else None
        draw(axes, bar)
        if bar is not None and bar.figure is not None:
            bar.yaxis.labelpad = 1.0
            bar.tick_params(labelsize=6, pad=1.5)
            bar.minorticks_off()
    page.save(path)


# ---- the film ----


class Overlay:
    """Arrows of the nearest velocity field and the singularities of each frame, over a film."""

    def __init__(self, file, axes, trial):
        """trial: the film's; what was found in another one is left out."""
        self.found, self.axes, self.arrows, self.shown, self.points = None, axes, None, None, []
        found = Found(file) if "detections" in file and trial_of(file) == trial else None
        if found is not None and found.is_sheet("flow") and \
                found.has("flow/frame", "flow/velocity_x", "flow/velocity_y"):
            self.found, self.times = found, found["flow/frame"]
            self.step_ms = film_step(found)

    def update(self, time_ms):
        """Returns words for the title."""
        if self.found is None:
            return ""
        for drawn in self.points:
            drawn.remove()
        self.points = mark_points(self.found, self.axes, time_ms, self.step_ms)
        nearest = int(np.argmin(np.abs(self.times - time_ms)))
        if nearest != self.shown:
            if self.arrows is not None:
                self.arrows.remove()
            self.arrows = draw_arrows(self.axes, self.found.sheet("flow"),
                                      self.found["flow/velocity_x"][nearest],
                                      self.found["flow/velocity_y"][nearest])
            self.shown = nearest
        return f", velocity at {self.times[nearest]:g} ms"
