#!/usr/bin/env python3
"""Compare the tokenizers with the tokenizers and transformers packages on difficult text.

    python3 tests/oracle/bpe.py FOLDER [--lines 100000] [--seed 1] [--captions clips.jsonl] [--files] [--spiece MODEL] [--cc CC]

FOLDER holds tokenizer.json as transformers 5 writes it, or vocab.json and merges.txt (--files), perhaps with
tokenizer_config.json. The files become a table as the converter makes it, by vocab.c; ids of tokens.c are compared with
AutoTokenizer's. A Unigram tokenizer.json (T5) becomes a spiece.model and is compared with the sentencepiece package and
MODEL; that package takes special strings as text. Lines are those of tokens.py without invalid UTF-8, and special strings, capital letters, marks
in disorder, Hangul, runs of one character. Needs pip install tokenizers==0.23.3 transformers==5.24.0 sentencepiece==0.2.3.
"""
import argparse, json, os, random, struct, subprocess, sys, tempfile, unicodedata
import tokens
HERE = os.path.dirname(os.path.abspath(__file__)); ROOT = os.path.dirname(os.path.dirname(HERE))
SPECIAL = ["<|startoftext|>", "<|endoftext|>", "<|ENDOFTEXT|>", "<|StartOfText|>>", "<|endoftext|", "<s>", "</s>", "<pad>", "<unk>", "<mask>", " <mask>", "<mask> ", "<s><s>", "!", "!!"]
WORDS = "don't I'LL WE'VE it's they're y'all 's 'S ''s rock'n'roll Über ÉCLAIR İstanbul ΣΊΣΥΦΟΣ straße DŽ ǅ ﬁ ½ Ⅷ 3.14 1,000,000 user@example.com http://a.b/c?d=e#f C++ :-) ... -- \u2014 \u00ad".split()
NFD_CODES = [c for c in range(0xa0, 0x30000) if len(unicodedata.normalize("NFD", chr(c))) > 1]


def hard(rng):
    k = rng.random(); c = tokens.character; part = lambda n: "".join(c(rng) for _ in range(rng.randint(0, n)))
    if k < 0.002: return "".join(rng.choice(rng.choice(["ab", "the", "aeiou", "\u00e9\u4f60x"])) for _ in range(rng.randint(500, 20000)))
    if k < 0.15: return rng.choice(["", " "]).join(rng.choice(SPECIAL + WORDS) for _ in range(rng.randint(1, 6)))
    if k < 0.3: return " ".join(rng.choice(WORDS + [part(6)]) for _ in range(rng.randint(1, 10)))
    if k < 0.45: return "".join(unicodedata.normalize("NFD", chr(rng.choice(NFD_CODES))) + "".join(chr(rng.randint(0x300, 0x36f)) for _ in range(rng.randint(0, 3))) for _ in range(rng.randint(1, 8)))
    if k < 0.55:
        s = list(unicodedata.normalize("NFD", "".join(chr(rng.choice(NFD_CODES)) for _ in range(4))) + part(4)); rng.shuffle(s); return "".join(s)
    if k < 0.65: return "".join(chr(rng.choice([rng.randint(0x1100, 0x11ff), rng.randint(0xac00, 0xd7a3), rng.randint(0x11a8, 0x11c2)])) for _ in range(rng.randint(1, 10)))
    if k < 0.75: return (c(rng) * rng.randint(1, 80) + rng.choice(" \n\t'") * rng.randint(0, 4)) + part(5)
    if k < 0.85: return "".join(rng.choice(" \t\n\r\u00a0\u0085\u2028\u3000ab1'") for _ in range(rng.randint(1, 30)))
    return part(30)


def lines_of(a):
    rng = random.Random(a.seed); lines = [c for l in open(a.captions) for c in json.loads(l)["captions"]] if a.captions else []
    lines = lines[:a.lines // 2]
    while len(lines) < a.lines:
        if rng.random() < 0.5: lines.append(hard(rng)); continue
        try: lines.append(tokens.line(rng).decode())
        except UnicodeDecodeError: pass
    return lines


def wanted(folder, files, lines, unigram):
    if unigram:
        import sentencepiece
        sp = sentencepiece.SentencePieceProcessor(model_file=unigram); return [sp.encode(l)[:511] + [1] for l in lines]
    from transformers import AutoTokenizer
    with tempfile.TemporaryDirectory() as work:
        for f in files: os.symlink(os.path.abspath(f), os.path.join(work, os.path.basename(f)))
        t = AutoTokenizer.from_pretrained(work); most = 77 if "CLIP" in type(t).__name__ else 512
        return t(lines, truncation=True, max_length=most).input_ids


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter); ap.add_argument("folder"); ap.add_argument("--lines", type=int, default=100000)
    ap.add_argument("--seed", type=int, default=1); ap.add_argument("--captions"); ap.add_argument("--files", action="store_true"); ap.add_argument("--spiece"); ap.add_argument("--cc", default="cc"); a = ap.parse_args()
    names = ["vocab.json", "merges.txt"] if a.files else ["tokenizer.json"]; files = [os.path.join(a.folder, n) for n in names]
    if os.path.exists(os.path.join(a.folder, "tokenizer_config.json")): files.append(os.path.join(a.folder, "tokenizer_config.json"))
    lines = lines_of(a); bad = 0; want = wanted(a.folder, files, lines, a.spiece)
    with tempfile.TemporaryDirectory() as work:
        table, file = os.path.join(work, "table"), os.path.join(work, "lines")
        for tool in "vocab", "tokens": subprocess.run([a.cc, "-O1", "-w", "-I" + ROOT, os.path.join(HERE, tool + ".c"), "-lm", "-o", os.path.join(work, tool)], check=True)
        subprocess.run([os.path.join(work, "vocab"), table] + files, check=True)
        with open(file, "wb") as f: f.write(b"".join(struct.pack("<I", len(b)) + b for b in (l.encode() for l in lines)))
        got = subprocess.run([os.path.join(work, "tokens"), table, file], check=True, stdout=subprocess.PIPE).stdout.decode().splitlines()
    for l, g, w in zip(lines, got, want, strict=True):
        if g != " ".join(map(str, w)):
            bad += 1
            if bad <= 5: print(f"{l!r}\n  got  {g}\n  want {' '.join(map(str, w))}")
    print(f"{len(lines) - bad} passed, {bad} failed"); sys.exit(bad > 0)


if __name__ == "__main__": main()
