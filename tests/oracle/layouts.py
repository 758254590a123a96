#!/usr/bin/env python3
"""layouts.py: tools/convert.c beside the packages that write checkpoints.

    cc tools/convert.c -lm -o convert
    python tests/oracle/layouts.py small ./convert SPEC [NAME...]     diffusers 0.42.1, transformers 5.24.0, torch 2.13.0
    python tests/oracle/layouts.py names SPEC                         the constants of tests/test_convert.c
    python tests/oracle/layouts.py published SPEC FOLDER KIND         writes a checkpoint of published size: tango, adapters,
                                                                      audioldm, consistency, or the name of a list

SPEC is a folder with lists of tensors as the published files have them (tensors_*.tsv: key, shape, type) and
map_audioldm_to_diffusers.tsv (AudioLDM's name, part/name of diffusers), which diffusers' own converter gave.

small: little networks of random numbers are made by the packages and saved by them, in every layout; then the same
numbers are renamed by these lists. The blob of each must hold, bit for bit, what the networks hold. names: CRC-32 of all
names and shapes of the lists, which the tables of tools/convert_names.h have to give.
"""
import json, os, shutil, subprocess, sys, tempfile, zlib
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import numpy as np
from blob import Blob


def rows(path):
    with open(path) as f: return [line.rstrip("\n").split("\t") for line in f][1:]


# ---- What a blob should hold ---------------------------------------------------------------------------------------

def matrix(w): w = np.asarray(w, np.float32); return w.reshape(w.shape[0], w.shape[1], -1).transpose(0, 2, 1)


def transposed(w, rate):
    """Columns of the ordinary convolution that equals a transposed one (convert_write.h)."""
    w = np.asarray(w, np.float32); inputs, outputs, size = w.shape; taps = -(-size // rate)
    padded = np.zeros((inputs, outputs, taps * rate), np.float32); padded[:, :, :size] = w
    return padded.reshape(inputs, outputs, taps, rate)[:, :, ::-1].transpose(3, 1, 2, 0).reshape(rate * outputs, taps, inputs)


def held(state, prefix, embeddings=()):
    """Tensors of a blob out of a state dictionary whose names are those of the blob behind `prefix`."""
    out = {}
    for key, t in state.items():
        if any(w in key for w in ("position_ids", "token_type_ids", "num_batches_tracked", "relative_position_index")): continue
        w = t.detach().float().numpy(); name = prefix + key
        if ".ff.net.0.proj." in key:
            half = w.shape[0] // 2
            for part, piece in (("value", w[:half]), ("gate", w[half:])):
                out[name.replace("ff.net.0.proj", "ff.net.0." + part)] = matrix(piece) if w.ndim > 1 else piece
        elif w.ndim > 1 and not any(e in key for e in embeddings): out[name] = matrix(w)
        else: out[name] = w
    return out


TABLES = ("shared", "embeddings.token", "embeddings.word", "embeddings.position", "relative_attention_bias", "bias_table")


def held_vae(state, to_ldm):
    out = {}
    for key, t in state.items():
        w = t.detach().float().numpy(); out[to_ldm[key]] = w if w.ndim < 2 else matrix(w)
    return out


def held_vocoder(state, rates):
    out = {}
    for key, t in state.items():
        w = t.detach().float().numpy(); key = key.replace("upsampler.", "ups.")
        if key in ("mean", "scale"): continue
        if key.startswith("ups."):
            rate = rates[int(key.split(".")[1])]
            out["vocoder." + key] = np.tile(w, rate) if w.ndim == 1 else transposed(w, rate)
        else: out["vocoder." + key] = matrix(w) if w.ndim > 1 else w
    return out


# ---- Small networks ------------------------------------------------------------------------------------------------

RATES, KERNELS = [5, 4, 2, 2, 2], [16, 16, 8, 4, 4]


class Small:
    """Every part of an AudioLDM and of its relatives, a few channels wide."""
    def __init__(self, spec):
        import torch
        from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
        from transformers import (ClapConfig, ClapModel, ClapTextConfig, ClapTextModelWithProjection, CLIPTextConfig,
                                  CLIPTextModel, SpeechT5HifiGan, SpeechT5HifiGanConfig, T5Config, T5EncoderModel,
                                  T5ForConditionalGeneration)
        torch.manual_seed(1); self.torch, self.spec = torch, spec
        unet = dict(in_channels=8, out_channels=8, block_out_channels=(32, 64, 96, 160), layers_per_block=2,
                    down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 3,
                    up_block_types=("CrossAttnUpBlock2D",) * 3 + ("UpBlock2D",), attention_head_dim=(1, 2, 3, 5))
        self.film = UNet2DConditionModel(cross_attention_dim=(32, 64, 96, 160), class_embed_type="simple_projection",
                                         projection_class_embeddings_input_dim=24, class_embeddings_concat=True, **unet)
        self.tango = UNet2DConditionModel(
            in_channels=8, out_channels=8, block_out_channels=(64, 128, 192, 192), cross_attention_dim=24,
            attention_head_dim=(1, 2, 3, 3), use_linear_projection=True,
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",), up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3)
        self.vae = AutoencoderKL(in_channels=1, out_channels=1, block_out_channels=(32, 64, 128), layers_per_block=2,
                                 down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
                                 latent_channels=8, norm_num_groups=32, scaling_factor=0.75)
        self.vocoder = SpeechT5HifiGan(SpeechT5HifiGanConfig(
            model_in_dim=64, sampling_rate=16000, upsample_initial_channel=64, upsample_rates=RATES, normalize_before=False,
            upsample_kernel_sizes=KERNELS, resblock_kernel_sizes=[3, 7, 11], resblock_dilation_sizes=[[1, 3, 5]] * 3))
        text = dict(vocab_size=300, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
                    max_position_embeddings=70, projection_dim=24, layer_norm_eps=1e-5)
        self.clap_text = ClapTextModelWithProjection(ClapTextConfig(**text))
        self.clap = ClapModel(ClapConfig(
            text_config=text, projection_dim=24,
            audio_config=dict(patch_embeds_hidden_size=12, depths=[2, 2, 2, 2], num_attention_heads=[1, 2, 3, 4], hidden_size=96,
                              projection_dim=24, spec_size=256)))
        self.clip = CLIPTextModel(CLIPTextConfig(vocab_size=49408, hidden_size=24, intermediate_size=40, num_hidden_layers=2,
                                                 num_attention_heads=4, hidden_act="gelu", projection_dim=24))
        t5 = dict(vocab_size=512, d_model=24, d_kv=7, d_ff=40, num_layers=2, num_heads=3, feed_forward_proj="gated-gelu")
        self.t5 = T5EncoderModel(T5Config(**t5)); self.t5_whole = T5ForConditionalGeneration(T5Config(**t5))
        self.scheduler = DDIMScheduler(beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", steps_offset=1,
                                       clip_sample=False, set_alpha_to_one=False)
        with torch.no_grad():
            for module in (self.film, self.tango, self.vae, self.vocoder, self.clap_text, self.clap, self.clip, self.t5, self.t5_whole):
                for p in module.parameters(): p.copy_(torch.randn_like(p) * 0.1)
        self.read_maps()

    def read_maps(self):
        """The published names of diffusers' UNet and VAE in a .ckpt: maps, and to_ldm of the VAE alone."""
        self.maps = rows(os.path.join(self.spec, "map_audioldm_to_diffusers.tsv"))
        named = {}
        for old, new, _ in self.maps:
            part, key = new.split("/", 1)
            if part == "vae": named[key] = old[len("first_stage_model."):]
        for key in list(named):
            for a, b in (("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")):
                if f".{a}." in key: named[key.replace(f".{a}.", f".{b}.")] = named[key]
        self.to_ldm = named

    def vae_state(self):
        """The autoencoder by AudioLDM's names, the attention as 1x1 convolutions, and the folded vocoder."""
        out = {}
        for key, t in self.vae.state_dict().items():
            key = self.to_ldm[key]; out[key] = t[:, :, None, None] if ".attn_1." in key and t.ndim == 2 else t
        for key, t in self.vocoder.state_dict().items():
            if key not in ("mean", "scale"): out["vocoder." + key.replace("upsampler.", "ups.")] = t
        return out

    def held_vae(self): return held_vae(self.vae.state_dict(), self.to_ldm)
    def held_vocoder(self): return held_vocoder(self.vocoder.state_dict(), RATES)
    def held_text(self, module):
        return {k: v for k, v in held(module.state_dict(), "text_encoder.", TABLES).items() if "embed_tokens" not in k}


# ---- Cases ---------------------------------------------------------------------------------------------------------

passed = failed = 0


def report(name, problem):
    global passed, failed
    if problem: failed += 1; print(f"FAIL  {name}: {problem}")
    else: passed += 1; print(f"pass  {name}")


def run(convert, arguments, out):
    r = subprocess.run([convert, *arguments, "-o", out, "-q"], capture_output=True, text=True)
    return r.stderr.strip() if r.returncode else None


def compare(name, convert, arguments, expected, values={}, near=()):
    """Converts, and compares tensors bit for bit (those whose name holds a word of `near`: to 1e-6) and some values."""
    out = os.path.join(tempfile.mkdtemp(), "x.tango"); problem = run(convert, arguments, out)
    if problem: return report(name, problem[:400])
    b = Blob(out); os.remove(out)
    for key in expected:
        if key not in b.tensors: return report(name, f"{key} is missing")
        x, y = np.squeeze(b.tensors[key]), np.squeeze(expected[key])
        if x.shape != y.shape: return report(name, f"{key}: shape {x.shape}, expected {y.shape}")
        if any(n in key for n in near): same = np.allclose(x, y, rtol=1e-6, atol=1e-8)
        else: same = np.array_equal(x, y)
        if not same: return report(name, f"{key} differs by {np.abs(x - y).max()}")
    if set(b.tensors) != set(expected): return report(name, f"more than was there: {sorted(set(b.tensors) - set(expected))[:3]}")
    for key, value in values.items():
        found = b.values.get(key)
        if isinstance(found, list) and not isinstance(value, list): found = found[0]
        if found != value and not (isinstance(value, float) and found is not None and abs(found - value) < 1e-6):
            return report(name, f"{key} is {found}, expected {value}")
    report(name, None)


def rename_tokens(folder):
    """A byte-level BPE of 300 entries, as RobertaTokenizer has one."""
    from tokenizers import ByteLevelBPETokenizer
    t = ByteLevelBPETokenizer()
    t.train_from_iterator(["a dog barks while rain falls on a tin roof"] * 50, vocab_size=300, min_frequency=1,
                          special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    os.makedirs(folder, exist_ok=True); t.save_model(folder)


AUDIOLDM = {"default.sampler": "ddim", "default.eta": 1.0, "default.steps": 200, "default.guidance": 2.5,
            "schedule.beta_start": 0.0015, "schedule.beta_end": 0.0195, "schedule.prediction": "epsilon",
            "schedule.set_alpha_to_one": 0, "schedule.steps_offset": 1, "unet.class_dim": 24, "unet.cross_dim": 0,
            "unet.channels": [32, 64, 96, 160], "unet.heads": [1, 2, 3, 5]}


def ckpt(s, path, raw_shift=0.0):
    """AudioLDM's .ckpt: moving averages under names without dots, the weights themselves, and what else Lightning keeps."""
    torch, state = s.torch, {}
    unet = s.film.state_dict()
    for old, new, _ in s.maps:
        part, key = new.split("/", 1)
        if part != "unet": continue
        t = unet[key]; state[old] = t + raw_shift
        state["model_ema.diffusion_model" + old[len("model.diffusion_model."):].replace(".", "")] = t
    state["model_ema.decay"] = torch.tensor(0.9999); state["model_ema.num_updates"] = torch.tensor(7, dtype=torch.int32)
    for key, t in s.vae_state().items(): state["first_stage_model." + key] = t
    state["scale_factor"] = torch.tensor(0.75)
    for key in ("betas", "alphas_cumprod", "logvar"): state[key] = torch.rand(1000)
    clap = "cond_stage_model.model."
    for key, t in s.clap_text.state_dict().items():
        key = key.replace("text_model.", "text_branch.").replace("linear1", "0").replace("linear2", "2"); state[clap + key] = t
    state[clap + "text_branch.embeddings.position_ids"] = torch.arange(70)[None]
    state[clap + "logit_scale_a"] = torch.tensor(1.0); state[clap + "text_transform.sequential.0.weight"] = torch.rand(4, 4)
    torch.save({"epoch": 3, "global_step": 9, "pytorch-lightning_version": "1.7.7", "state_dict": state, "loops": {"fit_loop": {"state_dict": {}}},
                "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-4}]}]}, path)


def audioldm(s, convert, folder):
    path = os.path.join(folder, "audioldm-tiny-full.ckpt"); tokens = os.path.join(folder, "tokens"); rename_tokens(tokens)
    ckpt(s, path, raw_shift=1.0)
    sound = {**s.held_vae(), **s.held_vocoder()}
    compare("audioldm .ckpt: VAE and vocoder", convert, [path, "--only", "vae,vocoder"], sound,
            {"vae.scale_factor": 0.75, "vae.clip_latent": 1, "audio.hop": 160, "vocoder.rates": RATES})
    film = held(s.film.state_dict(), "unet.")
    compare("audioldm .ckpt: moving average", convert, [path, "--only", "unet"], film, {**AUDIOLDM, "default.crop": None})
    raw = {k: (np.float32(v) + np.float32(1.0)) for k, v in film.items()}
    compare("audioldm .ckpt: --raw", convert, [path, "--only", "unet", "--raw"], raw, AUDIOLDM)
    compare("audioldm .ckpt: all", convert, [path, "--tokenizer", tokens], {**film, **sound, **s.held_text(s.clap_text)},
            {**AUDIOLDM, "text.type": "clap", "text.projection": 24, "text.positions": 70})


    clap = {k: v for k, v in s.clap.state_dict().items()}
    state = s.torch.load(path, weights_only=False)["state_dict"]
    state.update({"cond_stage_model.model." + k: v for k, v in laion(s, clap).items() if k.startswith("audio")})
    path = os.path.join(folder, "audioldm-rank.ckpt"); s.torch.save({"state_dict": state}, path)
    tower = {k: v for k, v in held_clap(clap).items() if ".audio_" in k}
    compare("audioldm .ckpt: with its audio tower", convert, [path, "--tokenizer", tokens],
            {**film, **sound, **s.held_text(s.clap_text), **tower}, {"rank.dims": [12, 24, 48, 96], "rank.depths": [2, 2, 2, 2],
             "rank.heads": [1, 2, 3, 4], "rank.window": 8, "rank.patch": 4, "rank.projection": 24})


def held_clap(state):
    drop = ("logit_scale", "relative_position_index", "num_batches_tracked")
    return held({k: v for k, v in state.items() if not any(d in k for d in drop)}, "clap.", TABLES)


def laion(s, clap):
    """transformers' ClapModel by the names of its authors: query, key and value below each other."""
    out = {}
    rename = (("attention.output.dense", "attn.proj"), ("attention.self.relative", "attn.relative"), ("layernorm_before", "norm1"),
              ("layernorm_after", "norm2"), ("intermediate.dense", "mlp.fc1"), ("output.dense", "mlp.fc2"), ("batch_norm", "bn0"))
    for k, t in clap.items():
        k = k.replace("projection.linear1", "projection.0").replace("projection.linear2", "projection.2")
        if k.startswith("text_model."): k = "text_branch." + k[len("text_model."):]
        if k.startswith("audio_model.audio_encoder."):
            k = "audio_branch." + k[len("audio_model.audio_encoder."):]
            for a, b in rename: k = k.replace(a, b)
            if ".attention.self.query." in k:
                three = [clap["audio_model.audio_encoder." + k[len("audio_branch."):].replace("query", n)] for n in ("query", "key", "value")]
                out[k.replace("attention.self.query", "attn.qkv")] = s.torch.cat(three); continue
            if ".attention.self." in k: continue
        out[k] = t
    out["audio_branch.tscam_conv.weight"] = out["audio_branch.head.weight"] = out["text_transform.sequential.0.weight"] = s.torch.rand(3, 3)
    out["audio_branch.spectrogram_extractor.stft.conv_real.weight"] = out["audio_branch.logmel_extractor.melW"] = s.torch.rand(3, 3)
    return out


def save_audioldm(s, folder, **options):
    for name, part in (("unet", s.film), ("vae", s.vae), ("vocoder", s.vocoder), ("text_encoder", s.clap_text)):
        part.save_pretrained(os.path.join(folder, name), **options)
    s.scheduler.save_pretrained(os.path.join(folder, "scheduler")); rename_tokens(os.path.join(folder, "tokenizer"))
    with open(os.path.join(folder, "model_index.json"), "w") as f: json.dump({"_class_name": "AudioLDMPipeline", "_diffusers_version": "0.42.1"}, f)


def diffusers(s, convert, folder):
    torch = s.torch; whole = {**held(s.film.state_dict(), "unet."), **s.held_vae(), **s.held_vocoder(), **s.held_text(s.clap_text)}
    def case(name, **options):
        path = os.path.join(folder, name.replace(" ", "_")); save_audioldm(s, path, **options)
        compare("diffusers folder: " + name, convert, [path], whole, {**AUDIOLDM, "vae.clip_latent": None, "vae.scale_factor": 0.75, "default.crop": 600.0}); return path
    path = case("safetensors"); case("PyTorch files", safe_serialization=False); case("parts with an index", max_shard_size="500KB")
    half = os.path.join(folder, "half"); modules = (s.film, s.vae, s.vocoder, s.clap_text)
    for m in modules: m.half()
    save_audioldm(s, half, variant="fp16")
    low = {**held(s.film.state_dict(), "unet."), **s.held_vae(), **s.held_vocoder(), **s.held_text(s.clap_text)}
    for m in modules: m.float()
    compare("diffusers folder: fp16 variant", convert, [half], low, {"vae.scale_factor": 0.75})
    shards = os.path.join(folder, "half_shards")
    for m in modules: m.half()
    save_audioldm(s, shards, variant="fp16", max_shard_size="400KB")
    for m in modules: m.float()
    compare("diffusers folder: fp16 parts with an index", convert, [shards], low)
    for m, state in zip(modules, STATES): m.load_state_dict(state)
    for part, want in (("unet", held(s.film.state_dict(), "unet.")), ("vae", s.held_vae()), ("vocoder", s.held_vocoder())):
        more = ["--scheduler", os.path.join(path, "scheduler")] if part == "unet" else []
        compare(f"diffusers part: {part}", convert, [os.path.join(path, part), *more], want)
    compare("diffusers part: text encoder", convert, [os.path.join(path, "text_encoder"), "--tokenizer", os.path.join(path, "tokenizer")], s.held_text(s.clap_text))
    file = os.path.join(path, "vae", "diffusion_pytorch_model.safetensors")
    compare("diffusers part: a file", convert, [file], s.held_vae(), {"vae.scale_factor": 0.75})
    from safetensors.torch import load_file, save_file
    old = load_file(file)
    for new, word in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")): old = {k.replace(new, word): v for k, v in old.items()}
    old = {k: v[:, :, None, None] if "attentions" in k and v.ndim == 2 else v for k, v in old.items()}
    save_file(old, file); compare("diffusers part: attention of files before 2023", convert, [os.path.join(path, "vae")], s.held_vae())


def transformers(s, convert, folder):
    here = os.path.dirname(os.path.abspath(__file__)); spiece = os.path.join(here, "../golden/models/v1/spiece.model")
    from safetensors.torch import save_model
    def saved(name, module, **options): path = os.path.join(folder, name); module.save_pretrained(path, **options); return path
    text = {"text.type": "t5", "text.heads": 3, "text.d_kv": 7, "text.d_ff": 40, "text.layers": 2}
    path = saved("t5", s.t5); shutil.copy(spiece, path); compare("T5 encoder", convert, [path], s.held_text(s.t5), text)
    os.remove(os.path.join(path, "config.json")); compare("T5 encoder without its configuration", convert, [path], s.held_text(s.t5), text)
    want = {k: v for k, v in s.held_text(s.t5_whole).items() if "decoder" not in k and "lm_head" not in k and "embed_tokens" not in k}
    path = saved("whole", s.t5_whole); compare("T5 with its decoder", convert, [path, "--tokenizer", spiece], want, text)
    path = saved("bin", s.t5_whole); os.remove(os.path.join(path, "model.safetensors")); s.torch.save(s.t5_whole.state_dict(), os.path.join(path, "pytorch_model.bin"))
    compare("T5 as a PyTorch file", convert, [path, "--tokenizer", spiece], want, text)
    path = saved("shards", s.t5_whole, max_shard_size="40KB"); compare("T5 in parts", convert, [path, "--tokenizer", spiece], want, text)
    path = os.path.join(folder, "alone.safetensors"); save_model(s.t5, path)
    compare("T5 whose only embedding is encoder.embed_tokens", convert, [path, "--tokenizer", spiece], s.held_text(s.t5), text)
    clip = {"text.type": "clip", "text.heads": 4, "text.activation": "gelu", "text.positions": 77, "tokenizer.type": "clip"}
    words = os.path.join(folder, "words"); os.makedirs(words); tokens = os.environ.get("TOKENIZERS", os.path.join(s.spec, "../tokenizers"))
    for a, b in (("clip_vocab.json", "vocab.json"), ("clip_merges.txt", "merges.txt")): shutil.copy(os.path.join(tokens, a), os.path.join(words, b))
    json.dump({"pad_token": "!"}, open(os.path.join(words, "tokenizer_config.json"), "w"))
    want = {"text_encoder." + ("" if k.startswith("text_model.") else "text_model.") + k: v for k, v in held(s.clip.state_dict(), "", TABLES).items()}
    path = saved("clip", s.clip); compare("CLIP", convert, [path, "--tokenizer", words], want, {**clip, "text.pad": 0})
    bare = {k.removeprefix("text_model."): v for k, v in s.clip.state_dict().items()}
    for name, state in (("bare", bare), ("within", {"text_model." + k: v for k, v in bare.items()})):
        state = {**state, ("" if name == "bare" else "text_model.") + "embeddings.position_ids": s.torch.arange(77)[None]}
        s.torch.save(state, os.path.join(path, "pytorch_model.bin")); shutil.rmtree(path + name, True); shutil.copytree(path, path + name); os.remove(os.path.join(path + name, "model.safetensors"))
        compare(f"CLIP, names {name} the model", convert, [path + name, "--tokenizer", words], want, clip)
    tokens = os.path.join(folder, "tokens"); rename_tokens(tokens); both = held_clap(s.clap.state_dict())
    text = {k.replace("clap.", "text_encoder."): v for k, v in both.items() if ".text_" in k}
    path = saved("clap", s.clap); compare("CLAP, both towers", convert, [path, "--tokenizer", tokens], {**text, **{k: v for k, v in both.items() if ".audio_" in k}}, {"rank.dims": [12, 24, 48, 96]})
    for a in os.listdir(tokens): shutil.copy(os.path.join(tokens, a), path)
    compare("CLAP, to rank a T5's sounds", convert, [os.path.join(folder, "t5"), "--rank", path], {**s.held_text(s.t5), **both}, {"text.type": "t5", "rank_text.projection": 24})
    torch_path = os.path.join(tokens, "clap.pt"); s.torch.save({"epoch": 1, "name": "x", "state_dict": {"module." + k: v for k, v in laion(s, s.clap.state_dict()).items()}}, torch_path)
    values = {"rank_text.d_model": 24}
    compare("CLAP as its authors save it", convert, [os.path.join(folder, "t5"), "--rank", torch_path], {**s.held_text(s.t5), **both}, values)


def hifigan(s, convert, folder):
    from torch.nn.utils import weight_norm
    from torch.nn.utils.parametrizations import weight_norm as new_norm
    import copy
    want = s.held_vocoder(); plain = {k.replace("upsampler.", "ups."): v for k, v in s.vocoder.state_dict().items() if k not in ("mean", "scale")}
    def case(name, state, **more):
        path = os.path.join(folder, name.split(",")[0].replace(" ", "_")); s.torch.save(state, path); compare("HiFi-GAN, " + name, convert, [path], want, more, near=("weight",) if "factor" in name else ())
    case("folded", {"generator": plain}, **{"vocoder.rates": RATES, "vocoder.kernels": KERNELS})
    for name, norm in (("factors of weight_norm", weight_norm), ("factors of parametrizations", new_norm)):
        module = copy.deepcopy(s.vocoder)
        for m in list(module.modules()):
            if type(m).__name__.startswith("Conv"): norm(m)
        with s.torch.no_grad():
            for k, p in module.named_parameters():
                if k.endswith(("weight_g", "original0")): p.mul_(2.0)
        for k in want: want[k] = want[k] * 2 if k.endswith(".weight") else want[k]
        case(name, {"generator": {k.replace("upsampler.", "ups."): v for k, v in module.state_dict().items() if k not in ("mean", "scale")}})
        for k in want: want[k] = want[k] / 2 if k.endswith(".weight") else want[k]
    path = os.path.join(folder, "folder"); s.vocoder.save_pretrained(path); 
    compare("SpeechT5HifiGan", convert, [path], want, {"audio.rate": 16000})


def tango(s, convert, folder):
    torch = s.torch; here = os.path.dirname(os.path.abspath(__file__)); spiece = os.path.join(here, "../golden/models/v1/spiece.model")
    main_state = {**{"unet." + k: v for k, v in s.tango.state_dict().items()}, **{"text_encoder." + k: v for k, v in s.t5.state_dict().items()}}
    want = {**held(s.tango.state_dict(), "unet."), **s.held_text(s.t5), **s.held_vae(), **s.held_vocoder()}
    want = {k: v for k, v in want.items() if "embed_tokens" not in k}
    vae_config = {"image_key": "fbank", "subband": 1, "embed_dim": 8, "time_shuffle": 1, "scale_factor": 0.75, "ddconfig": {
        "double_z": True, "z_channels": 8, "resolution": 256, "downsample_time": False, "in_channels": 1, "out_ch": 1, "ch": 32, "ch_mult": [1, 2, 4],
        "num_res_blocks": 2, "attn_resolutions": [], "dropout": 0.0}}
    configs = {"main_config.json": {"text_encoder_name": "google/flan-t5-large", "scheduler_name": "stabilityai/stable-diffusion-2-1", "unet_model_name": None,
               "unet_model_config_path": "configs/diffusion_model_config.json", "snr_gamma": 5.0}, "vae_config.json": vae_config,
               "stft_config.json": {"filter_length": 1024, "hop_length": 160, "win_length": 1024, "n_mel_channels": 64, "sampling_rate": 16000, "mel_fmin": 0, "mel_fmax": 8000}}
    for name, config in configs.items(): json.dump(config, open(os.path.join(folder, name), "w"))
    shutil.copy(spiece, folder); torch.save(main_state, os.path.join(folder, "pytorch_model_main.bin")); torch.save(s.vae_state(), os.path.join(folder, "pytorch_model_vae.bin"))
    values = {"unet.heads": [1, 2, 3, 3], "unet.cross_dim": 24, "schedule.prediction": "v_prediction", "schedule.beta_end": 0.012, "default.sampler": "ddpm", "default.guidance": 3.0}
    compare("tango folder as it is published", convert, [folder], want, values)
    os.rename(os.path.join(folder, "pytorch_model_main.bin"), os.path.join(folder, "pytorch_model_2.bin")); os.rename(os.path.join(folder, "pytorch_model_vae.bin"), os.path.join(folder, "pytorch_model.bin"))
    compare("tango folder of the training script", convert, [folder], want, values)
    from safetensors.torch import save_file
    save_file({k: v.clone() for k, v in main_state.items() if "embed_tokens" not in k}, os.path.join(folder, "model_2.safetensors")); save_file(s.vae_state(), os.path.join(folder, "model.safetensors"))
    os.remove(os.path.join(folder, "pytorch_model_2.bin")); os.remove(os.path.join(folder, "pytorch_model.bin"))
    compare("tango folder of the training script, safetensors", convert, [folder], want, values)
    for m in (s.tango, s.t5, s.vae, s.vocoder): m.half()
    torch.save({**{"unet." + k: v for k, v in s.tango.state_dict().items()}, **{"text_encoder." + k: v for k, v in s.t5.state_dict().items()}}, os.path.join(folder, "pytorch_model_main.bin"))
    torch.save({k: v.double() for k, v in s.vae_state().items()}, os.path.join(folder, "pytorch_model_vae.bin"))
    want = {**held(s.tango.state_dict(), "unet."), **s.held_text(s.t5), **s.held_vae(), **s.held_vocoder()}; want = {k: v for k, v in want.items() if "embed_tokens" not in k}
    compare("tango folder of mixed precisions", convert, [folder], want, values)
    for m, state in zip((s.tango, s.t5, s.vae, s.vocoder), [STATES[4], STATES[5], STATES[1], STATES[2]]): m.float(); m.load_state_dict(state)


def consistency(s, convert, folder):
    torch = s.torch; from diffusers import UNet2DConditionModel
    here = os.path.dirname(os.path.abspath(__file__)); spiece = os.path.join(here, "../golden/models/v1/spiece.model")
    light = UNet2DConditionModel(in_channels=8, out_channels=8, block_out_channels=(256, 256), layers_per_block=1, cross_attention_dim=24, attention_head_dim=(5, 5),
                                 use_linear_projection=True, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
    student = light.state_dict(); g = torch.randn
    student.update({"guidance_proj.weight": g(512), "guidance_embedding.linear_1.weight": g(1024, 1024), "guidance_embedding.linear_1.bias": g(1024),
                    "guidance_embedding.linear_2.weight": g(1024, 1024), "guidance_embedding.linear_2.bias": g(1024)})
    want = held(student, "unet."); sound = {**s.held_vae(), **s.held_vocoder()}
    values = {"unet.guidance": "fourier", "unet.guidance_dim": 512, "unet.heads": [5, 5], "default.sampler": "consistency", "default.steps": 1, "default.guidance": 4.0,
              "default.crop": 9.5, "wave.center": 1, "schedule.prediction": "v_prediction", "tango.layout": "consistencytta"}
    unet, vae = os.path.join(folder, "unet_state_dict.pt"), os.path.join(folder, "vae_state_dict.pt"); torch.save(student, unet)
    torch.save({"state_dict": s.vae_state(), "scale_factor": 0.75}, vae); t5 = os.path.join(folder, "t5"); s.t5.save_pretrained(t5); shutil.copy(spiece, t5)
    compare("ConsistencyTTA, two files", convert, [unet, "--vae", vae, "--vocoder", vae], {**want, **sound}, {**values, "vae.scale_factor": 0.75})
    torch.save({"state_dict": s.vae_state(), "scale_factor": torch.tensor(0.75)}, vae)
    compare("ConsistencyTTA, a folder of both, T5 from elsewhere", convert, [folder, "--text", t5], {**want, **sound, **s.held_text(s.t5)}, {**values, "vae.scale_factor": 0.75})
    archive = {"student_ema_unet." + k: v for k, v in student.items()}
    archive.update({"student_unet." + k: v + 1 for k, v in student.items()}); archive.update({"student_target_unet." + k: v + 2 for k, v in student.items()})
    archive.update({"teacher_unet." + k: v for k, v in light.state_dict().items()}); archive.update({"text_encoder." + k: v for k, v in s.t5.state_dict().items()})
    archive.update({"vae." + k: v for k, v in s.vae_state().items()}); archive.update({"loss.vae." + k: v for k, v in s.vae_state().items()})
    path = os.path.join(folder, "pytorch_model_2.bin"); torch.save(archive, path)
    compare("ConsistencyTTA, its training", convert, [path, "--tokenizer", spiece], {**want, **sound, **s.held_text(s.t5)}, values)
    raw = {k: (v + np.float32(1)) for k, v in want.items()}; compare("ConsistencyTTA, --raw", convert, [path, "--raw", "--only", "unet"], raw)
    ctm = light.state_dict(); ctm.update({"s_time_embedding.linear_1.weight": g(1024, 256), "s_time_embedding.linear_1.bias": g(1024), "s_time_embedding.linear_2.weight": g(1024, 1024), "s_time_embedding.linear_2.bias": g(1024)})
    values = {"unet.guidance": "ctm", "default.sampler": "ctm", "default.steps": 2, "default.guidance": 3.5, "tango.layout": "soundctm"}
    path = os.path.join(folder, "ema_0.999_030000.pt"); torch.save(ctm, path); compare("SoundCTM, moving average", convert, [path], held(ctm, "unet."), values)
    path = os.path.join(folder, "pytorch_model.bin"); torch.save({**{"ctm_unet." + k: v for k, v in ctm.items()}, **{"text_encoder." + k: v for k, v in s.t5.state_dict().items()}}, path)
    compare("SoundCTM, whole", convert, [path, "--tokenizer", spiece], {**held(ctm, "unet."), **s.held_text(s.t5)}, values)


CASES = {"audioldm": audioldm, "diffusers": diffusers, "transformers": transformers, "hifigan": hifigan, "tango": tango, "consistency": consistency}
STATES = []


def names(spec):
    """A line for each list: its CRC-32 as tests/test_convert.c computes it: sorted lines "key shape", axes of 1 at the
    end left out, without what no blob holds."""
    skip = ("position_ids", "token_type_ids", "num_batches_tracked", "relative_position_index", "attn_mask", "embed_tokens", "logit_scale",
            "_transform.", "spectrogram", "logmel", "tscam", "audio_branch.head", "stft", "model_ema.decay", "num_updates")
    lists = (("tango", "tango_main", "unet.", ""), ("tango xl", "tango_xl_main", "unet.", ""), ("adapters", "tango_sd21_main", "unet.|group_", ""),
             ("light", "consistencytta_unet", "", ""), ("average", "audioldm_s_full_ckpt", "model_ema.", ""),
             ("ckpt unet", "audioldm_s_full_ckpt", "model.diffusion_model.", ""), ("ckpt vae", "audioldm_s_full_ckpt", "first_stage_model.", "vocoder"),
             ("ckpt vocoder", "audioldm_s_full_ckpt", "first_stage_model.vocoder.", ""), ("ckpt clap", "audioldm_s_full_ckpt", "cond_stage_model.model.text_", ""),
             ("vae", "tango_vae", "", "vocoder"), ("film", "diffusers_unet_audioldm_s", "", ""), ("kl", "diffusers_vae_audioldm", "", ""),
             ("hifigan", "diffusers_vocoder_audioldm", "", "mean|scale"), ("clap", "diffusers_clap_text", "", ""), ("small", "flan_t5_small_encoder", "", ""),
             ("base", "flan_t5_base_encoder", "", ""), ("large", "flan_t5_large_encoder", "", ""), ("xl", "flan_t5_xl_encoder", "", ""),
             ("clip", "clip_text_sd21", "", ""), ("htsat", "clap_audio_htsat_tiny", "", ""))
    for name, file, begins, never in lists:
        out = set()
        for row in rows(os.path.join(spec, f"tensors_{file}.tsv")):
            key, shape = row[0], row[1]
            if begins and not key.startswith(tuple(begins.split("|"))): continue
            if any(w in key for w in skip) or (never and any(key.startswith((w, "first_stage_model." + w)) for w in never.split("|"))): continue
            if key == "model_ema.diffusion_model" or shape == "scalar": continue
            while shape.endswith("x1"): shape = shape[:-2]
            out.add(f"{key} {shape}\n")
        print(f'{name:14} {len(out):5} 0x{zlib.crc32("".join(sorted(out)).encode()):08x}')


def published(spec, folder, kind):
    """A checkpoint at published size: every tensor of the lists, random numbers."""
    import torch
    os.makedirs(folder, exist_ok=True)
    def state(name, rename=lambda k: k, keep=lambda k: True):
        out, last = {}, None
        for row in rows(os.path.join(spec, f"tensors_{name}.tsv")):
            key, shape, kind = row[0], [] if row[1] == "scalar" else [int(x) for x in row[1].split("x")], row[2]
            if not keep(key): continue
            if key.endswith("encoder.embed_tokens.weight"): out[rename(key)] = out[rename(key.replace("encoder.embed_tokens", "shared"))]; continue
            t = torch.zeros(shape, dtype=getattr(torch, kind)) if kind.startswith("int") else (torch.rand(shape) - 0.5) * 0.04
            out[rename(key)] = t
        return out
    def save(x, name): torch.save(x, os.path.join(folder, name)); print(name, os.path.getsize(os.path.join(folder, name)))
    def dump(x, name): json.dump(x, open(os.path.join(folder, name), "w"))
    if kind == "tango":
        save(state("tango_main"), "pytorch_model_main.bin"); save(state("tango_vae"), "pytorch_model_vae.bin")
        dump({"text_encoder_name": "google/flan-t5-large", "scheduler_name": "stabilityai/stable-diffusion-2-1"}, "main_config.json")
        dump({"image_key": "fbank", "subband": 1, "embed_dim": 8, "time_shuffle": 1, "scale_factor": 0.9227914214134216, "ddconfig": {"double_z": True, "z_channels": 8,
              "resolution": 256, "downsample_time": False, "in_channels": 1, "out_ch": 1, "ch": 128, "ch_mult": [1, 2, 4], "num_res_blocks": 2, "attn_resolutions": [], "dropout": 0.0}}, "vae_config.json")
        dump({"filter_length": 1024, "hop_length": 160, "win_length": 1024, "n_mel_channels": 64, "sampling_rate": 16000, "mel_fmin": 0, "mel_fmax": 8000}, "stft_config.json")
    elif kind == "adapters": save(state("tango_sd21_main"), "pytorch_model_2.bin"); save(state("tango_vae"), "pytorch_model.bin"); dump({"unet_model_name": "x"}, "main_config.json")
    elif kind == "audioldm":
        both = state("audioldm_s_full_ckpt"); both.update(state("clap_audio_htsat_tiny")); save({"epoch": 1, "state_dict": both}, "audioldm-s-full.ckpt")
    elif kind == "consistency":
        save(state("consistencytta_unet"), "unet_state_dict.pt"); save({"state_dict": state("tango_vae"), "scale_factor": 0.9227914214134216}, "vae_state_dict.pt")
    else:
        from safetensors.torch import save_file
        t = state(kind); t.pop("encoder.embed_tokens.weight", None); save_file(t, os.path.join(folder, "model.safetensors"))


def main():
    if sys.argv[1] == "names": return names(sys.argv[2])
    if sys.argv[1] == "published": return published(*sys.argv[2:5])
    s = Small(sys.argv[3])
    STATES.extend({k: v.clone() for k, v in m.state_dict().items()} for m in (s.film, s.vae, s.vocoder, s.clap_text, s.tango, s.t5))
    for name in sys.argv[4:] or CASES:
        folder = tempfile.mkdtemp(); CASES[name](s, os.path.abspath(sys.argv[2]), folder); shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed"); return failed > 0


if __name__ == "__main__": sys.exit(main())
