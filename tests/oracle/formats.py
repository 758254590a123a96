#!/usr/bin/env python3
"""Every file format of tango_io.h against an independent reader and writer, on random files:
numpy (NPY), torch (.pt, with and without zip), safetensors, PIL and zlib (PNG), libsndfile and
flac (WAV, FLAC), json, csv.

    python3 tests/oracle/formats.py [--rounds 20] [--seed 1] [--cc CC]

What one side writes the other reads; every number must be the same, text must be equal.
pip install torch safetensors numpy pillow soundfile; the flac tool. Ends with "N passed, N failed".
"""
import argparse, csv, io, json, os, random, struct, subprocess, sys, tempfile, warnings, zlib
import numpy as np
import safetensors
import safetensors.torch
import soundfile as sf
import torch
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TYPES = {"f4": 0, "f2": 1, "i1": 3, "i2": 4, "i4": 5, "i8": 6, "u1": 7, "u2": 8, "u4": 9,
         "u8": 10, "f8": 11, "b1": 12}
TORCH = [torch.float32, torch.float16, torch.bfloat16, torch.int8, torch.int16, torch.int32,
         torch.int64, torch.uint8, torch.float64, torch.bool, torch.uint16, torch.uint32,
         torch.uint64]


class Bench:
    def __init__(self, a, work):
        self.work, self.count = work, {}
        self.rng, self.plain = np.random.default_rng(a.seed), random.Random(a.seed)
        self.program = os.path.join(work, "formats")
        subprocess.run([a.cc, "-O1", "-I" + ROOT, os.path.join(HERE, "formats.c"), "-lm", "-o",
                        self.program], check=True)

    def path(self, name):
        return os.path.join(self.work, name)

    def read(self, kind, file):
        return subprocess.run([self.program, kind, file], check=True,
                              stdout=subprocess.PIPE).stdout

    def write(self, kind, number, shape, raw, out):
        with open(self.path("raw"), "wb") as f:
            f.write(raw)
        subprocess.run([self.program, "write", kind, str(number), *map(str, shape),
                        self.path("raw"), out], check=True, stdout=subprocess.DEVNULL)

    def claim(self, what, good):
        passed, failed = self.count.get(what, (0, 0))
        self.count[what] = (passed + bool(good), failed + (not good))
        if not good and failed < 3:
            print("FAIL  " + what, flush=True)

    def shape(self, most=8):
        rank = self.plain.randint(0, most)
        return [self.plain.choice([0, 1, 2, 3, 5]) if rank < 5 else self.plain.randint(1, 3)
                for _ in range(rank)]

    def array(self, dtype, shape):
        bits = self.rng.integers(0, 256, int(np.prod(shape)) * np.dtype(dtype).itemsize, "u1")
        if dtype == "b1":
            bits &= 1
        return bits.view(dtype).reshape(shape)


def same(a, b):
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def parts(out, itemsize="<f4"):
    """[(description, numbers)] of what formats prints."""
    found = []
    while out not in (b"ok\n", b"") and not out.startswith(b"error"):
        line, out = out.split(b"\n", 1)
        info = json.loads(line)
        size = int(np.prod(info["shape"])) * np.dtype(itemsize).itemsize
        found.append((info, np.frombuffer(out[:size], itemsize).reshape(info["shape"])))
        out = out[size:]
    return found


def npy(b):
    for name, number in TYPES.items():
        x = b.array(name, b.shape())
        for order in "CF":
            for version in ((1, 0), (2, 0), (3, 0)):
                with open(b.path("x.npy"), "wb") as f, warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    np.lib.format.write_array(f, np.asarray(x, order=order), version)
                with np.errstate(all="ignore"):
                    want = x.astype("f4")
                got = parts(b.read("npy", b.path("x.npy")))
                b.claim("npy read, numpy writes", len(got) == 1 and same(got[0][1], want))
        b.write("npy", number, x.shape, x.tobytes(), b.path("y.npy"))
        y = np.load(b.path("y.npy"))
        b.claim("npy written, numpy reads", y.dtype == x.dtype and y.shape == x.shape
                and y.tobytes() == x.tobytes())


def view(b, x):
    kind = b.plain.randint(0, 5)
    if kind == 0 and x.dim() > 1:
        return x.transpose(0, x.dim() - 1)
    if kind == 1 and x.dim() and x.numel() and x.shape[0] > 2:
        return x[1:-1:2]
    if kind == 2 and x.dim():
        return x[:1].expand(3, *x.shape[1:]) if x.shape[0] else x
    if kind == 4 and x.dim():           # nothing, from somewhere: also behind the end
        return x[..., x.shape[-1] // 2:][x.shape[0]:]
    return torch.nn.Parameter(x, requires_grad=False) if kind == 3 else x


def pt(b):
    for dtype in TORCH:
        shape = b.shape(5)
        x = (torch.randn(shape) * 50).abs().to(torch.int64).to(dtype) if "uint" in str(
            dtype) else (torch.randn(shape) * 50).to(dtype)
        for bare in (True, False):
            v = view(b, x)
            old = b.plain.random() < 0.5
            torch.save(v if bare else {"a.b": v, "whole": x, "n": 3, "s": {"in": x}},
                       b.path("x.pt"), _use_new_zipfile_serialization=not old)
            got = parts(b.read("pt", b.path("x.pt")))
            want = [v] if bare else [v, x]
            kind = "without" if old else "with"
            b.claim("pt %s zip read, torch writes" % kind, len(got) == len(want) and all(
                same(g[1], w.detach().numpy().astype("f4") if dtype != torch.bfloat16
                     else w.detach().float().numpy()) for g, w in zip(got, want)))
        name = str(dtype)[6:]
        number = {"bfloat16": 2}.get(name) or TYPES[x.float().numpy().dtype.str[1:]
                                                    if name == "float32" else
                                                    x.numpy().dtype.str[1:]]
        raw = x.contiguous().view(torch.int16) if name == "bfloat16" else x
        b.write("pt", number, shape, raw.numpy().tobytes(), b.path("y.pt"))
        y = torch.load(b.path("y.pt"), weights_only=True)
        b.claim("pt written, torch reads", y.dtype == dtype and y.shape == x.shape
                and y.is_contiguous() and torch.equal(y, x))


def refused(b):
    x = torch.arange(8.0)
    for y in (x.to(torch.complex64), x.to(torch.complex32), x.to(torch.float8_e4m3fn),
              x.to(torch.float8_e5m2), x.reshape(2, 4).to_sparse(),
              x.reshape(2, 4).to_sparse_csr(), torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
              torch.view_as_complex(x.reshape(4, 2)).conj().imag,
              torch.empty(2, device="meta")):
        for whole in (y, {"a": x + 1, "b": y}):
            torch.save(whole, b.path("x.pt"))
            b.claim("pt refused by name", b.read("pt", b.path("x.pt")).startswith(
                b"error data.pkl: "))


def safe(b):
    """Files of the package, and files that are put together and spoilt by hand: what it reads
    must be read and what it refuses must be refused, but for the rules that are stricter."""
    tensors = {}
    for _ in range(b.plain.randint(0, 9)):
        dtype = b.plain.choice(TORCH)
        tensors["n%d.\u00e4" % b.plain.randint(0, 99)] = (torch.randn(b.shape(5)) * 50).abs().to(
            torch.int64 if "uint" in str(dtype) else torch.float32).to(dtype)
    metadata = {"k%d" % i: "v" * i for i in range(b.plain.randint(0, 3))}
    safetensors.torch.save_file(tensors, b.path("x.st"), metadata or None)
    got = parts(b.read("safetensors", b.path("x.st")))
    want = [tensors[n].to(torch.float32).numpy() for n in sorted(tensors)]
    b.claim("safetensors read, safetensors writes", len(got) == len(tensors) + len(metadata)
            and all(same(g[1], w) for g, w in zip(got, want))
            and [(g[0]["name"], g[0]["type"]) for g in got[len(want):]] == [*metadata.items()])
    for _ in range(12):
        crafted(b)


SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8,
         "U32": 4, "U16": 2, "U8": 1, "BOOL": 1}


def crafted(b):
    rows, at = [], 0
    for i in range(b.plain.randint(1, 5)):
        kind, shape = b.plain.choice([*SIZES]), b.shape(4)
        size = int(np.prod(shape)) * SIZES[kind]
        rows.append(["t%d" % i, {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}])
        at += size
    b.plain.shuffle(rows)
    name, row = b.plain.choice(rows)
    tail, strict = b"", False           # strict: refused here, read by the package
    spoil = b.plain.randint(0, 21)
    ends = row["data_offsets"]
    if spoil == 0:
        ends[b.plain.randint(0, 1)] += b.plain.choice([-1, 1])
    elif spoil == 1:
        row["shape"] = row["shape"] + [b.plain.choice([0, 1, 2, -1, 1.0, "1", None, 2**64, 2**63])]
    elif spoil == 2:
        row["dtype"] = b.plain.choice(["f32", "F8_E4M3", "C64", "F4", "X", 3, None, *SIZES])
        strict = row["dtype"] in ("F8_E4M3", "C64", "F4")
    elif spoil == 3:
        del row[b.plain.choice([*row])]
    elif spoil == 4:
        row["more"] = {"x": [1, {"y": None}], "z": -2.5e3}
    elif spoil == 5:
        rows.insert(0, ["__metadata__", b.plain.choice([{}, {"a": "b"}, {"a": 1}, None, [], "x"])])
    elif spoil == 6:
        other = b.plain.choice(rows)[1]["data_offsets"]
        ends[:] = other
    elif spoil == 7:
        tail = b.plain.choice([b"\0", b" "])
    elif spoil == 8:
        row["shape"], strict = [1] * 9 + row["shape"], True
    elif spoil == 9:
        row["data_offsets"] = b.plain.choice([ends[:1], ends + [0], [*map(float, ends)], ends[::-1],
                                              [*map(str, ends)]])
    header = json.dumps(dict(rows), ensure_ascii=b.plain.random() < 0.5, indent=b.plain.choice(
        [None, 1]), separators=b.plain.choice([(",", ":"), (" ,\t", " : ")])).encode()
    if spoil == 10:
        header += b" " * b.plain.randint(1, 9)
    elif spoil == 11:
        header, strict = header + b.plain.choice([b"\n", b"\t", b"\r"]), True
    elif spoil == 12:
        header, strict = b.plain.choice([b" ", b"\n"]) + header, True
    elif spoil == 13:
        header += b"\0"
    elif spoil == 14:
        header = header[:-1]
    size = len(header) + (b.plain.choice([-1, 1, 2**40]) if spoil == 15 else 0)
    data = struct.pack("<Q", size) + header + bytes(at) + tail
    if spoil == 16:
        data = data[:b.plain.randint(0, len(data) - 1)]
    with open(b.path("x.st"), "wb") as f:
        f.write(data)
    try:
        with safetensors.safe_open(b.path("x.st"), "pt") as f:
            want = {n: f.get_tensor(n).to(torch.float32).numpy() for n in f.keys()}
    except (safetensors.SafetensorError, ValueError, OverflowError, AttributeError):
        want = None
    out = b.read("safetensors", b.path("x.st"))
    if want is None or strict:
        b.claim("safetensors refused by both, or stricter", out.startswith(b"error"))
        return
    got = {g[0]["name"]: g[1] for g in parts(out)}
    b.claim("safetensors put together by hand", out.endswith(b"ok\n") and all(
        n in got and same(got[n], want[n]) for n in want))


PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2)]


def guess(kind, row, up, step):
    """What filter `kind` predicts for each byte of row."""
    left = bytes(step) + row[:-step] if len(row) > step else bytes(len(row))
    corner = bytes(step) + up[:-step] if len(row) > step else bytes(len(row))
    for a, u, c in zip(left, up, corner):
        if kind < 4:
            yield (0, a, u, (a + u) // 2)[kind]
            continue
        p = a + u - c
        near = [abs(p - a), abs(p - u), abs(p - c)]
        yield (a, u, c)[near.index(min(near))]


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def encode(b, x, bits, interlaced):
    """PNG of x (height, width, channels), a random filter for each row, a random zlib mode."""
    h, w, c = x.shape
    raw = b""
    step = max(1, c * bits // 8)
    for x0, y0, dx, dy in PASSES if interlaced else [(0, 0, 1, 1)]:
        part = x[y0::dy, x0::dx]
        up = b""
        for line in part if part.shape[1] else []:
            v = line.reshape(-1)
            if bits < 8:
                digits = np.unpackbits(v.astype("u1")[:, None], axis=1)[:, 8 - bits:]
                row = np.packbits(digits.reshape(-1)).tobytes()
            else:
                row = v.astype(">u2" if bits == 16 else "u1").tobytes()
            kind = b.plain.randint(0, 4)
            raw += bytes([kind]) + bytes((r - g) & 255 for r, g in zip(
                row, guess(kind, row, up or bytes(len(row)), step)))
            up = row
    z = zlib.compressobj(b.plain.randint(0, 9), 8, 15, b.plain.randint(1, 9),
                         b.plain.randint(0, 4))
    data = z.compress(raw) + z.flush()
    cut = b.plain.randint(0, len(data))
    head = struct.pack(">IIBBBBB", w, h, bits, {1: 0, 2: 4, 3: 2, 4: 6}[c], 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"tEXt", b"a\0b")
            + chunk(b"IDAT", data[:cut]) + chunk(b"IDAT", data[cut:]) + chunk(b"IEND", b""))


def decode(data, h, w, c, bits):
    """Numbers of a PNG as tango_io.h writes it: not interlaced, 8 or 16 bits."""
    at, packed = 8, b""
    while at < len(data):
        size, = struct.unpack(">I", data[at:at + 4])
        if data[at + 4:at + 8] == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += 12 + size
    raw = zlib.decompress(packed)
    step, row, up, out = c * bits // 8, w * c * bits // 8, bytes(w * c * bits // 8), b""
    if len(raw) != h * (row + 1):
        return None
    for y in range(h):
        kind, line = raw[y * (row + 1)], raw[y * (row + 1) + 1:(y + 1) * (row + 1)]
        now = bytearray(row)
        for i in range(row):        # the guess needs what is already there
            a, u = now[i - step] if i >= step else 0, up[i]
            k = up[i - step] if i >= step else 0
            near = [abs(u - k), abs(a - k), abs(a + u - 2 * k)]
            g = (0, a, u, (a + u) // 2, (a, u, k)[near.index(min(near))])[kind]
            now[i] = (line[i] + g) & 255
        up = bytes(now)
        out += up
    return np.frombuffer(out, ">u2" if bits == 16 else "u1").reshape(h, w, c)


def picture(b, h, w, c, bits):
    kind = b.plain.randint(0, 2)
    x = b.rng.integers(0, 2**bits, (h, w, c))
    if kind == 1:
        x = np.add.outer(np.arange(h), 3 * np.arange(w))[:, :, None] * np.ones((1, 1, c), int)
    if kind == 2:
        x[:, w // 3:] = x[:1, :1]
    return (x % 2**bits).astype("u2" if bits == 16 else "u1")


def png(b):
    for c in (1, 2, 3, 4):
        for bits in (1, 2, 4, 8, 16) if c == 1 else (8, 16):
            h, w = b.plain.randint(1, 30), b.plain.randint(1, 40)
            x = picture(b, h, w, c, bits)
            for interlaced in (0, 1):
                with open(b.path("x.png"), "wb") as f:
                    f.write(encode(b, x, bits, interlaced))
                got = parts(b.read("png", b.path("x.png")), "<u2" if bits == 16 else "u1")
                want = x * (255 // (2**bits - 1)) if bits < 8 else x
                b.claim("png read, zlib writes", len(got) == 1 and same(got[0][1], want))
            if bits < 8:
                continue
            b.write("png", bits, x.shape, x.tobytes(), b.path("y.png"))
            y = decode(open(b.path("y.png"), "rb").read(), *x.shape, bits)
            b.claim("png written, zlib reads", y is not None and same(y, x.astype(y.dtype)))
            if bits == 8 or c == 1:
                z = np.array(Image.open(b.path("y.png"))).reshape(x.shape)
                b.claim("png written, PIL reads", same(z.astype(x.dtype), x))
                Image.fromarray(x[:, :, 0] if c == 1 else x).save(b.path("x.png"))
                got = parts(b.read("png", b.path("x.png")), "<u2" if bits == 16 else "u1")
                b.claim("png read, PIL writes", len(got) == 1 and same(got[0][1], x))
    x = picture(b, 9, 31, 3, 8)
    p = Image.fromarray(x).quantize(b.plain.randint(2, 256))
    p.save(b.path("x.png"))
    got = parts(b.read("png", b.path("x.png")), "u1")
    b.claim("png read, PIL writes", len(got) == 1 and same(got[0][1], np.array(p.convert("RGB"))))


def sounds(b, frames, channels, bits):
    x = b.rng.integers(-2**(bits - 1), 2**(bits - 1), (frames, channels))
    t = np.arange(frames)[:, None] * (1 + np.arange(channels))[None]
    if b.plain.random() < 0.6:
        x = (0.4 * 2**(bits - 1) * np.sin(t / 9)).astype(int) + x // 2**(bits - 2)
    return x


def wav(b):
    widths = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 0, "DOUBLE": 0}
    for kind, (subtype, bits) in enumerate(widths.items()):
        for container in ("WAV", "WAVEX", "RF64"):
            channels, frames = b.plain.randint(1, 9), b.plain.choice([0, 1, 700, 3000])
            rate = b.plain.choice([8000, 16000, 44100, 192000])
            x = (sounds(b, frames, channels, bits) / 2**(bits - 1) if bits
                 else b.rng.standard_normal((frames, channels)))
            sf.write(b.path("x.wav"), x, rate, subtype, format=container)
            want, _ = sf.read(b.path("x.wav"), always_2d=True)
            got = parts(b.read("wav", b.path("x.wav")), "<f8")
            b.claim("wav read, libsndfile writes", len(got) == 1 and got[0][0]["rate"] == rate
                    and same(got[0][1], want.reshape(-1, channels)))
            if kind == 0 or frames == 0:
                continue
            b.write("wav", kind - 1, [frames, channels, rate], x.astype("<f8").tobytes(),
                    b.path("y.wav"))
            y, _ = sf.read(b.path("y.wav"), always_2d=True)
            want = x.astype("f4").astype("f8") if subtype == "FLOAT" else x
            b.claim("wav written, libsndfile reads", sf.info(b.path("y.wav")).subtype == subtype
                    and same(y, want))


def flac(b):
    for bits in range(4, 33):
        wasted = b.plain.choice([0, 0, 1, 3]) if bits > 8 else 0
        channels, frames = b.plain.randint(1, 8), b.plain.randint(1, 5000)
        x = sounds(b, frames, channels, bits - wasted) << wasted
        size = (bits + 7) // 8
        raw = b"".join((int(v) + 128 * (size == 1)).to_bytes(size, "little", signed=size > 1)
                       for v in (x << (8 * size - bits)).reshape(-1))
        with open(b.path("in.wav"), "wb") as f:     # extensible: `bits` at the top of `size` bytes
            f.write(b"RIFF" + struct.pack("<I", 60 + len(raw)) + b"WAVEfmt " + struct.pack(
                "<IHHIIHHHHIH", 40, 0xfffe, channels, 16000, 16000 * channels * size,
                channels * size, 8 * size, 22, bits, (1 << channels) - 1, 1)
                + bytes.fromhex("000000001000800000aa00389b71") + b"data"
                + struct.pack("<I", len(raw)) + raw)
        options = ["-%d" % b.plain.randint(0, 8), "-b", str(b.plain.choice([192, 576, 1024, 4096]))]
        if channels == 2 and b.plain.random() < 0.5:
            options.append(b.plain.choice(["-m", "-M"]))
        r = subprocess.run(["flac", "-s", "-f", "--lax", "--channel-map=none", *options, "-o",
                            b.path("x.flac"), b.path("in.wav")], stderr=subprocess.PIPE)
        if r.returncode:
            continue        # this flac cannot make such a file
        got = parts(b.read("wav", b.path("x.flac")), "<f8")
        b.claim("flac read, flac writes", len(got) == 1 and got[0][0]["bits"] == bits
                and same(got[0][1], x / 2.0**(bits - 1)))
    for subtype, bits in (("PCM_S8", 8), ("PCM_16", 16), ("PCM_24", 24)):
        channels = b.plain.randint(1, 8)
        x = sounds(b, b.plain.randint(1, 9000), channels, bits) / 2.0**(bits - 1)
        sf.write(b.path("x.flac"), x, 48000, subtype, format="FLAC",
                 compression_level=b.plain.random())
        want, _ = sf.read(b.path("x.flac"), always_2d=True)
        got = parts(b.read("wav", b.path("x.flac")), "<f8")
        b.claim("flac read, libsndfile writes", len(got) == 1 and same(got[0][1], want))


def text(b, more="", most=12):
    letters = "abc  \"\\/,;'{}[]:\t\r\n" + more + "\u00e9\u4e2d\U0001f600\u2028"
    return "".join(b.plain.choice(letters) for _ in range(b.plain.randint(0, most)))


def value(b, depth):
    k = b.plain.randint(0, 9 if depth else 6)
    if k < 3:
        return [None, True, False][k]
    if k == 3:
        return b.plain.choice([0, -1, 2**63 - 1, -2**63, 2**64 - 1, b.plain.randint(-9**9, 9**9)])
    if k == 4:
        return struct.unpack("<d", struct.pack("<Q", b.plain.getrandbits(64)))[0]
    if k < 7:
        return text(b, "\x01\x1f")
    if k < 9:
        return [value(b, depth - 1) for _ in range(b.plain.randint(0, 5))]
    return {text(b): value(b, depth - 1) for _ in range(b.plain.randint(0, 5))}


BAD_JSON = ["", " ", "{", "[1,]", "{\"a\":1,}", "[1 2]", "01", "-", "1.", ".5", "1e", "+1",
            "nan", "+Infinity", "-NaN", "'a'", "\"\t\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "tru", "nul",
            "{1:2}", "{\"a\" 1}", "[1]x", "\ufeff", "1\ufeff", "{\"a\":1,\"a\":2}", "1e999",
            "[" * 65 + "]" * 65]


def documents(b):
    for _ in range(20):
        x = value(b, 4)
        try:
            s = json.dumps(x, ensure_ascii=b.plain.random() < 0.5, allow_nan=False,
                           indent=b.plain.choice([None, 1]))
        except ValueError:
            continue
        with open(b.path("x.json"), "w", newline="") as f:
            f.write(s)
        out = b.read("json", b.path("x.json"))
        got = out.decode().rsplit("\n", 2)
        good = got[-2] == "ok" and json.loads(got[0]) == x
        b.claim("json read and written, json does both", good)
        b.claim("json written as json.dumps does", good and got[0] == json.dumps(
            x, ensure_ascii=False))


def tables(b):
    for _ in range(6):
        width = b.plain.randint(1, 6)
        rows = [["c%d" % i for i in range(width)]] + [
            [text(b) for _ in range(width)] for _ in range(b.plain.randint(0, 8))]
        rows = [r for r in rows if width > 1 or r[0]]
        f = io.StringIO()       # the writer quotes the characters of its own line ends
        csv.writer(f, lineterminator=b.plain.choice(["\n", "\r\n"]), quoting=b.plain.choice(
            [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])).writerows(
                [[t if "\n" in t else t.replace("\r", "\r\n") for t in r] for r in rows])
        with open(b.path("x.csv"), "w", newline="") as g:
            g.write(b.plain.choice(["", "\ufeff"]) + f.getvalue())
        with open(b.path("x.csv"), newline="", encoding="utf-8-sig") as g:
            want = list(csv.reader(g))[1:]
        got = b.read("csv", b.path("x.csv")).decode().rsplit("\n", 2)
        b.claim("csv read, csv writes and reads", got[-2] == "ok" and json.loads(got[0]) == want)


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=20)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--cc", default="cc")
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    with tempfile.TemporaryDirectory() as work:
        b = Bench(a, work)
        for s in BAD_JSON:
            with open(b.path("x.json"), "w") as f:
                f.write(s)
            b.claim("json refused", b.read("json", b.path("x.json")).startswith(b"error"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            refused(b)
        for _ in range(a.rounds):
            for check in (npy, pt, safe, png, wav, flac, documents, tables):
                check(b)
    passed = sum(p for p, _ in b.count.values())
    failed = sum(f for _, f in b.count.values())
    for what, (p, f) in sorted(b.count.items()):
        print("%-40s %5d files equal, %d not" % (what, p, f))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
