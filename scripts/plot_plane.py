"""Measured and predicted eigenvalues in the complex plane."""
import numpy as np
from matplotlib import patches, ticker

from plot_page import BLUE, COLOURS, GREY, ORANGE, SKY, draw_stability, size_mm

DARK, PURPLE = "#404040", COLOURS[3]
LABEL_MM, LETTER_MM = 3.6, 1.25  # from one label to the next; what a letter takes
LABELS_MAX = 8
FULL_SHARE, LEADING_SHARE = 0.4, 0.1  # largest side of the closer view, in sides of the whole


def both(re, im):
    """An eigenvalue with im > 0 stands for the pair of conjugates."""
    pair = im != 0
    return np.concatenate([re, re[pair]]), np.concatenate([im, -im[pair]])


def whole_view(s):
    """(left, right, bottom, top) of everything that is finite."""
    re, im = both(np.concatenate([s.re, s.modes["re"]]), np.concatenate([s.im, s.modes["im"]]))
    keep = np.isfinite(re)
    right, top = max(1.0, s.reach, *re[keep]), max(s.reach, *im[keep])
    return min(-s.reach, *re[keep]), right, -top, top


def bars(s):
    """Error bars; 0 of a mode that the disk's edge lies within one of: no eigenvalue answers to it
    (match.c), and the bar grows without limit towards the edge."""
    std, modulus = s.modes["std"], np.hypot(s.modes["re"], s.modes["im"])
    return np.where(np.isfinite(std) & (modulus - std >= s.radius), std, 0)


def scatter(s):
    """How far (rms) each mode's eigenvalues lie from its mean: its error bar, times sqrt((m + 1)/2)
    for m degenerate ones, which repel each other."""
    return bars(s) * np.sqrt((s.modes["multiplicity"] + 1) / 2)


def group_points(s, group):
    """(re, im) of the group's measured outliers and of what its modes' scatter spans."""
    mine, found = s.modes["group"] == group, s.outliers["group"] == group
    reach, re, im = (values[mine] for values in (scatter(s), s.modes["re"], s.modes["im"]))
    x, y = s.outliers["re"][found], s.outliers["im"][found]
    x, y = both(x, y) if np.all(im == 0) else (x, y)
    return np.concatenate([re - reach, re + reach, x]), np.concatenate([im - reach, im + reach, y])


def closer_view(s):
    """The groups of modes that lead, as many as fit (of a spectrum's leading part, those found); the
    disk, where it is small and all of it known. Returns (what it shows, view)."""
    left, right, bottom, top = whole_view(s)
    largest = max(right - left, top - bottom)
    disk = "The disk, closer", (-s.reach, max(s.reach, 1.0), -s.reach, s.reach)
    if s.full and s.reach < 0.15 * largest:
        return disk
    what, share = ("The leading modes, closer", FULL_SHARE) if s.full else \
        ("The leading outliers, closer", LEADING_SHARE)
    re, im = np.empty(0), np.empty(0)
    for g in range(1, s.groups + 1):
        if not s.full and not np.any(s.outliers["group"] == g):
            continue
        x, y = (np.concatenate(pair) for pair in zip((re, im), group_points(s, g)))
        if len(re) and max(np.ptp(x), np.ptp(y)) > share * largest:
            break
        re, im = x, y
    if len(re) == 0:
        return disk
    return what, (re.min(), re.max(), im.min(), im.max())


def frame(axes, view, room_right, room_top):
    """Limits about the view, of equal scales, with room for labels (mm). Returns mm a unit."""
    width, height = size_mm(axes)
    left, right, bottom, top = view
    spread = max(right - left, top - bottom, 1e-9)
    pad = 4.0  # mm on every side
    unit = min((width - room_right - 2 * pad) / max(right - left, 0.02 * spread),
               (height - room_top - 2 * pad) / max(top - bottom, 0.02 * spread))
    x = (left + right) / 2 - (width - room_right) / 2 / unit
    y = (bottom + top) / 2 - (height - room_top) / 2 / unit
    axes.set(xlim=(x, x + width / unit), ylim=(y, y + height / unit),
             xlabel=r"Re $\lambda$ (dimensionless)", ylabel=r"Im $\lambda$ (dimensionless)")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(6))
    return unit


def spread_out(at, gap):
    """Places at least `gap` apart, in the order of `at` and near it."""
    order, placed = np.argsort(at, kind="stable"), np.array(at, float)
    blocks = []  # [sum of (at - rank gap), count], merged while they would overlap
    for rank, i in enumerate(order):
        blocks.append([at[i] - rank * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    starts = np.concatenate([np.full(count, total / count) for total, count in blocks])
    placed[order] = starts + np.arange(len(at)) * gap
    return placed


def choose_labels(s, view, unit, least):
    """[(x, y, name)] of the modes that lead, |lambda| >= least, distinct on paper, unless the disk
    hides them from the right; a name holds the second mode of one place as well."""
    chosen = []
    left, right, bottom, top = view
    margin = 0.02 * max(right - left, top - bottom)
    for x, y, nx, ny in zip(*(s.modes[name] for name in ("re", "im", "nx", "ny"))):
        inside = left - margin <= x <= right + margin and bottom - margin <= y <= top + margin
        hidden = x < 0 and abs(y) < s.radius
        if not inside or hidden or np.hypot(x, y) < least:
            continue
        away = [np.hypot(x - a, y - b) * unit for a, b, _ in chosen]
        nearest = int(np.argmin(away)) if away else 0
        if not away or away[nearest] > 2.5:
            chosen.append((x, y, [s.wave_name(nx, ny)]))
        elif away[nearest] < 0.05:
            chosen[nearest][2].append(s.wave_name(nx, ny))
    return [(x, y, ("n = " if k == 0 else "") + ", ".join(names[:2]))
            for k, (x, y, names) in enumerate(chosen[:LABELS_MAX])]


def put_labels(axes, chosen, unit, in_row, edge):
    """In a row above what they name, or in a column beside it: `edge`, where that starts."""
    if not chosen:
        return
    x, y = np.array([c[0] for c in chosen]), np.array([c[1] for c in chosen])
    gap = LABEL_MM / unit
    place = spread_out(x if in_row else y, gap)
    if not in_row:
        low, high = axes.get_ylim()
        place += max(low + gap - place.min(), 0) - max(place.max() - high + gap, 0)
    for k, (_, _, name) in enumerate(chosen):
        at = (place[k], edge) if in_row else (edge, place[k])
        axes.annotate(name, (x[k], y[k]), at, ha="left", va="center", rotation_mode="anchor",
                      rotation=60 if in_row else 0, zorder=6, weight="normal" if k else "bold",
                      arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkA": 1,
                                  "shrinkB": 2, "relpos": (0.15, 0) if in_row else (0, 0.5)})


def draw_disk(s, axes):
    if s.radius <= 0:
        return
    axes.add_patch(patches.Circle((0, 0), s.radius, facecolor="#CFE3F2", edgecolor=BLUE,
                                  linewidth=0, zorder=0.5,
                                  label=f"predicted disk, radius {s.radius:.3g}"))
    axes.add_patch(patches.Circle((0, 0), s.radius, fill=False, edgecolor=BLUE, linewidth=0.6,
                                  zorder=2.5))
    axes.add_patch(patches.Annulus((0, 0), s.reach, s.reach - s.radius, facecolor="#EEF5FA",
                                   edgecolor="none", zorder=0,
                                   label=f"its edge: localized states may reach {s.reach:.3g}"))


def draw_measured(s, axes, size):
    bulk = s.converged & ~s.is_outlier
    axes.scatter(s.re[bulk], s.im[bulk], s=size / 5 if s.full else size, color=GREY if s.full else DARK,
                 linewidth=0, zorder=2, rasterized=bool(s.full),
                 label="measured, of the disk" if bulk.any() else None)
    loose = ~s.converged & np.isfinite(s.re) & ~s.is_outlier
    axes.scatter(s.re[loose], s.im[loose], s=size, facecolor="white", edgecolor=DARK, linewidth=0.6,
                 zorder=2, label="not converged" if loose.any() else None)
    known, sure = np.isfinite(s.outliers["group"]), s.outlier_converged
    for who, colour, marker, name in ((known, ORANGE, "o", "measured outlier"),
                                      (~known, PURPLE, "D", "outlier not predicted")):
        for which, face, words in ((who & sure, colour, name),
                                   (who & ~sure, "white", f"{name}, not converged")):
            axes.scatter(*both(s.outliers["re"][which], s.outliers["im"][which]), s=size,
                         facecolor=face, edgecolor=colour, marker=marker, linewidth=0.6, zorder=5,
                         label=words if which.any() else None)


def draw_predicted(s, axes, circles):
    """Crosses as long as one mode's error bar; with `circles`, those of the modes' scatter."""
    x, y = both(s.modes["re"], s.modes["im"])
    length, _ = both(bars(s), s.modes["im"])
    if len(x) == 0:
        return
    axes.errorbar(x, y, xerr=length, yerr=length * (y != 0), fmt="+", markersize=3.5, color=BLUE,
                  markeredgewidth=0.7, elinewidth=0.7, zorder=4,
                  label="predicted mode, with its error bar")
    if circles:
        style = {"color": SKY, "linewidth": 0.6, "linestyle": ":"}
        axes.plot([], [], **style, label="rms scatter of degenerate modes")
        for a, b, r in zip(x, y, both(scatter(s), s.modes["im"])[0]):
            axes.add_patch(patches.Circle((a, b), r, fill=False, zorder=3.5, **style))


def draw_plane(s, axes, view, close):
    """One view; a `close` one has larger points and the circles of scatter."""
    width, height = size_mm(axes)
    rough = min(width / max(view[1] - view[0], 1e-9), height / max(view[3] - view[2], 1e-9))
    chosen = choose_labels(s, view, rough, 0)
    points = np.array([c[:2] for c in chosen] or [(0, 0)])
    in_row = np.ptp(points[:, 0]) > 1.5 * np.ptp(points[:, 1])
    if in_row:  # above the axis, the disk is in the way
        chosen = choose_labels(s, view, rough, s.reach)
    room = LETTER_MM * max([len(name) for _, _, name in chosen], default=0) + 4
    unit = frame(axes, view, 8 if in_row else room, room if in_row else 0)
    axes.axhline(0, color="#DDDDDD", linewidth=0.5, zorder=0.2)
    axes.axvline(0, color="#DDDDDD", linewidth=0.5, zorder=0.2)
    draw_disk(s, axes)
    draw_stability(s, axes)
    draw_measured(s, axes, 7 if close else 3)
    draw_predicted(s, axes, close)
    if in_row:
        x, y = (values[s.outliers["re"] > s.reach] for values in (s.outliers["re"], s.outliers["im"]))
        edge = max([*scatter(s), *y[np.hypot(x, y) > s.reach]], default=0) + 4 / unit
        edge = min(edge, axes.get_ylim()[1] - room / unit)
    else:
        edge = axes.get_xlim()[1] - (room - 2) / unit
    put_labels(axes, chosen, unit, in_row, edge)
