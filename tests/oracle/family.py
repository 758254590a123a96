#!/usr/bin/env python3
"""Whole runs of every family, from files as the packages write them to the wave, stage by stage beside the packages.

    python3 tests/oracle/family.py SPEC [NAME...] [--published] [--keep DIR] [--cc CC] [--bin DIR]

SPEC is the folder of layouts.py. NAME: audioldm tango clip adapters consistency rank; all if none is given. The networks are
random and a few channels wide, or with --published as wide and as deep as those that were published: 2 to 5 GB of files and
up to 10 GB of memory for each name, some minutes. For each name: the packages save a model, `convert` makes a blob of the files,
`generate` runs from prompt to wave with the blob's defaults, and each stage is computed by the packages in float32 and in
float64 from the same noise. Allowed is what oracle.py allows. Other files with the same numbers have to give the same tensors,
bit for bit. Needs what reference.py needs, and tokenizers and safetensors.
"""
import argparse, copy, functools, json, math, os, shutil, subprocess, sys, tempfile
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import numpy as np
import torch
import layouts, make_golden, oracle, rank, reference as R, unets
from blob import Blob

HERE = os.path.dirname(os.path.abspath(__file__)); ROOT = os.path.dirname(os.path.dirname(HERE)); SPIECE = os.path.join(HERE, "../golden/models/v1/spiece.model")
R.diffusers.utils.logging.disable_progress_bar(); R.transformers.utils.logging.disable_progress_bar()
PROMPT, NEGATIVE = "a dog barks while rain falls on a tin roof", "noise"
SMALL = dict(unet=(32, 64, 96, 160), film_heads=(1, 2, 3, 5), tango=(64, 128, 192, 192), tango_heads=(1, 2, 3, 3), vae=(32, 64, 128), vocoder=64, projection=24, cross=24,
             clap=dict(vocab_size=300, hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=40, max_position_embeddings=70),
             audio=dict(patch_embeds_hidden_size=12, depths=[2, 2, 2, 2], num_attention_heads=[1, 2, 3, 4], hidden_size=96),
             clip=dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4), t5=dict(d_model=24, d_kv=8, d_ff=40, num_layers=2, num_heads=3, vocab_size=512),
             light=dict(channels=[256, 512], heads=[5, 10], down=[1, 0], up=[0, 1], groups=32, cross=24, guidance="fourier", frequencies=512), seconds=0.64, steps=4)
PUBLISHED = dict(unet=(128, 256, 384, 640), film_heads=(4, 8, 12, 20), tango=(320, 640, 1280, 1280), tango_heads=(5, 10, 20, 20), vae=(128, 256, 512), vocoder=1024, projection=512, cross=1024,
                 clap=dict(vocab_size=50265), audio={}, clip=dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16),
                 t5=dict(d_model=1024, d_kv=64, d_ff=2816, num_layers=24, num_heads=16, vocab_size=32128), light=unets.WIDE_MODELS["consistencytta"], seconds=1.28, steps=2)
SCHEDULE = dict(beta_schedule="scaled_linear", steps_offset=1, clip_sample=False, set_alpha_to_one=False)
passed = failed = 0


# ---- The networks, made when they are first asked for --------------------------------------------------------------

class Parts(layouts.Small):
    """The names of layouts.Small, with values like those of trained networks."""
    def __init__(self, spec, z): self.torch, self.spec, self.z, self.gen = torch, spec, z, torch.Generator().manual_seed(3); self.read_maps()

    def unet(self, channels, heads, cross, attends=(0, 1, 1, 1), ch=8, **more):
        kinds = lambda side: [("CrossAttn" if a else "") + side + "Block2D" for a in (attends if side == "Down" else attends[::-1])]
        net = R.UNet2DConditionModel(in_channels=ch, out_channels=ch, block_out_channels=channels, layers_per_block=2, cross_attention_dim=cross, attention_head_dim=heads,
                                     down_block_types=kinds("Down"), up_block_types=kinds("Up"), **more)
        R.random_unet(net, self.gen); return net.eval()

    def ready(self, m):
        """A text encoder or CLAP's tower."""
        with torch.no_grad(): rank.randomise(m, self.gen)
        return m.eval()

    @functools.cached_property
    def film(self): return self.unet(self.z["unet"], self.z["film_heads"], self.z["unet"], class_embed_type="simple_projection", projection_class_embeddings_input_dim=self.z["projection"], class_embeddings_concat=True)
    def tango(self, ch=8): return self.unet(self.z["tango"], self.z["tango_heads"], self.z["cross"], (1, 1, 1, 0), ch, use_linear_projection=True)

    @functools.cached_property
    def sound(self):
        n = len(self.z["vae"]); vae = R.AutoencoderKL(in_channels=1, out_channels=1, block_out_channels=self.z["vae"], layers_per_block=2, down_block_types=["DownEncoderBlock2D"] * n,
                                                      up_block_types=["UpDecoderBlock2D"] * n, latent_channels=8, norm_num_groups=32, scaling_factor=0.75)
        voc = R.SpeechT5HifiGan(R.vocoder_config(dict(vocoder=dict(upsample_initial_channel=self.z["vocoder"])))); R.random_sound(vae, voc, self.gen, 0.75); return vae.eval(), voc.eval()
    vae = property(lambda self: self.sound[0]); vocoder = property(lambda self: self.sound[1])

    @functools.cached_property
    def clap_text(self):
        from transformers import ClapTextConfig, ClapTextModelWithProjection
        return self.ready(ClapTextModelWithProjection(ClapTextConfig(projection_dim=self.z["projection"], layer_norm_eps=1e-5, **self.z["clap"])))

    @functools.cached_property
    def clap(self):
        from transformers import ClapConfig, ClapModel
        return self.ready(ClapModel(ClapConfig(text_config=dict(layer_norm_eps=1e-5, **self.z["clap"]), audio_config=dict(spec_size=256, **self.z["audio"]), projection_dim=self.z["projection"])))

    @functools.cached_property
    def clip(self):
        from transformers import CLIPTextConfig, CLIPTextModel
        import text
        return text.randomise(CLIPTextModel(CLIPTextConfig(vocab_size=49408, hidden_act="gelu", projection_dim=512, pad_token_id=0, **self.z["clip"])), 5, 0.05)

    @functools.cached_property
    def t5(self):
        import text
        return text.randomise(R.T5EncoderModel(R.T5Config(feed_forward_proj="gated-gelu", **self.z["t5"])), 6, 0.05)


# ---- Running and comparing -----------------------------------------------------------------------------------------

def report(name, rows):
    global passed, failed
    for stage, error, allowed in rows:
        ok = error is not None and error <= allowed; passed += ok; failed += not ok
        print(f"  {name:28s} {stage:16s} {'missing' if error is None else format(error, '9.1e'):>9s} {allowed:9.1e} {'' if ok else 'FAIL'}", flush=True)


class Work:
    """A folder, the programs, and what they wrote."""
    def __init__(self, folder, cc, programs):
        self.folder = folder; os.makedirs(folder, exist_ok=True); self.programs = programs or folder
        if not programs: oracle.build(folder, cc)
    def path(self, *names): return os.path.join(self.folder, *names)

    def convert(self, name, *arguments):
        out = self.path(name + ".tango"); r = subprocess.run([os.path.join(self.programs, "convert"), "-q", *arguments, "-o", out], capture_output=True, text=True)
        if r.returncode: print(r.stderr, file=sys.stderr); report(name, [("convert", None, 0)]); return None
        return out

    def generate(self, blob, *arguments):
        """What --json says; stages in self.path("dump")."""
        shutil.rmtree(self.path("dump"), True); r = subprocess.run([os.path.join(self.programs, "generate"), "-q", "-m", blob, "--dump", self.path("dump"), "-o", self.path("out.wav"), "--bits", "f32", "--json", *arguments],
                                                                   capture_output=True, text=True)
        if r.returncode: print(r.stderr, file=sys.stderr); report(os.path.basename(blob), [("generate", None, 0)]); return None
        return json.loads(r.stdout)

    def beside(self, name, blob, reference, kw, *more):
        """One run, with `kw` as options, and every stage of `reference`, a function of `double`."""
        if blob is None: return None
        said = self.generate(blob, *[x for k, v in kw.items() for x in ("--" + k, str(v))], *more, "--", PROMPT)
        if said: report(name, oracle.compare(self.path("dump"), reference(False), reference(True)))
        return said

    def same(self, name, first, other, *arguments):
        """Two blobs hold the same tensors and give the same wave, as far as both go."""
        if first is None or other is None: return
        a, b, waves = Blob(first), Blob(other), []
        differs = [k for k in set(a.tensors) | set(b.tensors) if k not in a.tensors or k not in b.tensors or not np.array_equal(a.tensors[k], b.tensors[k])]
        report(name, [("tensors", float(len(differs)), 0)])
        for blob in (first, other):
            if self.generate(blob, *arguments, "--", PROMPT): waves.append(np.load(self.path("dump", "wave.npy")))
        if len(waves) == 2: n = min(w.shape[1] for w in waves); report(name, [("wave", float(not np.array_equal(waves[0][:, :n], waves[1][:, :n])), 0)])


def arrays(stages): return {k: v.detach().numpy() if hasattr(v, "detach") else v for k, v in stages.items()}


# ---- AudioLDM: diffusers' folders, .ckpt ---------------------------------------------------------------------------

def scheduler_of(folder, double, noise): return R.make_scheduler(make_golden.SAMPLERS["ddim"], {k: v for k, v in R.read_json(folder, "scheduler", "scheduler_config.json").items() if k[0] != "_"}, double, noise)


@torch.no_grad()
def audioldm_stages(folder, kw, variant, double):
    from diffusers import AudioLDMPipeline
    pipe = AudioLDMPipeline.from_pretrained(folder, variant=variant, torch_dtype=torch.float32); pipe.set_progress_bar_config(disable=True); out = {}
    dtype = torch.float64 if double else torch.float32; pipe.to(dtype); noise = R.Noise(kw["seed"]); pipe.scheduler = scheduler_of(folder, double, noise)
    frames = 4 * math.ceil(int(kw["seconds"] * 100) / 4); z = out["noise"] = noise.next((kw["samples"], 8, frames // 4, 16), dtype)
    encode, decode = pipe._encode_prompt, pipe.decode_latents
    def encoded(*a, **b): e = encode(*a, **b); out.update(text_uncond=e[:1, None], text=e[-1:, None]); return e
    def decoded(z): out.update(latent=z, mel=decode(z)); return out["mel"]
    pipe._encode_prompt, pipe.decode_latents = encoded, decoded
    with R.double_time_embedding(double):
        wave = pipe([PROMPT], negative_prompt=[NEGATIVE], audio_length_in_s=kw["seconds"], num_inference_steps=kw["steps"], guidance_scale=2.5, eta=1.0, num_waveforms_per_prompt=kw["samples"],
                    latents=z, callback=lambda i, t, x: out.update({f"latent_{i:03d}": x.clone()}), output_type="pt").audios
    return arrays(dict(out, wave=wave))


def roberta(s, work):
    """A RobertaTokenizer of the text encoder's size; beyond what was trained are entries that no text gives."""
    from transformers import RobertaTokenizer
    layouts.rename_tokens(work.path("words")); file = work.path("words", "vocab.json"); words = R.read_json(file)
    while len(words) < s.z["clap"]["vocab_size"]: words[f"~{len(words)}"] = len(words)
    with open(file, "w") as f: json.dump(words, f)
    return RobertaTokenizer.from_pretrained(work.path("words"))


def save_audioldm(s, work, name, **options):
    from diffusers import AudioLDMPipeline, DDIMScheduler
    shutil.rmtree(work.path(name), True); tokenizer = roberta(s, work); tokenizer.model_max_length = s.clap_text.config.max_position_embeddings - 2
    half = "variant" in options; parts = [copy.deepcopy(m).half() if half else m for m in (s.vae, s.clap_text, s.film, s.vocoder)]
    AudioLDMPipeline(parts[0], parts[1], tokenizer, parts[2], DDIMScheduler(beta_start=0.0015, beta_end=0.0195, **SCHEDULE), parts[3]).save_pretrained(work.path(name), **options); return work.path(name)


def audioldm(s, work, published):
    kw = dict(seed=5, seconds=s.z["seconds"] - 0.007, steps=s.z["steps"], samples=2); options = [x for k, v in kw.items() for x in ("--" + k, str(v))]
    folder = save_audioldm(s, work, "audioldm"); first = work.convert("audioldm", folder)
    work.beside("AudioLDM, safetensors", first, lambda double: audioldm_stages(folder, kw, None, double), kw, "--negative", NEGATIVE)
    path = work.path("audioldm-tiny.ckpt"); layouts.ckpt(s, path); work.same("AudioLDM, .ckpt", first, work.convert("ckpt", path, "--tokenizer", os.path.join(folder, "tokenizer")), *options)
    if published: return
    for name, more in (("bin", dict(safe_serialization=False)), ("shards", dict(max_shard_size="4MB"))):
        work.same("AudioLDM, " + name, first, work.convert(name, save_audioldm(s, work, name, **more)), *options)
    folder = save_audioldm(s, work, "fp16", variant="fp16"); half = functools.partial(audioldm_stages, folder, kw, "fp16"); first = work.convert("fp16", folder)
    work.beside("AudioLDM, fp16", first, half, kw, "--negative", NEGATIVE)
    work.same("AudioLDM, fp16 in shards", first, work.convert("fp16-shards", save_audioldm(s, work, "fp16-shards", variant="fp16", max_shard_size="2MB")), *options)


# ---- Tango: T5 or CLIP, 8 channels or 4 ----------------------------------------------------------------------------

class Tango(R.Model):
    """The parts that were saved, in the place of a folder's."""
    def __init__(self, s, unet, text, tokenizer, group_out, double):
        self.double, self.dtype, self.scale, self.words = double, torch.float64 if double else torch.float32, 0.75, tokenizer
        self.sched_cfg = dict(SCHEDULE, num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, prediction_type="v_prediction")
        self.unet, self.vae, self.vocoder, self.group_out = (copy.deepcopy(m) for m in (unet, s.vae, s.vocoder, group_out))
        if text is s.t5 and double: self.t5 = R.double_module("transformers.models.t5.modeling_t5").T5EncoderModel._from_config(text.config, attn_implementation="eager"); self.t5.load_state_dict(text.state_dict())
        else: self.t5 = copy.deepcopy(text)
        for p in (self.unet, self.vae, self.vocoder, self.t5, self.group_out):
            if p is not None: p.to(self.dtype).eval()
    def tokens(self, text): return self.words(text).input_ids


def tokenizer_of(s, work, text):
    """Folders with a tokenizer as transformers saves it, and as it was published; both for the same ids."""
    from transformers import AutoTokenizer
    name = "t5" if text is s.t5 else "clip"; old, new = work.path(name + "-words"), work.path(name + "-json"); shutil.rmtree(old, True); os.makedirs(old)
    tokens = os.environ.get("TOKENIZERS", os.path.join(s.spec, "../tokenizers"))
    if name == "t5": shutil.copy(SPIECE if s.z is SMALL else os.path.join(tokens, "t5_spiece.model"), os.path.join(old, "spiece.model")); config = dict(tokenizer_class="T5Tokenizer", extra_ids=0 if s.z is SMALL else 100)
    else:
        for n in ("vocab.json", "merges.txt"): shutil.copy(os.path.join(tokens, "clip_" + n), os.path.join(old, n))
        config = dict(tokenizer_class="CLIPTokenizer", bos_token="<|startoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>", pad_token="!", model_max_length=77)
    with open(os.path.join(old, "tokenizer_config.json"), "w") as f: json.dump(config, f)
    t = AutoTokenizer.from_pretrained(old); t.save_pretrained(new); assert not os.path.exists(os.path.join(new, "spiece.model")) and not os.path.exists(os.path.join(new, "vocab.json")); return t, old, new


def save_tango(s, folder, unet, text, adapters, config):
    """A folder as declare-lab publishes them."""
    os.makedirs(folder, exist_ok=True); state = {"unet." + k: v for k, v in unet.state_dict().items()}; state.update({"text_encoder." + k: v for k, v in text.state_dict().items()})
    for name, a in adapters.items(): state.update({f"{name}.{k}": v for k, v in a.state_dict().items()})
    torch.save(state, os.path.join(folder, "pytorch_model_main.bin")); torch.save(s.vae_state(), os.path.join(folder, "pytorch_model_vae.bin"))
    files = dict(main=config, stft=dict(filter_length=1024, hop_length=160, win_length=1024, n_mel_channels=64, sampling_rate=16000, mel_fmin=0, mel_fmax=8000), vae=dict(
        image_key="fbank", subband=1, embed_dim=8, time_shuffle=1, scale_factor=0.75, ddconfig=dict(double_z=True, z_channels=8, resolution=256, downsample_time=False, in_channels=1, out_ch=1,
        ch=s.z["vae"][0], ch_mult=[c // s.z["vae"][0] for c in s.z["vae"]], num_res_blocks=2, attn_resolutions=[], dropout=0.0)))
    for name, c in files.items():
        with open(os.path.join(folder, name + "_config.json"), "w") as f: json.dump(c, f)


def tango_files(s, work, name, text, ch=8):
    """A folder without a tokenizer of its own, the tokenizer's folders, and stages(kw, double) of the packages."""
    sd = "stabilityai/stable-diffusion-2-1"; folder = work.path(name); unet = s.tango(ch); adapters = dict(zip(("group_in", "group_out"), R.adapters(4))) if ch == 4 else {}; tokenizer, old, new = tokenizer_of(s, work, text)
    for a in adapters.values(): R.randomise(a, s.gen, ())
    config = dict(text_encoder_name="google/flan-t5-large" if text is s.t5 else sd, scheduler_name=sd, unet_model_name=sd if adapters else None, unet_model_config_path=None if adapters else "configs/diffusion_model_config.json", snr_gamma=5.0)
    save_tango(s, folder, unet, text, adapters, config)
    if text is s.clip and s.z is SMALL: text.config.to_json_file(os.path.join(folder, "text_encoder_config.json"))     # 4 heads are not of width 64
    return folder, old, new, lambda kw, double: R.generate(Tango(s, unet, text, tokenizer, adapters.get("group_out"), double), [PROMPT], NEGATIVE, **kw)


def tango_run(s, work, name, text, ch=8):
    """(folder, blob, the tokenizer's folder, options) of a run beside the packages; the same with the tokenizer as it was published."""
    kw = dict(seed=6, seconds=s.z["seconds"], steps=s.z["steps"]); options = [x for k, v in kw.items() for x in ("--" + k, str(v))]; folder, old, new, stages = tango_files(s, work, name, text, ch)
    blob = work.convert(name, folder, "--tokenizer", new); work.beside(name + ", tokenizer.json", blob, functools.partial(stages, kw), kw, "--negative", NEGATIVE)
    if s.z is SMALL: work.same(name + ", as published", blob, work.convert(name + "-old", folder, "--tokenizer", old), *options)
    return folder, blob, new, options


def tango(s, work, published):
    folder, blob, new, options = tango_run(s, work, "tango", s.t5)
    if published: return
    own = work.path("flan-t5"); s.t5.save_pretrained(own); state = torch.load(os.path.join(folder, "pytorch_model_main.bin"), weights_only=True)
    torch.save({k: v for k, v in state.items() if k.startswith("unet.")}, os.path.join(folder, "pytorch_model_main.bin"))
    work.same("tango, T5 of its own folder", blob, work.convert("tango-t5", folder, "--text", own, "--tokenizer", new), *options)
    for n in os.listdir(new): shutil.copy(os.path.join(new, n), own)
    work.same("tango, T5 with its tokenizer", blob, work.convert("tango-t5", folder, "--text", own), *options)


def clip(s, work, published): tango_run(s, work, "clip", s.clip)
def adapters(s, work, published): tango_run(s, work, "adapters", s.clip, 4)


# ---- ConsistencyTTA ------------------------------------------------------------------------------------------------

@torch.no_grad()
def consistency_stages(s, net, tokenizer, kw, double):
    net = unets.Net(s.z["light"], double) if net is None else net; m = Tango(s, torch.nn.Identity(), s.t5, tokenizer, None, double); draw = R.Noise(kw["seed"]); draw.shape = (kw["samples"], 8, R.frames_for(kw["seconds"]) // 4, 16)
    ids, mask, text = m.encode_text([m.tokens(PROMPT)]); out = dict(tokens=ids, mask=mask, text=text)
    case = dict(samples=kw["samples"], steps=kw.get("steps", 1), guidance=4.0, given=(text, mask.bool(), None))
    for i, z in enumerate(unets.consistency_run(net, s.z["light"], case, draw)): out[f"latent_{i:03d}"] = z
    out.update(R.decode(m, z)); wave = out["wave"]; wave = wave - (wave.max() + wave.min()) / 2
    return arrays(dict(out, noise=draw.drawn[0], wave=wave[:, :int(16000 * min(9.5, kw["seconds"]))]))


def consistency(s, work, published):
    folder = work.path("consistency"); os.makedirs(folder, exist_ok=True); net = unets.Net(s.z["light"], False); tokenizer, _, new = tokenizer_of(s, work, s.t5); t5 = work.path("t5"); s.t5.save_pretrained(t5)
    for n in os.listdir(new): shutil.copy(os.path.join(new, n), t5)
    torch.save(net.state(), os.path.join(folder, "unet_state_dict.pt")); torch.save(dict(state_dict=s.vae_state(), scale_factor=torch.tensor(0.75)), os.path.join(folder, "vae_state_dict.pt")); del net
    blob = work.convert("consistency", folder, "--text", t5)
    for name, kw in (("one step", dict(seed=7, seconds=s.z["seconds"] - 0.1, samples=2)), ("three steps", dict(seed=8, seconds=s.z["seconds"], samples=1, steps=3)))[:1 if published else 2]:
        work.beside("ConsistencyTTA, " + name, blob, lambda double: consistency_stages(s, None, tokenizer, kw, double), kw)


# ---- Ranking -------------------------------------------------------------------------------------------------------

@torch.no_grad()
def scores(model, text_model, tokenizer, extractor, waves, double):
    """Cosines by transformers of the waves that were written, (samples)."""
    dtype = torch.float64 if double else torch.float32; model, text_model = copy.deepcopy(model).to(dtype), copy.deepcopy(text_model).to(dtype); ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    text = text_model(input_ids=ids).text_embeds[0] if text_model.__class__.__name__ == "ClapTextModelWithProjection" else text_model.get_text_features(input_ids=ids).pooler_output[0]
    audio = np.stack([rank.audio_vector(model, rank.features(extractor, rank.resample(w, 16000, 48000), double)) for w in waves])
    unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True); return unit(audio) @ unit(text.numpy())


def ranking(s, work, published):
    """A ClapModel's folder judges Tango's sounds; a tower within a .ckpt those of AudioLDM."""
    import soundfile
    from transformers import ClapProcessor
    tokenizer = roberta(s, work); e = rank.extractor(48000, 480, 1024, 64, 50, 14000, 10)
    judge = work.path("clap"); s.clap.save_pretrained(judge); ClapProcessor(feature_extractor=e, tokenizer=tokenizer).save_pretrained(judge)
    folder, _, new, _ = tango_files(s, work, "tango", s.t5); path = work.path("audioldm-rank.ckpt"); layouts.ckpt(s, path); state = torch.load(path, weights_only=False)["state_dict"]
    state.update({"cond_stage_model.model." + k: v for k, v in layouts.laion(s, s.clap.state_dict()).items() if k.startswith("audio")}); torch.save({"state_dict": state}, path)
    other = save_audioldm(s, work, "audioldm")
    for name, text, blob in (("a folder for Tango", s.clap, work.convert("ranked", folder, "--tokenizer", new, "--rank", judge)), ("a .ckpt's own tower", s.clap_text, work.convert("tower", path, "--tokenizer", work.path("words"))),
                             ("a folder for AudioLDM", s.clap, work.convert("judged", other, "--rank", judge)), ("a .ckpt for AudioLDM", s.clap_text, work.convert("judged-ckpt", other, "--rank", path))):
        said = blob and work.generate(blob, "--seconds", str(s.z["seconds"]), "--steps", "2", "--samples", "3", "--best", "3", "--", PROMPT)
        if not said: continue
        order = sorted(said["ranking"], key=lambda r: r["sample"]); waves = [soundfile.read(r["file"], dtype="float32")[0] for r in order]
        single, double = (scores(s.clap, text, tokenizer, e, waves, d) for d in (False, True)); top = np.abs(double).max(); got = np.array([r["score"] for r in order])
        report("rank, " + name, [("scores", float(np.abs(got - single).max() / top), max(1e-5, 10 * float(np.abs(single - double).max() / top), 5e-7 / top)),
                                 ("order", float([r["sample"] for r in said["ranking"]] != list(np.argsort(-single))), 0)])


CASES = dict(audioldm=audioldm, tango=tango, clip=clip, adapters=adapters, consistency=consistency, rank=ranking)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter); ap.add_argument("spec"); ap.add_argument("names", nargs="*", metavar="NAME"); ap.add_argument("--published", action="store_true")
    ap.add_argument("--keep"); ap.add_argument("--cc", default="cc"); ap.add_argument("--bin", help="a folder with convert and generate, else they are built"); a = ap.parse_args(); folder = a.keep or tempfile.mkdtemp(); s = Parts(a.spec, PUBLISHED if a.published else SMALL); work = Work(folder, a.cc, a.bin)
    print(f"  {'':28s} {'stage':16s} {'error':>9s} {'allowed':>9s}")
    for name in a.names or CASES: CASES[name](s, work, a.published)
    if not a.keep: shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed"); return failed > 0


if __name__ == "__main__": sys.exit(main())
