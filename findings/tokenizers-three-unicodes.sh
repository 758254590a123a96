#!/bin/sh
# tokenizers has three versions of Unicode at once: NFC of before 13, letters of 16, small letters
# of 17.
#
# Packages: tokenizers 0.23.3 (what CLIP's and GPT-2's fast tokenizers run on).
# Seen: NFC leaves U+11935 U+11930 (a vowel sign of Dives Akuru, composed since Unicode 13, 2020) as
# two characters, while compositions of Unicode 5.2 to 7 are made. \p{L} of a Split pattern matches
# letters of Unicode 15, 15.1 and 16 and none of 17. Lowercase turns U+A7CE and U+16EA0 of Unicode
# 17 into U+A7CF and U+16EBB. One would have guessed one version for all three steps of a pipeline
# that is built from one package, and that a letter with a small form is a letter.
# Why it matters: who writes the same tokenizer in another language with one Unicode library gets
# other ids whatever its version is: the capital U+A7CE is lowered but then split off as a symbol.
# Compare code point by code point with the package, step by step.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check tokenizers==0.23.3
"$tmp/venv/bin/python" - <<'EOF'
import sys
from tokenizers import Regex, normalizers, pre_tokenizers

nfc, lower = normalizers.NFC(), normalizers.Lowercase()
split = pre_tokenizers.Split(Regex(r"\p{L}+"), "isolated")
ok = True


def check(what, found, seen):
    global ok
    print(what, found)
    ok &= found == seen


for version, text, seen in (("5.2", "\U00011099\U000110ba", 1), ("6.1", "\U00011131\U00011127", 1),
                            ("7.0", "\U000114b9\U000114ba", 1), ("13.0", "\U00011935\U00011930", 2)):
    check(f"NFC, a pair that is one character since Unicode {version}: characters",
          len(nfc.normalize_str(text)), seen)
for version, code, seen in (("15.0", 0x1E4D0, True), ("15.1", 0x2EBF0, True), ("16.0", 0x10D4A, True),
                            ("17.0", 0xA7CE, False), ("17.0", 0x1E6C0, False)):
    check(f"\\p{{L}}, U+{code:04X}, a letter since Unicode {version}:",
          len(split.pre_tokenize_str(f"!{chr(code)}!")) == 3, seen)
for code, small in ((0xA7CE, 0xA7CF), (0x16EA0, 0x16EBB)):
    check(f"Lowercase, U+{code:04X}, a capital since Unicode 17.0: becomes U+{small:04X}",
          lower.normalize_str(chr(code)) == chr(small), True)
sys.exit(0 if ok else 1)
EOF
