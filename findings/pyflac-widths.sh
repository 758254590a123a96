#!/bin/sh
# pyFLAC 3.0.0 reads no FLAC of 24 bits, and turns one of 32 bits into a WAV of 16.
#
# Packages: pyFLAC 3.0.0 (libFLAC's binding), soundfile 0.14.0, numpy 2.4.6.
# Seen: FileEncoder makes FLAC of a WAV of 16 or 32 bits; one of 24 bits or float is a ValueError.
# FileDecoder gives 16 bits back to the bit. For 24 bits it raises (a ValueError about types inside
# the callback, DecoderProcessException outside). For 32 bits it succeeds and writes a WAV of 16
# bits: the lower half of every sample is gone, and nothing is said.
# One would have guessed 24 bits above all, in an int32 array: it is what recorders write, while
# FLAC of 32 bits exists since libFLAC 1.4 and few programs read it; and a WAV of the same width.
# Why it matters: field recordings drop out of a data set that is read so, or lose quiet parts.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp"
python3 -m venv env
env/bin/pip install -qq --disable-pip-version-check pyFLAC==3.0.0 soundfile==0.14.0 numpy==2.4.6
env/bin/python - <<'EOF' 2>/dev/null
import sys
import numpy as np
import pyflac
import soundfile

random = np.random.default_rng(0)
ok = True
for bits in 16, 24, 32:
    dtype = "int16" if bits == 16 else "int32"
    x = random.integers(-2**(bits - 1), 2**(bits - 1), 4000) << (32 - bits if bits > 16 else 0)
    soundfile.write("x.wav", x.astype(dtype), 16000, subtype=f"PCM_{bits}")
    try:
        pyflac.FileEncoder("x.wav", "x.flac").process()
        written = soundfile.info("x.flac").subtype if bits < 32 else "written"
    except Exception as error:
        written = type(error).__name__
        if bits == 24:
            soundfile.write("x.flac", x.astype(dtype), 16000, subtype="PCM_24")
    try:
        pyflac.FileDecoder("x.flac", "y.wav").process()
        back = soundfile.read("y.wav", dtype=dtype)[0]
        read = soundfile.info("y.wav").subtype
        read += ", the same" if np.array_equal(back, x) else ", other numbers"
    except Exception as error:
        read = type(error).__name__
    print(f"{bits} bits: WAV to FLAC: {written}; FLAC read: {read}")
    ok &= written == {16: "PCM_16", 24: "ValueError", 32: "written"}[bits]
    ok &= read == {16: "PCM_16, the same", 24: "DecoderProcessException",
                   32: "PCM_16, other numbers"}[bits]
sys.exit(0 if ok else 1)
EOF
