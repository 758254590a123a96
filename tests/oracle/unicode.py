#!/usr/bin/env python3
"""Write the Unicode tables of tango.h as the tokenizers package behaves.

    python3 tests/oracle/unicode.py [--check] [tango.h]

Every code point goes through the package (tokenizers 0.23.3): \\p{L}, \\p{N} and \\s of its regular expressions, its
Lowercase, NFD and NFC. The parts of the package know different versions of Unicode (letters 17, normal forms 12), and
this follows each. Python's unicodedata only proposes code points that may decompose or be marks: neither changes once
assigned. The lines between the markers "tables begin" and "tables end" are replaced; --check compares them instead.
"""
import argparse, os, sys, unicodedata
from tokenizers import PreTokenizedString, Regex, normalizers
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODES = [c for c in range(0x110000) if not 0xd800 <= c <= 0xdfff]
nfc, nfd, lower = (f().normalize_str for f in (normalizers.NFC, normalizers.NFD, normalizers.Lowercase))


def matching(regex):
    out = set()
    for i in range(0, len(CODES), 4096):
        part = CODES[i:i + 4096]; p = PreTokenizedString("".join(map(chr, part))); p.split(lambda _, n: n.split(Regex(regex), "removed"))
        kept = {c for t, _, _ in p.get_splits() for c in t}; out.update(c for c in part if chr(c) not in kept)
    return out


def classes():
    """(first, class) of each run: 0 other, 1 letter, 2 number, 3 space."""
    kinds = [matching(r"\p{L}"), matching(r"\p{N}"), matching(r"\s")]; assert not kinds[0] & kinds[1] | (kinds[0] | kinds[1]) & kinds[2]
    rows, last = [], None
    for c in CODES:
        k = next((i + 1 for i, s in enumerate(kinds) if c in s), 0)
        if k != last: rows.append((c, k)); last = k
    return rows


def lowered():
    """(first, last, step, what is added) of runs of capital letters. U+0130 alone becomes two."""
    rows = []
    for c in CODES:
        t = lower(chr(c))
        if t == chr(c): continue
        if c == 0x130: assert t == "i\u0307"; continue
        assert len(t) == 1; d = ord(t) - c
        if rows and rows[-1][3] == d and c - rows[-1][1] <= 2 and (rows[-1][0] == rows[-1][1] or c - rows[-1][1] == rows[-1][2]): rows[-1] = (rows[-1][0], c, c - rows[-1][1], d)
        else: rows.append((c, c, 1, d))
    return rows


def marks():
    """(first, last, combining class) of characters that are put in order after a letter."""
    rows = []
    for c in CODES:
        k = unicodedata.combining(chr(c))
        if not k: continue
        other = "\u0345" if k < 240 else "\u0301"; pair = "a" + (other + chr(c) if k < 240 else chr(c) + other)
        if len(nfd(chr(c))) > 1 or nfd(pair) == pair: continue  # the package does not know it
        if rows and rows[-1][1] == c - 1 and rows[-1][2] == k: rows[-1] = (rows[-1][0], c, k)
        else: rows.append((c, c, k))
    return rows


def pairs():
    """(character, first, second or 0) of canonical decompositions; and the rows that compose, by (first, second)."""
    rows = []
    for c in CODES:
        d = unicodedata.decomposition(chr(c)).split()
        if not d or d[0][0] == "<" or nfd(chr(c)) == chr(c): continue
        first, second = (int(x, 16) for x in (d + ["0"])[:2]); rows.append((c, first, second))
        assert nfd(chr(first) + (chr(second) if second else "")) == nfd(chr(c))
    order = [(i,) for f, s, c, i in sorted((f, s, c, i) for i, (c, f, s) in enumerate(rows)) if s and nfc(chr(f) + chr(s)) == chr(c)]
    return rows, order


def number(v):
    """Digits of 5 bits, low first: the last is ']' and up, those before '#' and up (without '?')."""
    v = 2 * v if v >= 0 else -2 * v - 1; out = ""
    while v > 31: d = v & 31; out += chr(35 + d) if d < 28 else chr(36 + d); v >>= 5
    return out + chr(93 + v)


def written(name, what, rows):
    last = [0] * len(rows[0]); text = ""
    for r in rows: text += "".join(number(a - b) for a, b in zip(r, last)); last = r
    n = 82; lines = [text[i:i + n] for i in range(0, len(text), n)]
    return [f"/* {what} */", f"static const char *const tango__{name}_text[] = {{"] + [f'    "{x}",' for x in lines] + ["};", ""]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter); ap.add_argument("header", nargs="?", default=os.path.join(TOP, "tango.h"))
    ap.add_argument("--check", action="store_true"); a = ap.parse_args(); rows, order = pairs(); c, l, m = classes(), lowered(), marks()
    # No text grows beyond three times its bytes, as the arena is measured: not when taken apart, not when put together, not by small letters.
    size = lambda t: len(t.encode()); worst = max(max(size(nfd(chr(x))), size(lower(chr(x)))) / size(chr(x)) for x in CODES); assert worst <= 3, worst
    assert all(max(size(chr(x)), size(lower(chr(x)))) <= size(chr(f)) + size(chr(t)) for x, f, t in (rows[i] for i, in order))
    assert all(len(nfd(chr(x))) <= 1.5 * size(chr(x)) for x in CODES)
    out = ["enum { /* rows of each table */", f"    TANGO__CLASS_ROWS = {len(c)},", f"    TANGO__LOWER_ROWS = {len(l)},", f"    TANGO__MARK_ROWS = {len(m)},",
           f"    TANGO__PAIR_ROWS = {len(rows)},", f"    TANGO__ORDER_ROWS = {len(order)}", "};", ""]
    out += written("class", "First code point of a run, class: 0 other, 1 letter, 2 number, 3 white space.", c)
    out += written("lower", "First and last capital letter of a run, step, distance to the small ones.", l)
    out += written("mark", "First and last combining mark of a run, class by which marks are put in order.", m)
    out += written("pair", "Character, and the one or two (else 0) that it is made of.", rows)
    out += written("order", "Rows of those that are put together again, in order of (first, second).", order)
    text = open(a.header).read(); begin = text.index("tables begin"); begin = text.index("\n", begin) + 1; end = text.rindex("\n", 0, text.index("tables end")) + 1
    new = text[:begin] + "\n".join(out) + text[end:]
    print(f"{len(out)} lines, {sum(map(len, out))} bytes; growth {worst}")
    if a.check: sys.exit(new != text)
    open(a.header, "w").write(new)


if __name__ == "__main__": main()
