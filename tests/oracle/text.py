#!/usr/bin/env python3
"""Text encoders of transformers beside what the headers compute.

    text.py golden OUT        writes tests/golden/text: small random CLIP and CLAP encoders as blobs, ids, states
    text.py wide [NAME...]    published widths with random weights: states of a padded batch by transformers (float32 and
                              float64) and by tango.h; NAME: clip-sd21 clip-vitl clap t5-small t5-base t5-large t5-xl
                              (of xl 4 layers). Needs a C compiler ($CC), 4 GB of memory, 2 GB of disk.

Tolerances are ten times the difference between the package's float32 and float64, at least 1e-5 (make_golden.py).
Needs torch and transformers.
"""
import json, os, subprocess, sys, tempfile
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
import transformers
from transformers import CLIPTextConfig, CLIPTextModel, ClapTextConfig, T5Config, T5EncoderModel
from transformers.models.clap.modeling_clap import ClapTextModelWithProjection
import blob

HERE = os.path.dirname(os.path.abspath(__file__))
TABLES = ("embedding.weight", "embeddings.weight", "shared.weight", "relative_attention_bias.weight")
transformers.logging.set_verbosity_error()


def tolerance(error):
    """As make_golden.py has it, which needs more packages than this."""
    import math
    want = max(1e-5, 10 * error); e = 10.0 ** math.floor(math.log10(want)); return float("%.0e" % next(k * e for k in (1, 2, 5, 10) if k * e >= want * 0.999))


def clip(**c):
    """(model, values of the blob)"""
    c = dict(dict(layer_norm_eps=1e-5, hidden_act="gelu", pad_token_id=0, max_position_embeddings=77), **c); m = CLIPTextModel(CLIPTextConfig(**c))
    return m, {"text.type": "clip", "text.activation": c["hidden_act"], "text.positions": c["max_position_embeddings"], "text.pad": c["pad_token_id"], "text.eps": float(c["layer_norm_eps"])}


def clap(**c):
    c = dict(dict(layer_norm_eps=1e-5, pad_token_id=1, max_position_embeddings=514, projection_dim=512), **c); m = ClapTextModelWithProjection(ClapTextConfig(**c))
    return m, {"text.type": "clap", "text.positions": c["max_position_embeddings"], "text.pad": c["pad_token_id"], "text.projection": c["projection_dim"], "text.eps": float(c["layer_norm_eps"])}


def t5(d_model, d_ff, heads, layers, vocab_size=32128):
    m = T5EncoderModel(T5Config(vocab_size=vocab_size, d_model=d_model, d_kv=64, d_ff=d_ff, num_layers=layers, num_heads=heads, feed_forward_proj="gated-gelu", layer_norm_epsilon=1e-6))
    return m, {"text.type": "t5", "text.d_kv": 64, "text.buckets": 32, "text.max_distance": 128, "text.eps": 1e-6}


def randomise(model, seed, gain):
    """Norms with weights and biases, queries and keys enlarged, and what enters a norm of a variance near 1e-3: mistakes
    show. All from one generator, in the order of the names."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for k, p in sorted(model.named_parameters()):
            x = torch.randn(p.shape, generator=g)
            if "norm" in k.lower() and k.endswith("weight"): p.copy_(1 + 0.2 * x)
            elif p.dim() == 1: p.copy_(0.1 * x)
            elif k.endswith(TABLES): p.copy_(x * (1 if "relative" in k else gain))
            else: p.copy_(x * p.shape[1] ** -0.5 * (2 if any(s in k for s in ("q_proj", "k_proj", ".query", ".key")) else 1 if "SelfAttention.q" not in k else 0.125) * (gain if any(s in k for s in ("out_proj", "fc2", "output.dense")) else 1))
    return model.eval()


def tensors(model):
    """name -> what blob.write takes, under the names of a blob."""
    out = {}
    for k, w in model.state_dict().items():
        if not w.is_floating_point() or k == "encoder.embed_tokens.weight": continue
        if isinstance(model, CLIPTextModel) and not k.startswith("text_model."): k = "text_model." + k
        out["text_encoder." + k] = blob.panels(w) if w.dim() == 2 and not k.endswith(TABLES) else w
    return out


def save(path, model, values, check=True):
    c = model.config; get = lambda *names: next(getattr(c, n) for n in names if hasattr(c, n))
    values = dict(values, **{"text.vocab": c.vocab_size, "text.d_model": get("hidden_size", "d_model"), "text.d_ff": get("intermediate_size", "d_ff"), "text.layers": get("num_hidden_layers", "num_layers"),
                             "text.heads": get("num_attention_heads", "num_heads"), "tokenizer.type": "sentencepiece", "tokenizer.spiece": blob.spiece()})
    blob.write(path, values, tensors(model), check)


def states(model, ids, mask, double=False):
    with torch.no_grad():
        model = model.double() if double else model.float(); out = model(input_ids=torch.from_numpy(ids).long(), attention_mask=torch.from_numpy(mask).long())
        if hasattr(out, "text_embeds"): return torch.nn.functional.normalize(out.text_embeds, dim=-1).numpy()
        return out.last_hidden_state.numpy()


def error(a, b): return float(np.max(np.abs(a.astype(np.float64) - b)) / np.max(np.abs(b)))


def padded(rng, vocab, tokens, counts, pad, first, last, low=3):
    """Random ids between a first and a last one, and the mask."""
    ids = rng.integers(low, vocab - 2, (len(counts), tokens)).astype(np.int32); mask = (np.arange(tokens) < np.array(counts)[:, None]).astype(np.int32); ids[:, 0] = first
    for r, n in enumerate(counts): ids[r, n - 1] = last; ids[r, n:] = pad
    return ids, mask


# ---------------------------------------------------------------- small ones, for the repository

def golden(out):
    os.makedirs(out, exist_ok=True); cases = {}; rng = np.random.default_rng(5)
    small = dict(vocab_size=30, hidden_size=15, intermediate_size=22, num_hidden_layers=2, num_attention_heads=3)
    def case(name, model, file, ids, mask, **more):
        y = states(model, ids, mask); e = error(y, states(model, ids, mask, True)); model.float(); d = os.path.join(out, name); os.makedirs(d, exist_ok=True)
        for k, v in (("ids", ids), ("counts", mask.sum(1).astype(np.int32)), ("y", y)): np.save(os.path.join(d, k + ".npy"), v)
        cases[name] = dict(blob=file, **more, f32_vs_f64=float("%.2g" % e), tolerance=tolerance(e)); print(f"{name:12s} {y.shape} {e:.1e}")
    plain, values = clip(**small); randomise(plain, 11, 0.05); save(os.path.join(out, "clip.tango"), plain, values)
    quick, _ = clip(**small, hidden_act="quick_gelu"); quick.load_state_dict(plain.state_dict())
    case("clip", plain, "clip.tango", *padded(rng, 30, 77, (77, 12, 2), 0, 28, 29), quick_gelu=0)
    case("clip_quick", quick, "clip.tango", *padded(rng, 30, 13, (13, 5), 29, 28, 29), quick_gelu=1)
    model, values = clap(**small, projection_dim=18, max_position_embeddings=24); randomise(model, 12, 0.05); save(os.path.join(out, "clap.tango"), model, values)
    ids, mask = padded(rng, 30, 20, (20, 7, 3), 1, 0, 2); ids[0, 4] = 1  # a pad in the middle of a text: it takes no position
    case("clap", model, "clap.tango", ids, mask)
    with open(os.path.join(out, "text.json"), "w") as f: f.write(json.dumps(dict(versions=dict(torch=torch.__version__, transformers=transformers.__version__, numpy=np.__version__), cases=cases), indent=1) + "\n")


# ---------------------------------------------------------------- published widths

WIDE = {
    "clip-sd21": (lambda: clip(vocab_size=49408, hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16), (49406, 49407)),
    "clip-vitl": (lambda: clip(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, hidden_act="quick_gelu", pad_token_id=49407), (49406, 49407)),
    "clap": (lambda: clap(layer_norm_eps=1e-12), (0, 2)),
    "t5-small": (lambda: t5(512, 1024, 6, 8), (5, 1)),
    "t5-base": (lambda: t5(768, 2048, 12, 12), (5, 1)),
    "t5-large": (lambda: t5(1024, 2816, 16, 24), (5, 1)),
    "t5-xl": (lambda: t5(2048, 5120, 32, 4), (5, 1)),  # 4 of 24 layers
}


def wide(names):
    with tempfile.TemporaryDirectory() as d:
        program = os.path.join(d, "text"); top = os.path.dirname(os.path.dirname(HERE))
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-I", top, os.path.join(HERE, "text.c"), "-lm", "-o", program], check=True, stderr=subprocess.DEVNULL)
        print(f"{'':10s} {'parameters':>11s} {'tokens':>6s} {'f32-f64':>8s} {'ours-f32':>8s} {'ours-f64':>8s} {'tolerance':>9s}")
        for name in names or WIDE:
            make, ends = WIDE[name]; model, values = make(); randomise(model, 3, 0.02 if name.startswith("cl") else 1); path = os.path.join(d, "x.tango"); save(path, model, values, False); pad = values.get("text.pad", 0)
            tokens = 77 if name.startswith("clip") else 90; ids, mask = padded(np.random.default_rng(1), model.config.vocab_size, tokens, (tokens, 9), pad, *ends)
            y = states(model, ids, mask); n = sum(p.numel() for p in model.parameters()); z = states(model, ids, mask, True); del model
            with open(os.path.join(d, "in"), "wb") as f: f.write(np.array([2, tokens, *mask.sum(1)], np.int32).tobytes() + ids.tobytes())
            subprocess.run([program, path, os.path.join(d, "in"), os.path.join(d, "out")], check=True)
            got = np.fromfile(os.path.join(d, "out"), np.float32).reshape(y.shape); os.remove(path); e = error(y, z)
            print(f"{name:10s} {n:11d} {tokens:6d} {e:8.1e} {error(got, y.astype(np.float64)):8.1e} {error(got, z):8.1e} {tolerance(e):9.0e}{'' if error(got, z) <= tolerance(e) else '  FAIL'}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) == 3 and sys.argv[1] == "golden": golden(sys.argv[2])
    elif len(sys.argv) >= 2 and sys.argv[1] == "wide": wide(sys.argv[2:])
    else: sys.exit(__doc__)
