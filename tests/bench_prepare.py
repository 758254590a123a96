#!/usr/bin/env python3
"""Clips per second of tools/prepare beside a Python pipeline (librosa, torch, diffusers) on the
same clips: in one run, in turns, one thread each, medians.

    python3 tests/bench_prepare.py [--input FOLDER] [--clips 64] [--rounds 3] [--seconds 10.24]

Both read sound, take channel 0, resample to 16 kHz (torchaudio's kernel), level it, compute
the log-mel and write .npy, 16-bit .png, .wav, .txt, with the VAE also the latent as .npy;
tools/prepare also waits until all files are on the disk and keeps its journal. Loading of programs
and models is not counted for Python and is counted for tools/prepare. The spectra of Python are
a convolution with sines, as TacotronSTFT of the system's own tools has it; --fft takes
torch.stft instead, which those tools do not. The largest difference of mels and latents is
printed too. Without --input the clips are generated: noise and tones of 3 s at 44.1 kHz.
pip install torch diffusers transformers librosa soundfile pillow
"""
import argparse, json, os, shutil, statistics, subprocess, sys, tempfile, time

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(HERE, "oracle"))

import librosa
import numpy as np
import soundfile as sf
import reference
import torch
from PIL import Image

torch.set_num_threads(1)
BASIS = torch.from_numpy(librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmin=0, fmax=8000))
WINDOW = torch.hann_window(1024)


def samples_of(path):
    x, rate = sf.read(path, dtype="float32", always_2d=True)
    x = x[:, 0]
    return np.ascontiguousarray(reference.resample(np.ascontiguousarray(x), rate, 16000))


def level(x, target):
    x = x - x.mean()
    x = x / (np.abs(x).max() + 1e-8) * 0.5
    x = np.pad(x[:target], (0, max(0, target - len(x))))
    return (x / np.abs(x).max() * 0.5).astype("float32")


def sines():
    """Rows cos and -sin of the 513 bins, windowed: (1026, 1, 1024)."""
    f = np.fft.fft(np.eye(1024))[:513]
    w = np.vstack([f.real, f.imag]) * WINDOW.numpy()
    return torch.from_numpy(w.astype("float32"))[:, None]


SINES = sines()


def magnitude(x, fft):
    if fft:
        return torch.stft(x, 1024, 160, 1024, WINDOW, pad_mode="reflect",
                          return_complex=True).abs()
    padded = torch.nn.functional.pad(x[None, None], (512, 512), mode="reflect")
    y = torch.nn.functional.conv1d(padded, SINES, stride=160)[0]
    return torch.sqrt(y[:513] ** 2 + y[513:] ** 2)


def mel_of(x, frames, fft):
    s = magnitude(torch.from_numpy(x), fft)
    return torch.log(torch.clamp(BASIS @ s, min=1e-5))[:, :frames]


def prepare_python(files, out, frames, vae, scale, fft):
    for folder in ("mel-spectrogram", "latent-vector", "original-audio", "caption"):
        os.makedirs(os.path.join(out, folder))
    for i, (path, caption) in enumerate(files):
        name = "%s/%06d" % ("%s", i)
        raw = samples_of(path)
        mel = mel_of(level(raw, frames * 160), frames, fft)
        np.save(os.path.join(out, name % "mel-spectrogram") + ".npy", mel.numpy())
        low, high = np.log(1e-5), 4.0
        q = np.clip(np.floor((mel.numpy()[::-1] - low) / (high - low) * 65535 + 0.5), 0, 65535)
        Image.fromarray(q.astype("uint16")).save(
            os.path.join(out, name % "mel-spectrogram") + ".png")
        sf.write(os.path.join(out, name % "original-audio") + ".wav", raw[:frames * 160], 16000,
                 subtype="PCM_16")
        with open(os.path.join(out, name % "caption") + ".txt", "w") as f:
            f.write(caption)
        if vae is not None:
            with torch.no_grad():
                z = vae.encode(mel.T[None, None].contiguous()).latent_dist.mode() * scale
            np.save(os.path.join(out, name % "latent-vector") + ".npy", z[0].numpy())


def make_clips(folder, count):
    rng = np.random.default_rng(0)
    t = np.arange(3 * 44100) / 44100
    for i in range(count):
        x = 0.3 * np.sin(2 * np.pi * (200 + 50 * i) * t) + 0.05 * rng.standard_normal(len(t))
        sf.write(os.path.join(folder, "%04d.wav" % i), x, 44100, subtype="PCM_16")


def pick_clips(source, folder, count):
    found = sorted(os.path.join(d, f) for d, _, fs in os.walk(source) for f in fs
                   if f.endswith((".wav", ".flac")))
    step = max(1, len(found) // count)
    for i, path in enumerate(found[::step][:count]):
        shutil.copy(path, os.path.join(folder, "%04d%s" % (i, os.path.splitext(path)[1])))


def difference(ours, theirs, folder):
    a, b = os.path.join(ours, folder), os.path.join(theirs, folder)
    return max(float(np.abs(np.load(os.path.join(a, f)) - np.load(os.path.join(b, f))).max())
               for f in os.listdir(b) if f.endswith(".npy"))


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--input")
    ap.add_argument("--clips", type=int, default=64)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--seconds", type=float, default=10.24)
    ap.add_argument("--fft", action="store_true")
    a = ap.parse_args()
    frames = 4 * -(-round(16000 * a.seconds) // 640)
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, "in")
        os.makedirs(folder)
        if a.input:
            pick_clips(a.input, folder, a.clips)
        else:
            make_clips(folder, a.clips)
        files = []
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            files.append((path, "clip " + name))
            with open(os.path.splitext(path)[0] + ".txt", "w") as f:
                f.write("clip " + name)
        program = os.path.join(work, "prepare")
        subprocess.run([os.environ.get("CC", "cc"), os.path.join(TOP, "tools", "prepare.c"), "-lm",
                        "-o", program], check=True)
        import blob
        import oracle
        oracle.build(work, "cc")
        with open(os.path.join(work, "spiece.model"), "wb") as f:
            f.write(blob.Blob(os.path.join(TOP, "demo", "tiny.tango")).values["tokenizer.spiece"])
        checkpoint, model = oracle.model("tiny", work, 1)
        m = reference.Model(checkpoint)
        for title, vae in (("mel only", None), ("with VAE", m.vae)):
            ours, theirs = [], []
            for i in range(a.rounds + 1):       # the first round warms caches and is dropped
                # New folders: after a removal the file system looks longer for free places.
                sets = [os.path.join(work, "%s-%d-%d" % (who, vae is not None, i))
                        for who in ("ours", "theirs")]
                options = ["--no-latents"] if vae is None else ["-m", model]
                os.sync()           # nobody waits for what others left to be written
                t = time.perf_counter()
                subprocess.run([program, "folder", "--input_dir", folder, "--output_dir", sets[0],
                                "--threads", "1", "--seconds", str(a.seconds), "--json"] + options,
                               check=True, stdout=subprocess.DEVNULL)
                ours.append(time.perf_counter() - t)
                os.sync()
                t = time.perf_counter()
                prepare_python(files, sets[1], frames, vae, m.scale, a.fft)
                theirs.append(time.perf_counter() - t)
            x, y = statistics.median(ours[1:]), statistics.median(theirs[1:])
            n = len(files)
            line = "%s: prepare %.1f clips/s, Python %.1f clips/s, ratio %.2f; mel differs by %.2g" % (
                title, n / x, n / y, y / x, difference(*sets, "mel-spectrogram"))
            if vae is not None:
                line += ", latent by %.2g" % difference(*sets, "latent-vector")
            print(line, flush=True)


if __name__ == "__main__":
    main()
