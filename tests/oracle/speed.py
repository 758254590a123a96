#!/usr/bin/env python3
"""Time `generate` beside PyTorch with diffusers and transformers: one thread each, in turns, medians.

    python3 tests/oracle/speed.py [--model tiny|wide] [--rounds 5] [--steps N] [--seconds S] [--threads N]

Both run the whole pipeline (text, UNet under DDIM with guidance 3, VAE decoder, HiFi-GAN) in float32 on the same weights; loading is
not counted. `wide` is the random model of oracle.py at Tango's full width (about 8 GB of memory). pip install as oracle.py says.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time
HERE = os.path.dirname(os.path.abspath(__file__)); sys.path.insert(0, HERE)
ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("--model", default="tiny"); ap.add_argument("--rounds", type=int, default=5); ap.add_argument("--steps", type=int); ap.add_argument("--seconds", type=float, default=2.56)
ap.add_argument("--threads", type=int, default=1); ap.add_argument("--keep"); a = ap.parse_args()
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(a.threads)
import torch, blob, oracle, reference as R
torch.set_num_threads(a.threads); steps = a.steps or (25 if a.model == "tiny" else 2)
work = a.keep or tempfile.mkdtemp(); os.makedirs(work, exist_ok=True); oracle.build(work, "cc")
with open(os.path.join(work, "spiece.model"), "wb") as f: f.write(blob.Blob(os.path.join(oracle.ROOT, "demo", "tiny.tango")).values["tokenizer.spiece"])
folder, file = oracle.model(a.model, work, 1); model = R.Model(folder); ours, theirs = [], []
cmd = [os.path.join(work, "generate"), "-q", "--json", "-m", file, "--sampler", "ddim", "--steps", str(steps), "--seconds", str(a.seconds), "--guidance", "3", "--seed", "7", "--vocoder", "hifigan",
       "-t", str(a.threads), "-o", os.path.join(work, "out.wav"), "a dog barks"]
for i in range(a.rounds + 1):      # the first round warms caches and is dropped
    ours.append(json.loads(subprocess.run(cmd, check=True, stdout=subprocess.PIPE).stdout)["compute_seconds"])
    t = time.perf_counter(); R.generate(model, ["a dog barks"], seed=7, steps=steps, seconds=a.seconds, sampler="ddim", guidance=3.0, keep_all=False); theirs.append(time.perf_counter() - t)
x, y = statistics.median(ours[1:]), statistics.median(theirs[1:])
print(f"{a.model}, {a.seconds} s, {steps} DDIM steps, {a.threads} thread(s): generate {x:.3f} s, PyTorch {torch.__version__} {y:.3f} s, ratio {y / x:.2f} (medians of {a.rounds})")
