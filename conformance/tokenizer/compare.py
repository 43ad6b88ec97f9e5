#!/usr/bin/env python3
"""Compare `casemate tokenize` with llama.cpp or Hugging Face tokenizers on random
strings. README.md says how to run it and what the rules mean."""

import argparse
import collections
import json
import pathlib
import random
import re
import struct
import subprocess
import sys
import threading
import unicodedata

BATCH = 500
CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
WORD_LEAD = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = {
    "llama-bpe": WORD_LEAD % r"\p{N}{1,3}",
    "smaug-bpe": WORD_LEAD % r"\p{N}{1,3}",
    "qwen2": WORD_LEAD % r"\p{N}",
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
}
SEPARATORS = [" ", "  ", "\n", "\r\n", "\t", " \n ", "  \n\n  ", "'s", "'LL", "'re", "'T", "'VE'd", "'\u017f", "'\u212a",
              "12345", "0", "\u3000", "\u00a0", "\u0085", "\u2028", "'", "...", "!?", "\r\r"]
WHITE = [chr(c) for c in [*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]]
BORDERS = [chr(c) for c in (0, 0xAD, 0x130, 0x17F, 0x180E, 0x212A, 0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0x2EBEF, 0x2EBF0, 0x2EE5D,
                            0x2EE5E, 0x323AF, 0x323B0, 0xE0100, 0x10FFFF)]

NEWER = [(0x897, 0x897), (0x1C89, 0x1C8A), (0xA7CB, 0xA7DC), (0x105C0, 0x105F3), (0x10D40, 0x10D8F), (0x10EC2, 0x10EFC),
         (0x11380, 0x113E2), (0x116D0, 0x116E3), (0x11BC0, 0x11BF9), (0x11F5A, 0x11F5A), (0x13460, 0x143FA), (0x16100, 0x16139),
         (0x16D40, 0x16D79), (0x18CFF, 0x18CFF), (0x1CCF0, 0x1CCF9), (0x1E5D0, 0x1E5FF)]


class Strings:
    """Makes random strings; kind 6 has spellings of special tokens."""

    def __init__(self, seed, tokens, specials):
        self.r = random.Random(seed)
        self.tokens = tokens or ["a"]
        self.specials = specials or ["<s>"]
        self.categories = collections.defaultdict(list)
        for c in range(0x110000):
            if not 0xD800 <= c < 0xE000:
                self.categories[unicodedata.category(chr(c))[0]].append(chr(c))
        self.categories = [self.categories[k] for k in sorted(self.categories)]

    def any(self):
        while True:
            c = self.r.randrange(0x110000 if self.r.random() < 0.5 else 0x32400)
            if not 0xD800 <= c < 0xE000:
                return chr(c)

    def some(self, n, alphabet):
        return "".join(self.r.choice(alphabet) for _ in range(n))

    def block(self):
        first = self.r.randrange(0x32400 if self.r.random() < 0.9 else 0x110000) & ~0x7F
        if 0xD800 <= first < 0xE000:
            first = 0xE000
        return "".join(chr(first + self.r.randrange(128)) for _ in range(self.r.randrange(1, 10)))

    def separator(self):
        return self.r.choice(SEPARATORS) if self.r.random() < 0.5 else ""

    def special(self):
        s = self.r.choice(self.specials)
        if self.r.random() < 0.3:
            at = self.r.randrange(len(s))
            s = s[at:at + self.r.randrange(1, len(s) + 1)]
        return s + self.separator()

    def next(self):
        r, kind = self.r, self.r.randrange(12)
        n = r.randrange(1, 41)
        make = [
            lambda: "".join(self.any() for _ in range(n)),
            lambda: "".join(self.block() + self.separator() for _ in range(1 + n // 8)),
            lambda: self.some(n, "abcXYZ  ''stdmrevlLSTDMREV012\n\r\t.,-_!{}<>|"),
            lambda: "".join(r.choice("a1.") if r.random() < 0.25 else r.choice(WHITE) for _ in range(n)),
            lambda: "".join(r.choice(self.tokens) for _ in range(1 + n // 4)),
            lambda: r.choice(self.tokens) * r.randrange(1, 60),
            lambda: "".join(self.special() for _ in range(1 + n // 6)),
            lambda: "".join(r.choice(r.choice(self.categories)) for _ in range(n)),
            lambda: "".join(self.some(r.randrange(1, 6), r.choice(self.categories)) + self.separator() for _ in range(n)),
            lambda: self.some(n, [chr(c) for c in range(32, 127)]),
            lambda: self.some(n * 6, "abcdefghijklmnopqrstuvwxyz"),
            lambda: "".join(r.choice(BORDERS) if r.random() < 0.3 else self.any() for _ in range(n)),
        ]
        return make[kind](), kind


class Casemate:
    """casemate tokenize --jsonl, once for plain and once for special text."""

    def __init__(self, binary, model):
        self.run = [
            subprocess.Popen([binary, "tokenize", "--model", model, "--jsonl", "-", *more], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True, encoding="utf-8")
            for more in ([], ["--special"])
        ]

    def ids(self, texts, special):
        p = self.run[special]

        def feed():
            for t in texts:
                p.stdin.write(json.dumps({"text": t}) + "\n")
            p.stdin.flush()

        feeder = threading.Thread(target=feed)
        feeder.start()
        answers = [json.loads(p.stdout.readline())["ids"] for _ in texts]
        feeder.join()
        return answers


class Llama:
    """A helper that speaks the protocol of README.md."""

    name = "llama.cpp"

    def __init__(self, binary, model):
        self.p = subprocess.Popen([binary, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ids(self, texts, special):
        def feed():
            for t in texts:
                raw = t.encode()
                self.p.stdin.write(struct.pack("<I", len(raw) | special << 31) + raw)
            self.p.stdin.flush()

        feeder = threading.Thread(target=feed)
        feeder.start()
        answers = []
        for _ in texts:
            n, = struct.unpack("<i", self.p.stdout.read(4))
            answers.append(list(struct.unpack("<%di" % n, self.p.stdout.read(4 * n))))
        feeder.join()
        return answers


class HuggingFace:
    """Package tokenizers, from tokenizer.json or a GGUF vocabulary."""

    name = "Hugging Face"

    def __init__(self, model, vocabulary):
        import tokenizers
        if pathlib.Path(model).is_dir():
            made = tokenizers.Tokenizer.from_file(str(pathlib.Path(model) / "tokenizer.json"))
            made.no_padding(), made.no_truncation()
            self.tokenizers = [made, made]
            return
        self.tokenizers = [self.build(tokenizers, vocabulary), self.build(tokenizers, vocabulary)]
        self.tokenizers[1].add_special_tokens([
            tokenizers.AddedToken(t, special=True, normalized=False)
            for t, k in zip(vocabulary.tokens, vocabulary.types) if k == 3])

    @staticmethod
    def build(tokenizers, v):
        if v.pre not in PATTERNS:
            sys.exit(f"no pattern for the pre-tokenizer {v.pre!r}: compare with a folder's tokenizer.json")
        model = tokenizers.models.BPE(
            vocab={t: i for i, t in enumerate(v.tokens) if v.types[i] == 1},
            merges=[tuple(m.split(" ")) for m in v.merges], ignore_merges=v.pre == "llama-bpe")
        made = tokenizers.Tokenizer(model)
        made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
            tokenizers.pre_tokenizers.Split(tokenizers.Regex(PATTERNS[v.pre]), "isolated"),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        made.decoder = tokenizers.decoders.ByteLevel()
        return made

    def ids(self, texts, special):
        return [e.ids for e in self.tokenizers[special].encode_batch(texts, add_special_tokens=False)]


class Vocabulary:
    """What the strings and rules need of a model's vocabulary."""

    def __init__(self, model):
        self.pre, self.merges = "", []
        if pathlib.Path(model).is_dir():
            self.read_json(json.loads((pathlib.Path(model) / "tokenizer.json").read_text(encoding="utf-8")))
        else:
            self.read_gguf(model)
        self.control = {i for i, k in enumerate(self.types) if k in (2, 3)}
        self.markers = {i for i, k in enumerate(self.types) if k == 4 and re.search(r"[<>\[\]{}|｜]", self.tokens[i])
                        and any(unicodedata.category(c)[0] in "LN" for c in self.tokens[i])}
        self.specials = [self.tokens[i] for i, k in enumerate(self.types) if k in (2, 3, 4)]
        self.words = [w for w in (self.text(i) for i, k in enumerate(self.types) if k == 1) if w]

    def read_gguf(self, model):
        import gguf
        fields = gguf.GGUFReader(model).fields
        get = lambda key: fields["tokenizer.ggml." + key].contents() if "tokenizer.ggml." + key in fields else None
        self.tokens, self.types = get("tokens"), get("token_type")
        self.bytes = get("model") == "gpt2"
        self.pre, self.merges = get("pre"), get("merges") or []

    def read_json(self, d):
        self.bytes = '"ByteLevel"' in json.dumps(d.get("pre_tokenizer"))
        by_id = {i: (t, 1) for t, i in d["model"]["vocab"].items()}
        by_id.update((a["id"], (a["content"], 3 if a["special"] else 4)) for a in d["added_tokens"])
        self.tokens, self.types = zip(*(by_id.get(i, ("", 5)) for i in range(max(by_id) + 1)))

    def text(self, i):
        if not self.bytes:
            return self.tokens[i].replace("\u2581", " ")
        raw = bytes(LETTERS[c] for c in self.tokens[i] if c in LETTERS)
        return raw.decode("utf-8", "ignore")


def letters():
    """GPT-2's letters of the bytes."""
    table, extra = {}, 0x100
    for b in range(256):
        if 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or 0xAE <= b:
            table[chr(b)] = b
        else:
            table[chr(extra)], extra = b, extra + 1
    return table


LETTERS = letters()


def rule(text, special, want, vocabulary, other):
    """Return the name of the rule that explains a difference, or None."""
    if not special and not vocabulary.bytes and any(vocabulary.tokens[i] in text for i in vocabulary.control):
        return "injected"
    if not special and vocabulary.markers & set(want):
        return "marker"
    if other.name == "Hugging Face":
        if any(unicode16(c) for c in text):
            return "unicode16"
        if "'\u017f" in text:
            return "long s"
    return None


def unicode16(c):
    """Say whether c is in a block where Unicode 16 added letters, numbers or marks."""
    return any(first <= ord(c) <= last for first, last in NEWER)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--casemate", required=True, help="the program")
    p.add_argument("--model", required=True, help="a GGUF file or a folder")
    p.add_argument("--llama", metavar="HELPER", help="compare with llama.cpp")
    p.add_argument("--hf", action="store_true", help="compare with Hugging Face tokenizers")
    p.add_argument("--count", type=int, default=200_000)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    if bool(a.llama) == a.hf:
        p.error("give --llama or --hf")
    vocabulary = Vocabulary(a.model)
    other = Llama(a.llama, a.model) if a.llama else HuggingFace(a.model, vocabulary)
    ours = Casemate(a.casemate, a.model)
    strings = Strings(a.seed, vocabulary.words, vocabulary.specials)
    # A tokenizer.json finds special tokens in any text: only special text compares.
    plain = not (a.hf and pathlib.Path(a.model).is_dir())
    explained, unequal, kinds, size = collections.Counter(), 0, collections.Counter(), 0
    done = 0
    while done < a.count:
        batch = [strings.next() for _ in range(min(BATCH, a.count - done))]
        done += len(batch)
        texts = [t for t, kind in batch if plain and not (kind == 6 and strings.r.random() < 0.5)]
        for special, chosen in ((False, texts), (True, [t for t, _ in batch] if not plain else [t for t, k in batch if k == 6])):
            for text, got, want in zip(chosen, ours.ids(chosen, special), other.ids(chosen, special)):
                size += len(text.encode())
                kinds["special" if special else "plain"] += 1
                if got == want:
                    continue
                if why := rule(text, special, want, vocabulary, other):
                    explained[why] += 1
                    continue
                unequal += 1
                if unequal <= 10:
                    print(f"{ascii(text)} (special: {special})\n  {other.name}: {want}\n  casemate: {got}")
    print(f"{sum(kinds.values())} strings ({dict(kinds)}), {size} bytes against {other.name}: "
          f"{unequal} unequal, explained {dict(explained)}")
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
