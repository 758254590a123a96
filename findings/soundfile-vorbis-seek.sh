#!/bin/sh
# soundfile.read(start=...) of Ogg Vorbis is not a slice of the whole file.
#
# Packages: soundfile 0.14.0 (its wheel carries libsndfile 1.2.2), numpy 2.4.6.
# Seen, on 10 s of noise at 44100 Hz written by soundfile itself:
# - Opened anew and sought to 3000 samples before the end: all that comes is what lies 88
#   samples later (441000 + 88 = 3446 * 128). As many samples come as were asked for, nothing is
#   raised.
# - One open file, places in random order, far from the end: about one read in five begins with
#   wrong samples, after 1024 of them it is right.
# One would have guessed that seeking is exact to the sample, as it is for WAV.
# Why it matters: training crops and evaluation segments are cut by offset and length; the cut
# of a Vorbis file has other samples than the decoded file, and a check "crop equals slice" that
# passes on WAV fails here. Decode the whole file, then slice.
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
rng = np.random.default_rng(0)
rate, count = 44100, 2000
x = 0.1 * rng.standard_normal(10 * rate)
ok = True

sf.write("x.wav", x, rate)
sf.write("x.ogg", x, rate, format="OGG", subtype="VORBIS")
for name in "x.wav", "x.ogg":
    whole = sf.read(name, dtype="float32")[0]
    start = len(whole) - 3000
    part = sf.read(name, start=start, frames=count, dtype="float32")[0]
    shift = [k for k in range(-500, 501) if np.array_equal(part, whole[start + k:][:count])]
    print(name, len(whole), "samples; read from", start, "gives what lies at +", shift)
    ok &= shift == ([0] if name == "x.wav" else [88])

    wrong = healed = 0
    places = rng.permutation(np.arange(0, 8 * rate, 1000))
    with sf.SoundFile(name) as file:
        for at in map(int, places):
            file.seek(at)
            part = file.read(count, dtype="float32")
            bad = np.abs(part - whole[at:at + count]) > 1e-3
            wrong += bool(bad.any())
            healed += bool(bad.any() and not bad[1024:].any())
    print(name, "one open file:", wrong, "of", len(places), "reads begin with wrong samples,",
          healed, "of them are right after 1024")
    ok &= wrong == 0 if name == "x.wav" else wrong > len(places) // 20 and healed == wrong
sys.exit(0 if ok else 1)
EOF
