"""Every order parameter of random fields, against numpy and scipy: check_order.py TEST_ORDER."""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from scipy.ndimage import convolve, uniform_filter
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def persistence(v, has, opened):
    """Edges of a minimum spanning tree join the components: another way than by sites."""
    site = np.arange(v.size).reshape(v.shape)
    pairs = np.concatenate([np.stack([site, np.roll(site, -1, axis)])[:, :, :-1 if opened and axis else None]
                            [:, :-1 if opened and not axis else None].reshape(2, -1) for axis in (0, 1)], axis=1)
    pairs = pairs[:, (pairs[0] != pairs[1]) & has.ravel()[pairs].all(axis=0)]
    pairs = np.unique(np.sort(pairs, axis=0), axis=1)
    flat = v.ravel()
    level = flat[pairs].max(axis=0)
    shift = 1 - flat.min()  # csgraph takes a zero for no edge
    tree = minimum_spanning_tree(coo_matrix((level + shift, pairs), shape=(v.size, v.size))).tocoo()
    group = np.arange(v.size)
    birth = flat.copy()
    extent = np.ptp(v[has])
    total = 0.0
    for k in np.argsort(tree.data, kind="stable"):
        a, b = group[tree.row[k]], group[tree.col[k]]
        if birth[a] > birth[b]:
            a, b = b, a
        lifetime = tree.data[k] - shift - birth[b]
        if lifetime >= 0.02 * extent:
            total += lifetime
        group[group == b] = a
    last = v[has].max() - birth[np.unique(group[has.ravel()])]  # of each part that the mask has cut off
    return total + last[last >= 0.02 * extent].sum()


def order(r, frame_ms, opened):
    has = np.isfinite(r[0])
    r = np.where(has, r.astype(float), 0)
    frames, ny, nx = r.shape
    box = np.ones((1, 11, 11)) if opened else np.ones((1, min(11, ny), min(11, nx)))
    mode = "constant" if opened else "wrap"
    around = lambda f: convolve(f, box, mode=mode)
    divide = lambda a, b: np.divide(a, b, out=np.zeros_like(a), where=b > 0)
    sheet = r  # 0 where there are no data
    r = r[:, has]  # (time, site)
    c = np.where(has, sheet - r.mean(axis=1)[:, None, None], 0)
    weights = (has * around(1.0 * has[None]))[0].sum() / has.sum()
    o = {
        "mean_activity": np.abs(r).mean(),
        "mean": r.mean(), "min": r.min(), "max": r.max(),
        "local_synchrony": divide(np.abs(around(sheet)), around(np.abs(sheet)))[:, has].mean(),
        "global_synchrony": divide(np.abs(r.sum(axis=1)), np.abs(r).sum(axis=1)).mean(),
        "moran": ((c * around(c)).sum(axis=(1, 2)) / (weights * (c**2).sum(axis=(1, 2)))).mean(),
        "cv": (r.std(axis=0) / np.abs(r.mean(axis=0))).mean(),
        "temporal_std": np.sqrt(r.var(axis=0).mean()),
        "spatial_std": np.sqrt(r.var(axis=1).mean()),
        "static_std": r.mean(axis=0).std(),
        "global_std": r.mean(axis=1).std(),
    }
    amplitude = np.abs(np.fft.rfft(r - r.mean(axis=0), axis=0)).mean(axis=1)
    m = 1 + np.argmax(amplitude[1:])
    left = np.argmin(amplitude[:m])
    power = amplitude**2
    power[0] = 0
    o["oscillation_index"] = 0 if m <= 1 else power[left:2 * m - left].sum() / power.sum()
    o["frequency_hz"] = 0 if m <= 1 else m / (frames * frame_ms * 1e-3)
    bins = np.arange(len(power))
    o["frequency_mean_hz"] = 0 if m <= 1 else (bins * power).sum() / power.sum() / (frames * frame_ms * 1e-3)
    spectrum = np.abs(np.fft.fft2(c)).mean(axis=0)
    uniform = r.mean(axis=1) - (r.mean() if r.min() >= 0 or r.max() <= 0 else 0)
    spectrum[0, 0] = has.sum() * np.abs(uniform).mean()
    peak = np.unravel_index(np.argmax(spectrum), spectrum.shape)
    o["wavenumber"] = np.hypot(*(np.fft.fftfreq(n, 1 / n)[k] for n, k in zip((ny, nx), peak)))
    third = max(1, frames // 3)
    squares = ((r - r.mean()) ** 2).mean(axis=1)
    early, late = squares[:third].sum(), squares[frames - third:].sum()
    o["trend"] = np.sqrt(late / early) if early > 0 else 0.0
    half = np.abs(np.fft.rfft2(c)).mean(axis=0).ravel()[1:]
    o["spatial_contrast"] = half.max() / half.mean()
    chosen = np.arange(min(50, frames)) * frames // min(50, frames)
    z = (c / r.std(axis=1)[:, None, None])[chosen]
    window = (20, 20) if opened else (min(20, ny), min(20, nx))
    smooth = lambda f: uniform_filter(f, window, mode=mode)
    weight = np.where(has, smooth(1.0 * has), 1)
    o["persistence"] = np.mean([persistence(smooth(f) / weight, has, opened) for f in z])
    return o


def fields():
    random = np.random.default_rng(1)
    t = np.arange(60)[:, None, None]
    y, x = np.mgrid[0:24, 0:30]
    noise = random.standard_normal((60, 24, 30))
    wave = np.cos(x / 30 * 4 * np.pi - t * 0.7) + random.standard_normal((60, 24, 30))
    yield "noise", noise, 2.0
    yield "wave and noise", wave, 2.0
    yield "positive", np.abs(random.standard_normal((77, 25, 33))) + np.cos(t[:1] + y[:1, :1]) + 1, 0.5
    yield "ring", np.cumsum(random.standard_normal((130, 1, 90)), axis=0), 1.0
    yield "small lattice", random.standard_normal((9, 7, 10)) + 0.3, 5.0
    yield "odd and even", random.exponential(size=(64, 40, 11)) - 3, 0.1
    yield "open noise", noise, 2.0, "open"
    yield "open wave", wave + 5, 2.0, "open"
    yield "open and small", random.standard_normal((9, 7, 10)) + 0.3, 5.0, "open"
    disc = np.hypot(x - 14, y - 12) < 11
    yield "open disc", np.where(disc, wave, np.nan), 2.0, "open"
    yield "two parts, sites missing", np.where((x < 9) | (x > 20) & (random.random(x.shape) < 0.9), wave, np.nan), 2.0, "open"
    yield "torus with a hole", np.where(disc, np.nan, wave), 2.0


def main(program):
    worst = 0.0
    for name, r, frame_ms, *opened in fields():
        r = r.astype(np.float32)
        with tempfile.NamedTemporaryFile(suffix=".raw") as raw:
            r.tofile(raw.name)
            out = subprocess.run([program, *map(str, r.shape), str(frame_ms), raw.name, *opened], check=True,
                                 capture_output=True, text=True).stdout
        ours = {key: float(value) for key, value in map(str.split, out.splitlines())}
        theirs = order(r, frame_ms, bool(opened))
        assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
        for key, expected in theirs.items():
            # the same double-precision formulas in another order: rounding alone, with room
            error = abs(ours[key] - expected) / max(1.0, abs(expected))
            worst = max(worst, error)
            assert error < 1e-6, f"{name}: {key} = {ours[key]}, numpy gives {expected}"
    print(f"largest difference {worst:.1e}")


main(os.path.abspath(sys.argv[1]))
