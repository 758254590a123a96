#!/usr/bin/env python3
"""Audio-to-audio, masked denoising, windows and loops beside diffusers: `generate --init`, --fill, --continue, --window, --loop.

    start.py GENERATE ENCODE

The shipped model is unpacked and run by torch; latents of the sound are those that ENCODE writes (family.py compares them with
the packages). Schedulers are driven as StableDiffusionImg2ImgPipeline and StableDiffusionInpaintPipeline of diffusers do: the
run begins at timestep n - min(int(n * strength), n), set_begin_index, add_noise; behind each step what is kept is replaced
by add_noise of the sound at the next timestep. LCM takes its strength in set_timesteps. Windows: the mean of what the UNet says of
overlapping windows, with ramps of a quarter at their ends. Needs torch, diffusers, transformers.
"""
import os, subprocess, sys, tempfile
import numpy as np
import blob
import reference as R
import samplers
import torch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))); TINY = os.path.join(ROOT, "demo", "tiny.tango"); LIMIT = 2e-4


def windowed(unet, size, starts):
    """x -> the blend of unet of `size` rows from each start on, round the end."""
    r = torch.arange(size); edge = torch.minimum(r + 1, size - r); ramp = torch.where(edge < size // 4, edge / (size // 4), torch.ones(size))
    def call(x):
        out, weight = torch.zeros_like(x), torch.zeros(x.shape[2], dtype=x.dtype)
        for s in starts:
            at = (r + s) % x.shape[2]; out[:, :, at] += ramp.to(x.dtype)[:, None] * unet(x[:, :, at]); weight[at] += ramp
        return out / weight[:, None]
    return call


@torch.no_grad()
def denoise(m, prompt, init, sampler, steps, strength, fill, seed, guidance=3.0, size=None, starts=()):
    """The latent behind the last step; init (1, C, H, W); fill: rows that are made anew, or None."""
    rows = [m.tokens(prompt), m.tokens("")]; n = max(map(len, rows)); _, mask, text = m.encode_text(R.pad(rows[::-1], n))
    noise = R.Noise(seed); over = dict(algorithm_type="sde-dpmsolver++") if sampler == "dpm-sde" else {}
    s = R.make_scheduler(samplers.CLASSES[sampler], m.sched_cfg, m.double, noise, **over); order = 2 if sampler == "heun" else 1
    s.set_timesteps(steps, **(dict(strength=strength) if sampler == "lcm" else {})); first = 0 if sampler == "lcm" else order * max(steps - min(int(steps * strength), steps), 0)
    if hasattr(s, "set_begin_index"): s.set_begin_index(first)
    times = s.timesteps[first:]; init = init.to(m.dtype); start = noise.next(init.shape, m.dtype)
    z = start * s.init_noise_sigma if fill is not None and strength == 1.0 else s.add_noise(init, start, times[:1])
    if fill is not None: fresh = torch.zeros(init.shape[2], dtype=torch.bool); fresh[fill] = True; fresh = fresh[None, None, :, None]
    with R.double_time_embedding(m.double):
        for i, t in enumerate(times):
            net = lambda x: m.unet(x, t, encoder_hidden_states=text, encoder_attention_mask=mask).sample
            o = (windowed(net, size, starts) if size else net)(s.scale_model_input(torch.cat([z, z]), t)); u, c = o.chunk(2); z = s.step(u + guidance * (c - u), t, z).prev_sample
            if fill is not None: z = torch.where(fresh, z, s.add_noise(init, start, times[i + 1:i + 2]) if i + 1 < len(times) else init)
    return z.numpy()


def main(generate, encode):
    bad = count = 0
    with tempfile.TemporaryDirectory() as work:
        at = lambda name: os.path.join(work, name); run = lambda *a: subprocess.run(list(map(str, a)), check=True)
        blob.unpack(TINY, at("tiny")); models = [R.Model(at("tiny"), d) for d in (False, True)]
        run(generate, "-q", "-m", TINY, "-s", 1.28, "--seed", 3, "-o", at("dog.wav"), "a dog barks")
        for sampler in ("ddim", "ddpm", "euler", "dpm", "unipc", "euler-a", "heun", "dpm-sde", "lcm"):
            for how, strength, steps in (("init", 0.5, 8), ("init", 1.0, 4), ("fill", 1.0, 6), ("fill", 0.7, 7), ("continue", 1.0, 6)):
                if how == "continue" and sampler not in ("ddim", "euler"): continue
                seconds = 1.28 if how != "continue" else 2.0
                run(encode, "-q", "-m", TINY, at("dog.wav"), "-o", at("dog.npy")); init = np.load(at("dog.npy"))[None]; fill = None
                options = ["--init", at("dog.wav")]
                if how == "fill": options += ["--fill", "0.2:0.5", "--fill", "1.0:1.28"]; fill = list(range(5, 13)) + list(range(25, 32))
                if how == "continue": options = ["--continue", at("dog.wav"), "-s", seconds]; fill = list(range(32, 50)); init = np.pad(init, ((0, 0), (0, 0), (0, 18), (0, 0)))
                run(generate, "-q", "-m", TINY, *options, "--strength", strength, "--steps", steps, "--sampler", sampler, "--guidance", 3, "--rescale", 0, "--seed", 5, "--dump", at("dump"), "-o", at("out.wav"), "a cat meows")
                got = np.load(at("dump/latent.npy")); single, double = (denoise(m, "a cat meows", torch.from_numpy(init), sampler, steps, strength, fill, 5) for m in models)
                top = np.abs(double).max(); e, own = np.abs(got - single).max() / top, np.abs(single - double).max() / top; count += 1; ok = e <= max(LIMIT, 10 * own); bad += not ok
                print(f"{sampler:8s} {how:8s} strength {strength} of {steps} steps: error {e:.1e}, of the packages' own rounding {own:.1e}{'' if ok else '  FAIL'}", flush=True)
        for options, size, starts in (("--window 1", 25, (0, 13, 26, 39)), ("--window 1 --loop", 25, (0, 16, 32, 48)), ("--loop", 64, (0, 32))):
            init = torch.zeros(1, 8, 64, 16); run(generate, "-q", "-m", TINY, *options.split(), "-s", 2.56, "--steps", 4, "--sampler", "ddim", "--guidance", 3, "--rescale", 0, "--seed", 5, "--dump", at("dump"), "-o", at("out.wav"), "rain")
            got = np.load(at("dump/latent.npy")); single, double = (denoise(m, "rain", init, "ddim", 4, 1.0, list(range(64)), 5, size=size, starts=starts) for m in models)
            top = np.abs(double).max(); e, own = np.abs(got - single).max() / top, np.abs(single - double).max() / top; count += 1; ok = e <= max(LIMIT, 10 * own); bad += not ok
            print(f"{options}: error {e:.1e}, of the packages' own rounding {own:.1e}{'' if ok else '  FAIL'}", flush=True)
    print(f"{count - bad} passed, {bad} failed"); return bad != 0


if __name__ == "__main__":
    if len(sys.argv) != 3: sys.exit(__doc__)
    sys.exit(main(*map(os.path.abspath, sys.argv[1:])))
