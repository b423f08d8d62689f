"""The page of a measured spectrum, from what `brisc spectrum` wrote."""
from dataclasses import dataclass

import numpy as np
from matplotlib import collections, colors

import plot_plane as plane
from plot_page import BLUE, Page, Table, absent, colour_bar, legend_above, number
from plot_run import Fault, Network, contents, read_network

PAGE_MM = 180.0  # wide; as high as the tables need
TABLES_MM, TABLES_LEAST_MM = 124.5, 56.0  # where they start, from the top; height
MAP_MM = 21.4
MAPS, ROWS = 6, 6  # at most: eigenvectors drawn; groups or outliers in the table
OUTLIER = ("re", "im", "nx", "ny", "predicted_re", "predicted_im", "std", "z", "group")
MODE = ("re", "im", "nx", "ny", "std", "multiplicity", "group")
GROUP = ("nx", "ny", "multiplicity", "found", "re", "im", "predicted_re", "predicted_im", "z_re",
         "z_im", "ragged")


@dataclass
class Spectrum(Network):
    values: dict  # attributes and variables of /spectrum
    modes: dict  # those of MODE, of /spectrum/predicted
    outliers: dict  # those of OUTLIER
    group: dict  # those of GROUP
    vectors: list  # (re, im, [y][x] complex) on the population shown

    def __getattr__(self, name):
        """re, im of all eigenvalues, and numbers of the group by their names; None if absent."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self.values.get(name)

    @property
    def radius(self):
        return float(self.bulk_radius_predicted)

    @property
    def reach(self):
        return float(self.bulk_reach)

    @property
    def converged(self):
        return self.values["converged"].astype(bool) & np.isfinite(self.re)

    @property
    def is_outlier(self):
        """Of every eigenvalue; an outlier has its very value."""
        taken = set(zip(self.outliers["re"], self.outliers["im"]))
        return np.array([(re, abs(im)) in taken for re, im in zip(self.re, self.im)], bool)

    @property
    def outlier_converged(self):
        sure = dict(zip(zip(self.re, self.im), self.converged))
        return np.array([sure.get(pair, True) for pair in
                         zip(self.outliers["re"], self.outliers["im"])], bool)

    @property
    def groups(self):
        return len(self.group["nx"])

    def wave_name(self, nx, ny):
        return f"{int(nx + ny)}" if self.is_ring else f"({int(nx)}, {int(ny)})"


def columns(values, names, prefix=""):
    return {name: np.asarray(values.get(prefix + name, []), float) for name in names}


def read_spectrum(path, file, population):
    network = read_network(path, file, population)
    values = contents(file, "spectrum")
    modes = columns(contents(file, "spectrum/predicted"), MODE)
    if "re" not in values or len(modes["group"]) != len(modes["re"]):
        raise Fault(f"{path}: its /spectrum is of another version of brisc; measure it again with "
                    "`brisc spectrum`")
    real, imaginary = (values.get(f"vector_{network.shown}_{part}", []) for part in ("re", "im"))
    vectors = [(re, im, u + 1j * v) for re, im, u, v in
               zip(values.get("vector_eigenvalue_re", []), values.get("vector_eigenvalue_im", []),
                   real, imaginary)]
    return Spectrum(**vars(network), values=values, modes=modes,
                    outliers=columns(values, OUTLIER, "outlier_"),
                    group=columns(values, GROUP, "group_"), vectors=vectors)


def complex_text(re, im, decimals=2):
    if not np.isfinite(re):
        return ""
    re = round(re, decimals) + 0.0  # no -0.00
    if im == 0:
        return f"{re:.{decimals}f}".replace("-", "−")
    return f"{re:.{decimals}f} ± {abs(im):.{decimals}f}i".replace("-", "−")


# ---- the bulk's radial distribution ----


def draw_radial(s, axes):
    modulus = np.sort(np.hypot(s.re, s.im)[s.converged & ~s.is_outlier]) / s.radius
    axes.axvspan(1, s.reach / s.radius, color="#EEF5FA", linewidth=0, zorder=0,
                 label="ragged edge")
    axes.plot(np.concatenate([[0], modulus]), np.arange(len(modulus) + 1) / len(modulus),
              drawstyle="steps-post", color="#404040", label="measured")
    axes.plot(s.values["radius"] / s.radius, s.radial_fraction_predicted, "--", color=BLUE,
              label="theory")
    axes.axvline(1, color=BLUE, linewidth=0.6)
    axes.text(0.03, 0.95, f"Kolmogorov–Smirnov\ndistance {s.ks:.3f}", va="top",
              transform=axes.transAxes)
    axes.set(xlim=(0, max(1.05 * s.reach / s.radius, modulus.max(initial=1))), ylim=(0, 1.02),
             xlabel=r"|$\lambda$| / predicted radius", ylabel="fraction of the disk's eigenvalues")
    axes.spines[["top", "right"]].set_visible(False)
    legend_above(axes, ncol=3)


# ---- tables ----


def transient_row(s):
    """Of an unstable network the growth is beside that of its leading mode (nonnormal.h)."""
    unstable = np.nanmax(s.re) > 1
    rising = s.transient_horizon is not None and s.transient_time > 0.99 * s.transient_horizon
    return ("largest growth over the unstable mode's" if unstable else "largest transient growth",
            "", f"{float(s.transient_growth):.3g}{', still rising' if rising else ''} "
                f"at {float(s.transient_time):.3g} τ")


def summary_rows(s):
    """(quantity, predicted, measured) as text."""
    yield "radius of the disk", number(s.radius, 3), number(s.bulk_radius_measured, 3)
    yield "its ragged edge, to", number(s.reach, 3), number(s.bulk_largest, 3)
    if s.ks is not None:
        yield "Kolmogorov–Smirnov distance", "", number(float(s.ks), 3)
    predicted = f"{np.sum(s.group['multiplicity']):.0f}"
    yield "outliers, a pair counted once", predicted, f"{np.sum(s.group['found']):.0f}"
    yield "missing" + (", of those clear of the disk" if s.full else ""), "", f"{s.missing}" + ("" if s.full else f" among the {len(s.re)} that lead")
    yield "not predicted", "", f"{s.unpredicted}"
    if s.henrici is not None:
        yield "departure from normality (Henrici)", "", \
            f"{number(float(s.henrici), 1)}, {float(s.henrici_relative):.2f} of the norm"
        yield transient_row(s)
    count = f"all {len(s.re):,}" if s.full else f"{len(s.re)} leading"
    loose = int(np.sum(~s.converged))
    yield "eigenvalues", "", f"{count}, {s.solver}" + (f", {loose} unconverged" if loose else "")


def group_rows(s):
    """Of those found in full: (n, modes, predicted mean, measured mean, z) as text."""
    for g in np.flatnonzero(np.isfinite(s.group["z_re"]))[:ROWS]:
        v = {name: column[g] for name, column in s.group.items()}
        z = f"{v['z_re']:+.1f}" + (f", {v['z_im']:+.1f}" if np.isfinite(v["z_im"]) else "")
        yield (s.wave_name(v["nx"], v["ny"]) + ("*" if v["ragged"] else ""),
               f"{v['multiplicity']:.0f}", complex_text(v["predicted_re"], v["predicted_im"]),
               complex_text(v["re"], v["im"]), z.replace("-", "−"))


def outlier_rows(s):
    """(n, predicted, measured, distance in error bars) as text."""
    for k in range(min(len(s.outliers["re"]), 2 * ROWS)):
        v = {name: column[k] for name, column in s.outliers.items()}
        known = np.isfinite(v["group"])
        away = np.hypot(v["re"] - v["predicted_re"], v["im"] - v["predicted_im"]) / v["std"]
        yield (s.wave_name(v["nx"], v["ny"]),
               complex_text(v["predicted_re"], v["predicted_im"], 4) if known else "none",
               complex_text(v["re"], v["im"], 4), f"{away:.1f}" if known else "")


def draw_table(axes, right_edges, head, rows, notes=()):
    table = Table(axes, right_edges)
    table.rule(0.8)
    table.row(head, weight="bold")
    table.rule(0.4)
    for cells in rows:
        table.row(cells)
    table.rule(0.8)
    for note in notes:
        table.row((note,), color="#404040")


def draw_tables(s, page):
    def place(x, y, rows):
        return page.axes(x, y, 83 if x > 90 else 82, rows * Table.line_mm)

    summary, groups, outliers = list(summary_rows(s)), list(group_rows(s)), list(outlier_rows(s))
    page.heading(93, TABLES_MM - 2.5, "d", "Prediction and measurement")
    draw_table(place(93, TABLES_MM, len(summary) + 1), (0.62, 1.0),
               ("", "predicted", "measured"), summary)
    bottom = TABLES_MM + (len(summary) + 1) * Table.line_mm
    if groups:
        notes = ["z: distance in error bars of the mean (real, imaginary)"]
        if any("*" in cells[0] for cells in groups):
            notes.append("* within the disk's ragged edge, whose states mix in")
        draw_table(place(93, bottom + 4, len(groups) + 3), (0.24, 0.53, 0.82, 1.0),
                   ("n", "modes", "predicted mean", "measured mean", "z"), groups, notes)
        bottom += 4 + (len(groups) + 3) * Table.line_mm
    page.heading(4, TABLES_MM - 2.5, "c", "Eigenvalues of the disk" if s.full else "Outliers")
    if s.full and s.radial_fraction_predicted is not None:
        draw_radial(s, page.axes(14, TABLES_MM + 4, 72, min(max(bottom - TABLES_MM - 14, 44), 60)))
    elif s.full:
        absent(page.axes(14, TABLES_MM + 4, 72, 44), "no disk: the matrix has no randomness")
    elif outliers:
        draw_table(place(4, TABLES_MM, len(outliers) + 2), (0.46, 0.78, 1.0),
                   ("n", "predicted", "measured", "distance"), outliers,
                   ["distance in error bars of one mode"])
    else:
        absent(page.axes(14, TABLES_MM + 4, 72, 30), "every eigenvalue found is of the disk")


# ---- eigenvectors ----


def chosen_vectors(s):
    """(title, field [y][x]) of MAPS vectors at most: one of every group first, the disk's last."""
    place = {pair: k for k, pair in enumerate(zip(s.outliers["re"], s.outliers["im"]))}
    ranked, seen = ([], [], []), set()
    for re, im, field in s.vectors:
        k = place.get((re, im))
        name = "of the disk" if k is None else \
            "n = " + s.wave_name(s.outliers["nx"][k], s.outliers["ny"][k])
        rank = 2 if k is None else 1 if s.outliers["group"][k] in seen else 0
        if k is not None and np.isfinite(s.outliers["group"][k]):
            seen.add(s.outliers["group"][k])
        ranked[rank].append((f"{name}\n{complex_text(re, im)}", field))
    return sum(ranked, [])[:MAPS]


def draw_maps(s, page, top):
    """Real parts, of the phase that makes them largest, in units of the largest value."""
    chosen = chosen_vectors(s)
    if not chosen:
        return absent(page.axes(14, top, 150, MAP_MM),
                      "no eigenvector in the file; measure it with --vectors 6")
    row = [page.axes(14 + (MAP_MM + 2.8) * k, top, MAP_MM, MAP_MM) for k in range(len(chosen))]
    norm = colors.Normalize(-1, 1)
    for axes, (title, field) in zip(row, chosen):
        square = np.sum(field**2)
        field = (field * np.exp(-0.5j * np.angle(square))).real
        field = field / np.abs(field).max()
        axes.set_title(title, pad=2)
        if s.is_ring:
            axes.plot((np.arange(field.size) + 0.5) / field.size, field.ravel(), color=BLUE)
            axes.set(xlim=(0, 1), ylim=(-1.05, 1.05), xticks=[0, 1], yticks=[-1, 0, 1])
        else:
            axes.imshow(field, cmap="RdBu_r", norm=norm, origin="lower", extent=(0, 1, 0, 1),
                        interpolation="nearest")
            axes.set(xticks=[0, 1], yticks=[0, 1])
        if axes is not row[0]:
            axes.set(xticklabels=[], yticklabels=[])
    row[0].set_xlabel(f"x ({s.side}s)", labelpad=-4)
    if s.is_ring:
        return row[0].set_ylabel("component / largest")
    row[0].set_ylabel("y (torus sides)", labelpad=-4)
    colour_bar(page.axes(14 + (MAP_MM + 2.8) * len(chosen), top, 2, MAP_MM), norm, "RdBu_r",
               "component / largest")


def draw_planes(s, page):
    matrix = str(s.matrix).replace("phi'", "φ′")
    page.heading(4, 18.5, "a", f"Eigenvalues of {matrix}")
    plane.draw_plane(s, page.axes(14, 21, 72, 72), plane.whole_view(s), False)
    what, view = plane.closer_view(s)
    page.heading(93, 18.5, "b", what)
    axes = page.axes(104, 21, 72, 72)
    plane.draw_plane(s, axes, view, True)
    legend = axes.legend(loc="upper left", ncol=3, borderaxespad=0, handlelength=1.4,
                         bbox_to_anchor=(14 / page.width, 1 - 102 / page.height),
                         bbox_transform=page.figure.transFigure, handletextpad=0.5,
                         columnspacing=2.5)
    for handle in legend.legend_handles:
        if isinstance(handle, collections.PathCollection):
            handle.set_sizes([7])


def draw_spectrum_page(s, path):
    left = len(list(outlier_rows(s))) + 2 if not s.full else 0
    groups = len(list(group_rows(s)))
    right = len(list(summary_rows(s))) + 1 + (groups + 3 if groups else 0)
    tables_mm = max(left * Table.line_mm, right * Table.line_mm + (4 if groups else 0),
                    TABLES_LEAST_MM if s.full else 30)
    maps_mm = TABLES_MM + tables_mm + 18
    page = Page(PAGE_MM, maps_mm + MAP_MM + 10)
    page.title(s, [])
    draw_planes(s, page)
    draw_tables(s, page)
    page.heading(4, maps_mm - 8, "e", f"Eigenvectors on {s.shown}, real part")
    draw_maps(s, page, maps_mm)
    page.save(path)
