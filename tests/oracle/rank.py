#!/usr/bin/env python3
"""CLAP's ranking beside transformers: golden vectors, and the tower at its published widths.

    rank.py golden OUT VOCAB      writes OUT/rank.tango, two sounds, the stages and rank.json;
                                  VOCAB is tests/oracle/vocab.c, built
    rank.py wide RANK [base]      RANK is tests/oracle/rank.c, built: HTSAT-tiny (or -base) with
                                  random weights, 48 kHz; and the fixture of values that a
                                  formula gives (tiny)
    rank.py folder RANK CONVERT VOCAB
                                  a narrow ClapModel as transformers saves it, converted:
                                  scores of three prompts and two sounds

golden: a tower of three levels (8, 16, 32 channels, windows of 4, a picture of 64) and a
text tower of two layers; two sounds at 4 kHz, one longer than the tower's 2 s, one shorter.
Stages are mel, vector (from that mel) and whole (the same from the sound), text and scores
of PROMPTS, whose byte-level vocabulary is trained here. Each is computed in float32 (the
files) and in float64; the tolerance is ten times the difference, at least 1e-5. mutants.npy
has the vectors of sound 0 of towers with one mistake each, which a test must tell apart.
Needs torch, transformers and tokenizers.
"""
import copy
import json
import math
import os
import subprocess
import sys
import tempfile
import numpy as np
import torch
import tokenizers
import transformers
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, RobertaTokenizer
from transformers.audio_utils import spectrogram, window_function
from transformers.models.clap import modeling_clap
from blob import panels, write

torch.set_num_threads(2)
SEED = 9
PROMPTS = ("a dog barks while rain falls", "Zwei Gl\u00f6ckchen, 3 o'clock", "")
MUTANTS = ("roll to the other side", "no mask", "merged by rows", "positions of key and query",
           "linear in time", "corners not aligned", "batch norm left out")


def resample(x, source, target):
    """torchaudio's sinc_interp_hann, width 6, rolloff 0.99: kernel in float32, sums in float64."""
    common = math.gcd(source, target)
    o, n = source // common, target // common
    b = min(o, n) * 0.99
    width = math.ceil(6 * o / b)
    t = torch.arange(0, -n, -1, dtype=torch.float32)[:, None] / n
    t = ((t + torch.arange(-width, width + o, dtype=torch.float32)[None] / o) * b).clamp(-6, 6)
    window = torch.cos(t * math.pi / 12) ** 2
    t = t * math.pi
    h = torch.where(t == 0, torch.ones(()), torch.sin(t) / t) * window * (b / o)
    x = torch.nn.functional.pad(torch.as_tensor(x, dtype=torch.float64), (width, width + o))
    y = torch.nn.functional.conv1d(x[None, None], h[:, None].double(), stride=o)
    return y[0].T.reshape(-1)[:math.ceil(n * (len(x) - 2 * width - o) / o)].numpy()


def extractor(rate, hop, fft, mels, low, high, seconds):
    return ClapFeatureExtractor(
        feature_size=mels, sampling_rate=rate, hop_length=hop, max_length_s=seconds,
        fft_window_size=fft, frequency_min=low, frequency_max=high, truncation="rand_trunc",
        padding="repeatpad")


def features(e, wave, double=False):
    """(frames, mels) of one wave at the extractor's rate, whose first clip counts."""
    wave = wave[:e.nb_max_samples].astype(np.float64 if double else np.float32)
    if not double:
        return e(wave, sampling_rate=e.sampling_rate, return_tensors="np")["input_features"][0, 0]
    wave = np.tile(wave, e.nb_max_samples // len(wave))
    wave = np.pad(wave, (0, e.nb_max_samples - len(wave)))
    return spectrogram(wave, window_function(e.fft_window_size, "hann"), frame_length=e.fft_window_size,
                       hop_length=e.hop_length, power=2.0, mel_filters=e.mel_filters_slaney,
                       log_mel="dB", dtype=np.float64).T


def randomise(model, generator):
    """Weights that let every part matter: peaky attention, busy norms, the levels of sounds."""
    for name, p in model.state_dict().items():
        draw = torch.randn(p.shape, generator=generator)
        if not p.is_floating_point():
            continue
        if name.endswith("running_mean"):
            p.copy_(-40 + 4 * draw)
        elif name.endswith("running_var"):
            p.copy_(400 * (1 + 0.1 * draw.clamp(-3, 3)))
        elif name.endswith("relative_position_bias_table"):
            p.copy_(draw)
        elif name.endswith("_embeddings.weight"):
            p.copy_(draw)
        elif p.dim() >= 2:
            scale = 2.0 if ".query." in name or ".key." in name else 1.0
            p.copy_(draw * scale / math.sqrt(p.numel() / p.shape[0]))
        else:
            norm = name.endswith("weight")
            p.copy_(1 + 0.1 * draw if norm else 0.1 * draw)


def is_matrix(name, p):
    return p.dim() >= 2 and not name.endswith(("relative_position_bias_table", "_embeddings.weight"))


def blob_of(model, audio, half):
    """Values and tensors of the ranking part. `half` rounds the model's own matrices to f16 too."""
    c = model.config.audio_config
    levels = range(len(c.depths))
    values = {
        "rank.dims": [c.patch_embeds_hidden_size << i for i in levels], "rank.depths": list(c.depths),
        "rank.heads": list(c.num_attention_heads), "rank.window": c.window_size,
        "rank.patch": c.patch_size, "rank.image": c.spec_size, "rank.projection": c.projection_dim,
        "rank.rate": audio.sampling_rate, "rank.fft": audio.fft_window_size,
        "rank.hop": audio.hop_length, "rank.mels": c.num_mel_bins,
        "rank.fmin": float(audio.frequency_min), "rank.fmax": float(audio.frequency_max),
        "rank.frames": audio.nb_max_samples // audio.hop_length + 1}
    t = model.config.text_config
    values.update({
        "rank_text.vocab": t.vocab_size, "rank_text.d_model": t.hidden_size,
        "rank_text.d_ff": t.intermediate_size, "rank_text.layers": t.num_hidden_layers,
        "rank_text.heads": t.num_attention_heads, "rank_text.eps": float(t.layer_norm_eps),
        "rank_text.positions": t.max_position_embeddings, "rank_text.pad": t.pad_token_id,
        "rank_text.projection": t.projection_dim})
    tensors = {}
    for name, p in model.state_dict().items():
        if not p.is_floating_point() or "logit_scale" in name:
            continue
        if half and p.dim() >= 2 and "relative_position" not in name and "_type_" not in name:
            p.copy_(p.half().float())
            x = p.half().numpy()
        else:
            x = p.numpy()
        tensors["clap." + name] = panels(x) if is_matrix(name, p) else x
    return values, tensors


def audio_vector(model, mel):
    x = torch.as_tensor(mel)[None, None].to(model.logit_scale_a.dtype)
    return model.get_audio_features(input_features=x).pooler_output[0].numpy()


# ---- mistakes

class Wrong:
    """One mistake while the block runs."""
    def __init__(self, number):
        self.number = number

    def __enter__(self):
        m, f = modeling_clap, torch.nn.functional
        self.kept = [(torch, "roll", torch.roll), (f, "interpolate", f.interpolate)] + [
            (m.ClapAudioLayer, "get_attn_mask", m.ClapAudioLayer.get_attn_mask),
            (m.ClapAudioPatchMerging, "forward", m.ClapAudioPatchMerging.forward),
            (m.ClapAudioSelfAttention, "forward", m.ClapAudioSelfAttention.forward),
            (torch.nn.BatchNorm2d, "forward", torch.nn.BatchNorm2d.forward)]
        roll, interpolate = torch.roll, f.interpolate
        attend = m.ClapAudioSelfAttention.forward

        def by_rows(self, x, size):
            x = x.view(x.shape[0], *size, x.shape[2])
            x = torch.cat([x[:, r::2, c::2] for r in range(2) for c in range(2)], dim=-1)
            return self.reduction(self.norm(x.flatten(1, 2)))

        def turned(self, *given, **named):
            index = self.relative_position_index
            self.relative_position_index = index.T.contiguous()
            out = attend(self, *given, **named)
            self.relative_position_index = index
            return out

        def linear(x, size, **_):
            return interpolate(x, size, mode="bilinear", align_corners=True)

        changes = [
            [(torch, "roll", lambda x, shifts, dims: roll(x, [-s for s in shifts], dims))],
            [(m.ClapAudioLayer, "get_attn_mask", lambda *_, **__: None)],
            [(m.ClapAudioPatchMerging, "forward", by_rows)],
            [(m.ClapAudioSelfAttention, "forward", turned)],
            [(f, "interpolate", linear)],
            [(f, "interpolate", lambda x, size, **_: interpolate(x, size, mode="bicubic"))],
            [(torch.nn.BatchNorm2d, "forward", lambda self, x: x / 20 + 2)]]
        for owner, name, value in changes[self.number]:
            setattr(owner, name, value)

    def __exit__(self, *_):
        for owner, name, value in self.kept:
            setattr(owner, name, value)


# ---- golden

def sound(count, rate, seed):
    """Integers of 16 bits: three tones that come and go, and noise."""
    random = np.random.default_rng(seed)
    t = np.arange(count) / rate
    x = 0.05 * random.standard_normal(count)
    for hz, beat in zip(random.uniform(100, 0.45 * rate, 3), random.uniform(0.5, 3, 3)):
        x += 0.25 * np.sin(2 * np.pi * hz * t) * np.sin(np.pi * beat * t) ** 2
    return np.round(np.clip(x, -1, 1) * 32767).astype(np.int16)


def error(single, double):
    return float(np.max(np.abs(single - double)) / np.max(np.abs(double)))


def tolerance(difference):
    want = max(1e-5, 10 * difference)
    power = 10.0 ** math.floor(math.log10(want))
    return float("%.0e" % next(k * power for k in (1, 2, 5, 10) if k * power >= 0.999 * want))


def small_model():
    audio = dict(window_size=4, num_mel_bins=16, spec_size=64, patch_size=4, patch_stride=[4, 4],
                 patch_embeds_hidden_size=8, depths=[2, 2, 2], num_attention_heads=[2, 2, 4],
                 hidden_size=32)
    text = dict(vocab_size=300, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                intermediate_size=32, max_position_embeddings=514, layer_norm_eps=1e-5)
    model = ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=16)).eval()
    randomise(model, torch.Generator().manual_seed(SEED))
    return model


def small_tokenizer(vocab):
    """A tokenizer of 300 entries with RoBERTa's special tokens, and its table."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = tokenizers.ByteLevelBPETokenizer()
    trained.train_from_iterator(["a dog barks", "rain falls on a roof", "while a bell rings"] * 9,
                                vocab_size=300, min_frequency=1, special_tokens=special)
    with tempfile.TemporaryDirectory() as work:
        files = trained.save_model(work)
        table = os.path.join(work, "table")
        subprocess.run([vocab, table, *files], check=True, capture_output=True)
        with open(files[0], encoding="utf-8") as f:
            entries = json.load(f)
        with open(files[1], encoding="utf-8") as f:
            merges = [tuple(line.split()) for line in f if not line.startswith("#")]
        with open(table, "rb") as f:
            return RobertaTokenizer(vocab=entries, merges=merges), f.read()


def text_vectors(model, tokenizer):
    """(prompts, P), one by one: padding would change nothing."""
    out = []
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        out.append(model.get_text_features(input_ids=ids).pooler_output[0].numpy())
    return np.stack(out)


def golden(out, vocab):
    os.makedirs(out, exist_ok=True)
    model = small_model()
    tokenizer, table = small_tokenizer(vocab)
    e = extractor(12000, 120, 256, 16, 50, 5000, 2)
    values, tensors = blob_of(model, e, True)
    values["rank_tokenizer.bpe"] = table
    write(os.path.join(out, "rank.tango"), values, tensors)
    double = copy.deepcopy(model).double()
    sounds = [sound(9000, 4000, 1), sound(3001, 4000, 2)]
    files, stages = {"long": sounds[0], "short": sounds[1]}, {}
    mels, mels64, vectors, vectors64, whole64 = ([] for _ in range(5))
    for x in sounds:
        wave = resample(x / 32768, 4000, 12000)
        mels.append(features(e, wave))
        mels64.append(features(e, wave, True))
        vectors.append(audio_vector(model, mels[-1]))
        vectors64.append(audio_vector(double, mels[-1]))
        whole64.append(audio_vector(double, mels64[-1]))
    text, text64 = text_vectors(model, tokenizer), text_vectors(double, tokenizer)
    files.update(mel=np.stack(mels), vector=np.stack(vectors), text=text,
                 scores=text @ np.stack(vectors).T)
    for name, single, wide in (("mel", mels, mels64), ("vector", vectors, vectors64),
                               ("whole", vectors, whole64), ("text", text, text64),
                               ("scores", files["scores"], text64 @ np.stack(whole64).T)):
        difference = error(np.stack(single), np.stack(wide))
        stages[name] = dict(f32_vs_f64=float("%.2g" % difference), tolerance=tolerance(difference))
    wrong = []
    for i in range(len(MUTANTS)):
        with Wrong(i):
            wrong.append(audio_vector(model, mels[0]))
    files["mutants"] = np.stack(wrong).astype(np.float32)
    for name, x in files.items():
        np.save(os.path.join(out, name + ".npy"), x)
    for name, x in zip(MUTANTS, wrong):
        print("%-28s %.2g" % (name, error(x, vectors[0])))
    print(stages, files["scores"])
    versions = dict(torch=torch.__version__, transformers=transformers.__version__,
                    tokenizers=tokenizers.__version__, numpy=np.__version__)
    with open(os.path.join(out, "rank.json"), "w", encoding="ascii") as f:
        json.dump(dict(versions=versions, rate=4000, prompts=PROMPTS, mutants=MUTANTS,
                       stages=stages), f, indent=1)
        f.write("\n")


# ---- published widths

def wide_model(base):
    audio = dict(patch_embeds_hidden_size=128, depths=[2, 2, 12, 2], hidden_size=1024) if base else {}
    text = dict(vocab_size=300, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                intermediate_size=32)           # the text tower is not what is compared
    return ClapModel(ClapConfig(text_config=text, audio_config=audio)).eval()


def run_wide(program, model, e, work, what, x, rate=48000):
    values, tensors = blob_of(model, e, False)
    values["rank_tokenizer.bpe"] = b"none yet"
    blob, given, taken = (os.path.join(work, n) for n in ("wide.tango", "in.npy", "out.npy"))
    write(blob, values, tensors, check=False)
    np.save(given, np.asarray(x, np.float32))
    line = [program, blob, what] + ([str(rate)] if what == "wave" else []) + [given, taken]
    print(subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip())
    return np.load(taken)


def hashed(k, count):
    """u(k, j) of the fixture, j < count."""
    j = np.arange(1, count + 1, dtype=np.uint64)
    x = (j * np.uint64(2654435761) + np.uint64((k + 1) * 40503)) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(16)
    x = x * np.uint64(2246822519) & np.uint64(0xffffffff)
    x ^= x >> np.uint64(13)
    return (2 * x.astype(np.float64) / 2.0 ** 32 - 1).astype(np.float32)


def clap_name(name):
    """LAION's name and rows of the fused q, k, v, of a name of transformers."""
    for theirs, ours in (("audio_model.audio_encoder", "audio_branch"), ("batch_norm", "bn0"),
                         ("attention.output.dense", "attn.proj"), ("attention.self.rel", "attn.rel"),
                         ("layernorm_before", "norm1"), ("layernorm_after", "norm2"),
                         ("intermediate.dense", "mlp.fc1"), ("output.dense", "mlp.fc2"),
                         ("audio_projection.linear1", "audio_projection.0"),
                         ("audio_projection.linear2", "audio_projection.2")):
        name = name.replace(theirs, ours)
    for i, part in enumerate(("query", "key", "value")):
        if "attention.self." + part in name:
            return name.replace("attention.self." + part, "attn.qkv"), i
    return name, None


def fill_by_formula(model):
    mine = {k: p for k, p in model.state_dict().items()
            if k.startswith("audio_") and p.is_floating_point()}
    names = sorted({clap_name(k)[0] for k in mine})
    assert len(names) == 179 and names[1] == "audio_branch.bn0.running_mean"
    for key, p in mine.items():
        name, third = clap_name(key)
        u = torch.from_numpy(hashed(names.index(name), p.numel() * (1 if third is None else 3)))
        if third is not None:
            u = u.reshape(3, -1)[third]
        u = u.reshape(p.shape)
        if name.endswith("running_mean"):
            p.copy_(-40 + 2 * u)
        elif name.endswith("running_var"):
            p.copy_(400 * (1 + 0.1 * u))
        elif name.endswith("relative_position_bias_table"):
            p.copy_(0.5 * u)
        elif p.dim() >= 2:
            p.copy_(u * math.sqrt(3 / (p.numel() / p.shape[0])))
        else:
            p.copy_(1 + 0.1 * u if name.endswith("weight") else 0.1 * u)


def wide(program, base):
    e = extractor(48000, 480, 1024, 64, 50, 14000, 10)
    with tempfile.TemporaryDirectory() as work:
        model = wide_model(base)
        randomise(model, torch.Generator().manual_seed(SEED))
        double = copy.deepcopy(model).double()
        x = np.stack([sound(163840, 16000, 3), sound(163840, 16000, 4)]) / 32768
        got = run_wide(program, model, e, work, "wave", x.astype(np.float32), 16000)
        for i in range(2):
            wave = resample(x[i].astype(np.float32), 16000, 48000)
            want = audio_vector(model, features(e, wave))
            want64 = audio_vector(double, features(e, wave, True))
            print("sound %d: ours to f64 %.1e, theirs to f64 %.1e, ours to theirs %.1e"
                  % (i, error(got[i], want64), error(want, want64), error(got[i], want)))
        if base:
            return
        fill_by_formula(model)
        mel = -40 + 20 * hashed(2000, 1001 * 64).reshape(1001, 64)
        got = run_wide(program, model, e, work, "mel", mel[None])[0]
        listed = np.array([-0.0245873, -0.0040509, 0.0486168, 0.0272920])
        print("fixture: from the listed values %.1e, from transformers %.1e"
              % (np.abs(got[[0, 1, 255, 511]] - listed).max(),
                 np.abs(got - audio_vector(model, mel)).max()))


# ---- a folder, converted

def folder(program, convert, vocab):
    audio = dict(patch_embeds_hidden_size=16, num_attention_heads=[2, 2, 4, 4], hidden_size=128)
    text = dict(vocab_size=300, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                intermediate_size=32, layer_norm_eps=1e-5)
    model = ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=16)).eval()
    randomise(model, torch.Generator().manual_seed(SEED))
    tokenizer, _ = small_tokenizer(vocab)
    e = extractor(48000, 480, 1024, 64, 50, 14000, 10)
    sounds = [sound(n, 16000, n) / 32768 for n in (163840, 50000)]
    vectors = np.stack([audio_vector(model, features(e, resample(x, 16000, 48000)))
                        for x in sounds])
    want = text_vectors(model, tokenizer) @ vectors.T
    with tempfile.TemporaryDirectory() as work:
        saved, blob, given, taken = (os.path.join(work, n)
                                     for n in ("clap", "x.tango", "in.npy", "out.npy"))
        for part in (model, tokenizer, e):
            part.save_pretrained(saved)
        v1 = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/models/v1")
        for options in ([saved], [v1, "--rank", saved]):     # shares its text tower, or not
            subprocess.run([convert, *options, "-t", "f32", "-q", "-o", blob], check=True)
            worst = 0
            for i, prompt in enumerate(PROMPTS):
                for k, x in enumerate(sounds):
                    np.save(given, x.astype(np.float32)[None])
                    subprocess.run([program, blob, "score", "16000", given, taken, prompt],
                                   check=True, capture_output=True)
                    worst = max(worst, abs(float(np.load(taken)[0, 0]) - want[i, k]))
            print("%d folder(s): scores differ by %.1e" % (len(options) // 2 + 1, worst))


def main():
    with torch.no_grad():
        if len(sys.argv) == 4 and sys.argv[1] == "golden":
            golden(sys.argv[2], sys.argv[3])
        elif len(sys.argv) in (3, 4) and sys.argv[1] == "wide":
            wide(sys.argv[2], sys.argv[3:] == ["base"])
        elif len(sys.argv) == 5 and sys.argv[1] == "folder":
            folder(*sys.argv[2:])
        else:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
