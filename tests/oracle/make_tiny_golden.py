#!/usr/bin/env python3
"""Golden cases of the shipped model, which holds its matrices in f16.

    make_tiny_golden.py FOLDER OUT

FOLDER is the checkpoint that demo/tiny.tango was converted from (or what blob.py unpacks
from it: the same numbers), OUT receives one folder a case. Every weight that
`convert -t f16` rounds (two or more axes, but not the relative positions) is rounded to
f16 first; the rest stays f32. Each stage is computed in float32 (the files) and in
float64; the tolerance is ten times the difference, at least 1e-5, as in make_golden.py.
Needs torch, diffusers, transformers, sentencepiece, librosa.
"""
import os
import shutil
import sys
import tempfile
import numpy as np
import torch
import griffin_lim
import make_golden
import reference

STAGES = ("tokens", "mask", "text", "tokens_uncond", "mask_uncond", "text_uncond",
          "noise", "timesteps", "sigmas", "unet_000", "latent_000", "latent", "mel",
          "wave")
CASES = {
    "tiny_ddpm": dict(prompt="a dog barks while rain falls", seed=7, steps=4,
                      seconds=0.64, guidance=3.0, sampler="ddpm"),
    "tiny_ddim": dict(prompt="a piano plays a low note", seed=1, steps=10,
                      seconds=0.64, guidance=3.0, sampler="ddim"),
    "tiny_plain": dict(prompt="rain", seed=2, steps=3,
                       seconds=0.32, guidance=1.0, sampler="dpm"),
    "tiny_odd": dict(prompt="a siren wails", negative="heavy rain and wind", seed=3,
                     steps=5, seconds=0.36, guidance=4.5, sampler="euler", samples=2),
    "tiny_rescale": dict(prompt="a siren wails while rain falls", seed=5, steps=5,
                         seconds=0.16, guidance=3.0, rescale=0.7, sampler="ddim",
                         samples=2),
}
GRIFFIN = "tiny_ddim"                  # this one also has a Griffin-Lim wave


def rounded_copy(source, out):
    """The checkpoint with the weights that the f16 blob holds, as float32."""
    shutil.copytree(source, out)
    for name in ("pytorch_model_main.bin", "pytorch_model_vae.bin"):
        path = os.path.join(out, name)
        os.chmod(path, 0o644)
        state = torch.load(path, map_location="cpu", weights_only=True)
        for key, w in state.items():
            if w.dim() >= 2 and "relative_attention_bias" not in key:
                state[key] = w.half().float()
        torch.save(state, path)


def stage_entry(single, double):
    entry = {"shape": list(single.shape), "tolerance": 0}
    if single.dtype.kind == "f":
        difference = make_golden.error(single, double)
        entry["max_abs"] = float(abs(single).max())
        entry["f32_vs_f64"] = float("%.2g" % difference)
        entry["tolerance"] = make_golden.tolerance(difference)
    return entry


def make_case(model, out, name, arguments):
    arguments = dict(dict(negative="", samples=1), **arguments)
    given = dict(arguments)
    prompt = given.pop("prompt")
    single, double = (reference.generate(reference.Model(model, wide), [prompt], **given)
                      for wide in (False, True))
    kept = STAGES + ("latent_%03d" % (arguments["steps"] - 1),)
    single = {k: v for k, v in single.items() if k in kept}
    reference.save(os.path.join(out, name), single)
    stages = {k: stage_entry(v, double[k]) for k, v in single.items()}
    print(name, {k: s.get("f32_vs_f64", 0) for k, s in stages.items()}, flush=True)
    case = dict(kind="generate", model="demo/tiny.tango", args=arguments,
                versions=reference.VERSIONS, stages=stages)
    return case, single


def griffin_case(mel, seed, dtype, uniform):
    """60 rounds on mel (T, 64): the wave, and || |R| - S || / || S ||."""
    import librosa
    basis = torch.from_numpy(librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmin=0,
                                                 fmax=8000)).to(dtype)
    window = torch.hann_window(1024, dtype=torch.float64).to(dtype)
    magnitude = griffin_lim.invert(torch.from_numpy(mel).to(dtype), basis)
    real_rand = torch.rand
    torch.rand = lambda *a, **k: uniform.to(dtype)      # one draw for both precisions
    wave = griffin_lim.griffin_lim(magnitude, window, 60, seed=seed)
    torch.rand = real_rand
    spectrum = torch.stft(wave, 1024, 160, 1024, window, center=True, return_complex=True)
    rest = spectrum.abs()[:, :magnitude.shape[1]] - magnitude
    return wave.numpy(), float(rest.norm() / magnitude.norm())


def add_griffin(out, case, single):
    mel, seed = single["mel"].reshape(-1, 64), case["args"]["seed"]
    uniform = torch.rand((513, len(mel)), generator=torch.Generator().manual_seed(seed))
    (wave, convergence), (wave64, convergence64) = (
        griffin_case(mel, seed, dtype, uniform)
        for dtype in (torch.float32, torch.float64))
    np.save(os.path.join(out, "griffin_wave.npy"), wave[None].astype(np.float32))
    case["griffin_lim"] = dict(
        convergence=convergence, convergence_f64=convergence64, tolerance=1e-3,
        wave_f32_vs_f64=float("%.2g" % make_golden.error(wave, wave64)),
        note="60 rounds from the float32 mel; compare the convergence, waves drift")
    print("griffin-lim", case["griffin_lim"])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, out = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work, torch.no_grad():
        model = os.path.join(work, "rounded")
        rounded_copy(folder, model)
        for name, arguments in CASES.items():
            case, single = make_case(model, out, name, arguments)
            if name == GRIFFIN:
                add_griffin(os.path.join(out, name), case, single)
            make_golden.write_json(os.path.join(out, name, "case.json"), case)


if __name__ == "__main__":
    main()
