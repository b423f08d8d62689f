#!/usr/bin/env python3
"""One page and one film of a run, or one page of a measured spectrum, from brisc's HDF5 file. What
`brisc analyze` found in a run goes onto a second page beside the first, PAGE_detections, and over the
film; a file that it wrote on its own gives that page alone.

    plot.py FILE.h5 [-o page.png|page.pdf] [--film film.mp4|film.gif] [--population E] [--trial 0]
            [--spectrum]

Without -o and --film the page goes beside the file, as FILE.png. A file that holds a run and a
spectrum gets the run's page unless --spectrum asks for the other. Exit status: 0 done; 1 a file that
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
from plot_detections import Overlay, draw_detections_page  # noqa: E402
from plot_page import Page  # noqa: E402
from plot_run import Fault, measure, open_file, read_run  # noqa: E402
from plot_spectrum import draw_spectrum_page, read_spectrum  # noqa: E402

PAGE_MM = (180.0, 244.0)
FILM_FRAMES, FILM_HZ, FILM_DPI = 150, 20, 100
STYLE = {
    "font.size": 7, "axes.titlesize": 7, "axes.linewidth": 0.5, "lines.linewidth": 0.8,
    "xtick.major.width": 0.5, "ytick.major.width": 0.5, "xtick.major.size": 2.5,
    "ytick.major.size": 2.5, "legend.frameon": False, "pdf.fonttype": 42, "savefig.dpi": 300,
}


def draw_page(run, activity, path):
    page = Page(*PAGE_MM)
    stopped = run.time[-1] < run.asked_ms
    facts = [f"trial {run.trial} of 0 to {run.trials - 1}"] if run.trials > 1 else []
    facts += [f"stopped at {run.time[-1]:g} of {run.asked_ms:g} ms"] if stopped else []
    page.title(run, facts)
    page.heading(4, 18.5, "a", "Predicted spectrum")
    panels.draw_spectrum(run, page.axes(14, 21, 62, 58), page.axes(78, 21, 2, 58))
    page.heading(98, 18.5, "b", "Prediction and observation")
    panels.draw_verdict(run, page.axes(98, 21, 78, 66))
    page.heading(4, 99, "c", f"{run.shown} on the {'ring' if run.is_ring else 'sheet'}")
    if run.is_ring:
        panels.draw_space_time(run, page.axes(14, 102, 145, 27.4),
                               page.axes(161, 102, 2, 27.4), activity)
    else:
        row = [page.axes(14 + 29.4 * k, 103.5, 27.4, 27.4) for k in range(5)]
        panels.draw_frames(run, row, page.axes(161, 103.5, 2, 27.4), activity)
    page.heading(4, 142.5, "d",
                 f"Population means and single neurons: {run.quantity} ({run.units})")
    panels.draw_means(run, page.axes(25, 147.5, 145, 13), activity)
    panels.draw_neurons(run, page.axes(25, 163.5, 145, 20), activity)
    page.heading(4, 198, "e", "Spatial amplitude, mean over time")
    panels.draw_spatial(run, page.axes(14, 204, 55 if run.is_ring else 31, 31),
                        page.axes(47, 204, 2, 31), activity)
    page.heading(84, 198, "f", "Temporal amplitude, mean over neurons")
    panels.draw_temporal(run, page.axes(96, 204, 80, 31), activity)
    page.save(path)


def draw_film(run, activity, file, path):
    """FILM_FRAMES stored frames from the onset on, with what was found in them."""
    if path.suffix == ".mp4" and not animation.FFMpegWriter.isAvailable():
        raise Fault(f"--film {path}: needs ffmpeg, which is not installed; install it, or name the "
                    "film .gif")
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
    overlay = Overlay(file, axes, run.trial)
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
            title.set_text(f"{run.time[frame]:g} ms{overlay.update(run.time[frame])}")
            writer.grab_frame()
    pyplot.close(figure)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Fault(f"{message}; see --help", 2)


def arguments():
    parser = Parser(description="One page and one film of a run, or one page of a measured "
                    "spectrum, from brisc's HDF5 file.")
    parser.add_argument("file", type=pathlib.Path, metavar="FILE.h5")
    parser.add_argument("-o", "--output", type=pathlib.Path, metavar="PAGE",
                        help=".png or .pdf; FILE.png where neither -o nor --film is given")
    parser.add_argument("--film", type=pathlib.Path, help=".gif, or .mp4 (needs ffmpeg)")
    parser.add_argument("--population", help="whose sheet is drawn; the first one by default")
    parser.add_argument("--trial", type=int, metavar="N",
                        help="which trial is drawn, where the run has several; the first, 0, by "
                        "default")
    parser.add_argument("--spectrum", action="store_true",
                        help="the spectrum's page, where the file holds a run as well")
    given = parser.parse_args()
    if given.spectrum and given.film is not None:
        raise Fault(f"--film {given.film}: a spectrum has no frames; leave out --spectrum", 2)
    if given.spectrum and given.trial is not None:
        raise Fault(f"--trial {given.trial}: a spectrum has no trials; leave out --spectrum", 2)
    if given.output is None and given.film is None:
        given.output = given.file.with_suffix(".png")
    for option, path, kinds in (("-o", given.output, (".png", ".pdf")),
                                ("--film", given.film, (".gif", ".mp4"))):
        if path is not None and path.suffix not in kinds:
            raise Fault(f"{option} {path}: unknown kind of file; name it {' or '.join(kinds)}", 2)
        if path is not None and not path.parent.is_dir():
            raise Fault(f"{option} {path}: there is no folder {path.parent}; create it first")
    return given


def plot(given, file):
    has_run, has_spectrum = "time" in file and "config" in file.attrs, "spectrum" in file
    if "detections" in file and not has_run and not has_spectrum:
        if given.output is not None:
            draw_detections_page(file, given.file.stem, None, None, given.output)
        if given.film is not None:
            raise Fault(f"--film {given.film}: {given.file} holds measured data; films are drawn of "
                        "the .h5 file that `brisc run` wrote", 2)
        return None
    if not has_run and not has_spectrum:
        raise Fault(f"{given.file}: holds neither a run (`time`) nor a measured spectrum "
                    "(`spectrum`); give the .h5 file that `brisc run` or `brisc spectrum` wrote")
    if given.spectrum and not has_spectrum:
        raise Fault(f"{given.file}: holds no measured spectrum; measure it first, with "
                    f"`brisc spectrum {given.file}`")
    if given.film is not None and not has_run:
        raise Fault(f"--film {given.film}: {given.file} holds a spectrum and no frames; give the "
                    ".h5 file that `brisc run` wrote", 2)
    if given.spectrum or not has_run:
        return draw_spectrum_page(read_spectrum(given.file, file, given.population), given.output)
    run = read_run(given.file, file, given.population, given.trial or 0)
    activity = measure(run)
    if given.output is not None:
        draw_page(run, activity, given.output)
        if "detections" in file:
            beside = given.output.with_name(f"{given.output.stem}_detections{given.output.suffix}")
            draw_detections_page(file, run.path.stem, run, activity, beside)
    if given.film is not None:
        draw_film(run, activity, file, given.film)


def main():
    try:
        given = arguments()
        with open_file(given.file) as file, pyplot.rc_context(STYLE):
            plot(given, file)
    except (Fault, OSError) as fault:
        print(f"plot.py: {fault}", file=sys.stderr)
        return getattr(fault, "status", 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
