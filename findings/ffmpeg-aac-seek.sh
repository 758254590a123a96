#!/bin/sh
# ffmpeg 9.0.2 with -ss before -i starts AAC at the next frame of 1024; 7.0.2 was exact.
#
# Packages: imageio-ffmpeg 0.8.1 (its wheel carries ffmpeg 9.0.2) beside 0.6.0 (ffmpeg 7.0.2),
# soundfile 0.14.0, numpy 2.4.6.
# Seen: `ffmpeg -ss 1 -t 0.5 -i x.m4a y.wav` at 44100 Hz. 7.0.2 writes 22050 samples beginning at
# sample 44100 of the decoded file. 9.0.2 writes 21094 beginning at 45056 = 44 * 1024: the clip
# begins 956 samples late and is 956 short. With -ss behind -i both are exact, and so is 9.0.2 with
# -ss in front for MP3 and for ALAC in the same container.
# Also: a whole .m4a of 132300 samples decodes to 132300 in 9.0.2 and to 133120 in 7.0.2.
# One would have guessed that nothing changed, as for the MP3 next door.
# Why it matters: clips are cut out of m4a this way; yt-dlp 2026.10.26 hands its sections to
# ffmpeg like that (real_download of FFmpegFD in downloader/external.py: "-ss BEGIN -t SECONDS"
# before -i). What two versions cut out of one file is shifted against each other and
# differs in length, by an amount that depends on the start. Cut with -ss behind -i where
# samples must agree.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp"
cat >try.py <<'EOF'
import subprocess
import sys
import imageio_ffmpeg
import numpy as np
import soundfile as sf

def ffmpeg(*arguments):
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments],
                   check=True)

def cut(*arguments):
    ffmpeg(*arguments, "-c:a", "pcm_f32le", "y.wav")
    return sf.read("y.wav")[0]

version = imageio_ffmpeg.get_ffmpeg_version()
new = sys.argv[1] == "9"
sf.write("x.wav", 0.1 * np.random.default_rng(0).standard_normal(132300), 44100)
ok = version.lstrip("n").startswith("9.0.2" if new else "7.0.2")
for name, codec in ("x.m4a", "aac"), ("x.mp3", "libmp3lame"), ("alac.m4a", "alac"):
    ffmpeg("-i", "x.wav", "-c:a", codec, name)
    whole = cut("-i", name)
    print(version, name, len(whole), "samples")
    ok &= len(whole) == (133120 if name == "x.m4a" and not new else 132300)
    for where in "1", "1.7":
        at = round(44100 * float(where))
        late = -at % 1024 if new and name == "x.m4a" else 0
        seek = ["-ss", where, "-t", "0.5"]
        for order in [*seek, "-i", name], ["-i", name, *seek]:
            part = cut(*order)
            # the place where 4000 samples from the middle lie in the whole
            start = int(np.argmax(np.correlate(whole, part[8000:12000], "valid"))) - 8000
            print("   ", *order, ":", len(part), "samples from", start)
            expected = late if order[0] == "-ss" else 0
            ok &= (start, len(part)) == (at + expected, 22050 - expected)
sys.exit(0 if ok else 1)
EOF
status=0
for pair in 9:0.8.1 7:0.6.0; do
    python3 -m venv ${pair%:*}
    ${pair%:*}/bin/pip install -qq --disable-pip-version-check imageio-ffmpeg==${pair#*:} \
        soundfile==0.14.0 numpy==2.4.6
    ${pair%:*}/bin/python try.py ${pair%:*} || status=1
done
exit $status
