#!/usr/bin/env python3
"""Compare the tokenizer with the sentencepiece package on difficult text.

    python3 tests/oracle/tokens.py SPIECE [--lines 100000] [--seed 1] [--captions clips.jsonl] [--cc CC]

Generated lines: captions, every corner of Unicode (combining marks, full-width, emoji, scripts, control characters), invalid UTF-8,
very long words, empty ones. Needs pip install sentencepiece.
"""
import argparse, json, os, random, struct, subprocess, sys, tempfile
import sentencepiece
HERE = os.path.dirname(os.path.abspath(__file__)); ROOT = os.path.dirname(os.path.dirname(HERE))
RANGES = [(0, 127), (32, 126), (0x80, 0x24f), (0x300, 0x36f), (0x600, 0x6ff), (0x900, 0xdff), (0x1100, 0x11ff), (0x1e00, 0x1fff), (0x2000, 0x206f), (0x2100, 0x24ff), (0x3040, 0x33ff), (0x4e00, 0x9fff),
          (0xac00, 0xd7a3), (0xf900, 0xfaff), (0xfb00, 0xfdff), (0xff00, 0xffef), (0x1d400, 0x1d7ff), (0x1f300, 0x1faff), (0, 0x10ffff)]
SPACES = " \t\n\r\u00a0\u3000\u2581\u200d\ufe0f"; WORDS = "a dog barks while heavy rain falls siren wails violin plays low note antidisestablishmentarianism don't 3.14".split()


def character(rng):
    if rng.random() < 0.1: return rng.choice(SPACES)
    while True:
        c = rng.randint(*rng.choice(RANGES))
        if not 0xd800 <= c <= 0xdfff: return chr(c)


def line(rng):
    k = rng.random(); some = lambda n: "".join(character(rng) for _ in range(rng.randint(1, n)))
    if k < 0.02: return rng.choice([b"", b" ", b"\xe2\x96\x81", b"   \t"])
    if k < 0.2: return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 12))).encode()
    if k < 0.6: return " ".join(some(8) + rng.choice(["", rng.choice(WORDS)]) for _ in range(rng.randint(1, 6))).encode()
    if k < 0.75: return some(30).encode()
    if k < 0.9:
        b = bytearray((" ".join(rng.choice(WORDS) for _ in range(4)) + some(10)).encode())
        for _ in range(rng.randint(1, 6)): i = rng.randint(0, len(b)); b[i:i + rng.randint(0, 1)] = bytes([rng.randint(0, 255)])
        return bytes(b)
    if k < 0.97: return (rng.choice(WORDS) * rng.randint(1, 60) + character(rng) * rng.randint(0, 60)).encode()
    return bytes(rng.randint(0, 255) for _ in range(rng.randint(1, 40)))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter); ap.add_argument("spiece"); ap.add_argument("--lines", type=int, default=100000)
    ap.add_argument("--seed", type=int, default=1); ap.add_argument("--captions"); ap.add_argument("--cc", default="cc"); a = ap.parse_args()
    rng = random.Random(a.seed); lines = [line(rng) for _ in range(a.lines)]
    if a.captions: lines += [c.encode() for l in open(a.captions) for c in json.loads(l)["captions"]]
    sp = sentencepiece.SentencePieceProcessor(model_file=a.spiece); bad = 0
    with tempfile.TemporaryDirectory() as work:
        program, file = os.path.join(work, "tokens"), os.path.join(work, "lines")
        subprocess.run([a.cc, "-O2", "-I" + ROOT, os.path.join(HERE, "tokens.c"), "-lm", "-o", program], check=True)
        with open(file, "wb") as f: f.write(b"".join(struct.pack("<I", len(b)) + b for b in lines))
        got = subprocess.run([program, a.spiece, file], check=True, stdout=subprocess.PIPE).stdout.decode().splitlines()
    for b, g in zip(lines, got, strict=True):
        want = " ".join(map(str, sp.encode(b)[:511] + [1]))
        if g != want:
            bad += 1
            if bad <= 5: print(f"{b!r}\n  got  {g}\n  want {want}")
    print(f"{len(lines) - bad} passed, {bad} failed"); sys.exit(bad > 0)


if __name__ == "__main__": main()
