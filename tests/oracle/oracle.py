#!/usr/bin/env python3
"""Compare the finished programs with PyTorch, diffusers and transformers, stage by stage.

    python3 tests/oracle/oracle.py [--only PATTERN] [--keep DIR] [--cc CC] [--seed S]

Models: `tiny` is demo/tiny.tango, read back into a checkpoint by blob.py (numpy alone, so the blob format is tested too);
v1 ... v5l are random checkpoints of odd structure (reference.py); `wide` is a random one at Tango's full width (channels
320, 640, 1280, 1280, heads of 64, text of 1024, VAE of 128, HiFi-GAN of 1024) with few layers: 0.6 G parameters, 8 GB of memory,
some minutes; it runs only with --only wide or --all. Every stage is computed three times: by the packages in float32 and in
float64, and by `generate`. Allowed is ten times the packages' own float32-float64 difference, at least 1e-5, relative to
the largest value of the stage; token ids are equal. pip install torch diffusers transformers sentencepiece protobuf librosa
"""
import argparse, fnmatch, math, os, shutil, subprocess, sys, tempfile
import numpy as np
HERE = os.path.dirname(os.path.abspath(__file__)); ROOT = os.path.dirname(os.path.dirname(HERE)); sys.path.insert(0, HERE)

RUNS = [   # model, prompt, arguments
    ("tiny", "a dog barks while rain falls", dict(seed=7, steps=6, seconds=1.28)),
    ("tiny", "a violin plays a low note", dict(seed=8, steps=10, seconds=1.0, sampler="ddim", eta=0.5, guidance=4.5)),
    ("tiny", "an organ chord", dict(seed=9, steps=16, seconds=0.64, sampler="dpm", final="sigma_min")),
    ("tiny", "waves", dict(seed=10, steps=8, seconds=0.72, sampler="unipc", samples=2)),
    ("tiny", "caf\u00e9 \uff26\uff55\uff4c\uff4c \U0001f436 e\u0301", dict(seed=11, steps=5, seconds=0.64, sampler="euler", negative="noise and hiss", guidance=2.0)),
    ("tiny", "a siren wails while rain falls", dict(seed=12, steps=8, seconds=0.64, sampler="ddim", samples=2, rescale=0.7)),
    ("v1", "a dog barks", dict(seed=21, steps=5, seconds=0.52)), ("v1", "rain", dict(seed=22, steps=6, seconds=0.68, sampler="euler")),
    ("v2", "a bell rings", dict(seed=23, steps=5, seconds=0.6, sampler="unipc")), ("v3", "waves at the sea", dict(seed=24, steps=4, seconds=0.44, samples=2)),
    ("v4", "a helicopter", dict(seed=25, steps=5, seconds=0.64, sampler="ddim", eta=1.0)), ("v5", "a flute", dict(seed=26, steps=5, seconds=0.64, guidance=1.0)),
    ("v5l", "fire and wind", dict(seed=27, steps=5, seconds=0.64, sampler="dpm")),
    ("wide", "a dog barks in the rain", dict(seed=28, steps=2, seconds=2.56)),
]


def wide():
    """Tango's widths with one layer a block, two text layers, one residual block a level."""
    import reference as R
    return (R.unet_cfg([320, 640, 1280, 1280], [5, 10, 20, 20], 32, 1024), R.t5_cfg(1024, 16, 64, 2816, 2), R.vae_cfg(128, [1, 2, 4], 1, voc=1024, scale=0.9227914214134216), R.sched_cfg())


def build(work, cc):
    for name, source in (("generate", "demo/generate.c"), ("convert", "tools/convert.c")):
        subprocess.run([cc, "-O2", os.path.join(ROOT, source), "-lm", "-o", os.path.join(work, name)], check=True)


def model(name, work, seed):
    """(checkpoint folder, blob) of a model, made on first use."""
    import blob, reference as R
    folder, out = os.path.join(work, name), os.path.join(work, name + ".tango"); shipped = os.path.join(ROOT, "demo", "tiny.tango")
    if not os.path.exists(folder):
        if name == "tiny": blob.unpack(shipped, folder)
        else: R.random_folder(folder, name, seed, os.path.join(work, "spiece.model"), dict(R.VARIANTS, wide=wide))
    if name == "tiny": return folder, shipped
    if not os.path.exists(out): subprocess.run([os.path.join(work, "convert"), "-q", folder, "-o", out], check=True)
    return folder, out


def run(work, folder, blob_file, prompt, kw):
    import reference as R
    dump = os.path.join(work, "dump"); shutil.rmtree(dump, ignore_errors=True)
    cmd = [os.path.join(work, "generate"), "-q", "-m", blob_file, "--vocoder", "hifigan", "--dump", dump, "-o", os.path.join(work, "out.wav"), "--guidance", str(kw.get("guidance", 3.0)), "--sampler", kw.get("sampler", "ddpm")]
    for k, v in kw.items():
        if k not in ("guidance", "sampler"): cmd += ["--" + k, str(v)]
    if "rescale" not in kw: cmd += ["--rescale", "0"]      # the shipped model has a default of its own
    subprocess.run(cmd + ["--", prompt], check=True)
    return compare(dump, *(R.generate(R.Model(folder, d), [prompt], **kw) for d in (False, True)))


def compare(dump, single, double):
    """[(stage, error, allowed)] of one run's stages: of the packages in both precisions, and in a folder; error None means missing."""
    rows = []
    for k, want in single.items():
        if k in ("noise_all",): continue
        path = os.path.join(dump, k + ".npy")
        if not os.path.exists(path): rows.append((k, None, 0)); continue
        got = np.load(path); top = float(np.abs(want).max()) or 1.0
        if got.shape != want.shape: rows.append((k, None, 0)); continue
        if want.dtype.kind == "i": rows.append((k, float((got != want).sum()), 0.0)); continue
        own = float(np.abs(want - double[k]).max()) / top; rows.append((k, float(np.abs(got - want).max()) / top, max(1e-5, 10 * own)))
    return rows


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default="[!w]*"); ap.add_argument("--all", action="store_true"); ap.add_argument("--keep"); ap.add_argument("--cc", default="cc"); ap.add_argument("--seed", type=int, default=1); a = ap.parse_args()
    work = a.keep or tempfile.mkdtemp(); os.makedirs(work, exist_ok=True); passed = failed = 0; build(work, a.cc)
    import blob
    with open(os.path.join(work, "spiece.model"), "wb") as f: f.write(blob.Blob(os.path.join(ROOT, "demo", "tiny.tango")).values["tokenizer.spiece"])
    for name, prompt, kw in RUNS:
        if not (a.all or fnmatch.fnmatch(name, a.only)): continue
        print(f"\n{name}: {prompt!a} {kw}\n  {'stage':16s} {'error':>9s} {'allowed':>9s}")
        for stage, error, allowed in run(work, *model(name, work, a.seed), prompt, kw):
            ok = error is not None and error <= allowed; passed += ok; failed += not ok
            print(f"  {stage:16s} {'missing' if error is None else format(error, '9.1e'):>9s} {allowed:9.1e} {'' if ok else 'FAIL'}", flush=True)
    if not a.keep: shutil.rmtree(work)
    print(f"\n{passed} passed, {failed} failed"); sys.exit(failed > 0)


if __name__ == "__main__": main()
