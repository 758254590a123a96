#!/bin/sh
# pedalboard divides PCM samples by 2^(bits-1) - 1: the lowest sample of a WAV is below -1.
#
# Packages: pedalboard 0.9.22, soundfile 0.14.0, numpy 2.4.6.
# Seen: the samples 0, 1, 64, 128, 192, 255 of unsigned 8-bit PCM come out as (value - 128)/127,
# those of 16 bits as value/32767; soundfile gives (value - 128)/128 and value/32768. One would have
# guessed the power of two, as in soundfile, scipy, torchaudio and ffmpeg, under which every PCM
# sample is within -1 .. 1 and halves are exact.
# Why it matters: what asserts that decoded audio is within full scale stops at valid files (-1.0079
# for 8 bits, -1.00003 for 16), no sample is bit-equal to another reader's, and old sound-effect
# libraries, where 8 bits are common, differ by 0.07 dB between two pipelines.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check pedalboard==0.9.22 \
    soundfile==0.14.0 numpy==2.4.6
cd "$tmp"
venv/bin/python - <<'EOF'
import sys
import wave
import numpy as np
import soundfile as sf
from pedalboard.io import AudioFile


def write(name, width, data):
    with wave.open(name, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(width)
        w.setframerate(16000)
        w.writeframes(data)


u = np.array([0, 1, 64, 128, 192, 255], np.uint8)
s = np.array([-32768, -32767, -16384, 0, 16384, 32767], "<i2")
write("u.wav", 1, u.tobytes())
write("s.wav", 2, s.tobytes())
read = {}
for name in "us":
    with AudioFile(name + ".wav") as f:
        read[name] = f.read(6)[0]
print("8 bits:  pedalboard", read["u"], "soundfile", sf.read("u.wav")[0])
print("16 bits: pedalboard", read["s"], "soundfile", sf.read("s.wav")[0])
v = u.astype(float) - 128
ok = np.allclose(read["u"], v / 127, atol=1e-6) and np.array_equal(sf.read("u.wav")[0], v / 128)
ok &= np.allclose(read["s"], s / 32767, atol=1e-7)
ok &= np.array_equal(sf.read("s.wav")[0], s / 32768)
sys.exit(0 if ok else 1)
EOF
