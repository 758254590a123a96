#!/usr/bin/env python3
"""Choose the golden vectors that the repository keeps out of a full set.

    choose_golden.py GOLDEN OUT

GOLDEN is a folder written by make_golden.py. Copied to OUT as they are:
layers/layers.json and every layer case, griffin/, models/v1, the token lines, the cases
of v1; not the files in LEFT_OUT, and only the first rows of FEWER_ROWS. Of the sampler
tables only what cannot be computed again is kept: x.npy has one row a run (each later
row equals y of the row before), model_output.npy is left out (it is
0.8 tanh(0.7 model_input) - 0.1), model_input.npy stays where it differs from x,
noise.npy where any was drawn, sigma.npy where there are any. Files that OUT has already
stay as they are. Needs numpy.
"""
import json
import os
import shutil
import sys
import numpy as np

LEFT_OUT = {
    "layers/log_mel_fixture/x.npy",    # signals that the tests compute
    "layers/stft_chirp/x.npy",
    "griffin/wave_60.npy",             # drifts too far to be compared
}
FEWER_ROWS = {"layers/stft_chirp/y.npy": 32}
CASES = ("v1_ddpm", "v1_samples", "v1_unipc", "v1_cache", "v1_window")


def copy(source, out, path):
    """A file, or all files of a folder."""
    if os.path.isdir(os.path.join(source, path)):
        for name in sorted(os.listdir(os.path.join(source, path))):
            copy(source, out, path + "/" + name)
    elif path not in LEFT_OUT and not os.path.exists(os.path.join(out, path)):
        os.makedirs(os.path.dirname(os.path.join(out, path)), exist_ok=True)
        if path in FEWER_ROWS:
            rows = np.load(os.path.join(source, path))[:FEWER_ROWS[path]]
            return np.save(os.path.join(out, path), rows)
        shutil.copyfile(os.path.join(source, path), os.path.join(out, path))


def thin_sampler(source, out):
    def load(name):
        return np.load(os.path.join(source, name + ".npy"))

    with open(os.path.join(source, "runs.json")) as f:
        first = [run["first_row"] for run in json.load(f)["runs"]]
    x, y, model_input = load("x"), load("y"), load("model_input")
    for row in range(1, len(x)):
        assert row in first or np.array_equal(x[row], y[row - 1]), "a run is no chain"
    model_output = 0.8 * np.tanh(0.7 * model_input) - 0.1
    assert np.allclose(load("model_output"), model_output, rtol=0, atol=1e-6)
    keep = {"x": x[first], "y": y, "timestep": load("timestep")}
    if load("sigma").any():
        keep["sigma"] = load("sigma")
    if not np.array_equal(model_input, x):
        keep["model_input"] = model_input
    if load("noise").any():
        keep["noise"] = load("noise")
    os.makedirs(out, exist_ok=True)
    for name, values in keep.items():
        np.save(os.path.join(out, name + ".npy"), values)
    shutil.copyfile(os.path.join(source, "runs.json"), os.path.join(out, "runs.json"))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, out = sys.argv[1:]
    cases = ["cases/" + name for name in CASES]
    for path in ["layers", "griffin", "models/v1", "tokens/lines.bin",
                 "tokens/tiny.txt"] + cases:
        copy(source, out, path)
    for name in sorted(os.listdir(os.path.join(source, "samplers"))):
        if name.endswith(".npy"):
            copy(source, out, "samplers/" + name)
        else:
            thin_sampler(os.path.join(source, "samplers", name),
                         os.path.join(out, "samplers", name))


if __name__ == "__main__":
    main()
