#!/usr/bin/env python3
"""Compare every function of tango_audio.h with numpy, scipy, torch and librosa.

    python3 tests/oracle/audio.py [--cc CC] [--cflags=FLAGS]

A line: the largest difference from the same computation in float64, over the largest value (absolute where the line says so); the
same of the package in float32 where it has one; the limit. torchaudio's and the training scripts' formulas stand below and in
reference.py, as their packages do not install beside a current torch. Ends with the number of lines over their limit.
pip install numpy scipy torch librosa
"""
import argparse, ctypes, math, os, shlex, subprocess, sys, tempfile
HERE = os.path.dirname(os.path.abspath(__file__)); ROOT = os.path.dirname(os.path.dirname(HERE)); sys.path.insert(0, HERE)
import numpy as np
import librosa, scipy.signal, torch
import griffin_lim as G, reference as R

SIZE, PTR, DBL, FLT, INT = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_double, ctypes.c_float, ctypes.c_int
ERROR = ctypes.create_string_buffer(160); bad = 0


class Parameters(ctypes.Structure):
    _fields_ = [(k, SIZE) for k in ("rate", "fft", "hop", "window", "mels")] + [("fmin", DBL), ("fmax", DBL), ("recipe", INT)]


def build(cc, flags):
    file = os.path.join(tempfile.mkdtemp(), "libtango_audio.so")
    subprocess.run([cc, *shlex.split(flags), "-shared", "-fPIC", "-DTANGO_AUDIO_IMPLEMENTATION", "-x", "c", os.path.join(ROOT, "tango_audio.h"), "-o", file, "-lm"], check=True)
    return ctypes.CDLL(file)


def call(name, *args, out=INT):
    """Arrays go as pointers, ints as size_t, floats as double; ('i', n) and ('f', x) are int and float."""
    def convert(a):
        if isinstance(a, np.ndarray): assert a.flags.c_contiguous; return ctypes.c_void_p(a.ctypes.data)
        if isinstance(a, tuple): return {"i": INT, "f": FLT}[a[0]](a[1])
        if isinstance(a, int): return SIZE(a)
        if isinstance(a, float): return DBL(a)
        return a
    f = getattr(LIB, "tango_audio_" + name); f.restype = out
    return f(*[convert(a) for a in args])


def size(name, *args): return call(name + "_size", *args, out=SIZE)
def block(n): return np.zeros(n + 64, np.uint8)
def new(*shape, dtype=np.float32): return np.full(shape, np.nan, dtype)
def ok(result): assert result == 0, ERROR.value


def line(name, ours, want, theirs=None, limit=None, absolute=False):
    """limit None: ten times what float32 costs the package, at least 1e-6."""
    global bad
    ours, want = np.asarray(ours), np.asarray(want); assert ours.shape == want.shape, (name, ours.shape, want.shape)
    top = 1.0 if absolute else float(np.abs(want).max())
    error = float(np.abs(ours - want).max()) / top
    package = None if theirs is None else float(np.abs(np.asarray(theirs) - want).max()) / top
    limit = limit or max(1e-6, 10 * (package or 0)); good = error <= limit; bad += not good
    print(f"{name:54s} {error:9.2e} {'absolute' if absolute else '':8s} {'' if package is None else f'{package:9.2e}':9s} {limit:9.2e} {'' if good else 'OVER THE LIMIT'}", flush=True)


def front(**given):
    p = Parameters(**given); ref = ctypes.byref(p); f, memory, work = block(256), block(size("front", ref)), block(size("frame_work", ref))
    ok(call("front_init", f, ref, memory, len(memory), ERROR)); return p, ref, f, memory, work


def tone_and_noise(n, seed=1):
    r = np.random.default_rng(seed); t = np.arange(n)
    return (0.4 * np.sin(0.05 * t + 2e-6 * t * t) + 0.1 * r.standard_normal(n)).astype(np.float32)


# ---------------------------------------------------------------- transforms, windows, spectra

def transforms():
    r = np.random.default_rng(0); worst = {}
    for n in [2 ** k for k in range(1, 18)]:
        fft, memory, work = block(64), block(size("fft", n)), block(size("fft_work", n)); ok(call("fft_init", fft, n, memory, len(memory), ERROR))
        x, y = (r.standard_normal(n).astype(np.float32) for _ in range(2)); re, im, back = new(n // 2 + 1), new(n // 2 + 1), new(n)
        call("fft_real", re, im, x, fft, work); call("fft_real_inverse", back, re, im, fft, work)
        a, b = x.copy(), y.copy(); call("fft_complex", a, b, fft, work); c, d = a.copy(), b.copy(); call("fft_complex_inverse", c, d, fft, work)
        z, z64 = torch.from_numpy(x + 1j * y), x.astype(np.float64) + 1j * y
        for name, ours, want, theirs in (("real", re + 1j * im, np.fft.rfft(x.astype(np.float64)), torch.fft.rfft(torch.from_numpy(x)).numpy()),
                                         ("inverse of real", back, np.fft.irfft((re + 1j * im).astype(np.complex128)), torch.fft.irfft(torch.from_numpy(re + 1j * im)).numpy()),
                                         ("complex", a + 1j * b, np.fft.fft(z64), torch.fft.fft(z).numpy()),
                                         ("inverse of complex", c + 1j * d, np.fft.ifft((a + 1j * b).astype(np.complex128)), torch.fft.ifft(torch.from_numpy(a + 1j * b)).numpy())):
            key = ours, want, theirs; d_ = np.abs(ours - want).max() / np.abs(want).max()
            if name not in worst or d_ > worst[name][0]: worst[name] = d_, n, key
    for name, (_, n, key) in worst.items(): line(f"fft {name}, 2 to 131072, worst at {n}", *key)


def windows():
    for kind, name in enumerate(("hann", "hamming", "blackman", "boxcar")):
        ours, want, theirs = [], [], []
        for n in (1, 2, 7, 400, 1024):
            for periodic in (0, 1):
                w = new(n); call("window", w, n, ("i", kind), ("i", periodic)); ours.append(w)
                want.append(scipy.signal.get_window(name, n, fftbins=bool(periodic)))
        line(f"window {name}, periodic and symmetric", np.concatenate(ours), np.concatenate(want), limit=1e-7)


def spectra():
    for fft, hop, window, n in ((1024, 160, 1024, 16000), (1024, 160, 1024, 700), (512, 128, 400, 5000), (2048, 512, 2048, 22050), (64, 10, 33, 1000)):
        p, ref, f, _, work = front(fft=fft, hop=hop, window=window, mels=8); x = tone_and_noise(n); T = n // hop + 1; K = fft // 2 + 1; m = f"{fft}/{hop}/{window}, {n} samples"
        re, im, magnitude = new(T, K), new(T, K), new(T, K)
        call("stft", re, im, x, n, 0, T, f, work); call("magnitude", magnitude, x, n, 0, T, f, work)
        part = new(T, K); call("magnitude", part[T // 3:], x, n, T // 3, T - T // 3, f, work); call("magnitude", part, x, n, 0, T // 3, f, work); assert (part == magnitude).all()
        torched = lambda d: torch.stft(torch.from_numpy(x).to(d), fft, hop, window, torch.hann_window(window, dtype=torch.float64).to(d), center=True, pad_mode="reflect", return_complex=True).T.numpy()
        want = torched(torch.float64); line("stft " + m, re + 1j * im, want, torched(torch.float32)); line("magnitude", magnitude, np.abs(want), np.abs(torched(torch.float32)))
        line("stft, librosa's", re + 1j * im, librosa.stft(x.astype(np.float64), n_fft=fft, hop_length=hop, win_length=window, center=True, pad_mode="reflect").T)
        line("magnitude_to_db", db_of(magnitude), librosa.amplitude_to_db(magnitude.astype(np.float64), ref=1.0, amin=1e-5, top_db=None), librosa.amplitude_to_db(magnitude, ref=1.0, amin=1e-5, top_db=None)) if fft == 1024 and n == 16000 else None
        need = size("istft_work", T, ref); y = new(hop * (T - 1)); z = (re + 1j * im).T; ok(call("istft", y, re, im, T, f, block(need), need, ERROR))
        back = lambda d, w: torch.istft(torch.from_numpy(z).to(d), fft, hop, window, torch.hann_window(window, dtype=torch.float64).to(w), center=True).numpy()
        line("istft", y, back(torch.complex128, torch.float64), back(torch.complex64, torch.float32))


def db_of(x):
    out = new(*x.shape); call("magnitude_to_db", out, x, x.size, ("f", 1e-5)); return out


# ---------------------------------------------------------------- mel

def mels():
    for recipe, name, kind in ((0, "tacotron", dict(htk=False, norm="slaney", power=1)), (1, "torchaudio", dict(htk=True, norm=None, power=2))):
        for rate, fft, hop, count, low, high in ((16000, 1024, 160, 64, 0, 8000), (44100, 2048, 512, 128, 20, 20000), (8000, 256, 64, 40, 0, 4000)):
            p, ref, f, _, work = front(rate=rate, fft=fft, hop=hop, mels=count, fmin=low, fmax=high, recipe=recipe); m = f"{name}, {rate} Hz, {fft}, {count} bands"; K = fft // 2 + 1
            basis = new(count, K); ok(call("mel_basis", basis, ref, ERROR)); power = kind["power"]
            made = lambda d: librosa.filters.mel(sr=rate, n_fft=fft, n_mels=count, fmin=low, fmax=high, htk=kind["htk"], norm=kind["norm"], dtype=d)
            line("mel basis " + m, basis, made(np.float64), made(np.float32))
            if recipe == 1: line("mel basis, torchaudio's formula", basis, fbanks(rate, K, count, low, high, torch.float64), fbanks(rate, K, count, low, high, torch.float32))
            x = tone_and_noise(20000); T = 20000 // hop + 1; mel = new(T, count); call("mel", mel, x, len(x), 0, T, f, work)
            spectrum = lambda d: torch.stft(torch.from_numpy(x).to(d), fft, hop, fft, torch.hann_window(fft, dtype=torch.float64).to(d), center=True, pad_mode="reflect", return_complex=True).abs().numpy() ** power
            line("mel", mel, (made(np.float64) @ spectrum(torch.float64)).T, (made(np.float32) @ spectrum(torch.float32)).T)
    cfg = dict(filter_length=1024, hop_length=160, win_length=1024, n_mel_channels=64, sampling_rate=16000, mel_fmin=0, mel_fmax=8000)
    t = np.arange(16000) / 16000; fixture = (0.5 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.cos(2 * np.pi * 3000 * t)).astype(np.float32); _, _, f, _, work = front()
    for name, x in (("noise and a sweep", tone_and_noise(163840)), ("two pure tones", fixture), ("noise, silence", np.concatenate([tone_and_noise(8000), np.zeros(8000, np.float32)]))):
        T = len(x) // 160 + 1; mel = new(T, 64); call("log_mel", mel, x, len(x), 0, T, f, work); want, theirs = R.log_mel(x, cfg, torch.float64), R.log_mel(x, cfg)
        for where, mask, limit in (("above -8", want > -8, 1.3e-4), ("near the floor", want <= -8, 2.5e-3)):
            if mask.any(): line(f"log-mel, {name}, {where}", mel[mask], want[mask], theirs[mask], limit, absolute=True)


def fbanks(rate, bins, count, low, high, d):
    """torchaudio.functional.melscale_fbanks, htk, norm None."""
    mel = lambda hz: 2595.0 * math.log10(1.0 + hz / 700.0)
    points = 700.0 * (10.0 ** (torch.linspace(mel(low), mel(high), count + 2, dtype=d) / 2595.0) - 1.0); all_freqs = torch.linspace(0, rate // 2, bins, dtype=d)
    diff = points[1:] - points[:-1]; slopes = points[None] - all_freqs[:, None]
    return torch.clamp(torch.min(-slopes[:, :-2] / diff[:-1], slopes[:, 2:] / diff[1:]), min=0).T.numpy()


# ---------------------------------------------------------------- levels, rates, loudness

def resampling():
    for a, b in ((44100, 16000), (48000, 16000), (32000, 16000), (22050, 16000), (11025, 16000), (8000, 16000), (96000, 16000), (16000, 44100), (16000, 48000), (24000, 44100), (7, 5), (16000, 15999), (1000, 1), (1, 3)):
        r, memory = block(64), block(size("resampler", a, b)); ok(call("resampler_init", r, a, b, memory, len(memory), ERROR)); x = tone_and_noise(6000, a)
        want = R.resample(x.astype(np.float64), a, b); n = call("resampled_count", len(x), r, out=SIZE); y, y64 = new(n), new(n, dtype=np.float64)
        call("resample", y, x, len(x), r); call("resample_double", y64, x.astype(np.float64), len(x), r)
        line(f"resample {a} to {b}", y, want, R.resample(x, a, b)); line("resample_double", y64, want, limit=1e-6)
        parts = new(n); first, need = np.zeros(1, np.uint64), np.zeros(1, np.uint64)
        for at in range(0, n, n // 5 + 1):
            m = min(n // 5 + 1, n - at); call("resample_span", first, need, at, m, r); f0 = min(int(first[0]), len(x)); window = x[f0:f0 + int(need[0])].copy()
            call("resample_part", parts[at:], at, m, window, f0, len(window), r)
        assert (parts == y).all()


def audioldm(x, target):
    """read_wav_file of AudioLDM after resampling, with its slice of the wrong axis and its double padding."""
    x = x - np.mean(x); x = x / (np.max(np.abs(x)) + 1e-8); x = (x * 0.5)[None]
    if x.shape[-1] < target: padded = np.zeros((1, target)); padded[:, :x.shape[-1]] = x; x = padded
    elif x.shape[-1] > target: x = x[:target]
    x = x / np.max(np.abs(x)); return np.clip(torch.FloatTensor(0.5 * x)[0].numpy(), -1, 1)


def levels():
    for name, n in (("short", 30000), ("exact", 40000), ("long", 50000)):
        for kind, (rule, reference) in enumerate((("tango", R.normalise), ("audioldm", audioldm))):
            x = tone_and_noise(n) + np.float32(0.05); total = call("normalised_count", n, 40000, ("i", kind), out=SIZE); y = new(total); ok(call("normalise", y, x, n, 40000, ("i", kind), ERROR))
            line(f"normalise, {rule}, {name} clip", y, reference(x, 40000), limit=1e-6)
    x = tone_and_noise(9999).reshape(3333, 3)
    for how, (name, want) in enumerate((("channel 0", x[:, 0]), ("average", x.astype(np.float64).mean(1)))):
        y = new(3333); call("downmix", y, x, 3333, 3, ("i", how)); line("downmix, " + name, y, want, limit=1e-7)
    line("mean, peak", [call("mean", x, x.size, out=DBL), call("peak", x, x.size, out=FLT)], [x.astype(np.float64).mean(), np.abs(x).max()], limit=1e-12)
    y = x.copy(); call("set_peak", y, y.size, ("f", 0.5)); line("set_peak", y, x / np.abs(x).max() * 0.5, limit=1e-7)


def a_weight(rate, n):
    """Tokozume's bc_learning, utils.py."""
    s = np.linspace(0, rate // 2, n // 2 + 1) ** 2; s[0] = 1.0
    return np.maximum(2.0 + 20.0 * (2 * np.log10(12194) + 2 * np.log10(s) - np.log10(s + 12194 ** 2) - np.log10(s + 20.6 ** 2) - 0.5 * np.log10(s + 107.7 ** 2) - 0.5 * np.log10(s + 737.9 ** 2)), -80.0)


def gain(x, rate, n=2048):
    sums = [np.sum(np.abs(np.fft.rfft(np.hanning(n + 1)[:-1] * x[i:i + n])) ** 2 * 10 ** (a_weight(rate, n) / 10)) for i in range(0, len(x) - n + 1, n // 2)]
    return 10 * np.log10(np.maximum(np.array(sums), 10 ** -8.0)).max()


def loudness():
    power = np.abs(np.random.default_rng(3).standard_normal(3000)).astype(np.float32) ** 8; y = new(3000); call("power_to_db", y, power, 3000, ("f", 1e-10))
    line("power_to_db", y, librosa.power_to_db(power.astype(np.float64), ref=1.0, amin=1e-10, top_db=None), librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None))
    for rate in (16000, 44100):
        w = new(1025, dtype=np.float64); call("a_weighting", w, 1025, rate); line(f"a_weighting, {rate} Hz, dB", w, a_weight(rate, 2048), limit=1e-9, absolute=True)
        line("the standard's curve as librosa has it, from 10 Hz", w[2:], librosa.A_weighting(np.linspace(0, rate / 2, 1025))[2:], limit=0.02, absolute=True)
    a, b = tone_and_noise(163840, 5), (0.1 * np.sin(0.3 * np.arange(163840))).astype(np.float32); work = block(call("loudness_work_size", out=SIZE))
    got = [call("loudness", x, len(x), 16000, work, out=DBL) for x in (a, b)]; want = [gain(x.astype(np.float64), 16000) for x in (a, b)]
    line("loudness, dB", got, want, limit=1e-5, absolute=True)
    for r in (0.5, 0.3):
        t = 1 / (1 + 10 ** ((want[0] - want[1]) / 20) * (1 - r) / r); y = new(163840); call("mix", y, a, b, 163840, r, 16000, work)
        line(f"mix, r = {r}", y, (a.astype(np.float64) * t + b * (1 - t)) / math.sqrt(t * t + (1 - t) ** 2))


# ---------------------------------------------------------------- vocoder

def vocoder():
    x = tone_and_noise(64 * 160); T = 65; _, ref, f, _, work = front(); mel, magnitude = new(T, 64), new(T, 513); call("log_mel", mel, x, len(x), 0, T, f, work)
    call("invert_mel", magnitude, mel, T, 60, f, block(size("invert_mel_work", None)))
    basis = lambda d: torch.from_numpy(librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmin=0, fmax=8000)).to(d); inverted = lambda d: G.invert(torch.from_numpy(mel).to(d), basis(d)).T.numpy()
    line("invert_mel, 60 rounds", magnitude, inverted(torch.float64), inverted(torch.float32))
    uniform = np.random.RandomState(7).random(size=(513, T)); need = size("griffin_lim_work", T, ref); near = None
    for rounds in (0, 1, 2, 4, 32):
        y = new(160 * (T - 1)); ok(call("griffin_lim", y, magnitude, T, rounds, ("f", 0.99), uniform.astype(np.float32), f, block(need), need, ERROR))
        theirs = lambda d: librosa.griffinlim(magnitude.T.astype(d), n_iter=rounds, hop_length=160, momentum=0.99, pad_mode="reflect", random_state=np.random.RandomState(7))
        if rounds <= 4: line(f"griffin_lim, librosa's, {rounds} rounds", y, theirs(np.float64), theirs(np.float32), limit=5e-5)
        else:
            near = [np.linalg.norm(np.abs(librosa.stft(w, n_fft=1024, hop_length=160, pad_mode="reflect")) - magnitude.T) / np.linalg.norm(magnitude) for w in (y.astype(np.float64), theirs(np.float64))]
            line(f"convergence after {rounds} rounds", near[0], near[1], limit=0.01)
            line("convergence, as the header measures it", call("convergence", y, magnitude, T, f, work, out=DBL), near[0], limit=1e-5)


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter); ap.add_argument("--cc", default=os.environ.get("CC", "cc")); ap.add_argument("--cflags", default="")
    a = ap.parse_args(); LIB = build(a.cc, a.cflags); torch.set_num_threads(1)
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, torch {torch.__version__}, librosa {librosa.__version__}\n{'':54s} {'ours':9s} {'':8s} {'float32':9s} {'limit':9s}")
    for part in (transforms, windows, spectra, mels, resampling, levels, loudness, vocoder): part()
    print(f"{bad} over the limit"); sys.exit(bad > 0)
