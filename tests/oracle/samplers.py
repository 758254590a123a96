#!/usr/bin/env python3
"""Samplers beside the schedulers of diffusers: Karras sigmas, Euler ancestral, Heun, DPM++ SDE, LCM, parts of a run.

    samplers.py golden OUT        writes the tables tests/golden/samplers/{karras,euler-a,heun,dpm-sde,lcm}
    samplers.py PROGRAM           every sampler at many steps; PROGRAM is samplers.c, built

The model is output = 0.8 tanh(0.7 input) - 0.1. A run of strength s < 1 starts, as the img2img pipelines do, from a clean
sample (the first draw) with noise (the second) at the first of the last int(steps * s) timesteps, by add_noise of a scheduler
whose begin index is set. PROGRAM reads a run a line and prints its initial scale, its timesteps and, for each call of the
model, x behind it; the noise is the scheduler's own, handed over in a file. Needs torch, diffusers.
"""
import os, subprocess, sys, tempfile
import numpy as np
import make_golden
import reference as R
import torch
from make_golden import BASE, error, fake_model, tolerance, write_json

CLASSES = dict(make_golden.SAMPLERS, **{
    "euler-a": ("scheduling_euler_ancestral_discrete", "EulerAncestralDiscreteScheduler"),
    "heun": ("scheduling_heun_discrete", "HeunDiscreteScheduler"),
    "dpm-sde": ("scheduling_dpmsolver_multistep", "DPMSolverMultistepScheduler"), "lcm": ("scheduling_lcm", "LCMScheduler")})
LIMIT = 1e-4


def sampler_run(run, seed, double=False, count=16):
    """Columns timestep, sigma, x before, model's input, step noise or 0, x after; and the first x."""
    name, steps, strength = run["sampler"], run["steps"], run.get("strength", 1.0)
    over = {k: v for k, v in run.items() if k not in ("sampler", "steps", "strength", "eta")}; over["use_karras_sigmas"] = bool(over.get("use_karras_sigmas"))
    if name == "dpm-sde": over["algorithm_type"] = "sde-dpmsolver++"
    noise = R.Noise(seed); s = R.make_scheduler(CLASSES[name], BASE, double, noise, **over); dtype = torch.float64 if double else torch.float32
    order = 2 if name == "heun" else 1; extra = {"eta": run["eta"]} if "eta" in run else {}
    s.set_timesteps(steps, **(dict(strength=strength) if name == "lcm" else {}))
    first = 0 if name == "lcm" else order * max(steps - min(int(steps * strength), steps), 0)
    if hasattr(s, "set_begin_index"): s.set_begin_index(first)
    shape = [1, 1, 4, count // 4]; x = noise.next(shape, dtype)
    if strength == 1.0: x = x * s.init_noise_sigma
    else: x = s.add_noise(x, noise.next(shape, dtype), s.timesteps[first:first + 1])
    rows = []; sigmas = getattr(s, "sigmas", None); sigmas = None if sigmas is None or name == "lcm" else sigmas
    for i, t in enumerate(s.timesteps[first:]):
        given = s.scale_model_input(x, t); drawn = len(noise.drawn); y = s.step(fake_model(given), t, x, **extra).prev_sample
        z = noise.drawn[-1] if len(noise.drawn) > drawn else torch.zeros_like(noise.drawn[0])
        rows.append((float(t), 0.0 if sigmas is None else float(sigmas[first + i]), x, given, z, y)); x = y
    return rows


def table(out, runs, seed=3):
    """One folder of tests/golden/samplers, thinned as choose_golden.py does."""
    columns = {k: [] for k in ("timestep", "sigma", "x", "model_input", "noise", "y")}; kept = []; row = 0
    for run in runs:
        a, b = sampler_run(run, seed), sampler_run(run, seed, True); e = error(torch.stack([r[5] for r in a]).numpy(), torch.stack([r[5] for r in b]).numpy())
        kept.append(dict(run, first_row=row, rows=len(a), f32_vs_f64=float("%.2g" % e), tolerance=tolerance(e))); row += len(a); columns["x"].append(a[0][2].reshape(-1).numpy())
        for r in a:
            for k, v in zip(("timestep", "sigma", None, "model_input", "noise", "y"), r):
                if k: columns[k].append(v if isinstance(v, float) else v.reshape(-1).numpy())
    os.makedirs(out, exist_ok=True)
    for k, v in columns.items():
        if np.any(v): np.save(os.path.join(out, k + ".npy"), np.asarray(v, np.float32))
    write_json(os.path.join(out, "runs.json"), dict(config=BASE, seed=seed, versions={k: R.VERSIONS[k] for k in ("torch", "diffusers", "numpy")}, runs=kept))
    print(f"{out}: {len(kept)} runs, {row} rows, worst f32 vs f64 {max(k['f32_vs_f64'] for k in kept):.1e}")


SPACINGS = (("leading", 1), ("linspace", 0), ("trailing", 0))


def spaced(name, steps, predictions=("epsilon", "v_prediction"), **more):
    return [dict(sampler=name, steps=n, prediction_type=p, timestep_spacing=sp, steps_offset=off, **more) for n in steps for p in predictions for sp, off in SPACINGS]


def golden(out):
    both = ("zero", "sigma_min"); lcm = dict(timestep_spacing="leading", steps_offset=1); part = ("v_prediction",)
    table(out + "/euler-a", spaced("euler-a", (1, 2, 6)) + spaced("euler-a", (5,), part, strength=0.6))
    table(out + "/heun", spaced("heun", (1, 2, 5), ("epsilon", "v_prediction", "sample")) + spaced("heun", (3,), part, clip_sample=True) + spaced("heun", (4,), part, strength=0.5))
    table(out + "/dpm-sde", [r for f in both for r in spaced("dpm-sde", (1, 2, 6), final_sigmas_type=f)] + spaced("dpm-sde", (5,), ("sample",)) + spaced("dpm-sde", (16,), part) + spaced("dpm-sde", (5,), part, strength=0.6))
    table(out + "/lcm", [dict(sampler="lcm", steps=n, prediction_type=p, **lcm) for n in (1, 2, 3, 4, 7, 8) for p in ("epsilon", "v_prediction", "sample")]
          + [dict(sampler="lcm", steps=3, prediction_type="epsilon", clip_sample=True, **lcm), dict(sampler="lcm", steps=3, prediction_type="epsilon", thresholding=True, sample_max_value=1.5, **lcm)]
          + [dict(sampler="lcm", steps=n, prediction_type="v_prediction", strength=0.5, **lcm) for n in (1, 4, 5)])
    karras = []
    for name in ("euler", "heun", "dpm", "dpm-sde", "unipc"):
        for f in both if name not in ("heun",) else both[:1]: karras += spaced(name, (1, 2, 5), part if name != "euler" else ("epsilon",), use_karras_sigmas=1, final_sigmas_type=f)
        karras += spaced(name, (5,), part, use_karras_sigmas=1, strength=0.6)
    karras += spaced("dpm", (50,), part, use_karras_sigmas=1)[:1]
    plain = [r for name in ("ddpm", "ddim", "dpm", "euler", "unipc") for r in spaced(name, (7,), part, strength=0.58)]
    table(out + "/karras", karras); table(out + "/parts", plain)


def line(run, path):
    p = {"epsilon": 0, "v_prediction": 1, "sample": 2}[run["prediction_type"]]; sp = {"leading": 1, "linspace": 2, "trailing": 3}[run["timestep_spacing"]]
    return " ".join(map(str, (run["sampler"], run["steps"], p, sp, run["steps_offset"], 2 if run.get("final_sigmas_type") == "sigma_min" else 1, run.get("use_karras_sigmas", 0), run.get("strength", 1.0), path))) + "\n"


def compare(program):
    runs = []; steps = (1, 2, 3, 5, 10, 15, 25, 37, 100)
    for name in ("ddpm", "ddim", "euler", "dpm", "unipc", "euler-a", "heun", "dpm-sde"):
        for strength in (1.0, 0.29, 0.57): runs += [r for r in spaced(name, steps, ("epsilon", "v_prediction") if strength == 1.0 else ("v_prediction",), strength=strength) if int(r["steps"] * strength)]
    for name in ("euler", "heun", "dpm", "dpm-sde", "unipc"):
        for final in ("zero", "sigma_min")[: 1 if name == "heun" else 2]:
            for strength in (1.0, 0.58): runs += [r for r in spaced(name, steps, use_karras_sigmas=1, final_sigmas_type=final, strength=strength) if int(r["steps"] * strength)]
    runs += [dict(sampler="lcm", steps=n, prediction_type=p, timestep_spacing="leading", steps_offset=1, strength=s) for n in (1, 2, 3, 4, 5, 7, 8, 13, 24, 25, 26, 49, 50) for p in ("epsilon", "v_prediction", "sample") for s in (1.0, 0.5, 0.58) if n <= int(50 * s)]
    worst, bad, done, skipped = {}, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        work = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True); path = os.path.join(folder, "noise")
        for run in runs:
            try: rows = sampler_run(run, 7)
            except (ValueError, IndexError, AssertionError): skipped += 1; continue
            want = torch.stack([r[5] for r in rows]).reshape(len(rows), -1).numpy()
            if not np.isfinite(want).all(): skipped += 1; continue
            np.concatenate([rows[0][2].reshape(1, -1).numpy()] + [r[4].reshape(1, -1).numpy() for r in rows]).astype("<f4").tofile(path)
            work.stdin.write(line(run, path)); work.stdin.flush(); words = work.stdout.readline().split(); done += 1
            got = np.array(words[1:], float) if words and words[0] == "ok" else None; key = run["sampler"] + (" karras" if run.get("use_karras_sigmas") else "")
            if got is None or len(got) != len(rows) * 17: bad += 1; print("FAIL", run, " ".join(words[:12])); continue
            got = got.reshape(len(rows), 17); times = np.abs(got[:, 0] - [r[0] for r in rows]).max(); e = error(got[:, 1:], want); old = worst.get(key, (0, 0)); worst[key] = (max(old[0], e), max(old[1], times))
            if not (e <= LIMIT and times <= 2e-3): bad += 1; print(f"FAIL {run}: {e:.1e}, times {times:.1e}")
        work.stdin.close(); work.wait()
    for key in worst: print(f"{key:16s} error {worst[key][0]:.1e} of the largest number, timesteps {worst[key][1]:.1e}")
    print(f"{done} runs beside diffusers {R.VERSIONS['diffusers']}, {skipped} that it refuses or ends with NaN, {bad} failed"); return bad != 0


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "golden": golden(sys.argv[2])
    elif len(sys.argv) == 2: sys.exit(compare(sys.argv[1]))
    else: sys.exit(__doc__)
