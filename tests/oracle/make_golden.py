#!/usr/bin/env python3
"""Write a full set of golden files: random checkpoints, pipeline cases, layer cases, sampler tables, tokens.

    make_golden.py OUT [--only models|cases|tiny|layers|samplers|tokens] [--tiny FOLDER] [--spiece MODEL] [--t5 MODEL]

Each stage of a case is run twice, in float32 (the files) and in float64; the difference gives the tolerance. About two minutes.
--spiece is the tokenizer of the random checkpoints (default: that of tests/golden/models/v1), --tiny a trained checkpoint
(its cases are left out without one), --t5 the vocabulary of T5 (left out without it). choose_golden.py then copies what the
repository keeps; griffin/ comes from griffin_lim.py. Needs torch, diffusers, transformers, sentencepiece, librosa, soundfile.
"""
import argparse, json, math, os, re, shutil, sys
import numpy as np
import reference as R
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))


def rel(path, base): return os.path.relpath(path, base).replace(os.sep, "/")


def write_json(path, obj):
    with open(path, "w") as f: f.write(json.dumps(obj, indent=1) + "\n")


def error(a, b):
    """max |a - b| over max |b|."""
    b = np.asarray(b, np.float64); return float(np.max(np.abs(np.asarray(a, np.float64) - b)) / max(np.max(np.abs(b)), 1e-30)) if b.size else 0.0


def tolerance(err):
    """Ten times what rounding alone costs, rounded up to 1, 2 or 5, never below 1e-5."""
    want = max(1e-5, 10 * err); e = 10.0 ** math.floor(math.log10(want)); return float("%.0e" % next(k * e for k in (1, 2, 5, 10) if k * e >= want * 0.999))


# ---------------------------------------------------------------- pipeline cases

def generate_case(out, base, model, keep="all", spacing_note=None, **kw):
    """One folder of stages + case.json. keep: "all" latents, or "ends" = first two and last."""
    kw = dict(dict(negative="", guidance=3.0, sampler="ddpm", samples=1), **kw); prompt = kw.pop("prompt"); shutil.rmtree(out, ignore_errors=True)
    a = R.generate(R.Model(model), [prompt], **kw); b = R.generate(R.Model(model, True), [prompt], **kw); last = "latent_%03d" % (kw["steps"] - 1)
    if keep == "ends": a = {k: v for k, v in a.items() if not (k.startswith("latent_0") and k not in ("latent_000", "latent_001", last))}
    if "noise_all" in a and keep == "ends": del a["noise_all"]
    R.save(out, a); stages = {}
    for k, v in a.items():
        stages[k] = {"shape": list(v.shape)}
        if v.dtype.kind == "f":
            e = error(v, b[k]); stages[k].update(max_abs=float(np.max(np.abs(v))), f32_vs_f64=float("%.2g" % e), tolerance=tolerance(e))
        else: stages[k]["tolerance"] = 0
    flag = " ".join(f"--{k} {v!r}" if isinstance(v, str) and not v.isalnum() else f"--{k} {v}" for k, v in kw.items() if not (k in ("negative", "samples", "eta") and v in ("", 1, 0.0)))
    where = rel(model, base)
    write_json(os.path.join(out, "case.json"), dict(kind="generate", model=where, command=f"reference.py generate {where} --prompt {json.dumps(prompt, ensure_ascii=False)} {flag} --dump DIR",
                                                    args=dict(prompt=prompt, **kw), versions=R.VERSIONS, stages=stages))
    print(f"{os.path.basename(out):18s}", " ".join(f"{k} {stages[k]['f32_vs_f64']:.1e}" for k in ("text", "unet_000", "latent", "mel", "wave") if k in stages), flush=True)


def encode_case(out, base, model, rate, seconds, target, channels, seed):
    """A synthetic clip (tones with decaying envelopes plus noise) written as 16-bit WAV, encoded."""
    import soundfile
    shutil.rmtree(out, ignore_errors=True); os.makedirs(out); rng = np.random.default_rng(seed); n = int(rate * seconds); t = np.arange(n) / rate; x = np.zeros((n, channels))
    for c in range(channels):
        for _ in range(6): x[:, c] += rng.uniform(0.1, 0.5) * np.sin(2 * np.pi * rng.uniform(80, 5000) * t + rng.uniform(0, 6)) * np.exp(-rng.uniform(0.5, 6) * np.abs(t - rng.uniform(0, seconds)))
        x[:, c] += 0.02 * rng.standard_normal(n) + 0.01
    soundfile.write(os.path.join(out, "in.wav"), 0.8 * x / np.abs(x).max(), rate, subtype="PCM_16")
    a, b = (R.encode(R.Model(model, d, text=False), os.path.join(out, "in.wav"), target) for d in (False, True)); R.save(out, a)
    stages = {k: dict(shape=list(v.shape), max_abs=float(np.max(np.abs(v))), f32_vs_f64=float("%.2g" % error(v, b[k])), tolerance=max(tolerance(error(v, b[k])), 2e-4 if k != "samples" else 0)) for k, v in a.items()}
    where = rel(model, base)
    write_json(os.path.join(out, "case.json"), dict(kind="encode", model=where, command=f"reference.py encode {where} in.wav --seconds {target} --dump DIR", args=dict(input="in.wav", seconds=target),
                                                    note="mel, mean, logvar, latent: an FFT and the reference's dense DFT differ near the log floor, hence at least 2e-4", versions=R.VERSIONS, stages=stages))
    print(f"{os.path.basename(out):18s}", " ".join(f"{k} {stages[k]['f32_vs_f64']:.1e}" for k in stages), flush=True)


# ---------------------------------------------------------------- layers

class Layers:
    """layers/<name>/*.npy and one layers.json with the parameters and the float64 difference."""
    def __init__(self, out, seed): self.out, self.gen, self.index = out, torch.Generator().manual_seed(seed), {}; shutil.rmtree(out, ignore_errors=True); os.makedirs(out)
    def r(self, *shape, std=1.0): return std * torch.randn(shape, generator=self.gen)
    def add(self, name, fn, tensors, y=None, note=None, **params):
        """fn(**tensors) -> y in float32, and again with float64 tensors."""
        d = os.path.join(self.out, name); os.makedirs(d); up = {k: v.double() if v.is_floating_point() else v for k, v in tensors.items()}
        y = fn(**tensors) if fn else y; e = error(y.numpy(), fn(**up).numpy()) if fn and y.is_floating_point() else 0.0
        for k, v in dict(tensors, y=y).items():
            v = v.detach().numpy(); np.save(os.path.join(d, k + ".npy"), v.astype(np.int32) if v.dtype == np.int64 else v)
        self.index[name] = dict(params, inputs={k: list(v.shape) for k, v in tensors.items()}, y=list(y.shape), f32_vs_f64=float("%.2g" % e), tolerance=max(tolerance(e) / 2, 2e-6) if y.is_floating_point() else 0)
        if note: self.index[name]["note"] = note
    def close(self): write_json(os.path.join(self.out, "layers.json"), dict(versions=R.VERSIONS, layers=self.index)); print(len(self.index), "layer cases")


def layer_cases(out, seed, odd=0):
    """odd shifts every size, so that a second set shares none of them."""
    L = Layers(out, seed); r = L.r; k = odd
    for name, shape, g, eps, std, mean in (("group_norm_odd", (2, 15, 7 + k, 5), 5, 1e-6, 1, 0), ("group_norm_small", (1, 24, 9, 3 + k), 8, 1e-5, 0.02, 0), ("group_norm_32", (1, 32, 3 + k, 1), 32, 1e-6, 0.003, 0.001), ("group_norm_mean", (1, 16, 13, 4 + k), 4, 1e-5, 1, 50)):
        L.add(name, lambda x, w, b: F.group_norm(x, g, w, b, eps), dict(x=r(*shape, std=std) + mean, w=1 + r(shape[1], std=.2), b=r(shape[1], std=.2)), groups=g, eps=eps)
    for name, n, c, std in (("layer_norm", 5, 20 + k, 1), ("layer_norm_small", 3, 33 + k, 0.01), ("layer_norm_1", 1, 320, 0.1)):
        L.add(name, lambda x, w, b: F.layer_norm(x, (c,), w, b, 1e-5), dict(x=r(n, c, std=std), w=1 + r(c, std=.2), b=r(c, std=.2)), eps=1e-5)
    from transformers.models.t5.modeling_t5 import T5LayerNorm
    for name, n, c, std in (("rms_norm", 5, 24 + k, 1), ("rms_norm_small", 4, 31 + k, 0.002)):
        def rms(x, w):
            m = (R.double_module("transformers.models.t5.modeling_t5").T5LayerNorm if x.dtype == torch.float64 else T5LayerNorm)(c, 1e-6).to(x.dtype); m.weight.data.copy_(w); return m(x).detach()
        L.add(name, rms, dict(x=r(n, c, std=std), w=1 + r(c, std=.2)), eps=1e-6)
    x = torch.cat([torch.linspace(-8, 8, 501 + 10 * k), torch.tensor([0.0, -0.0, 1e-30, -1e-30, 1e-6, -1e-6]), r(100, std=2)]); far = torch.tensor([30.0, -30.0, 88.0, -88.0, 104.0, -104.0, 1e4, -1e4, 1e10, -1e10])
    for tag, v in (("", x), ("_far", far)):
        L.add("silu" + tag, F.silu, dict(input=v)); L.add("gelu_exact" + tag, lambda x: F.gelu(x), dict(x=v)); L.add("gelu_tanh" + tag, lambda x: F.gelu(x, approximate="tanh"), dict(x=v), note="gelu_new of T5")
        for n in ("silu", "gelu_exact", "gelu_tanh"): L.index[n + tag].update({} if not tag else dict(tolerance=1e-6, note="tolerance per element: 1e-6 (1 + |y|), no NaN"))
    L.add("leaky_relu", lambda x: F.leaky_relu(x, 0.1), dict(x=x), slope=0.1); L.add("tanh", torch.tanh, dict(input=x)); L.add("softmax", lambda x: torch.softmax(x, -1), dict(x=r(6, 37 + k, std=10)))
    def conv2d(name, n, ci, co, h, w, kk, s, p, asym=False):
        L.add(name, lambda x, w, b: F.conv2d(F.pad(x, (0, 1, 0, 1)) if asym else x, w, b, stride=s, padding=p), dict(x=r(n, ci, h, w), w=r(co, ci, kk, kk, std=(ci * kk * kk) ** -.5), b=r(co, std=.2)),
              stride=s, padding="right 1, bottom 1, zeros" if asym else p)
    conv2d("conv2d_3x3", 2, 5, 6, 7 + k, 9, 3, 1, 1); conv2d("conv2d_3x3_wide", 1, 35, 19, 5, 16 + k, 3, 1, 1); conv2d("conv2d_1x1", 1, 13, 7 + k, 5, 3, 1, 1, 0)
    conv2d("conv2d_stride2_odd", 1, 6, 5, 9, 7 + k, 3, 2, 1); conv2d("conv2d_stride2_even", 1, 6, 5, 8, 6, 3, 2, 1); conv2d("conv2d_asym_even", 1, 4, 6, 8 + 2 * k, 6, 3, 2, 0, True); conv2d("conv2d_asym_odd", 1, 4, 6, 9, 7, 3, 2, 0, True)
    for name, size in (("upsample_conv", None), ("upsample_conv_odd", (13 + 2 * k, 5))):
        L.add(name, lambda x, w, b: F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest") if size is None else F.interpolate(x, size=size, mode="nearest"), w, b, padding=1),
              dict(x=r(1, 4, 7 + k, 3), w=r(6, 4, 3, 3, std=1 / 6), b=r(6, std=.2)), size="x2" if size is None else list(size))
    for kk in (3, 7, 11):
        for d in (1, 3, 5):
            L.add(f"conv1d_k{kk}_d{d}", lambda x, w, b: F.conv1d(x, w, b, dilation=d, padding=d * (kk - 1) // 2), dict(x=r(1, 5, (9 if d == 5 else 40) + k), w=r(6, 5, kk, std=(5 * kk) ** -.5), b=r(6, std=.2)), dilation=d, padding=d * (kk - 1) // 2)
    for i, (s, kk) in enumerate(zip((5, 4, 2, 2, 2), (16, 16, 8, 4, 4))):
        L.add(f"conv_transpose1d_{i}", lambda x, w, b: F.conv_transpose1d(x, w, b, stride=s, padding=(kk - s) // 2), dict(x=r(1, 6 + 2 * k, 11 + i), w=r(6 + 2 * k, 3 + k, kk, std=.2), b=r(3 + k, std=.2)), stride=s, kernel=kk, padding=(kk - s) // 2, note="weight is [in, out, k]")
    from diffusers.models.attention_processor import Attention
    def attn(name, b, q, kv, c, ctx, heads, mask):
        params = dict(x=r(b, q, c), ctx=r(b, kv, ctx), wq=r(c, c, std=1.8 * c ** -.5), wk=r(c, ctx, std=1.8 * ctx ** -.5), wv=r(c, ctx, std=ctx ** -.5), wo=r(c, c, std=c ** -.5), bo=r(c, std=.2))
        if mask is not None: params["mask"] = mask
        def run(x, ctx, wq, wk, wv, wo, bo, mask=None):
            m = Attention(query_dim=c, cross_attention_dim=ctx.shape[-1], heads=heads, dim_head=c // heads).to(x.dtype)
            for lin, w in ((m.to_q, wq), (m.to_k, wk), (m.to_v, wv), (m.to_out[0], wo)): lin.weight.data.copy_(w)
            m.to_out[0].bias.data.copy_(bo); bias = None if mask is None else ((1 - mask.to(x.dtype)) * -10000.0)[:, None]
            return m(x, encoder_hidden_states=ctx, attention_mask=bias).detach()
        L.add(name, run, params, heads=heads, scale=(c // heads) ** -.5)
    m = lambda *rows: torch.tensor(rows)
    attn("attention_cross_mask", 2, 65 + k, 7, 21, 10, 3, m([1] * 7, [1, 1, 0, 0, 0, 0, 0])); attn("attention_one_key", 1, 33, 5, 16, 9 + k, 2, m([1, 0, 0, 0, 0])); attn("attention_single", 1, 9, 1, 12, 12, 1, None); attn("attention_self", 1, 70 + k, 70 + k, 24, 24, 3, None)
    attn("attention_all_masked", 1, 9, 4, 12, 6, 2, m([0, 0, 0, 0])); attn("attention_long", 1, 3, 517 + k, 16, 8, 1, None); L.index["attention_all_masked"]["note"] = "adding -10000 to every score rounds the scores to 1e-3; cannot occur with real prompts"
    from diffusers.models.activations import GEGLU
    c = 12 + k
    def geglu(x, w, b, w2, b2):
        g = GEGLU(c, 4 * c).to(x.dtype); g.proj.weight.data.copy_(w); g.proj.bias.data.copy_(b); return F.linear(g(x), w2, b2).detach()
    L.add("geglu", geglu, dict(x=r(7, c), w=r(8 * c, c, std=c ** -.5), b=r(8 * c, std=.2), w2=r(c, 4 * c, std=(4 * c) ** -.5), b2=r(c, std=.2)), note="y = w2 (p[0:4c] * gelu(p[4c:8c])) + b2, p = w x + b")
    from diffusers.models.embeddings import get_timestep_embedding
    t = torch.tensor([0, 1, 2, 10, 250, 500, 750, 981, 999, 946.4210205, 0.5, 333.3333]) + 0.25 * k * (torch.arange(12) > 9)
    for dim in (8, 20, 32, 320):
        e64 = R.double_module("diffusers.models.embeddings").get_timestep_embedding
        L.add(f"timestep_{dim}", lambda t: (e64 if t.dtype == torch.float64 else get_timestep_embedding)(t, dim, flip_sin_to_cos=True, downscale_freq_shift=0), dict(t=t), flip_sin_to_cos=True, freq_shift=0); L.index[f"timestep_{dim}"].update(tolerance=2e-4, note="t times frequency is rounded in float32: up to 6e-5 from the exact value")
    from transformers.models.t5.modeling_t5 import T5Attention
    rng = torch.arange(-300, 301); L.add("t5_bucket", None, dict(relative=rng), y=T5Attention._relative_position_bucket(rng, bidirectional=True, num_buckets=32, max_distance=128), note="relative = key position - query position")
    def t5_attn(x, wq, wk, wv, wo, table, mask):
        from transformers import T5Config
        mod = R.double_module("transformers.models.t5.modeling_t5") if x.dtype == torch.float64 else sys.modules["transformers.models.t5.modeling_t5"]
        H, K = table.shape[1], wq.shape[0] // table.shape[1]; cfg = T5Config(d_model=x.shape[-1], d_kv=K, num_heads=H, is_decoder=False); cfg._attn_implementation = "eager"; a = mod.T5Attention(cfg, has_relative_attention_bias=True).to(x.dtype).eval()
        for lin, w in ((a.q, wq), (a.k, wk), (a.v, wv), (a.o, wo)): lin.weight.data.copy_(w)
        a.relative_attention_bias.weight.data.copy_(table); return a(x, mask=((1 - mask.to(x.dtype)) * torch.finfo(torch.float32).min)[:, None, None, :])[0].detach()
    for name, n, msk in (("t5_attention", 20 + k, None), ("t5_attention_mask", 9, 4), ("t5_attention_far", 150, None)):
        mask = torch.ones(1, n, dtype=torch.long)
        if msk: mask[:, msk:] = 0
        L.add(name, t5_attn, dict(x=r(1, n, 14), wq=r(15, 14, std=.3), wk=r(15, 14, std=.3), wv=r(15, 14, std=.27), wo=r(14, 15, std=.26), table=r(32, 3), mask=mask), heads=3, note="no 1/sqrt(d) scale; bias table[bucket(key - query)]")
    for s in ((0, 7, 42) if not odd else (1, 123456789, 2 ** 32 + 9)):
        for n in ((1, 7, 15, 16, 17, 100, 8192) if not odd else (2, 9, 14, 18, 31, 33, 4101)):
            L.add(f"randn_seed{s}_n{n}", None, {}, y=torch.randn(n, generator=torch.Generator().manual_seed(s)), seed=s); L.index[f"randn_seed{s}_n{n}"]["tolerance"] = 2e-6
    g = torch.Generator().manual_seed(5 + k); seq = [3, 1, 16, 5, 40, 2, 17, 16]; L.add("randn_sequence", None, {}, y=torch.cat([torch.randn(n, generator=g) for n in seq]), seed=5 + k, calls=seq, note="consecutive calls on one generator"); L.index["randn_sequence"]["tolerance"] = 2e-6
    # audio
    import librosa
    L.add("mel_basis", None, {}, y=torch.from_numpy(librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmin=0, fmax=8000)), librosa=librosa.__version__); L.index["mel_basis"]["tolerance"] = 1e-6
    cfg = dict(sampling_rate=16000, filter_length=1024, hop_length=160, win_length=1024, n_mel_channels=64, mel_fmin=0, mel_fmax=8000); n = torch.arange(16000, dtype=torch.float64)
    x = 0.5 * torch.sin(2 * math.pi * (440 + 30 * k) * n / 16000) + 0.1 * torch.cos(2 * math.pi * 3000 * n / 16000)
    mel = lambda x: torch.from_numpy(R.log_mel(x.numpy(), cfg, x.dtype))
    L.add("log_mel_fixture", mel, dict(x=x.float()), note="[frames, 64]; two tones"); L.index["log_mel_fixture"]["tolerance"] = 3e-4
    ch = 0.6 * torch.sin(2 * math.pi * (50 * n[:8000] / 16000 + 0.5 * 7000 / 0.5 * (n[:8000] / 16000) ** 2)); w = torch.hann_window(1024, dtype=torch.float64)
    L.add("stft_chirp", lambda x: torch.stft(x, 1024, 160, 1024, w.float().to(x.dtype), center=True, pad_mode="reflect", return_complex=True).abs().T.contiguous(), dict(x=ch.float()), note="magnitude [frames, 513], reflect padding")
    for a, b in (((44100, 16000), (48000, 16000), (8000, 16000), (22050, 16000), (11025, 16000), (16000, 44100), (32000, 16000)) if not odd else ((12000, 16000), (96000, 16000), (16000, 22050), (11127, 16000))):
        x = r(700 + 13 * k, std=.3); L.add(f"resample_{a}_{b}", lambda x: torch.from_numpy(R.resample(x.numpy(), a, b)), dict(x=x), source=a, target=b)
    L.close()


# ---------------------------------------------------------------- samplers

SAMPLERS = {"ddpm": ("scheduling_ddpm", "DDPMScheduler"), "ddim": ("scheduling_ddim", "DDIMScheduler"), "dpm": ("scheduling_dpmsolver_multistep", "DPMSolverMultistepScheduler"),
            "euler": ("scheduling_euler_discrete", "EulerDiscreteScheduler"), "unipc": ("scheduling_unipc_multistep", "UniPCMultistepScheduler")}
BASE = {k: v for k, v in R.sched_cfg().items() if not k.startswith("_")}


def fake_model(x): return 0.8 * torch.tanh(0.7 * x) - 0.1


def sampler_run(name, steps, seed, double=False, eta=0.0, **over):
    """rows (timestep, sigma, x before, model output, step noise or 0, x after), 16 values each."""
    rnd = R.Noise(seed); s = R.make_scheduler(SAMPLERS[name], BASE, double, rnd, **over); s.set_timesteps(steps); dt = torch.float64 if double else torch.float32
    x = rnd.next([1, 1, 4, 4], dt) * s.init_noise_sigma; rows = []; extra = {"eta": eta} if name == "ddim" else {}; sig = getattr(s, "sigmas", None)
    for i, t in enumerate(s.timesteps):
        inp = s.scale_model_input(x, t); o = fake_model(inp); n = len(rnd.drawn); y = s.step(o, t, x, **extra).prev_sample
        z = rnd.drawn[-1] if len(rnd.drawn) > n else torch.zeros_like(rnd.drawn[0]); rows.append((float(t), 0.0 if sig is None else float(sig[i]), x, inp, o, z, y)); x = y
    return rows


def sampler_cases(out, seed, steps=(1, 2, 5, 25, 50)):
    shutil.rmtree(out, ignore_errors=True); os.makedirs(out)
    np.save(os.path.join(out, "alphas_cumprod.npy"), R.make_scheduler(SAMPLERS["ddim"], BASE).alphas_cumprod.numpy()); np.save(os.path.join(out, "betas.npy"), R.make_scheduler(SAMPLERS["ddim"], BASE).betas.numpy())
    for name in SAMPLERS:
        runs, cols, row = [], [[] for _ in range(7)], 0; combos = []
        for n in steps:
            for pred in ("epsilon", "v_prediction", "sample"):
                for sp in ("leading", "linspace", "trailing"):
                    for off in (0, 1):
                        if off and sp != "leading": continue          # the offset is read with leading spacing only
                        combos += [(n, 0.0, dict(prediction_type=pred, timestep_spacing=sp, steps_offset=off, **f)) for f in ([dict(final_sigmas_type="zero"), dict(final_sigmas_type="sigma_min")] if name in ("dpm", "unipc") else [{}])]
        if name in ("ddpm", "ddim"):
            for extra in (dict(clip_sample=True), dict(clip_sample=True, clip_sample_range=0.5), dict(thresholding=True, sample_max_value=1.5), dict(thresholding=True, dynamic_thresholding_ratio=0.8, sample_max_value=5.0)):
                for pred in ("epsilon", "v_prediction"): combos.append((5, 0.0, dict(prediction_type=pred, timestep_spacing="leading", steps_offset=1, **extra)))
        if name == "ddim":
            for eta in (0.3, 1.0): combos += [(n, eta, dict(prediction_type="v_prediction", timestep_spacing="leading", steps_offset=1)) for n in (5, 25)]
            combos += [(n, 0.0, dict(prediction_type="v_prediction", timestep_spacing=sp, steps_offset=1, set_alpha_to_one=True)) for n in (5, 25) for sp in ("leading", "trailing")]
        if name == "ddpm": combos += [(5, 0.0, dict(prediction_type="v_prediction", timestep_spacing="leading", steps_offset=1, variance_type=v)) for v in ("fixed_large",)]
        for n, eta, over in combos:
            run = dict(steps=n, eta=eta, **over)
            try: f32 = sampler_run(name, n, seed, False, eta, **over)
            except NotImplementedError as e: runs.append(dict(run, unsupported=str(e).split(".")[0])); continue
            except ValueError as e: runs.append(dict(run, unsupported=str(e).split(".")[0])); continue
            f64 = sampler_run(name, n, seed, True, eta, **over); x32, x64 = (torch.stack([q[6] for q in z]) for z in (f32, f64)); e = float((x32.double() - x64.double()).abs().max() / x64.abs().max())
            runs.append(dict(run, first_row=row, rows=len(f32), f32_vs_f64=float("%.2g" % e), tolerance=tolerance(e))); row += len(f32)
            for q in f32:
                for c, v in zip(cols, q): c.append(v if isinstance(v, float) else v.reshape(-1).numpy())
        d = os.path.join(out, name); os.makedirs(d)
        for c, file in zip(cols, ("timestep", "sigma", "x", "model_input", "model_output", "noise", "y")): np.save(os.path.join(d, file + ".npy"), np.asarray(c, np.float32))
        write_json(os.path.join(d, "runs.json"), dict(config=BASE, seed=seed, versions=R.VERSIONS, runs=runs))
        print(f"{name}: {len(runs)} runs, {row} rows, worst f32 vs f64 {max(q.get('f32_vs_f64', 0) for q in runs):.1e}, unsupported {sum('unsupported' in q for q in runs)}", flush=True)


# ---------------------------------------------------------------- tokens

LINES = ["", " ", "a dog barks", "A dog barks.", "  two   spaces  and\ttab ", "dog barking in the distance, then a car passes by", "caf\u00e9 \u00e0 la cr\u00e8me", "cafe\u0301 (combining)", "\uff26\uff55\uff4c\uff4c\uff57\uff49\uff44\uff54\uff48 \uff11\uff12\uff13",
         "\u2460\u2461 \u33a1 \u2167 \ufb01ne \u00bd", "na\u00efve \u0153uvre stra\u00dfe \u0130stanbul", "\u4f60\u597d\uff0c\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f \uff76\uff9e\uff77\uff9e", "\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab", "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
         "\U0001f436 barks \U0001f469\u200d\U0001f680", "zero\u200bwidth\u200djoin\ufeffbom", "nbsp\u00a0here\u3000ideographic", "soft\u00adhyphen \u2014 dash \u2026 \u201cquotes\u201d \u2018x\u2019", "</s>", "<extra_id_0> <pad> <unk>", "a </s> b", "\u2581lower\u2581one\u2581eighth", "\u2581", "x" * 300,
         "supercalifragilisticexpialidocious antidisestablishmentarianism", "1234567890 3.14159 1e-5", "!@#$%^&*()_+-=[]{}|;':\",./<>?`~\\", "don't can't it's I'll", "\u0000nul\u0001\u0007\u007f\u0085ctl", "a" + "\u0301" * 20, "\u1e9e\u0149\u01f0", "\u212b \u2126 \u00b5 \u03bc", "tail space ", "\u202eright to left\u202c",
         " ".join(["rain"] * 600)]


def special_ids(sp, text):
    """What the tokenizers of transformers do on top: special strings become their ids, the parts between are encoded alone. None without any."""
    parts = re.split("(</s>|<pad>|<unk>|<extra_id_[0-9]{1,2}>)" if sp.get_piece_size() == 32000 else "(</s>|<pad>|<unk>)", text)
    known = {"</s>": 1, "<pad>": 0, "<unk>": 2}; ids = []
    for i, p in enumerate(parts): ids += ([known[p]] if p in known else [32099 - int(p[10:-1])]) if i % 2 else sp.encode(p)
    return ids[:511] + [1] if len(parts) > 1 else None


def token_cases(out, spieces, lines):
    """lines.bin: u32 length + bytes each (lines may hold any byte); <name>.txt: one line of ids each, plain sentencepiece;
    <name>_special.txt: the ids with special strings recognised, empty where the line has none."""
    shutil.rmtree(out, ignore_errors=True); os.makedirs(out); import sentencepiece, struct
    raw = [x.encode("utf-8") if isinstance(x, str) else x for x in lines]
    with open(os.path.join(out, "lines.bin"), "wb") as f:
        for b in raw: f.write(struct.pack("<I", len(b)) + b)
    for name, path in spieces.items():
        sp = sentencepiece.SentencePieceProcessor(model_file=path)
        with open(os.path.join(out, name + ".txt"), "w") as f:
            for b in raw: f.write(" ".join(map(str, R.tokenise(sp, b))) + "\n")
        with open(os.path.join(out, name + "_special.txt"), "w") as f:
            for b in raw: f.write(" ".join(map(str, special_ids(sp, b.decode("utf-8", "replace")) or [])) + "\n")
    print(len(raw), "token lines")


BAD_UTF8 = [b"\xff\xfe broken", b"cut \xe2\x82", b"over \xc0\xaf long", b"surrogate \xed\xa0\x80 end", b"\x80\x80 lone", b"four \xf4\x90\x80\x80 beyond"]


# ---------------------------------------------------------------- all

CASES = [   # name, model, arguments
    ("tiny_ddpm", "tiny", dict(prompt="a dog barks while rain falls", seed=7, steps=10, seconds=2.56)),
    ("tiny_ddim", "tiny", dict(prompt="A piano plays a low note.", seed=1, steps=25, seconds=2.56, sampler="ddim", keep="ends")),
    ("tiny_plain", "tiny", dict(prompt="rain", seed=2, steps=4, seconds=0.64, guidance=1.0)),
    ("tiny_odd", "tiny", dict(prompt="a siren followed by heavy rain", seed=3, steps=5, seconds=1.0, guidance=4.5, samples=2)),
    ("tiny_dpm", "tiny", dict(prompt="an organ chord", seed=4, steps=20, seconds=1.28, sampler="dpm", keep="ends")),
    ("v1_ddpm", "v1", dict(prompt="a dog barks", seed=11, steps=6, seconds=0.52)), ("v1_samples", "v1", dict(prompt="heavy rain on a roof", seed=12, steps=3, seconds=0.36, samples=3, guidance=2.5)),
    ("v1_unipc", "v1", dict(prompt="bird song", seed=13, steps=8, seconds=0.64, sampler="unipc")), ("v2_ddpm", "v2", dict(prompt="a bell rings", seed=21, steps=6, seconds=0.64)),
    ("v1_cache", "v1", dict(prompt="rain on a roof", negative="bird song and wind", seed=14, steps=8, seconds=0.36, sampler="dpm", cache=3, keep="ends")),
    ("v1_window", "v1", dict(prompt="a dog barks", seed=15, steps=10, seconds=0.28, sampler="ddim", eta=0.5, samples=2, rescale=0.5, guidance_from=0.25, guidance_until=0.75, cache=4, keep="ends")),
    ("v2_ddim", "v2", dict(prompt="a bell rings twice", seed=22, steps=10, seconds=0.64, sampler="ddim", guidance=1.0)), ("v3_ddpm", "v3", dict(prompt="waves at the sea", seed=31, steps=5, seconds=0.92)),
    ("v3_negative", "v3", dict(prompt="a drum", negative="noise, hiss and people talking in the background", seed=32, steps=4, seconds=0.64)), ("v3_dpm", "v3", dict(prompt="a drum", seed=33, steps=6, seconds=0.64, sampler="dpm")),
    ("v4_ddpm", "v4", dict(prompt="a helicopter", seed=41, steps=6, seconds=0.64)), ("v5_ddpm", "v5", dict(prompt="a flute", seed=51, steps=6, seconds=0.64)), ("v5_ddim", "v5", dict(prompt="a guitar", seed=52, steps=8, seconds=0.68, sampler="ddim")),
    ("v5l_ddpm", "v5l", dict(prompt="fire and wind", seed=53, steps=6, seconds=0.64)), ("v2_euler", "v2", dict(prompt="fire", seed=23, steps=8, seconds=0.64, sampler="euler")),
]


def summary(out):
    """Worst float32-float64 difference and the tolerances a stage was given, over all cases."""
    rows = {}
    for c in sorted(os.listdir(os.path.join(out, "cases"))):
        for k, s in json.load(open(os.path.join(out, "cases", c, "case.json")))["stages"].items():
            if "f32_vs_f64" in s: k = k.rstrip("0123456789").rstrip("_"); rows.setdefault(k, []).append((s["f32_vs_f64"], s["tolerance"]))
    text = "| stage | files | f32 vs f64, median | worst | tolerance, lowest | highest |\n| --- | ---: | ---: | ---: | ---: | ---: |\n"
    for k, v in rows.items(): e = sorted(x[0] for x in v); t = [x[1] for x in v]; text += f"| {k} | {len(v)} | {e[len(e) // 2]:.1e} | {e[-1]:.1e} | {min(t):.0e} | {max(t):.0e} |\n"
    open(os.path.join(out, "tolerances.md"), "w").write("All relative to the largest absolute value of the reference stage. Written by make_golden.py.\n\n" + text); print(text)


def main():
    ap = argparse.ArgumentParser(); ap.add_argument("out"); ap.add_argument("--tiny", default=""); ap.add_argument("--only"); ap.add_argument("--t5")
    ap.add_argument("--spiece", default=os.path.join(HERE, "..", "golden", "models", "v1", "spiece.model"))
    a = ap.parse_args(); out, tiny_sp, do = a.out, a.spiece, lambda part: a.only in (None, part); os.makedirs(out, exist_ok=True)
    if do("models"):
        for i, v in enumerate(R.VARIANTS): shutil.rmtree(os.path.join(out, "models", v), ignore_errors=True); R.random_folder(os.path.join(out, "models", v), v, 100 + i - (v == "v5l"), tiny_sp)
    if do("cases") or a.only == "tiny":
        have = os.path.exists(os.path.join(a.tiny, "pytorch_model_main.bin"))
        for name, model, kw in CASES:
            if a.only == "tiny" and model != "tiny": continue
            if model == "tiny" and not have: print(f"{name}: skipped, no checkpoint given by --tiny"); continue
            generate_case(os.path.join(out, "cases", name), out, a.tiny if model == "tiny" else os.path.join(out, "models", model), **kw)
        for name, model, rate, sec, target, ch, seed in (("encode_v1", "v1", 44100, 0.7, 0.64, 2, 1), ("encode_v3", "v3", 16000, 0.3, 0.64, 1, 2), ("encode_tiny", "tiny", 22050, 1.5, 1.28, 1, 3)):
            if (model != "tiny" or have) and (a.only != "tiny" or model == "tiny"): encode_case(os.path.join(out, "cases", name), out, a.tiny if model == "tiny" else os.path.join(out, "models", model), rate, sec, target, ch, seed)
        summary(out)
    if do("layers"): layer_cases(os.path.join(out, "layers"), 1)
    if do("samplers"): sampler_cases(os.path.join(out, "samplers"), 3)
    if do("tokens"): token_cases(os.path.join(out, "tokens"), dict({"tiny": tiny_sp}, **({"t5": a.t5} if a.t5 else {})), LINES + BAD_UTF8)


if __name__ == "__main__":
    main()
