#!/usr/bin/env python3
"""Reads and writes weights blobs with numpy alone, from the format drawn in tango_io.h, and turns one back
into a checkpoint folder in the declare-lab/tango layout.

    blob.py FILE.tango OUT_DIR
    blob.py --copy FILE.tango OUT.tango      reads and writes: the same bytes, where all is right

A script makes a blob so:

    from blob import write, panels
    write("x.tango", {"unet.channels": [32, 64], "unet.norm_eps": 1e-5, "tango.name": "x"},
          {"unet.conv_in.weight": panels(w), "unet.conv_in.bias": b})

Values: int and bool (or lists) become U64, float F64, str STRING, bytes BYTES. Tensors: numpy arrays, float32 or
float16 as they are; panels() marks what a matrix product reads and takes torch's order of axes, (outputs, inputs)
or (outputs, channels, *kernel); all others are PLAIN.
"""
import json, os, struct, sys
import numpy as np

U64, F64, STRING, BYTES = 10, 11, 13, 14
MASK, PRIME = (1 << 64) - 1, 0x9e3779b97f4a7c15


def rotate(x, r): return ((x << r) | (x >> (64 - r))) & MASK


def checksum(b):
    """Room 3 of tango_io.h; the four lanes run side by side in one Python loop."""
    n = len(b); b = bytes(b) + bytes(-n % 32); lanes = [k * PRIME & MASK for k in range(4)]
    for i, w in enumerate(struct.unpack(f"<{len(b) // 8}Q", b)): lanes[i % 4] = rotate(lanes[i % 4] ^ w, 29) * PRIME & MASK
    h = n
    for k in range(4): h = rotate(h ^ lanes[k], 29) * PRIME & MASK
    h ^= h >> 32; h = h * PRIME & MASK; return h ^ h >> 29


class Blob:
    """values: key -> list, str or bytes; tensors: name -> float32 array of the logical shape."""
    def __init__(self, path):
        b = self.bytes = open(path, "rb").read()
        magic, version, _, header, total, nv, nt, check = struct.unpack_from("<8sIIQQIIQ", b)
        assert magic == b"TANGO\0\r\n" and version == 1 and total == len(b), "not a blob of version 1"
        assert checksum(b[:40] + bytes(8) + b[48:header]) == check, "header checksum"
        self.values, self.tensors, self.types, self.panels = {}, {}, {}, set()
        for i in range(nv):
            at, n, kind, _, where, count = struct.unpack_from("<IIIIQQ", b, 64 + 32 * i); key = b[at:at + n].decode()
            if kind in (U64, F64): self.values[key] = list(struct.unpack_from(f"<{count}{'Q' if kind == U64 else 'd'}", b, where))
            else: v = b[where:where + count]; self.values[key] = v.decode() if kind == STRING else v
        for i in range(nt):
            r = struct.unpack_from("<IIHHI8QQQQ", b, 64 + 32 * nv + 104 * i); name = b[r[0]:r[0] + r[1]].decode()
            shape, where, size = r[5:5 + r[4]], r[13], r[14]; data = np.frombuffer(b, "<f4" if r[2] == 0 else "<f2", size // (4 if r[2] == 0 else 2), where).astype(np.float32)
            if r[3] == 1: data = data.reshape(-1, shape[1] * shape[2], 16).transpose(0, 2, 1).reshape(-1, shape[1], shape[2])[:shape[0]]
            if r[3] == 1: self.panels.add(name)
            self.tensors[name], self.types[name] = data.reshape(shape), r[2]

    def one(self, key): return self.values[key][0]


class Panels:
    """A matrix of the logical shape (outputs, taps, channels)."""
    def __init__(self, w): assert w.ndim == 3; self.w, self.shape = w, w.shape


def panels(w):
    """torch's (outputs, inputs) or (outputs, channels, *kernel), as an array or tensor, for write()."""
    w = number(w); w = w.reshape(w.shape[0], w.shape[1], -1); return Panels(w.transpose(0, 2, 1))


def number(x):
    """A float32 or float16 array of a tensor, an array or a number."""
    x = x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)
    return x if x.dtype == np.float16 else x.astype(np.float32)


def stored(x):
    """The bytes of a tensor in its layout."""
    if not isinstance(x, Panels): return number(x).tobytes()
    w = number(x.w); n, taps, channels = w.shape; w = np.concatenate([w, np.zeros((-n % 16, taps, channels), w.dtype)])
    return w.reshape(-1, 16, taps * channels).transpose(0, 2, 1).tobytes()


def value(x):
    """(type, count, bytes) of a value."""
    if isinstance(x, str): b = x.encode(); return STRING, len(b), b + b"\0"
    if isinstance(x, (bytes, bytearray)): return BYTES, len(x), bytes(x)
    x = list(x) if isinstance(x, (list, tuple)) else [x]; whole = all(isinstance(i, (int, np.integer)) for i in x)
    return (U64, len(x), struct.pack(f"<{len(x)}Q", *map(int, x))) if whole else (F64, len(x), struct.pack(f"<{len(x)}d", *x))


def write(path, values, tensors, check=True):
    """Writes a blob. The checksums of the data are computed by a Python loop (about 8 MB a second); without `check`
    they are 0: such a blob opens and runs, but tools that verify the data refuse it."""
    up = lambda n, m: -(-n // m) * m
    values = {k.encode(): value(v) for k, v in values.items()}; tensors = {k.encode(): v for k, v in tensors.items()}
    keys, names = sorted(values), sorted(tensors); at = 64 + 32 * len(keys) + 104 * len(names)
    pool, records = bytearray(), []
    for k in keys:
        kind, count, b = values[k]; begin = at + len(pool); pool += k + b"\0"; pool += bytes(-(at + len(pool)) % 8)
        records.append(struct.pack("<IIIIQQ", begin, len(k), kind, 0, at + len(pool), count)); pool += b; pool += bytes(-(at + len(pool)) % 8)
    begins = []
    for n in names: begins.append(at + len(pool)); pool += n + b"\0"
    header = up(at + len(pool), 64); where = header
    with open(path, "wb") as f:
        f.seek(header)
        for n, begin in zip(names, begins):
            x = tensors[n]; x = x if isinstance(x, Panels) else number(x); b = stored(x); shape = list(x.shape) + [0] * (8 - len(x.shape)); half = number(x.w if isinstance(x, Panels) else x).dtype == np.float16
            records.append(struct.pack("<IIHHI8QQQQ", begin, len(n), int(half), int(isinstance(x, Panels)), len(x.shape), *shape, where, len(b), checksum(b) if check else 0))
            f.write(b + bytes(-len(b) % 64)); where += up(len(b), 64)
        head = lambda check: struct.pack("<8sIIQQIIQ16x", b"TANGO\0\r\n", 1, 0, header, where, len(keys), len(names), check)
        rest = b"".join(records) + bytes(pool); rest += bytes(header - 64 - len(rest))
        f.seek(0); f.write(head(checksum(head(0) + rest)) + rest)


def spiece(pieces=(("<pad>", 0, 3), ("</s>", 0, 3), ("<unk>", 0, 2), ("\u2581", -2, 1), ("a", -3, 1), ("b", -4, 1))):
    """The bytes of a spiece.model of (text, score, type) pieces without a normaliser, for blobs whose text nobody reads."""
    out = b""
    for text, score, kind in pieces:
        text = text.encode(); one = b"\x0a" + bytes([len(text)]) + text + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind])
        out += b"\x0a" + bytes([len(one)]) + one
    return out


def copy(path, out):
    """Reads a blob and writes what was read."""
    b = Blob(path); half = lambda k, x: x.astype(np.float16) if b.types[k] else x
    write(out, b.values, {k: Panels(half(k, x)) if k in b.panels else half(k, x) for k, x in b.tensors.items()})


def conv(w, kernel):
    """(outputs, taps, channels) -> torch's (outputs, channels, *kernel)"""
    return np.ascontiguousarray(w.transpose(0, 2, 1)).reshape(w.shape[0], w.shape[2], *kernel)


def transposed(w, rate, kernel):
    """The rows that hold `rate` samples -> torch's (in, out, kernel); see the note at tango__upsample in tango.h."""
    taps, cin = w.shape[1:]; cout = w.shape[0] // rate; out = np.zeros((cin, cout, kernel), np.float32)
    for j in range(kernel): out[:, :, j] = w[(j % rate) * cout:(j % rate + 1) * cout, taps - 1 - j // rate].T
    return out


def to_torch(blob):
    """The two state dictionaries, under their published names."""
    import torch
    main, vae, linear = {}, {}, ("to_q", "to_k", "to_v", "to_out", ".ff.", "linear_", "time_emb_proj", "proj_in", "proj_out", "SelfAttention", "DenseReluDense", "group_")
    for k, w in blob.tensors.items():
        home = main if k.startswith(("unet.", "text_encoder.", "group_")) else vae
        if ".ff.net.0.gate." in k: continue
        if ".ff.net.0.value." in k: w = np.concatenate([w, blob.tensors[k.replace(".value.", ".gate.")]]); k = k.replace(".value.", ".proj.")
        if k.startswith("vocoder.ups."):
            i = int(k.split(".")[2]); rate = blob.values["vocoder.rates"][i]
            w = transposed(w, rate, blob.values["vocoder.kernels"][i]) if w.ndim == 3 else w[:len(w) // rate]
        elif w.ndim == 3:
            taps = w.shape[1]
            if k.startswith("vocoder."): w = conv(w, (taps,))
            elif taps == 1 and home is main and any(s in k for s in linear): w = w[:, 0]
            else: w = conv(w, (round(taps ** .5),) * 2)
        home[k] = torch.from_numpy(np.array(w))
    main["text_encoder.encoder.embed_tokens.weight"] = main["text_encoder.shared.weight"]
    return main, vae


def configs(blob):
    """The JSON files, with what the metadata says."""
    v, one = blob.values, blob.one; blocks = lambda flags, side: [("CrossAttn" if f else "") + side + "Block2D" for f in flags]
    unet = dict(_class_name="UNet2DConditionModel", act_fn="silu", in_channels=one("unet.in_channels"), out_channels=one("unet.out_channels"), layers_per_block=one("unet.layers_per_block"),
                norm_num_groups=one("unet.norm_groups"), norm_eps=one("unet.norm_eps"), cross_attention_dim=one("unet.cross_dim"), block_out_channels=v["unet.channels"],
                attention_head_dim=v["unet.heads"], down_block_types=blocks(v["unet.down_attention"], "Down"), up_block_types=blocks(v["unet.up_attention"], "Up"),
                flip_sin_to_cos=bool(one("unet.flip_sin_to_cos")), freq_shift=one("unet.freq_shift"), use_linear_projection=True, sample_size=[32, 2])
    text = dict(model_type="t5", feed_forward_proj="gated-gelu", pad_token_id=0, eos_token_id=1, layer_norm_epsilon=one("text.eps"))
    for a, b in dict(vocab_size="vocab", d_model="d_model", d_kv="d_kv", d_ff="d_ff", num_layers="layers", num_heads="heads", relative_attention_num_buckets="buckets",
                     relative_attention_max_distance="max_distance").items(): text[a] = one("text." + b)
    d = dict(double_z=True, z_channels=one("vae.z_channels"), in_channels=1, out_ch=1, ch=one("vae.channels"), ch_mult=v["vae.ch_mult"], num_res_blocks=one("vae.res_blocks"), attn_resolutions=[], dropout=0.0, num_groups=one("vae.groups"))
    r = v["vocoder.res_dilations"]
    voc = dict(num_mels=one("vocoder.mels"), upsample_initial_channel=one("vocoder.channels"), upsample_rates=v["vocoder.rates"], upsample_kernel_sizes=v["vocoder.kernels"],
               resblock_kernel_sizes=v["vocoder.res_kernels"], resblock_dilation_sizes=[r[i:i + 3] for i in range(0, len(r), 3)])
    vae = dict(embed_dim=one("vae.embed_dim"), scale_factor=one("vae.scale_factor"), subband=1, time_shuffle=1, ddconfig=d, vocoder=voc)
    stft = dict(filter_length=one("audio.fft"), hop_length=one("audio.hop"), win_length=one("audio.window"), n_mel_channels=one("audio.mels"), sampling_rate=one("audio.rate"), mel_fmin=one("audio.fmin"), mel_fmax=one("audio.fmax"))
    names = {"prediction": "prediction_type", "spacing": "timestep_spacing", "train_steps": "num_train_timesteps"}; flags = ("clip_sample", "set_alpha_to_one", "thresholding", "lower_order_final")
    sched = {}
    for k in v:
        if k.startswith("schedule."): k = k[9:]; x = v["schedule." + k]; x = x if isinstance(x, str) else x[0]; sched[names.get(k, k)] = bool(x) if k in flags else x
    main = dict(text_encoder_name="text_encoder_config.json", scheduler_name="scheduler_config.json", unet_model_name="adapters" if one("unet.adapters") else None, unet_model_config_path="unet_config.json", snr_gamma=None)
    return {"unet_config": unet, "text_encoder_config": text, "vae_config": vae, "stft_config": stft, "scheduler_config": sched, "main_config": main}


def unpack(path, out):
    import torch
    blob = Blob(path); os.makedirs(out, exist_ok=True); main, vae = to_torch(blob)
    torch.save(main, os.path.join(out, "pytorch_model_main.bin")); torch.save(vae, os.path.join(out, "pytorch_model_vae.bin"))
    for name, c in configs(blob).items():
        with open(os.path.join(out, name + ".json"), "w") as f: f.write(json.dumps(c, indent=1) + "\n")
    with open(os.path.join(out, "spiece.model"), "wb") as f: f.write(blob.values["tokenizer.spiece"])


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "--copy": copy(*sys.argv[2:])
    elif len(sys.argv) == 3: unpack(sys.argv[1], sys.argv[2])
    else: sys.exit(__doc__)
