#!/usr/bin/env python3
"""Compare the numbers of tools/evaluate.c with numpy and scipy.

    python3 tests/oracle/evaluate.py EVALUATE FOLDER [FOLDER]

EVALUATE is the built program. Each FOLDER holds WAV or FLAC files at 16 kHz; a second one is made from the first if not given
(noise, a gain, a clipped and a silenced part, one file left out). Prints for each measure the largest difference.
pip install numpy scipy soundfile
"""
import json, os, subprocess, sys, tempfile
import numpy as np, scipy.linalg, soundfile


def hertz_to_mel(f): return np.where(f < 1000, f * 3 / 200, 15 + 27 * np.log(np.maximum(f, 1) / 1000) / np.log(6.4))
def mel_to_hertz(m): return np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def filters(mels=64, fft=1024, rate=16000):
    """Slaney's scale, triangles of equal area (librosa.filters.mel, htk=False, norm="slaney")."""
    points = mel_to_hertz(np.linspace(0, hertz_to_mel(np.array(rate / 2.0)), mels + 2)); ramps = points[:, None] - np.arange(fft // 2 + 1) * rate / fft
    width = np.diff(points)[:, None]
    return np.maximum(0, np.minimum(-ramps[:-2] / width[:-1], ramps[2:] / width[1:])) * (2 / (points[2:] - points[:-2]))[:, None]


def magnitudes(x):
    padded = np.pad(x, 512, mode="reflect"); at = np.arange(len(x) // 160 + 1) * 160
    return np.abs(np.fft.rfft(padded[at[:, None] + np.arange(1024)] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024))))


def log_mel(magnitude): return np.log(np.maximum(magnitude @ filters().T, 1e-5))


def levels(x, rate):
    step = rate // 100; parts = [x[i:i + step] for i in range(0, len(x), step)]
    return {"peak": abs(x).max(), "rms": np.sqrt(np.mean(x ** 2)), "silence": np.mean([np.sqrt(np.mean(p ** 2)) < 0.001 for p in parts]),
            "clipped": np.mean(abs(x) >= 32767 / 32768)}


def pair(a, b):
    n = min(len(a), len(b)); a, b = a[:n], b[:n]; A, B = magnitudes(a), magnitudes(b); noise = np.sum((a - b) ** 2)
    d = 10 * np.log10(np.maximum(A ** 2, 1e-10) / np.maximum(B ** 2, 1e-10))
    return {"snr_db": 10 * np.log10(np.sum(a ** 2) / noise) if noise else None, "log_spectral_distance_db": np.mean(np.sqrt(np.mean(d ** 2, axis=1))),
            "mel_distance": np.mean(abs(log_mel(A) - log_mel(B)))}


def frechet(a, b):
    c, d = np.cov(a.T), np.cov(b.T); product = scipy.linalg.sqrtm(c @ d).real
    return np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(c) + np.trace(d) - 2 * np.trace(product)


def sounds(folder): return {n: soundfile.read(os.path.join(folder, n), always_2d=True)[0][:, 0] for n in sorted(os.listdir(folder)) if n.lower().endswith((".wav", ".flac"))}


def disturbed(folder, out):
    """Floats, so that nothing is rounded; the last file is left out."""
    random = np.random.default_rng(0); given = sounds(folder)
    for i, (name, x) in enumerate(list(given.items())[:-1]):
        y = (0.5 + 0.1 * (i % 7)) * x + 0.01 * random.standard_normal(len(x)); y[:len(y) // 8] = 0; y[-200:] = 1.0
        soundfile.write(os.path.join(out, os.path.splitext(name)[0] + os.path.splitext(name)[1]), y[:len(y) - 37 * (i % 3)].astype(np.float32), 16000,
                        **({"subtype": "FLOAT"} if name.lower().endswith("wav") else {"subtype": "PCM_24"}))


def main():
    program, folders = sys.argv[1], sys.argv[2:4]; made = tempfile.TemporaryDirectory()
    if len(folders) == 1: disturbed(folders[0], made.name); folders.append(made.name)
    ours = [json.loads(line) for line in subprocess.run([program, "--json", *folders], check=True, capture_output=True, text=True).stdout.splitlines()]
    x = [sounds(f) for f in folders]; worst = {}; both = sorted(set(x[0]) & set(x[1]))
    def see(key, got, want):
        assert (got is None) == (want is None), (key, got, want)
        if want is not None: worst[key] = max(worst.get(key, 0), abs(got - want) / max(1, abs(want)))
    assert [os.path.basename(line["sound"]) for line in ours if "reference" in line] == both
    for line in ours:
        if "reference" in line:
            name = os.path.basename(line["sound"])
            for key, want in pair(x[0][name], x[1][name]).items(): see(key, line[key], want)
    for folder, of in zip(folders, x):
        line = next(line for line in ours if line.get("folder") == folder); means = [levels(s, 16000) for s in of.values()]
        for key in "silence", "clipped": see(key, line[key], np.mean([m[key] for m in means]))
        path = os.path.join(folder, next(iter(of))); alone = json.loads(subprocess.run([program, "--json", path], check=True, capture_output=True, text=True).stdout)
        for key, want in means[0].items(): see(key, alone[key], want)
    mels = [np.concatenate([log_mel(magnitudes(s)) for s in of.values()]) for of in x]
    see("frechet_mel_distance", ours[-1]["frechet_mel_distance"], frechet(*mels))
    print(f"{len(x[0])} and {len(x[1])} sounds, {len(both)} pairs, frechet {ours[-1]['frechet_mel_distance']:.6g}")
    limits = {"log_spectral_distance_db": 1e-5, "mel_distance": 1e-5, "frechet_mel_distance": 1e-5}
    for key, error in worst.items(): print(f"{key:26s} {error:9.2e}  limit {limits.get(key, 1e-6):.0e}")
    sys.exit(any(error > limits.get(key, 1e-6) for key, error in worst.items()))


main()
