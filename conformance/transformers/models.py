"""Build tiny random models, run them in transformers and in casemate, compare.

    python models.py CASEMATE [--work DIR] [--only NAME] [--seeds N]

CASEMATE is the built command. Each model is saved as Hugging Face saves models
and read by `casemate` from that folder. The table has a line for each thing
compared: the largest relative L2 distance to the same model in 64 bits (in
parentheses, how far transformers in 32 bits is from it), or the count that
differs. The exit status is 1 if a line says FAIL.
"""

import argparse
import contextlib
import copy
import functools
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.generation import logits_process

LIMIT = 3e-6  # relative L2
EXTRA_ROWS = 5  # of the embedding, beyond the tokenizer's
WORDS = "The process wrote a file, then 4096 bytes to 10.0.0.7:443; why? An analyst's note: T1059.001 isn't new.\n\n"
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
MARKERS = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>"]
TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "internal/model/chat/testdata/templates"
DATE = "26 Jul 2024"

SMALL = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64, beta_fast=32.0, beta_slow=1.0)

# name: (class, changes to SMALL, type of the weights, sharded)
MODELS = {
    "llama3-bf16-sharded": ("Llama", dict(rope_scaling=LLAMA3, rope_theta=500000.0, rms_norm_eps=1e-5), torch.bfloat16, True),
    "llama-linear-tied": ("Llama", dict(rope_scaling=dict(rope_type="linear", factor=4.0), tie_word_embeddings=True), torch.float32, False),
    "llama-yarn-head48": ("Llama", dict(rope_scaling=YARN, head_dim=48), torch.float32, False),
    "llama-bias-mha": ("Llama", dict(attention_bias=True, mlp_bias=True, num_key_value_heads=4), torch.float32, True),
    "mistral-window": ("Mistral", dict(sliding_window=9, head_dim=32), torch.bfloat16, False),
    "mistral-f16": ("Mistral", dict(sliding_window=None, rope_theta=1e6), torch.float16, False),
    "qwen2-tied": ("Qwen2", dict(tie_word_embeddings=True, rope_theta=1e6), torch.float32, False),
    "qwen2-bf16": ("Qwen2", dict(num_key_value_heads=1), torch.bfloat16, True),
    "qwen3-head32": ("Qwen3", dict(head_dim=32, rope_theta=1e6), torch.bfloat16, False),
    "qwen3-tied-yarn": ("Qwen3", dict(tie_word_embeddings=True, rope_scaling=YARN), torch.float32, False),
}


def tokenizer(qwen, folder):
    t = Tokenizer(models.BPE(ignore_merges=not qwen))
    split = SPLIT % ("" if qwen else "{1,3}")
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(split), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    t.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    t.train_from_iterator([WORDS], trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False))
    t.add_special_tokens(MARKERS)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=t, bos_token=MARKERS[0], eos_token=MARKERS[6 if qwen else 1], clean_up_tokenization_spaces=False
    )
    fast.chat_template = (TEMPLATES / ("im.jinja" if qwen else "headers.jinja")).read_text()
    fast.save_pretrained(folder)
    return fast


def build(name, folder):
    kind, changes, dtype, sharded = MODELS[name]
    tok = tokenizer(kind.startswith("Qwen"), folder)
    config = getattr(transformers, kind + "Config")(
        **{**SMALL, "tie_word_embeddings": False, "vocab_size": len(tok) + EXTRA_ROWS, **changes},
        bos_token_id=tok.bos_token_id, eos_token_id=tok.eos_token_id, pad_token_id=None,
    )
    torch.manual_seed(len(name))
    model = getattr(transformers, kind + "ForCausalLM")(config)
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "norm" in key:
                p.uniform_(0.5, 1.5)
            elif key.endswith("bias"):
                p.normal_(0, 0.3)
            else:
                p.normal_(0, 0.15)
    model.to(dtype).save_pretrained(folder, max_shard_size="60KB" if sharded else "5GB")
    # What is compared is the file's numbers computed in 32 bits.
    model = getattr(transformers, kind + "ForCausalLM").from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval(), tok


def run(casemate, *args):
    out = subprocess.run([casemate, *map(str, args)], capture_output=True, text=True)
    if out.returncode != 0:
        raise RuntimeError(f"casemate {' '.join(map(str, args))[:200]}: {out.stderr.strip()[:400]}")
    return json.loads(out.stdout)


def distance(got, want):
    got, want = torch.as_tensor(got, dtype=torch.float64), want.double()
    return float((got - want).norm() / want.norm())


def exact(model):
    """Return the model in 64 bits, where transformers itself goes down to 32.

    The rotation's frequencies are computed in 64 bits from the configuration: in
    32 bits, those of transformers, they alone are 1e-6 and more away at a position
    in the hundreds.
    """
    model = copy.deepcopy(model).double()
    # torch.float32 is what transformers names where it goes down.
    for module in model.modules():
        kind = type(module).__name__
        if kind.endswith("RMSNorm"):
            module.forward = functools.partial(norm64, module)
        elif kind.endswith("RotaryEmbedding"):
            module.forward = functools.partial(rotary64, frequencies64(model.config), module.attention_scaling)
    return model


def norm64(module, x):
    return module.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + module.variance_epsilon)


def rotary64(frequencies, scaling, x, position_ids, *args, **kwargs):
    angles = position_ids[0].double()[:, None] * frequencies[None]
    angles = torch.cat([angles, angles], -1)[None]
    return angles.cos() * scaling, angles.sin() * scaling


def frequencies64(config):
    r = dict(config.rope_parameters)
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    plain = r["rope_theta"] ** (-torch.arange(0, size, 2).double() / size)
    kind, factor = r.get("rope_type", "default"), r.get("factor", 1.0)
    if kind == "linear":
        return plain / factor
    if kind == "llama3":
        turns = r["original_max_position_embeddings"] * plain / (2 * math.pi)
        smooth = (turns - r["low_freq_factor"]) / (r["high_freq_factor"] - r["low_freq_factor"])
        return plain * (smooth.clamp(0, 1) * (1 - 1 / factor) + 1 / factor)
    if kind == "yarn":
        def dim(turns):
            return size * math.log(r["original_max_position_embeddings"] / (turns * 2 * math.pi)) / (2 * math.log(r["rope_theta"]))

        low, high = max(math.floor(dim(r["beta_fast"])), 0), min(math.ceil(dim(r["beta_slow"])), size - 1)
        ramp = ((torch.arange(size // 2).double() - low) / max(high - low, 0.001)).clamp(0, 1)
        return plain * (1 - ramp + ramp / factor)
    return plain


@contextlib.contextmanager
def softmax64():
    """Let attention weights be computed in the type that comes in."""
    old = torch.nn.functional.softmax
    torch.nn.functional.softmax = lambda x, dim=None, dtype=None, **k: old(x, dim=dim, **k)
    try:
        yield
    finally:
        torch.nn.functional.softmax = old


def reference(model, ids):
    """Return the logits, the normed state and each layer's output at the last position."""
    outputs = {}
    hooks = [model.model.embed_tokens.register_forward_hook(lambda m, i, o: outputs.__setitem__(0, o[0, -1]))]
    for n, layer in enumerate(model.model.layers):
        def keep(m, i, o, n=n):
            outputs[n + 1] = (o[0] if isinstance(o, tuple) else o)[0, -1]

        hooks.append(layer.register_forward_hook(keep))
    hooks.append(model.model.norm.register_forward_hook(lambda m, i, o: outputs.__setitem__("norm", o[0, -1])))
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
    for h in hooks:
        h.remove()
    return logits, outputs


class Table:
    def __init__(self):
        self.failed = False

    def line(self, model, what, ok, detail):
        self.failed |= not ok
        print(f"{model:22} {what:34} {detail:>28}  {'PASS' if ok else 'FAIL'}", flush=True)

    def check(self, model, what, f):
        try:
            ok, detail = f()
        except Exception as e:  # one thing that fails must not hide the others
            ok, detail = False, str(e)
        self.line(model, what, ok, detail)


def prompts(model):
    torch.manual_seed(7)
    vocabulary = model.config.vocab_size - EXTRA_ROWS - len(MARKERS)
    return [torch.randint(vocabulary, (n,)).tolist() for n in (1, 2, 9, 10, 33, 70, 200)]


def numbers(table, casemate, name, folder, model):
    worst, theirs = {}, {}
    truth = exact(model)
    layers = list(range(model.config.num_hidden_layers + 1))

    def measure():
        for ids in prompts(model):
            with softmax64():
                logits, outputs = reference(truth, ids)
            logits32, outputs32 = reference(model, ids)
            doc = run(
                casemate, "model", "logits", "--model", folder, "--tokens", ",".join(map(str, ids)), "--all", "--json",
                "--hidden", ",".join(map(str, layers)),
            )
            triples = {
                "logits": (doc["logits"], logits32, logits),
                "hidden after the output norm": (doc["hidden"], outputs32["norm"], outputs["norm"]),
            }
            triples |= {f"hidden {i}": (doc["layers"][str(i)], outputs32[i], outputs[i]) for i in layers}
            for key, (got, got32, want) in triples.items():
                worst[key] = max(worst.get(key, 0.0), distance(got, want))
                theirs[key] = max(theirs.get(key, 0.0), distance(got32, want))
        return True, "ran"

    table.check(name, "forward pass", measure)
    for key, d in worst.items():
        table.line(name, key, d <= LIMIT, f"{d:.2e} ({theirs[key]:.2e})")


def nameless(model):
    """Rows of the embedding that no token has: casemate never picks them."""
    return list(range(model.config.vocab_size - EXTRA_ROWS, model.config.vocab_size))


def continuation(model, ids, n, **settings):
    out = model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=n, do_sample=False,
        pad_token_id=0, suppress_tokens=nameless(model), **settings,
    )[0].tolist()[len(ids):]
    return out


def generated(casemate, folder, n, *args):
    doc = run(casemate, "generate", "--model", folder, "--max-tokens", n, "--logprobs", 0, "--json", *args)
    return [t["id"] for t in doc.get("tokens") or []], doc


def same_answer(got, want, tok):
    """Compare up to the first end of turn.

    casemate ends an answer at every token that is spelled like an end, as
    llama.cpp does; transformers at those of generation_config.json alone.
    """
    ends = {tok.convert_tokens_to_ids(m) for m in ("<|end_of_text|>", "<|eot_id|>", "<|im_end|>")}

    def cut(ids):
        return ids[: next((i for i, t in enumerate(ids) if t in ends), len(ids))]

    return cut(got) == cut(want)


def greedy(table, casemate, name, folder, model, tok):
    for what, settings, flags in [
        ("greedy", {}, []),
        ("greedy, repetition penalty 1.2", dict(repetition_penalty=1.2), ["--repetition-penalty", 1.2]),
    ]:
        def compare():
            differ = 0
            for ids in prompts(model):
                want = continuation(model, ids, 24, **settings)
                got, _ = generated(casemate, folder, 24, "--tokens", ",".join(map(str, ids)), *flags)
                differ += not same_answer(got, want, tok)
            return differ == 0, f"{differ} of {len(prompts(model))} differ"

        table.check(name, what, compare)


def chat(table, casemate, name, folder, model, tok):
    conversations = [
        ("Be brief.", "Why did it write 4096 bytes?"),
        (None, "  <|eot_id|> An analyst's\n\nnote: größe 漢字 😀  "),
        ("An <|im_end|> in a rule", "x"),
    ]

    def compare():
        differ = 0
        for system, user in conversations:
            messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": user}]
            # transformers reads markers inside of messages as special tokens, casemate
            # never does: they are spelled apart for it, and put together as text.
            ids = chat_ids(tok, messages)
            want = continuation(model, ids, 8)
            got, doc = generated(casemate, folder, 8, "-p", user, *(["--system", system] if system else []))
            differ += doc["prompt_tokens"] != len(ids) or not same_answer(got, want, tok)
        return differ == 0, f"{differ} of {len(conversations)} differ"

    table.check(name, "chat template: ids and answer", compare)


def chat_ids(tok, messages):
    """apply_chat_template, but markers inside of messages stay text.

    Their "<" is replaced by a letter that the tokenizer does not join to
    anything, and that is put back as the byte's token.
    """
    stand_in = "\u0166"
    safe = [{**m, "content": m["content"].replace("<|", stand_in + "|")} for m in messages]
    ids = tok.apply_chat_template(safe, add_generation_prompt=True, date_string=DATE, return_dict=False)
    if all(s["content"] == m["content"] for s, m in zip(safe, messages)):
        return ids
    text = tok.apply_chat_template(safe, add_generation_prompt=True, date_string=DATE, tokenize=False)
    # Cut the text at the template's own markers, and encode what is between
    # as text in which no marker is looked for.
    plain = Tokenizer.from_str(strip_added(tok.backend_tokenizer.to_str()))
    out, rest = [], text
    while rest:
        at = min((rest.find(m) for m in MARKERS if m in rest), default=len(rest))
        if at > 0:
            out += plain.encode(rest[:at].replace(stand_in, "<"), add_special_tokens=False).ids
            rest = rest[at:]
            continue
        marker = max((m for m in MARKERS if rest.startswith(m)), key=len)
        out.append(tok.convert_tokens_to_ids(marker))
        rest = rest[len(marker):]
    return out


def strip_added(source):
    spec = json.loads(source)
    spec["added_tokens"] = []
    return json.dumps(spec)


SAMPLERS = [
    ("temperature 0.7", [("Temperature", 0.7)], ["--temperature", 0.7]),
    ("temperature 1.5", [("Temperature", 1.5)], ["--temperature", 1.5]),
    ("top-k 5", [("TopK", 5)], ["--temperature", 1, "--top-k", 5]),
    ("top-p 0.6", [("TopP", 0.6)], ["--temperature", 1, "--top-p", 0.6]),
    ("min-p 0.2", [("MinP", 0.2)], ["--temperature", 1, "--min-p", 0.2]),
    ("temperature 0.6, top-p 0.95", [("Temperature", 0.6), ("TopP", 0.95)], ["--temperature", 0.6, "--top-p", 0.95]),
    ("0.8, top-k 20, top-p 0.8", [("Temperature", 0.8), ("TopK", 20), ("TopP", 0.8)], ["--temperature", 0.8, "--top-k", 20, "--top-p", 0.8]),
    ("repetition 1.3", [("RepetitionPenalty", 1.3)], ["--temperature", 1, "--repetition-penalty", 1.3]),
]


def samplers(table, casemate, name, folder, model, seeds):
    ids = prompts(model)[3]
    logits, _ = reference(model, ids)
    for what, steps, flags in SAMPLERS:
        scores = logits[None].clone()
        scores[:, nameless(model)] = -float("inf")
        for step, x in steps:
            kind = {"RepetitionPenalty": "RepetitionPenaltyLogitsProcessor"}.get(step, step + "LogitsWarper")
            scores = getattr(logits_process, kind)(x)(torch.tensor([ids]), scores)
        p = torch.softmax(scores.double(), -1)[0]

        def compare():
            counts, outside = {}, 0
            for seed in range(seeds):
                got, _ = generated(casemate, folder, 1, "--tokens", ",".join(map(str, ids)), "--seed", seed, *flags)
                if not got:  # an end token
                    continue
                counts[got[0]] = counts.get(got[0], 0) + 1
                outside += float(p[got[0]]) == 0
            n = sum(counts.values())
            # Pearson's statistic over tokens with at least five expected, the rest
            # in one bin; its mean is the degrees of freedom k, its variance 2k.
            big = [i for i in range(len(p)) if float(p[i]) * n >= 5]
            expected = [float(p[i]) * n for i in big]
            seen = [counts.get(i, 0) for i in big]
            rest = n - sum(expected)
            if rest > 1:
                expected, seen = expected + [rest], seen + [n - sum(seen)]
            x2 = sum((s - e) ** 2 / e for s, e in zip(seen, expected))
            k = max(len(expected) - 1, 1)
            z = (x2 - k) / math.sqrt(2 * k)
            return outside == 0 and z < 4, f"{outside} outside, z {z:+.2f}"

        table.check(name, "sampler: " + what, compare)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("casemate")
    parser.add_argument("--work")
    parser.add_argument("--only", action="append")
    parser.add_argument("--seeds", type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    work = pathlib.Path(args.work or tempfile.mkdtemp())
    table = Table()
    for name in MODELS:
        if args.only and name not in args.only:
            continue
        folder = work / name
        model, tok = build(name, folder)
        numbers(table, args.casemate, name, folder, model)
        greedy(table, args.casemate, name, folder, model, tok)
        chat(table, args.casemate, name, folder, model, tok)
        if name == "llama3-bf16-sharded" and args.seeds:
            samplers(table, args.casemate, name, folder, model, args.seeds)
    sys.exit(table.failed)


if __name__ == "__main__":
    main()
