#!/bin/sh
# openSMILE's Python package wraps samples at full scale: 1.0 becomes -1.0.
#
# Packages: opensmile 2.6.0, numpy 2.4.6, on x86-64.
# Seen: process_signal takes floats and turns them into 16-bit integers by multiplying with 32768
# and cutting off the fraction. A sample of exactly 1.0 is 32768, which wraps to -32768; what is
# louder wraps likewise. A square wave of 1.0 and -1.0 has the features of a constant -1.0; a
# noise with peaks of 3.8 has those of its wrapped self, and a whisper below 1/32768 is silence.
# One would have guessed floats all the way, as the interface takes them, or a clip at full scale.
# Why it matters: sounds that a model makes, or that were normalized to a peak of 1, hold such
# samples; features and every score built on them come from clicks that nobody hears.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp"
python3 -m venv env
env/bin/pip install -qq --disable-pip-version-check opensmile==2.6.0 numpy==2.4.6
env/bin/python - <<'EOF'
import sys
import numpy as np
import opensmile

smile = opensmile.Smile(feature_set=opensmile.FeatureSet.ComParE_2016,
                        feature_level=opensmile.FeatureLevel.LowLevelDescriptors)

def features(sound):
    return smile.process_signal(sound.astype(np.float32), 16000).values

def same(a, b):
    return np.array_equal(features(a), features(b), equal_nan=True)

def wrapped(sound):
    return ((np.trunc(sound * 32768) + 32768) % 65536 - 32768) / 32768

square = np.where(np.arange(16000) // 40 % 2, 1.0, -1.0)
noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
found = {
    "square wave as a constant": same(square, np.full(16000, -1.0)),
    "loud noise as its wrapped self": same(noise, wrapped(noise)),
    "loud noise as its clipped self": same(noise, np.clip(noise, -1, 32767 / 32768)),
    "whisper as silence": same(noise * 5e-6, np.zeros(16000)),
}
for name, answer in found.items():
    print(f"{name}: {answer}")
sys.exit(0 if list(found.values()) == [True, True, False, True] else 1)
EOF
