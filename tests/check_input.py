"""Files as other tools write them, read as brisc reads them: check_input.py TEST_FIELD."""
import json
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import netCDF4
    import numpy as np
    import xarray
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

FRAMES, NY, NX = 40, 12, 9
PROGRAM = os.path.abspath(sys.argv[1])
RANDOM = np.random.default_rng(1)
TIME, Y, X = np.arange(FRAMES) * 4.0, np.arange(NY) * 0.25, np.arange(NX) * 0.25
SHEET = RANDOM.standard_normal((FRAMES, NY, NX)).astype(np.float32)  # (time, y, x)
SHAPE = np.hypot(np.arange(NY)[:, None] - 6, np.arange(NX) - 4) < 4.5
MASKED = np.where(SHAPE, SHEET, np.float32(np.nan))


def read(path, *arguments, variable="lfp"):
    """What test_field prints, and the values as (trial, time, y, x)."""
    out = path + ".raw"
    done = subprocess.run([PROGRAM, path, variable, out, *arguments], capture_output=True, text=True)
    if done.returncode:
        return done.stderr, None
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    shape = [int(said[k]) for k in ("trials", "ny", "frames", "nx")]
    return said | {"warnings": done.stderr}, np.fromfile(out, np.float32).reshape(shape).swapaxes(1, 2)


def expect(path, values=SHEET, **said):
    found, stored = read(path)
    assert stored is not None, (path, found)
    np.testing.assert_allclose(stored, np.broadcast_to(values, stored.shape), rtol=2e-6, err_msg=path)
    for key, value in {"frame_ms": 4, "dx": 0.25, "dy": 0.25, "length": "mm", "open": 1}.items() | said.items():
        value = said.get(key, value)
        if isinstance(value, str):
            assert value in found[key], (path, key, found)
        else:
            assert abs(float(found[key]) - value) <= 1e-6 * abs(value), (path, key, found)


def refused(path, *words):
    found, stored = read(path)
    assert stored is None and all(word in found for word in words), (path, found)


def plain(path, values, labels=(), **others):
    """HDF5 without scales; `labels` name the dimensions."""
    with h5py.File(path, "w") as file:
        lfp = file.create_dataset("lfp", data=values)
        for dimension, label in zip(lfp.dims, labels):
            dimension.label = label
        for name, value in others.items():
            file[name] = value
            if name == "time":
                file[name].attrs["units"] = "ms"
        return path


def check_plain(folder):
    sites = {"dx": 1, "dy": 1, "length": "site", "open": 0, "warnings": "--open-boundary"}
    natural = os.path.join(folder, "plain.h5")
    expect(plain(natural, SHEET, time=TIME), **sites)
    expect(plain(natural, SHEET, y=Y, x=X, time=TIME), **sites)
    expect(plain(natural, MASKED, time=TIME), MASKED, **sites | {"open": 1, "warnings": "hold no data", "count": SHAPE.sum()})
    expect(plain(natural, SHEET.transpose(1, 2, 0), ["y", "x", "t"], time=TIME), **sites)
    expect(plain(natural, SHEET.transpose(2, 1, 0), ["column", "row", "frame"], time=TIME), **sites)
    expect(plain(natural, SHEET.transpose(1, 0, 2), ["y", "", "x"], time=TIME), **sites)  # one left over
    refused(plain(natural, SHEET.transpose(1, 2, 0), time=TIME), "(time, y, x)", "has 40 values", "12 along")
    refused(plain(natural, SHEET.transpose(2, 1, 0), ["x"], time=TIME), "(time, y, x)", "these names")
    refused(plain(natural, SHEET[None], time=TIME), "4 dimensions", "(trial, time, y, x)")
    plain(natural, SHEET, time=TIME)
    with h5py.File(natural, "r+") as file:
        file["alias"] = h5py.SoftLink("/lfp")
    np.testing.assert_array_equal(read(natural, variable="alias")[1][0], SHEET)
    with h5py.File(natural, "w") as file:  # of MATLAB, -v7.3: row x column x time, stored from the last on
        file["lfp"] = SHEET.swapaxes(1, 2)
        file["time"] = TIME[:, None]
        file["time"].attrs["units"] = "ms"
        file["lfp"].attrs["MATLAB_class"] = np.bytes_("single")
    expect(natural, **sites)


def netcdf(path, dimensions, values, units="s", time=TIME / 1000, boundary=None, **packing):
    sizes = {"time": FRAMES, "row": NY, "column": NX, "trial": 2}
    with netCDF4.Dataset(path, "w") as file:
        for name in dimensions:
            file.createDimension(name, sizes[name])
        file.createVariable("time", "f8", ("time",))[:] = time
        file["time"].units = units
        kind = packing.pop("kind", "f4")
        lfp = file.createVariable("lfp", kind, dimensions, fill_value=packing.pop("fill", None), zlib=True)
        lfp.setncatts(packing)
        lfp[:] = values
        if boundary:
            lfp.boundary = boundary
    return path


def check_netcdf(folder):
    path = os.path.join(folder, "file.nc")
    sites = {"dx": 1, "dy": 1, "length": "site"}
    expect(netcdf(path, ("time", "row", "column"), SHEET, boundary="open"), **sites)
    expect(netcdf(path, ("row", "column", "time"), SHEET.transpose(1, 2, 0), boundary="periodic"), **sites, open=0)
    trials = np.stack([SHEET, SHEET[::-1]])
    expect(netcdf(path, ("row", "column", "time", "trial"), trials.transpose(2, 3, 1, 0), boundary="open"),
           trials, **sites)
    packed = np.ma.array(SHEET, mask=np.isnan(MASKED))
    expect(netcdf(path, ("time", "row", "column"), packed, kind="i2", fill=-32767, scale_factor=2.0**-12,
                  add_offset=0.5),
           np.round((MASKED - 0.5) * 2**12) / 2**12 + 0.5, **sites)


def labelled(values, time, units="mm"):
    return xarray.Dataset({"lfp": (("time", "y", "x"), values)},
                          {"time": time, "y": ("y", Y, {"units": units}), "x": ("x", X, {"units": units})})


def check_xarray(folder):
    """Dates, lags and plain numbers for times; transposed; a mask; positions that are none."""
    dates = np.datetime64("2026-01-01T12:00", "ns") + (TIME * 1e6).astype("timedelta64[ns]")
    for engine in ("netcdf4", "h5netcdf"):
        path = os.path.join(folder, f"{engine}.nc")
        labelled(SHEET, dates).to_netcdf(path, engine=engine)
        expect(path, start_ms=0, warnings="taken as open")
        labelled(SHEET, ("time", TIME, {"units": "ms"})).transpose("x", "time", "y").to_netcdf(path, engine=engine)
        expect(path, start_ms=0)
        labelled(MASKED, ("time", TIME / 1000 - 1, {"units": "s"})).to_netcdf(path, engine=engine)
        expect(path, MASKED, start_ms=-1000, count=SHAPE.sum())
    hole = MASKED.copy()
    hole[17, 6, 4] = np.nan
    labelled(hole, ("time", TIME, {"units": "ms"})).to_netcdf(path)
    refused(path, "frame 17", "(y 6, x 4)", "had data in the first frame")
    uneven = labelled(SHEET, ("time", TIME, {"units": "ms"}))
    uneven.assign_coords(x=("x", X**2, {"units": "mm"})).to_netcdf(path)
    refused(path, "/x", "even steps", "resample")


def analyzed(path, *options):
    brisc = os.path.join(os.path.dirname(PROGRAM), "brisc")
    done = subprocess.run([brisc, "analyze", path, "--variable", "lfp", "--json", "--quiet", *options],
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["order"]


def check_analyze(folder):
    """The same order parameters whatever the order of dimensions, and however an open edge is stated."""
    path = os.path.join(folder, "order.h5")
    natural = analyzed(plain(path, MASKED, time=TIME))
    assert natural == analyzed(plain(path, MASKED.transpose(1, 2, 0), ("y", "x", "time"), time=TIME))
    r = MASKED[:, SHAPE].astype(float)
    for name, value in (("mean", r.mean()), ("min", r.min()), ("spatial_std", np.sqrt(r.var(axis=1).mean()))):
        assert abs(natural[name] - value) < 1e-9, (name, natural[name], value)  # rounding alone
    periodic, opened = analyzed(plain(path, SHEET, time=TIME)), analyzed(path, "--open-boundary")
    with h5py.File(path, "r+") as file:
        file["lfp"].attrs["boundary"] = "open"
    assert opened == analyzed(path) and opened["moran"] != periodic["moran"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        for check in (check_plain, check_netcdf, check_xarray, check_analyze):
            check(folder)


main()
