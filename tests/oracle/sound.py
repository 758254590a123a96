"""Writes tests/golden/sound/*.flac with the flac tool (1.4.2): python3 tests/oracle/sound.py

The samples are a formula of whole numbers that tests/test_tango_io_sound.c repeats:
    random = random * 1664525 + 1013904223 mod 2^32, from 1, for each sample in turn
    x[t, c] = (|(37 (c + 1) t mod 4096) - 2048| - 1024) 2^(bits - 12) + (random >> 28) - 8,
then shifted left by the wasted bits of the file, which `bits` leaves out."""
import pathlib
import subprocess

FILES = {  # name: bits, wasted, channels, frames, rate, options
    "stereo16": (16, 0, 2, 1200, 44100, ["-8", "-b", "576"]),
    "left16": (16, 0, 2, 300, 16000, ["-2", "-b", "256"]),
    "mono24": (24, 0, 1, 500, 96000, ["-5", "-b", "192"]),
    "eight8": (8, 0, 8, 200, 8000, ["-5", "-b", "128"]),
    "stereo32": (32, 0, 2, 300, 48000, ["-8", "-b", "256"]),
    "wasted16": (12, 4, 1, 400, 22050, ["-8", "-b", "256"]),
}


def samples(bits, wasted, channels, frames):
    random, out = 1, []
    for t in range(frames):
        for c in range(channels):
            random = (random * 1664525 + 1013904223) % 2**32
            x = abs(37 * (c + 1) * t % 4096 - 2048) - 1024
            x = x * 2 ** (bits - 12) if bits >= 12 else x // 2 ** (12 - bits)
            x += (random >> 28) - 8
            out.append(x << wasted)
    return out


def main():
    folder = pathlib.Path(__file__).parent.parent / "golden" / "sound"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (bits, wasted, channels, frames, rate, options) in FILES.items():
        size = (bits + wasted) // 8
        raw = b"".join(x.to_bytes(size, "little", signed=True)
                       for x in samples(bits, wasted, channels, frames))
        subprocess.run(
            ["flac", "-s", "-f", "--no-padding", "--no-seektable", "--force-raw-format",
             "--endian=little", "--sign=signed", f"--channels={channels}",
             f"--bps={bits + wasted}", f"--sample-rate={rate}", *options,
             "-o", str(folder / (name + ".flac")), "-"], input=raw, check=True)


main()
