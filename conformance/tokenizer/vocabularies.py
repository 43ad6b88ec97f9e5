#!/usr/bin/env python3
"""Write small GGUF vocabularies for compare.py: see README.md. Needs package gguf."""

import argparse
import pathlib
import random

import gguf

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


def begin(path, tokens, types):
    """Return a writer with the keys that llama.cpp wants of a vocabulary alone."""
    w = gguf.GGUFWriter(path, "llama")
    w.add_context_length(128)
    w.add_embedding_length(64)
    w.add_block_count(1)
    w.add_feed_forward_length(128)
    w.add_head_count(4)
    w.add_head_count_kv(4)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(16)
    w.add_vocab_size(len(tokens))
    w.add_token_list(tokens)
    w.add_token_types(types)
    return w


def end(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def byte_level(source, path, pre, more=()):
    """Write source's vocabulary under another pre-tokenizer's name."""
    fields = gguf.GGUFReader(source).fields
    get = lambda key: fields["tokenizer.ggml." + key].contents()
    tokens, types = get("tokens") + list(more), get("token_type") + [USER_DEFINED] * len(more)
    w = begin(path, tokens, types)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(pre)
    w.add_token_merges(get("merges"))
    w.add_bos_token_id(get("bos_token_id"))
    w.add_eos_token_id(get("eos_token_id"))
    end(w)


def sentence_piece(path, seed, prefix, user_defined):
    """Write a vocabulary of random joins; few scores, so that many are equal."""
    r = random.Random(seed)
    entries = {"<unk>": (0.0, UNKNOWN), "<s>": (0.0, CONTROL), "</s>": (0.0, CONTROL)}
    entries.update((f"<0x{b:02X}>", (0.0, BYTE)) for b in range(256))
    letters = [*"abcdefghijk.,01<>/s", "▁", "é", "語", "日", "本", "\u017f", "𝔘", "\n", "▁▁"]
    joined = []
    for _ in range(3000):
        left = r.choice(joined if joined and r.random() < 0.6 else letters)
        right = r.choice(joined if joined and r.random() < 0.4 else letters)
        if len(left + right) < 14:
            joined.append(left + right)
            entries.setdefault(left + right, (-float(r.randrange(300 if r.random() < 0.5 else 10)), NORMAL))
    for c in letters:
        if r.random() < 0.85:
            entries.setdefault(c, (-float(r.randrange(5)), NORMAL))
    for text in user_defined:
        entries.setdefault(text, (0.0, USER_DEFINED))
    entries.setdefault("[INST]", (0.0, CONTROL))
    entries.setdefault("unused", (0.0, UNUSED))
    w = begin(path, list(entries), [k for _, k in entries.values()])
    w.add_tokenizer_model("llama")
    w.add_tokenizer_pre("default")
    w.add_token_scores([s for s, _ in entries.values()])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)
    w.add_add_space_prefix(prefix)
    end(w)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--from", dest="source", help="a GGUF file with a byte-level vocabulary")
    p.add_argument("folder", type=pathlib.Path)
    a = p.parse_args()
    a.folder.mkdir(parents=True, exist_ok=True)
    for pre in ("qwen2", "qwen35", "gpt-2", "starcoder", "smaug-bpe") if a.source else ():
        byte_level(a.source, a.folder / f"{pre}.gguf", pre)
    if a.source:
        byte_level(a.source, a.folder / "user-defined.gguf", "qwen2", ["  ", "    ", "\n\n", "日本", "fooqux", "'sx"])
    for seed, prefix in enumerate([True, False, True]):
        more = [] if seed == 1 else ["ab", "  ", "   ", "▁▁▁", "cd e", "\n\n", "日本"]
        sentence_piece(a.folder / f"spm{seed}.gguf", seed, prefix, more)


if __name__ == "__main__":
    main()
