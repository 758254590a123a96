#!/bin/sh
# soundfile.read(dtype="int16") of loud Ogg Vorbis and Opus wraps around; of MP3 it saturates.
#
# Packages: soundfile 0.14.0 (its wheel carries libsndfile 1.2.2), numpy 2.4.6.
# Seen: a full-scale square wave of 300 Hz comes back from a lossy codec with peaks above 1.0
# (that is normal: 1.1 to 3.3 here). Read as float32 the peaks are kept. Read as int16, MP3 gives
# 32767 and -32768 there; Vorbis and Opus give numbers of the opposite sign (-32047 for 1.022).
# One would have guessed saturation for all three: soundfile.write clips floats on the way in
# (1.5 becomes 32767), and nothing in the call or the result says that a sample turned over.
# Why it matters: loaders read int16 to halve memory, and mastered clips of the web reach full
# scale. Each overshoot becomes a click of twice full scale, in the training set as in the
# features of an evaluation. Read as float, clip, then convert.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check soundfile==0.14.0 numpy==2.4.6
cd "$tmp"
venv/bin/python - <<'EOF'
import sys
import numpy as np
import soundfile as sf

assert sf.__libsndfile_version__ == "1.2.2", sf.__libsndfile_version__
x = np.sign(np.sin(2 * np.pi * 300 * (np.arange(16000) + 0.5) / 16000))
ok = True
for container, codec in ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS"):
    sf.write("x.bin", x, 16000, format=container, subtype=codec)
    real = sf.read("x.bin", dtype="float32")[0]
    whole = sf.read("x.bin", dtype="int16")[0]
    over = np.abs(real) > 1.001
    turned = over & (np.sign(real) != np.sign(whole.astype(float)))
    held = over & (whole == np.where(real > 0, 32767, -32768))
    at = np.flatnonzero(over)[:3]
    print(f"{codec}: peak {np.abs(real).max():.2f}, {over.sum()} samples over 1.001, {held.sum()}"
          f" saturate, {turned.sum()} change sign;", real[at], "->", whole[at])
    ok &= over.sum() > 1000
    ok &= held.sum() == over.sum() if container == "MP3" else turned.mean() > 0.99 * over.mean()
sys.exit(0 if ok else 1)
EOF
