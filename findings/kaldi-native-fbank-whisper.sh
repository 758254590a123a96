#!/bin/sh
# The Whisper features of kaldi-native-fbank are taken half a hop, 5 ms, later than Whisper's.
#
# Packages: kaldi-native-fbank 1.23.0, transformers 5.24.0, numpy 2.4.6.
# Seen: OnlineWhisperFbank gives as many frames as Whisper's own features (a frame per 160 samples)
# and, frame by frame, other numbers: frame i holds the samples from 160 i - 120 to 160 i + 279,
# as Kaldi centres a frame within its hop, where Whisper takes 160 i - 200 to 160 i + 199. Of a
# sound moved by 80 samples it gives what transformers gives of the sound itself, within 1e-5.
# Window, filters, preemphasis (none) and power are Whisper's; the logarithm and the scaling by the
# loudest value are left to the caller.
# One would have guessed the same frames: name and number of frames say so, and on a steady sound
# nothing shows.
# Why it matters: a model sees clicks and onsets in another place than in training; features of the
# two packages in one set are shifted against each other.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp"
python3 -m venv env
env/bin/pip install -qq --disable-pip-version-check kaldi-native-fbank==1.23.0 \
    transformers==5.24.0 numpy==2.4.6
env/bin/python - <<'EOF' 2>/dev/null
import sys
import kaldi_native_fbank
import numpy as np
from transformers import WhisperFeatureExtractor

def native(sound):
    options = kaldi_native_fbank.WhisperFeatureOptions()
    options.frame_opts.dither = 0
    options.dim = 80
    bank = kaldi_native_fbank.OnlineWhisperFbank(options)
    bank.accept_waveform(16000, sound.tolist())
    bank.input_finished()
    power = np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])
    logarithm = np.log10(np.maximum(power, 1e-10))
    return (np.maximum(logarithm, logarithm.max() - 8) + 4) / 4

sound = 0.3 * np.random.default_rng(0).standard_normal(32000).astype(np.float32)
ours = native(sound)
moved = native(np.concatenate([np.zeros(80, np.float32), sound]))
whisper = WhisperFeatureExtractor()(sound, sampling_rate=16000)["input_features"][0].T
inside = slice(5, 195)
print("frames:", len(ours), "of", len(sound), "samples")
apart = abs(ours[inside] - whisper[inside])
same = abs(moved[inside] - whisper[inside]).max()
print(f"as it is: {apart.mean():.3f} apart on average; moved by 80 samples: {same:.1e} at most")
sys.exit(0 if len(ours) == 200 and apart.mean() > 0.03 and same < 1e-5 else 1)
EOF
