"""What the pages of plot.py share: the page itself, tables, colours, the limit of stability."""
import numpy as np
from matplotlib import cm, pyplot

# Okabe and Ito's colours, told apart with every kind of colour vision.
COLOURS = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"]
ORANGE, BLUE, SKY, GREY = COLOURS[0], COLOURS[1], COLOURS[5], "#7F7F7F"


class Page:
    """Everything is placed in millimetres from the page's top left corner."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.figure = pyplot.figure(figsize=(width / 25.4, height / 25.4))

    def axes(self, x, y, w, h):
        width, height = self.width, self.height
        return self.figure.add_axes((x / width, 1 - (y + h) / height, w / width, h / height))

    def text(self, x, y, words, **style):
        self.figure.text(x / self.width, 1 - y / self.height, words, **style)

    def heading(self, x, y, letter, words):
        self.text(x, y, letter, fontsize=9, weight="bold")
        self.text(x + 4.5, y, words, fontsize=7.5)

    def title(self, network, facts):
        self.text(4, 6.5, network.path.stem, fontsize=10, weight="bold")
        self.text(4, 11, "  ·  ".join(network_facts(network)), color="#404040")
        self.text(4, 14.5, "  ·  ".join(facts), color="#404040")

    def save(self, path):
        self.figure.savefig(path)
        pyplot.close(self.figure)


def network_facts(network):
    a = network.attributes
    sites = {name: f"{ny * nx:,}" if network.is_ring else f"{nx} × {ny}"
             for name, (ny, nx) in network.shapes.items()}
    neurons = sum(ny * nx for ny, nx in network.shapes.values())
    facts = [f"N = {neurons:,} ({', '.join(' '.join(pair) for pair in sites.items())})"]
    if "synapses" in a:
        facts.append(f"{int(a['synapses']):,} synapses")
    return facts + [f"seed {a.get('seed', '?')}",
                    f"connectivity {a.get('connectivity_hash', '?')}",
                    str(a.get("source", "brisc"))]


def absent(axes, reason):
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#CCCCCC")
    axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", color=GREY)


def legend_above(axes, where="lower left", height=1.0, **options):
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=where, bbox_to_anchor=(1 if "right" in where else 0, height),
                    handlelength=1.4, borderaxespad=0.2, columnspacing=1.5, handletextpad=0.5,
                    **options)


def colour_bar(bar, norm, shade, label):
    bar.figure.colorbar(cm.ScalarMappable(norm, shade), cax=bar, label=label)
    bar.spines["outline"].set_linewidth(0.5)


def size_mm(axes):
    return axes.get_window_extent().size / axes.figure.dpi * 25.4


def draw_stability(network, axes):
    """|1 - delta + delta lambda| = 1: a circle of radius 1/delta through 1."""
    y = np.linspace(*axes.get_ylim(), 200)
    if network.delta is None:
        x, label = np.ones_like(y), r"Re $\lambda$ = 1 (limit for equal $\tau$)"
    else:
        x = 1 - 1 / network.delta + np.sqrt(np.maximum(network.delta**-2 - y**2, 0))
        label = "limit of stability"
    axes.plot(x, y, "--", color="black", linewidth=0.7, label=label)


def number(value, decimals):
    if value is None or value != value:
        return ""
    if value != 0 and abs(value) < 0.5 * 10.0**-decimals:
        return f"{value:.1e}"
    return f"{value:.{decimals}f}" if abs(value) < 1e4 else f"{value:.3g}"


class Table:
    """Rows of cells in axes of its own, from the top; the first column to the left."""
    line_mm = 4.5

    def __init__(self, axes, right_edges):
        """right_edges of the columns after the first, in shares of the width."""
        self.axes, self.line = axes, self.line_mm / size_mm(axes)[1]
        self.edges, self.y = (0, *right_edges), 1 - self.line / 2
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.axis("off")

    def row(self, cells, **style):
        for k, (x, cell) in enumerate(zip(self.edges, cells)):
            self.axes.text(x, self.y, cell, ha="right" if k else "left", va="center", **style)
        self.y -= self.line

    def rule(self, width):
        """Above the row that comes next."""
        at = self.y + self.line / 2
        self.axes.plot([0, 1], [at, at], color="black", linewidth=width, clip_on=False)
