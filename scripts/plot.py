#!/usr/bin/env python3
"""One page and one film of a run, from the HDF5 file that `brisc run` wrote.

    plot.py FILE.h5 [-o page.png|page.pdf] [--film film.mp4|film.gif] [--population E]

Without -o and --film the page goes beside the file, as FILE.png. Exit status: 0 done; 1 a file that
cannot be read or written; 2 wrong usage.
"""
import argparse
import pathlib
import sys

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import animation, pyplot  # noqa: E402

import plot_panels as panels  # noqa: E402
from plot_run import Fault, measure, open_file, read_run  # noqa: E402

PAGE_MM = (180.0, 244.0)
FILM_FRAMES, FILM_HZ, FILM_DPI = 150, 20, 100
STYLE = {
    "font.size": 7, "axes.titlesize": 7, "axes.linewidth": 0.5, "lines.linewidth": 0.8,
    "xtick.major.width": 0.5, "ytick.major.width": 0.5, "xtick.major.size": 2.5,
    "ytick.major.size": 2.5, "legend.frameon": False, "pdf.fonttype": 42, "savefig.dpi": 300,
}


def title_facts(run):
    def sites(variable):
        _, ny, nx = variable.shape
        return f"{ny * nx:,}" if run.is_ring else f"{nx} × {ny}"

    a = run.attributes
    neurons = sum(int(np.prod(variable.shape[1:])) for variable in run.variables.values())
    lattices = ", ".join(f"{name} {sites(variable)}" for name, variable in run.variables.items())
    facts = [f"N = {neurons:,} ({lattices})"]
    if "synapses" in a:
        facts.append(f"{int(a['synapses']):,} synapses")
    facts += [f"seed {a.get('seed', '?')}", f"connectivity {a.get('connectivity_hash', '?')}",
              str(a.get("source", "brisc"))]
    if run.time[-1] < run.asked_ms:
        facts.append(f"stopped at {run.time[-1]:g} of {run.asked_ms:g} ms")
    return "  ·  ".join(facts)


def draw_page(run, activity, path):
    """Everything is placed in millimetres from the page's top left corner."""
    width, height = PAGE_MM
    figure = pyplot.figure(figsize=(width / 25.4, height / 25.4))

    def axes(x, y, w, h):
        return figure.add_axes((x / width, 1 - (y + h) / height, w / width, h / height))

    def text(x, y, words, **style):
        figure.text(x / width, 1 - y / height, words, **style)

    def heading(x, y, letter, words):
        text(x, y, letter, fontsize=9, weight="bold")
        text(x + 4.5, y, words, fontsize=7.5)

    text(4, 6.5, run.path.stem, fontsize=10, weight="bold")
    text(4, 11, title_facts(run), color="#404040")
    heading(4, 18.5, "a", "Predicted spectrum")
    panels.draw_spectrum(run, axes(14, 21, 62, 58), axes(78, 21, 2, 58))
    heading(98, 18.5, "b", "Prediction and observation")
    panels.draw_verdict(run, axes(98, 21, 78, 66))
    heading(4, 99, "c", f"{run.shown} on the {'ring' if run.is_ring else 'sheet'}")
    if run.is_ring:
        panels.draw_space_time(run, axes(14, 102, 145, 27.4), axes(161, 102, 2, 27.4), activity)
    else:
        row = [axes(14 + 29.4 * k, 103.5, 27.4, 27.4) for k in range(5)]
        panels.draw_frames(run, row, axes(161, 103.5, 2, 27.4), activity)
    heading(4, 142.5, "d",
            f"Population means and single neurons: {run.quantity} ({run.units})")
    panels.draw_means(run, axes(25, 147.5, 145, 13), activity)
    panels.draw_neurons(run, axes(25, 163.5, 145, 20), activity)
    heading(4, 198, "e", "Spatial amplitude, mean over time")
    panels.draw_spatial(run, axes(14, 204, 55 if run.is_ring else 31, 31), axes(47, 204, 2, 31),
                        activity)
    heading(84, 198, "f", "Temporal amplitude, mean over neurons")
    panels.draw_temporal(run, axes(96, 204, 80, 31), activity)
    figure.savefig(path)
    pyplot.close(figure)


def draw_film(run, activity, path):
    """FILM_FRAMES stored frames from the onset on."""
    frames = range(run.observed, min(run.observed + FILM_FRAMES, len(run.time)))
    figure, axes = pyplot.subplots(figsize=(4, 3.4), layout="constrained")
    norm, shade = panels.colour_scale(activity)
    first = run.variable[frames[0]]
    if run.is_ring:
        curve, = axes.plot((np.arange(first.size) + 0.5) / first.size, first.ravel(), ".",
                          markersize=1.5)
        axes.set(xlabel="x (rings)", ylabel=panels.sheet_label(run), xlim=(0, 1),
                 ylim=(norm.vmin, norm.vmax))
    else:
        image = axes.imshow(first, cmap=shade, norm=norm, origin="lower", extent=(0, 1, 0, 1),
                            interpolation="nearest")
        axes.set(xlabel="x (torus sides)", ylabel="y (torus sides)")
        figure.colorbar(image, label=panels.sheet_label(run))
    title = axes.set_title(" ")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # places the axes once, not for every frame

    writer = (animation.FFMpegWriter if path.suffix == ".mp4" else animation.PillowWriter)(FILM_HZ)
    with writer.saving(figure, path, FILM_DPI):
        for frame in frames:
            values = run.variable[frame]
            if run.is_ring:
                curve.set_ydata(values.ravel())
            else:
                image.set_data(values)
            title.set_text(f"{run.time[frame]:g} ms")
            writer.grab_frame()
    pyplot.close(figure)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Fault(f"{message}; see --help", 2)


def arguments():
    parser = Parser(description="One page and one film of a run, from brisc's HDF5 file.")
    parser.add_argument("file", type=pathlib.Path, metavar="FILE.h5")
    parser.add_argument("-o", "--output", type=pathlib.Path, metavar="PAGE",
                        help=".png or .pdf; FILE.png where neither -o nor --film is given")
    parser.add_argument("--film", type=pathlib.Path, help=".gif, or .mp4 (needs ffmpeg)")
    parser.add_argument("--population", help="whose sheet is drawn; the first one by default")
    given = parser.parse_args()
    if given.output is None and given.film is None:
        given.output = given.file.with_suffix(".png")
    for option, path, kinds in (("-o", given.output, (".png", ".pdf")),
                                ("--film", given.film, (".gif", ".mp4"))):
        if path is not None and path.suffix not in kinds:
            raise Fault(f"{option} {path}: unknown kind of file; name it {' or '.join(kinds)}", 2)
        if path is not None and not path.parent.is_dir():
            raise Fault(f"{option} {path}: there is no folder {path.parent}; create it first")
    if given.film is not None and given.film.suffix == ".mp4" and \
            not animation.FFMpegWriter.isAvailable():
        raise Fault(f"--film {given.film}: needs ffmpeg, which is not installed; install it, or "
                    "name the film .gif")
    return given


def main():
    try:
        given = arguments()
        with open_file(given.file) as file, pyplot.rc_context(STYLE):
            run = read_run(given.file, file, given.population)
            activity = measure(run)
            if given.output is not None:
                draw_page(run, activity, given.output)
            if given.film is not None:
                draw_film(run, activity, given.film)
    except (Fault, OSError) as fault:
        print(f"plot.py: {fault}", file=sys.stderr)
        return getattr(fault, "status", 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
