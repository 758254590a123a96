#!/usr/bin/env python3
"""Write small vocabularies, as transformers 5.24.0 saves them, and the ids of hard lines.

    python3 tests/oracle/vocab.py ../golden/tokens [--captions clips.jsonl]

clip, roberta  vocab.json and merges.txt of a byte-level BPE of 100 merges trained on the captions, and tokenizer.json as CLIPTokenizer
               and RobertaTokenizer save it; roberta's tokenizer_config.json gives <mask> the space before it
t5             spiece.model of 160 pieces with a charsmap of a few rules, and the tokenizer.json that T5Tokenizer makes of it
*.tokenizer_json, clip.vocab   vocabularies of a few entries to begin fuzzing with
hard.bin       lines (32-bit length, bytes); clip.txt, roberta.txt, t5.txt their ids. t5.txt is of the sentencepiece package.
Needs tokenizers 0.23.3, transformers 5.24.0, sentencepiece 0.2.3, protobuf.
"""
import argparse, json, os, random, shutil, struct, tempfile
import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, CLIPTokenizer, RobertaTokenizer, T5Tokenizer
import bpe
RULES = "41\t61\n42\t62\nff21\t41\nfb01\t66 69\n9\t20\na\t20\n3000\t20\n300\t\nc0\t61 300\n61 300\te0\n"


def trained(words, suffix, alphabet):
    """Vocabulary and merges, ids as in the published files: bytes, bytes that end a word, merges, special tokens."""
    end = {"end_of_word_suffix": suffix} if suffix else {}; t = Tokenizer(models.BPE(**end)); t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    n = len(alphabet) * (2 if suffix else 1) + 100
    t.train_from_iterator(words, trainers.BpeTrainer(vocab_size=n, initial_alphabet=alphabet, show_progress=False, **end))
    merges = [tuple(m) for m in json.loads(t.to_str())["model"]["merges"]][:100]
    vocab = alphabet + [c + suffix for c in alphabet if suffix]; vocab += [a + b for a, b in merges if a + b not in vocab]
    return {w: i for i, w in enumerate(vocab)}, merges


def byte_letters():
    own = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256)); rest = [b for b in range(256) if b not in own]
    return [chr(b) for b in own] + [chr(256 + i) for i in range(len(rest))]


def files(folder, vocab, merges):
    os.makedirs(folder, exist_ok=True); json.dump(vocab, open(os.path.join(folder, "vocab.json"), "w", encoding="utf8"), ensure_ascii=False, separators=(",", ":"))
    open(os.path.join(folder, "merges.txt"), "w", encoding="utf8").write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))


def saved(t, folder, out):
    with tempfile.TemporaryDirectory() as work:
        t.save_pretrained(work); d = json.load(open(os.path.join(work, "tokenizer.json"), encoding="utf8"))
        json.dump(d, open(os.path.join(folder, out), "w", encoding="utf8"), ensure_ascii=False, separators=(",", ":"))


def small(out):
    """What tests/fuzz/tokenizer_json.c and vocab.c read: small files of each kind."""
    clip = {w: i for i, w in enumerate(["a", "b", "a</w>", "b</w>", "aa", "ab</w>", "<|startoftext|>", "<|endoftext|>"])}; merges = [("a", "a"), ("a", "b</w>")]
    saved(CLIPTokenizer(clip, merges), out, "clip.tokenizer_json")
    roberta = {w: i for i, w in enumerate(["<s>", "<pad>", "</s>", "<unk>", "a", "b", "\u0120", "\u0120a", "<mask>"])}; saved(RobertaTokenizer(roberta, [("\u0120", "a")]), out, "roberta.tokenizer_json")
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0), ("a", -3.0), ("\u2581ab", -1.5), ("<extra_id_0>", 0.0)]; saved(T5Tokenizer(pieces, extra_ids=1), out, "t5.tokenizer_json")
    rows = ["aab B<|endoftext|>\u00e4", json.dumps(clip), "".join(f"{a} {b}\n" for a, b in merges), json.dumps({"pad_token": "a"})]; open(os.path.join(out, "clip.vocab"), "wb").write("\0".join(rows).encode())


def ids(path, rows): open(path, "w").write("".join(" ".join(map(str, r)) + "\n" for r in rows))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter); ap.add_argument("out"); ap.add_argument("--captions"); a = ap.parse_args(); join = lambda *p: os.path.join(a.out, *p)
    captions = [c for l in open(a.captions) for c in json.loads(l)["captions"]] if a.captions else bpe.WORDS
    small(a.out); rng = random.Random(3); lines = ["", " ", "a dog barks while rain falls", "Don't STOP!  it's 3.14 km away", "a <mask> b", "x<|endoftext|>y <|EndOfText|>> z", "<s>a </s> b<pad>", "  two  spaces\n\n  and lines ", "low" * 90, "é" * 200, "a" + "\u0301\u0323" * 40]
    lines += [l for l in (bpe.hard(rng) for _ in range(200)) if len(l) < 40][:50]; lines += ["rain and wind " * 60]
    with open(join("hard.bin"), "wb") as f: f.write(b"".join(struct.pack("<I", len(b)) + b for b in (l.encode() for l in lines)))
    letters = byte_letters(); lower = [c.lower() for c in captions]
    vocab, merges = trained(lower, "</w>", letters); vocab["<|startoftext|>"] = len(vocab); vocab["<|endoftext|>"] = len(vocab); files(join("clip"), vocab, merges)
    t = CLIPTokenizer(vocab, merges); saved(t, join("clip"), "tokenizer.json"); ids(join("clip.txt"), t(lines, truncation=True, max_length=77).input_ids)
    vocab, merges = trained(captions, "", letters); vocab = {w: i for i, w in enumerate(["<s>", "<pad>", "</s>", "<unk>"] + list(vocab) + ["<mask>"])}; files(join("roberta"), vocab, merges)
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False}
    json.dump({"tokenizer_class": "RobertaTokenizer", "mask_token": mask}, open(join("roberta", "tokenizer_config.json"), "w"))
    with tempfile.TemporaryDirectory() as work:
        for n in "vocab.json", "merges.txt", "tokenizer_config.json": shutil.copy(join("roberta", n), work)
        t = AutoTokenizer.from_pretrained(work)
    saved(t, join("roberta"), "tokenizer.json"); ids(join("roberta.txt"), t(lines, truncation=True, max_length=512).input_ids)
    os.makedirs(join("t5"), exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        rules = "rules.tsv"; back = os.getcwd(); os.chdir(work); open(rules, "w").write(RULES)  # paths go into the model
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(captions), model_prefix="spiece", vocab_size=160, character_coverage=1.0, hard_vocab_limit=False, normalization_rule_tsv=rules,
                                                 pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2)
        os.chdir(back)
        json.dump({"tokenizer_class": "T5Tokenizer", "extra_ids": 3}, open(os.path.join(work, "tokenizer_config.json"), "w")); shutil.copy(os.path.join(work, "spiece.model"), join("t5"))
        saved(AutoTokenizer.from_pretrained(work), join("t5"), "tokenizer.json")
    sp = sentencepiece.SentencePieceProcessor(model_file=join("t5", "spiece.model")); ids(join("t5.txt"), [sp.encode(l)[:511] + [1] for l in lines])


if __name__ == "__main__": main()
