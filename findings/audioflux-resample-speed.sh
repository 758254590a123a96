#!/bin/sh
# audioflux's resampling changes the speed of a sound, so that it fills a whole number of samples.
#
# Packages: audioflux 0.1.9, numpy 2.4.6.
# Seen: resample(x, 44100, 16000) of 44,100 samples is a sine of the right pitch within 3e-7. Of
# 44,000 samples, which make 15963.72, it gives 15,964, and the sine in them is slower by just
# their ratio, 1.8e-5: late by a quarter of a sample at the end, 2.4 % of full scale away from the
# sine of the right pitch (-32 dB), and within 1e-5 of the slower one. 5,000 samples (1814.06) are
# played 5.2e-4 slower, 14 % of the amplitude of a 440 Hz sine away.
# One would have guessed a step of 44100/16000 for every length, and a last sample that lies before
# the end of the sound, as soxr, resampy and libsamplerate do it.
# Why it matters: the error depends on the length alone, is gone for whole seconds, where one
# tests it, and is that of cheap interpolation at all other lengths; sounds that were cut before
# and after the resampling no longer agree.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp"
python3 -m venv env
env/bin/pip install -qq --disable-pip-version-check audioflux==0.1.9 numpy==2.4.6
env/bin/python - <<'EOF'
import sys
import audioflux
import numpy as np

def apart(count):
    sine = lambda t: 0.5 * np.sin(2 * np.pi * 440 * t)
    sound = audioflux.resample(sine(np.arange(count) / 44100).astype(np.float32), 44100, 16000)
    exact = count * 16000 / 44100
    seconds = np.arange(len(sound)) / 16000
    inside = slice(200, -200)
    right = abs(sound - sine(seconds))[inside].max()
    slower = abs(sound - sine(seconds * exact / len(sound)))[inside].max()
    print(f"{count} samples, {exact:.2f} made {len(sound)}: {right:.1e} from the sine,"
          f" {slower:.1e} from one {len(sound) / exact - 1:.1e} slower")
    return right, slower

whole, part, short = apart(44100), apart(44000), apart(5000)
sys.exit(0 if whole[0] < 1e-5 and part[0] > 0.01 and part[1] < 1e-4
         and short[0] > 0.05 and short[1] < 1e-3 else 1)
EOF
