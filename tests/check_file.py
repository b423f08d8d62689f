"""A run's file as users open it, with xarray, netCDF4, h5netcdf and h5py: check_file.py TEST_SNAPSHOT."""
import os
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

try:
    import h5py
    import netCDF4
    import numpy as np
    import xarray
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

FRAMES = 21
SHAPES = {"E": (20, 30), "I": (10, 15)}
WRITTEN = FRAMES - 1  # the test leaves out the last frame


def expected(population):
    """What test_snapshot stores: frame * 1000 + population index + site / 1000."""
    ny, nx = SHAPES[population]
    frame = np.arange(WRITTEN, dtype=np.float32)[:, None] * np.float32(1000)
    index = np.float32("EI".index(population))
    values = frame + index + np.arange(ny * nx, dtype=np.float32) * np.float32(1e-3)
    return values.reshape(WRITTEN, ny, nx)


def check_xarray(path, engine, complete):
    with xarray.open_dataset(path, **engine) as run:
        assert run.time.dtype == np.float64, run.time.dtype
        np.testing.assert_array_equal(run.time, np.arange(FRAMES) * 2.0)
        assert run.time.attrs["units"] == "ms"
        for population, (ny, nx) in SHAPES.items():
            for field in ("rate", "potential"):
                variable = run[f"{field}_{population}"]
                assert variable.dims == ("time", f"y_{population}", f"x_{population}")
                assert variable.dtype == np.float32
                np.testing.assert_array_equal(variable[:WRITTEN], expected(population))
                assert np.isnan(variable[WRITTEN:]).all()
            np.testing.assert_allclose(run[f"y_{population}"], (np.arange(ny) + 0.5) / ny, rtol=1e-15)
            np.testing.assert_allclose(run[f"x_{population}"], (np.arange(nx) + 0.5) / nx, rtol=1e-15)
        for name, variable in run.variables.items():
            for key in ("units", "long_name"):
                assert isinstance(variable.attrs.get(key), str), f"{name} has no {key}"
        for name in ("Conventions", "title", "source", "git_commit", "command_line", "config",
                     "backend", "device", "connectivity_hash", "created", "populations"):
            assert isinstance(run.attrs[name], str), f"{name} is {type(run.attrs[name])}"
        assert run.attrs["created"] == "2001-09-09T01:46:40Z"
        assert run.attrs["populations"] == "E I"
        assert run.attrs["seed"] == 2**64 - 1
        assert run.attrs["complete"] == 0 and run.frames_written == WRITTEN
        assert run.attrs["onset_ms"] == 10.0 and run.attrs["frame_ms"] == 2.0
    if not complete:
        return
    with xarray.open_dataset(path, group="prediction", **engine) as prediction:
        assert prediction.re.dims == ("mode",)
        np.testing.assert_array_equal(prediction.re, [1.5, 1.4])
        np.testing.assert_array_equal(prediction.multiplicity, [4, 8])
        assert prediction.bulk_radius == 0.75
        assert prediction.attrs["regime"] == "wave" and prediction.attrs["followed"] == "the only one"
    with xarray.open_dataset(path, group="order", **engine) as order:
        assert order.frequency_hz == 12.5 and order.frequency_hz.attrs["units"] == "Hz"
        assert order.attrs["regime"] == "wave" and order.attrs["agrees"] == 1


def check_netcdf(path):
    """Every variable of every group has its unit, description and dimensions."""
    with netCDF4.Dataset(path) as run:
        for group in (run, *run.groups.values()):
            for name, variable in group.variables.items():
                for key in ("units", "long_name"):
                    assert isinstance(variable.getncattr(key), str), f"{group.path}{name}: {key}"
        assert not any(d.startswith("phony") for g in (run, *run.groups.values()) for d in g.dimensions)
        assert list(run.variables)[:2] == ["time", "y_E"], list(run.variables)
        np.testing.assert_array_equal(run["rate_I"][:WRITTEN], expected("I"))


def check_h5py(path):
    with h5py.File(path) as run:
        assert run["rate_E"].dims[0][0].name == "/time"
        assert run["rate_E"].chunks is None and np.isnan(run["rate_E"].fillvalue)
        np.testing.assert_array_equal(run["rate_E"][:WRITTEN], expected("E"))


def check_xdmf(path):
    """Every frame's slab lies in its variable, and the file it names is there."""
    root = ElementTree.parse(path).getroot()
    series = root.findall("Domain/Grid")
    assert [s.get("Name") for s in series] == ["rate_E", "rate_I", "potential_E", "potential_I"]
    for grid in series:
        assert len(grid) == FRAMES
        for t, frame in enumerate(grid):
            assert float(frame.find("Time").get("Value")) == 2.0 * t
            slab, source = frame.findall("Attribute/DataItem/DataItem")
            name, variable = source.text.split(":")
            with h5py.File(os.path.join(os.path.dirname(path), name)) as run:
                shape = run[variable].shape
            assert tuple(map(int, source.get("Dimensions").split())) == shape
            ny, nx = shape[1:]
            assert list(map(int, slab.text.split())) == [t, 0, 0, 1, 1, 1, 1, ny, nx]
            cells = [int(n) - 1 for n in frame.find("Topology").get("Dimensions").split()]
            assert cells == [1, ny, nx]


def main(program):
    engines = [{}, {"engine": "netcdf4"}]
    try:
        import h5netcdf  # noqa: F401
        engines.append({"engine": "h5netcdf"})
    except ImportError:
        print("h5netcdf is not installed: not checked")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1000000000"}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a run & more.h5")
        subprocess.run([program, path], check=True, env=environment)
        with open(path, "rb") as file:
            first = file.read()
        for engine in engines:
            check_xarray(path, engine, complete=True)
        check_netcdf(path)
        check_h5py(path)
        check_xdmf(os.path.join(folder, "a run & more.h5.xdmf"))
        subprocess.run([program, path], check=True, env=environment)
        with open(path, "rb") as file:
            assert file.read() == first, "the same run gives other bytes"
        killed = subprocess.run([program, path, "kill"], env=environment)
        assert killed.returncode == -signal.SIGKILL
        for engine in engines:
            check_xarray(path, engine, complete=False)
        check_netcdf(path)
        check_h5py(path)


main(os.path.abspath(sys.argv[1]))
