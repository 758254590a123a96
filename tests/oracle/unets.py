#!/usr/bin/env python3
"""Golden vectors of the UNets of AudioLDM, ConsistencyTTA and SoundCTM, from diffusers.

    unets.py OUT                   writes OUT/unets: cases.json and one array for each case
    unets.py --wide [--only NAME] [--cc CC]
                                   one call each at published width, and what golden.c
                                   computes beside it; up to 9 GB of memory, some minutes

Weights, inputs and texts follow a formula, so that neither side stores them. With the keys
of the state dictionary in byte order, k the rank of one, j the flat index:

    x = (j + 1) * 2654435761 + (k + 1) * 40503 (mod 2^32); x ^= x >> 16;
    x = x * 2246822519 (mod 2^32); x ^= x >> 13; u(k, j) = 2 x / 2^32 - 1, float32
    rank 2 and more: u * sqrt(3 / fan_in); guidance_proj.weight: 2 u; other weights: 1 + 0.1 u;
    biases: 0.1 u.  Latent: u(1000, j) * sqrt(3); text states: u(1001, j); vectors: u(1002, j)

Calls are single runs of a UNet, runs are denoising loops, and two cases go from a sentence
to samples. The network is diffusers' UNet2DConditionModel; what a distilled one takes in is
added to its time embedding by a module here, since no package has it. DDIM and DDPM are
diffusers'; the two samplers of distilled models are written out below. Each case is computed
in float32 and in float64: the tolerance is ten times the difference, at least 1e-5, relative
to the largest value, of runs after each step by itself.
Needs torch, diffusers and what reference.py needs.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import numpy as np
import torch
import make_golden
import reference
from diffusers import UNet2DConditionModel

HERE = os.path.dirname(os.path.abspath(__file__))
LIGHT = dict(down=[1, 1, 1, 0], up=[0, 1, 1, 1], guidance="fourier")
MODELS = {
    # AudioLDM: a vector of the text beside the time, no text states. Heads of width 8, as
    # its .ckpt files have them, and 4 heads at each level, as diffusers' folders do.
    "film": dict(channels=[16, 24, 40], heads=[2, 3, 5], down=[0, 1, 1], up=[1, 1, 0],
                 groups=8, vector=12),
    "film_heads": dict(channels=[16, 24, 40], heads=[4, 4, 4], down=[0, 1, 1],
                       up=[1, 1, 0], groups=8, vector=12),
    # ConsistencyTTA: heads that do not divide the channels.
    "light": dict(LIGHT, channels=[32, 64, 64, 64], heads=[5, 10, 10, 10], groups=32,
                  cross=16, layers=2, frequencies=64),
    "guided": dict(channels=[16, 24], heads=[5, 5], down=[1, 0], up=[0, 1], groups=8,
                   cross=24, guidance="fourier", frequencies=32),
    "ctm": dict(channels=[16, 24], heads=[2, 3], down=[1, 0], up=[0, 1], groups=8,
                cross=24, guidance="ctm"),
}
CALLS = [
    dict(name="film_call", model="film", batch=2, height=10, width=8, t=981),
    dict(name="film_heads_call", model="film_heads", batch=2, height=8, width=8, t=1),
    dict(name="light_call", model="light", batch=1, height=16, width=8, t=499.5, w=4,
         tokens=5, counts=[3]),
    dict(name="ctm_call", model="ctm", batch=1, height=6, width=8, t=math.log(80) / 4,
         s=math.log(0.002) / 4, w=3.5, tokens=5, counts=[4]),
]
AUDIOLDM = dict(beta_start=0.0015, beta_end=0.0195, prediction_type="epsilon")
RUNS = [
    dict(name="film_ddim", model="film", sampler="ddim", steps=4, eta=1.0, guidance=2.5,
         seed=7, samples=2, height=8, width=4),
] + [
    dict(name="guided_%d" % k, model="guided", sampler="consistency", steps=k, guidance=4.0,
         seed=10 + k, samples=2, height=8, width=4, tokens=5, counts=[4]) for k in (1, 2, 5)
] + [
    dict(name="ctm_%d" % k, model="ctm", sampler="ctm", steps=k, guidance=3.5,
         seed=20 + k, samples=2, height=8, width=4, tokens=5, counts=[4]) for k in (1, 2, 4)
]
# A whole run of diffusers' AudioLDMPipeline: UNet `film`, a CLAP text encoder by the same
# formula, the tokenizer of golden/tokens/roberta, VAE and vocoder of golden/models/v1.
PIPELINE = dict(name="audioldm", model="film", prompt="a dog barks while rain falls",
                negative="heavy wind", steps=5, eta=1.0, guidance=2.5, seed=31, samples=2,
                seconds=0.155, text=dict(width=18, hidden=20, layers=2, heads=3,
                                         positions=40, projection=12))

# A whole run of Tango's SD-2.1 variant: a UNet of 4 channels, adapters behind it, a CLIP
# text encoder with the tokenizer of golden/tokens/clip.
MODELS["four"] = dict(channels=[16, 24], heads=[2, 3], down=[1, 0], up=[0, 1], groups=8,
                      cross=18, io=4)
ADAPTED = dict(name="adapted", model="four", prompt="a dog barks", negative="heavy rain",
               sampler="ddpm", steps=3, guidance=3.0, seed=32, samples=2, seconds=0.16,
               text=dict(width=18, hidden=20, layers=2, heads=3, positions=77))

WIDE_MODELS = {
    "audioldm_s": dict(channels=[128, 256, 384, 640], heads=[4, 8, 12, 20], groups=32,
                       down=[0, 1, 1, 1], up=[1, 1, 1, 0], layers=2, vector=512),
    "audioldm_l": dict(channels=[256, 512, 768, 1280], heads=[8, 8, 8, 8], groups=32,
                       down=[0, 1, 1, 1], up=[1, 1, 1, 0], layers=2, vector=512),
    "consistencytta": dict(LIGHT, channels=[256, 512, 1024, 1024], heads=[5, 10, 20, 20],
                           groups=32, cross=1024, layers=2, frequencies=512),
    "soundctm": dict(channels=[320, 640, 1280, 1280], heads=[5, 10, 20, 20], groups=32,
                     down=[1, 1, 1, 0], up=[0, 1, 1, 1], cross=1024, layers=2,
                     guidance="ctm"),
}
WIDE_CALLS = [
    dict(name="audioldm_s_call", model="audioldm_s", batch=2, height=64, width=16, t=981),
    dict(name="audioldm_l_call", model="audioldm_l", batch=2, height=32, width=16, t=981),
    dict(name="consistencytta_call", model="consistencytta", batch=1, height=64, width=16,
         t=999, w=4, tokens=12, counts=[9]),
    dict(name="soundctm_call", model="soundctm", batch=1, height=64, width=16,
         t=math.log(80) / 4, s=math.log(2.51522) / 4, w=3.5, tokens=12, counts=[9]),
]


# ---------------------------------------------------------------- values

def u(k, shape, scale=1.0):
    """The formula; float32, as both sides round it once."""
    count, out = math.prod(shape), np.empty(math.prod(shape), np.float32)
    for at in range(0, count, 1 << 22):
        j = np.arange(at, min(at + (1 << 22), count), dtype=np.uint64)
        x = (j + 1) * 2654435761 + (k + 1) * 40503 & 0xffffffff
        x ^= x >> 16
        x = x * 2246822519 & 0xffffffff
        x ^= x >> 13
        out[at:at + len(j)] = (2.0 * x.astype(np.float64) / 4294967296.0 - 1.0)
    return torch.from_numpy(out.reshape(shape) * np.float32(scale))


def weight(k, name, shape):
    if name == "guidance_proj.weight":
        return u(k, shape, 2.0)
    if len(shape) >= 2:
        return u(k, shape, math.sqrt(3.0 / (math.prod(shape) / shape[0])))
    return u(k, shape, 0.1) + (1.0 if name.endswith(".weight") else 0.0)


# ---------------------------------------------------------------- networks

def mlp(wide, inputs):
    m = torch.nn.Module()
    m.linear_1, m.linear_2 = torch.nn.Linear(inputs, wide), torch.nn.Linear(wide, wide)
    return m


def run_mlp(m, x):
    return m.linear_2(torch.nn.functional.silu(m.linear_1(x)))


class Guided(torch.nn.Module):
    """What stands in the place of time_embedding: the same, and the guidance."""
    def __init__(self, inner, net):
        super().__init__()
        self.inner, self.net = [inner], [net]       # in lists: no second set of names

    def forward(self, sample, condition=None):
        net, kind = self.net[0], self.net[0].kind
        out, w = self.inner[0](sample, condition), net.w
        if kind == "fourier":
            x = 2 * math.pi * w * net.extra["guidance_proj"].weight.double()
            wave = torch.cat([x.cos(), x.sin()]).to(out.dtype)
            return out + run_mlp(net.extra["guidance_embedding"], wave)
        half = out.shape[-1] // 2
        x = 1000.0 * w * torch.exp(-math.log(10000.0) / (half - 1) * torch.arange(
            half, dtype=torch.float64))
        s = net.unet.time_proj(torch.tensor([net.s], dtype=sample.dtype)).to(out.dtype)
        return (out + run_mlp(net.extra["s_time_embedding"], s)
                + torch.cat([x.sin(), x.cos()]).to(out.dtype))


class Net:
    """A UNet with the formula's weights, in float32 or float64."""
    def __init__(self, c, double):
        n, self.kind = len(c["channels"]), c.get("guidance", "")
        cross, vector = c.get("cross", 0), c.get("vector", 0)
        kinds = [["", "CrossAttn"][f] + "%sBlock2D" for f in c["down"] + c["up"]]
        self.dtype = torch.float64 if double else torch.float32
        film = dict(class_embed_type="simple_projection", class_embeddings_concat=True,
                    projection_class_embeddings_input_dim=vector) if vector else {}
        self.unet = UNet2DConditionModel(
            in_channels=c.get("io", 8), out_channels=c.get("io", 8), block_out_channels=c["channels"],
            down_block_types=[k % "Down" for k in kinds[:n]],
            up_block_types=[k % "Up" for k in kinds[n:]],
            layers_per_block=c.get("layers", 1), norm_num_groups=c["groups"],
            cross_attention_dim=cross or c["channels"], attention_head_dim=c["heads"],
            use_linear_projection=not vector, **film)
        wide, self.extra = 4 * c["channels"][0], torch.nn.ModuleDict()
        if self.kind == "fourier":
            self.extra["guidance_proj"] = torch.nn.Linear(1, 1, bias=False)
            self.extra["guidance_proj"].weight = torch.nn.Parameter(
                torch.zeros(c["frequencies"]))
            self.extra["guidance_embedding"] = mlp(wide, 2 * c["frequencies"])
        elif self.kind == "ctm":
            self.extra["s_time_embedding"] = mlp(wide, c["channels"][0])
        with torch.no_grad():
            self.fill()
        if double:
            self.unet.double(), self.extra.double()
        self.unet.eval()
        if self.kind:
            self.unet.time_embedding = Guided(self.unet.time_embedding, self)

    def state(self):
        """Name -> tensor, as a checkpoint has them."""
        time = self.unet.time_embedding
        inner = time.inner[0] if isinstance(time, Guided) else time
        inner = {"time_embedding." + k: v for k, v in inner.state_dict().items()}
        return dict(self.unet.state_dict(), **inner, **self.extra.state_dict())

    def fill(self):
        state = self.state()
        self.keys = sorted(state, key=lambda k: k.encode())
        for k, name in enumerate(self.keys):
            state[name].copy_(weight(k, name, tuple(state[name].shape)))

    @torch.no_grad()
    def __call__(self, x, t, text=None, mask=None, vectors=None, w=None, s=None):
        self.w, self.s = w, s
        give = lambda a: None if a is None else a.to(self.dtype)
        t = torch.tensor(t, dtype=torch.float64).to(self.dtype)
        with reference.double_time_embedding(self.dtype == torch.float64):
            return self.unet(x.to(self.dtype), t, encoder_hidden_states=give(text),
                             class_labels=give(vectors), encoder_attention_mask=mask).sample


# ---------------------------------------------------------------- cases

def conditions(c, case):
    """text, mask and vectors of a case; rows: negative, prompt, or the prompt alone."""
    if "given" in case:
        return case["given"]
    rows = case.get("batch", 2 if c.get("vector") else 1)
    if c.get("vector"):
        return None, None, u(1002, (rows, c["vector"]))
    mask = torch.zeros(rows, case["tokens"])
    for row, count in zip(mask, case["counts"]):
        row[:count] = 1
    return u(1001, (rows, case["tokens"], c["cross"])), mask.bool(), None


def call(net, c, case):
    text, mask, vectors = conditions(c, case)
    x = u(1000, (case["batch"], 8, case["height"], case["width"]), math.sqrt(3.0))
    return net(x, case["t"], text, mask, vectors, case.get("w"), case.get("s"))


def repeat(x, times):
    return None if x is None else x.repeat_interleave(times, 0)


def ddim_run(net, c, case, draw):
    """[negative ; prompt], guidance, and diffusers' scheduler."""
    _, _, vectors = conditions(c, case)
    vectors = repeat(vectors, case["samples"])
    scheduler = reference.make_scheduler(
        make_golden.SAMPLERS["ddim"], make_golden.BASE, net.dtype == torch.float64, draw,
        **AUDIOLDM)
    scheduler.set_timesteps(case["steps"])
    z, out = draw.next(draw.shape, net.dtype), []
    for t in scheduler.timesteps:
        a, b = net(torch.cat([z, z]), float(t), vectors=vectors).chunk(2)
        z = scheduler.step(a + case["guidance"] * (b - a), t, z, eta=case["eta"]).prev_sample
        out.append(z)
    return out


def sigma_at(t):
    """Noise over signal of SD-2.1's schedule, linear between its 1000 levels."""
    scheduler = reference.make_scheduler(make_golden.SAMPLERS["ddim"], make_golden.BASE)
    a = scheduler.alphas_cumprod.double().numpy()
    return float(np.interp(t, np.arange(len(a)), np.sqrt((1 - a) / a)))


def consistency_run(net, c, case, draw):
    text, mask, _ = conditions(c, case)
    text, mask, out = repeat(text, case["samples"]), repeat(mask, case["samples"]), []
    times = [999.0] + list(np.linspace(0, 999, case["steps"])[::-1][1:])
    z = sigma_at(999.0) * draw.next(draw.shape, net.dtype)
    for i, t in enumerate(times):
        z = net(z / math.sqrt(sigma_at(t) ** 2 + 1), t, text, mask, w=case["guidance"])
        if i + 1 < len(times):
            z = z + sigma_at(times[i + 1]) * draw.next(draw.shape, net.dtype)
        out.append(z)
    return out


def ctm_run(net, c, case, draw):
    text, mask, _ = conditions(c, case)
    text, mask, out = repeat(text, case["samples"]), repeat(mask, case["samples"]), []
    a, b, n = 80 ** (1 / 7), 0.002 ** (1 / 7), case["steps"]
    levels = [(a + i / n * (b - a)) ** 7 for i in range(n + 1)]
    z = 80.0 * draw.next(draw.shape, net.dtype)
    for t, s in zip(levels, levels[1:]):
        d = t * t + 0.0625
        f = net(z / math.sqrt(d), math.log(t) / 4, text, mask, w=case["guidance"],
                s=math.log(s) / 4)
        g = 0.0625 / d * z + 0.25 * t / math.sqrt(d) * f
        z = s / t * z + (1 - s / t) * g
        out.append(z)
    return out


def run(net, c, case):
    """The latents after each step, (steps, samples, C, H, W)."""
    draw = reference.Noise(case["seed"])
    draw.shape = (case["samples"], 8, case["height"], case["width"])
    return torch.stack(dict(ddim=ddim_run, consistency=consistency_run, ctm=ctm_run)[
        case["sampler"]](net, c, case, draw))


def clap(c, vocab, double):
    """A small CLAP text encoder; keys of the state dictionary in byte order again."""
    from transformers import ClapTextConfig
    from transformers.models.clap.modeling_clap import ClapTextModelWithProjection
    m = ClapTextModelWithProjection(ClapTextConfig(**text_sizes(c, vocab),
        projection_dim=c["projection"], pad_token_id=1))
    return by_formula(m, double)


def clip(c, vocab, double):
    from transformers import CLIPTextConfig, CLIPTextModel
    return by_formula(CLIPTextModel(CLIPTextConfig(**text_sizes(c, vocab),
                                                   hidden_act="gelu")), double)


def text_sizes(c, vocab):
    return dict(vocab_size=vocab, hidden_size=c["width"], intermediate_size=c["hidden"],
                num_hidden_layers=c["layers"], num_attention_heads=c["heads"],
                max_position_embeddings=c["positions"], layer_norm_eps=1e-5)


def by_formula(m, double):
    state = m.eval().state_dict()
    keys = sorted((k for k in state if state[k].is_floating_point()), key=lambda k: k.encode())
    with torch.no_grad():
        for k, name in enumerate(keys):
            state[name].copy_(weight(k, name, tuple(state[name].shape)))
    return m.double() if double else m


def pipeline(golden, double):
    """wave (samples, int(seconds * 16000)) of PIPELINE by AudioLDMPipeline."""
    from diffusers import AudioLDMPipeline
    from transformers import AutoTokenizer
    c = PIPELINE
    folder = reference.Model(os.path.join(golden, "models", "v1"), double)
    tokenizer = AutoTokenizer.from_pretrained(os.path.join(golden, "tokens", "roberta"))
    tokenizer.model_max_length = c["text"]["positions"] - 2
    folder.vae.register_to_config(scaling_factor=folder.scale)
    net, text = Net(MODELS[c["model"]], double), clap(c["text"], len(tokenizer), double)
    draw = reference.Noise(c["seed"])   # last: making modules draws from the same generator
    scheduler = reference.make_scheduler(
        make_golden.SAMPLERS["ddim"], make_golden.BASE, double, draw, **AUDIOLDM)
    pipe = AudioLDMPipeline(folder.vae, text, tokenizer, net.unet, scheduler, folder.vocoder)
    pipe.set_progress_bar_config(disable=True)
    frames = -(-int(c["seconds"] * 100) // 4) * 4
    latents = draw.next((c["samples"], 8, frames // 4, 16), net.dtype)
    with reference.double_time_embedding(double):
        return pipe([c["prompt"]], audio_length_in_s=c["seconds"],
                    num_inference_steps=c["steps"], guidance_scale=c["guidance"],
                    negative_prompt=[c["negative"]], num_waveforms_per_prompt=c["samples"],
                    eta=c["eta"], latents=latents, output_type="np").audios


@torch.no_grad()
def adapted(golden, double):
    """wave (samples, 160 T + 32) of ADAPTED, as AudioDiffusion.inference computes it."""
    from tokenizers import Tokenizer
    c = ADAPTED
    tokenizer = Tokenizer.from_file(os.path.join(golden, "tokens", "clip", "tokenizer.json"))
    tokenizer.no_padding(), tokenizer.no_truncation()
    rows = [tokenizer.encode(x).ids for x in (c["negative"], c["prompt"])]
    longest = max(map(len, rows))
    mask = torch.tensor([[1] * len(r) + [0] * (longest - len(r)) for r in rows])
    ids = torch.tensor([r + [0] * (longest - len(r)) for r in rows])
    folder = reference.Model(os.path.join(golden, "models", "v1"), double)
    net, text = Net(MODELS[c["model"]], double), clip(
        c["text"], tokenizer.get_vocab_size(), double)
    _, out = reference.adapters(4)
    by_formula(out, double)
    states = repeat(text(input_ids=ids, attention_mask=mask).last_hidden_state, c["samples"])
    mask = repeat(mask.bool(), c["samples"])
    draw = reference.Noise(c["seed"])
    scheduler = reference.make_scheduler(
        make_golden.SAMPLERS["ddpm"], make_golden.BASE, double, draw)
    scheduler.set_timesteps(c["steps"])
    z = draw.next((c["samples"], 4, reference.frames_for(c["seconds"]) // 4, 16), net.dtype)
    for t in scheduler.timesteps:
        a, b = net(torch.cat([z, z]), float(t), states, mask).chunk(2)
        z = scheduler.step(a + c["guidance"] * (b - a), t, z).prev_sample
    z = out(z.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    return folder.vocoder(folder.vae.decode(z / folder.scale).sample.squeeze(1)).numpy()


def write_whole(out, case, make):
    single, wide = make(out, False), make(out, True)
    difference = make_golden.error(single, wide)
    np.save(os.path.join(out, "unets", case["name"] + ".npy"), single)
    print(case["name"], single.shape, "%.2g" % difference, "peak %.3f" % abs(single).max())
    return dict(case, f32_vs_f64=float("%.2g" % difference),
                tolerance=make_golden.tolerance(difference))


def write(out, models, calls, runs):
    out = os.path.join(out, "unets")
    os.makedirs(out, exist_ok=True)
    for name, c in models.items():
        cases = [(x, call) for x in calls if x["model"] == name]
        cases += [(x, run) for x in runs if x["model"] == name]
        results = []
        for double in (False, True):
            net = Net(c, double)
            results.append([f(net, c, case) for case, f in cases])
            print(name, len(net.keys), "tensors", flush=True)
            del net
        for (case, _), single, wide in zip(cases, *results):
            difference = max(make_golden.error(a, b) for a, b in (
                zip(single, wide) if case in runs else [(single, wide)]))
            case["f32_vs_f64"] = float("%.2g" % difference)
            case["tolerance"] = make_golden.tolerance(difference)
            np.save(os.path.join(out, case["name"] + ".npy"), single.numpy())
            print(case["name"], case["f32_vs_f64"], "std %.3f" % float(single.std()), flush=True)
    cases = dict(versions=reference.VERSIONS, models=models, calls=calls, runs=runs)
    if runs:
        cases["whole"] = [write_whole(os.path.dirname(out), *x)
                          for x in ((PIPELINE, pipeline), (ADAPTED, adapted))]
    make_golden.write_json(os.path.join(out, "cases.json"), cases)


def wide(only, cc):
    root = os.path.dirname(os.path.dirname(HERE))
    with tempfile.TemporaryDirectory() as work:
        program = os.path.join(work, "golden")
        subprocess.run([cc, "-O2", os.path.join(root, "tests", "golden.c"), "-lm",
                        "-pthread", "-o", program], check=True)
        for case in WIDE_CALLS:
            if only and only != case["model"]:
                continue
            write(work, {case["model"]: WIDE_MODELS[case["model"]]}, [case], [])
            subprocess.run([program, work, "--calls", work], check=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("out", nargs="?")
    ap.add_argument("--wide", action="store_true")
    ap.add_argument("--only")
    ap.add_argument("--cc", default="cc")
    a = ap.parse_args()
    if a.wide:
        wide(a.only, a.cc)
    elif a.out:
        write(a.out, MODELS, CALLS, RUNS)
    else:
        ap.error("OUT or --wide")


if __name__ == "__main__":
    main()
