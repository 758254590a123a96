#!/bin/sh
# samplerate.resample makes 159999 samples of 10 s at 44.1 kHz asked for at 16 kHz.
#
# Packages: samplerate 0.2.4 (libsamplerate's binding), numpy 2.4.6.
# Seen: resample(x, 16000 / 44100, "sinc_best") gives one sample fewer than the exact 16000 a
# second for 2, 5, 10 and 30 s; for 1 s it is exact ("sinc_fastest" is one short there too).
# "linear" is exact at all of these lengths; 48 -> 16 kHz and 44.1 -> 48 kHz are exact with both
# sinc kinds, but "zero_order_hold" makes one too many of 44.1 -> 48 kHz.
# One would have guessed 160000, the product being whole, or one rule for all kinds and ratios.
# Why it matters: 10 s at 44.1 kHz is the clip of the captioning sets. Stacking resampled clips
# beside native 16 kHz ones fails, frame counts differ by one where 160000 is a whole number of
# frames, and a test on 1 s of sound shows nothing. Pad or cut to round(n * ratio) after the call.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check samplerate==0.2.4 numpy==2.4.6
"$tmp/venv/bin/python" - <<'EOF'
import sys
import numpy as np
import samplerate

ok = True
for kind in "sinc_best", "sinc_fastest", "linear", "zero_order_hold":
    for source, target in (44100, 16000), (48000, 16000), (44100, 48000):
        off = [len(samplerate.resample(np.zeros(source * s, "f4"), target / source, kind))
               - target * s for s in (1, 2, 5, 10, 30)]
        print(f"{kind} {source} -> {target}: off for 1, 2, 5, 10, 30 s by", off)
        expected = [0] * 5
        if kind.startswith("sinc") and target * 44100 == source * 16000:
            expected = [0 if kind == "sinc_best" else -1, -1, -1, -1, -1]
        if kind == "zero_order_hold" and target == 48000:
            expected = [1] * 5
        ok &= off == expected
sys.exit(0 if ok else 1)
EOF
