"""The loss curve of training a small model: casemate beside PyTorch.

    python losses.py bin/casemate TEXT… [--steps N] [--work DIR] [--length N] [--layers N]

`casemate model train` makes a model of 6 million parameters and its vocabulary
from the texts. From its first weights casemate goes on for so many steps of AdamW,
with warm-up, cosine, decay and clipping, and transformers with torch.optim does the
same with the same rows in the same order: rows are cut as `model train` cuts them,
and the order of an epoch is Go's rand.Perm of PCG, computed here again. The losses
of all steps are printed side by side. The exit status is 1 if they part by more
than one part in a thousand.
"""

import argparse
import csv
import math
import pathlib
import subprocess
import sys
import tempfile

import gguf
import torch
import transformers

BATCH, RATE, FLOOR, DECAY, CLIP = 8, 1e-3, 0.1, 0.1, 1.0
TOLERANCE = 1e-3
MASK = (1 << 64) - 1


class PCG:
    """Go's math/rand/v2 PCG (PCG-DXSM) and what Perm needs of Rand."""

    def __init__(self, high, low):
        self.state = (high << 64) | low

    def uint64(self):
        multiplier, increment = 0x2360ED051FC65DA44385DF649FCCF645, 0x5851F42D4C957F2D14057B7EF767814F
        self.state = (self.state * multiplier + increment) & ((1 << 128) - 1)
        high, low = self.state >> 64, self.state & MASK
        high ^= high >> 32
        high = high * 0xDA942042E4DD58B5 & MASK
        high ^= high >> 48
        return high * (low | 1) & MASK

    def below(self, n):
        if n & (n - 1) == 0:
            return self.uint64() & 0xFFFFFFFF & (n - 1)
        product = (self.uint64() >> 32) * n
        if product & 0xFFFFFFFF < n:
            threshold = (1 << 32) % n
            while product & 0xFFFFFFFF < threshold:
                product = (self.uint64() >> 32) * n
        return product >> 32

    def perm(self, n):
        p = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1)
            p[i], p[j] = p[j], p[i]
        return p


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def windows(binary, model, texts, length):
    """The rows of model train: the longest first, as they are packed one by one."""
    fields = {f.name: f for f in gguf.GGUFReader(model).fields.values()}
    bos, eos = (int(fields[f"tokenizer.ggml.{k}_token_id"].parts[-1][0]) for k in ("bos", "eos"))
    rows = []
    for text in texts:
        ids = [bos] + [int(line.split("\t")[0]) for line in run(binary, "tokenize", "-m", model, text).splitlines()] + [eos]
        rows += [ids[i : i + length + 1] for i in range(0, len(ids) - 1, length)]
    if any(len(r) <= length // 2 for r in rows[:-1]):
        sys.exit("give one text, or texts that fill their rows: short ones are packed together")
    return sorted(rows, key=len, reverse=True)


def load(path):
    """The model of a GGUF file of the llama architecture, in transformers."""
    reader = gguf.GGUFReader(path)
    tensors = {t.name: torch.tensor(t.data).reshape(list(t.shape)[::-1]) for t in reader.tensors}
    value = lambda key: reader.fields[f"llama.{key}"].parts[-1][0]
    heads, kv = int(value("attention.head_count")), int(value("attention.head_count_kv"))
    config = transformers.LlamaConfig(
        vocab_size=tensors["token_embd.weight"].shape[0], hidden_size=int(value("embedding_length")), intermediate_size=int(value("feed_forward_length")),
        num_hidden_layers=int(value("block_count")), num_attention_heads=heads, num_key_value_heads=kv,
        max_position_embeddings=int(value("context_length")), rms_norm_eps=float(value("attention.layer_norm_rms_epsilon")),
        rope_theta=float(value("rope.freq_base")), tie_word_embeddings=True,
    )
    model = transformers.LlamaForCausalLM(config)
    halves = lambda w, h: w.reshape(h, -1, 2, w.shape[1]).transpose(1, 2).reshape(w.shape)  # from neighbours to halves
    state = {"model.embed_tokens.weight": tensors["token_embd.weight"], "model.norm.weight": tensors["output_norm.weight"], "lm_head.weight": tensors["token_embd.weight"]}
    for i in range(config.num_hidden_layers):
        t = lambda name: tensors[f"blk.{i}.{name}.weight"]
        state |= {
            f"model.layers.{i}.{name}.weight": w
            for name, w in {
                "input_layernorm": t("attn_norm"), "post_attention_layernorm": t("ffn_norm"), "self_attn.q_proj": halves(t("attn_q"), heads),
                "self_attn.k_proj": halves(t("attn_k"), kv), "self_attn.v_proj": t("attn_v"), "self_attn.o_proj": t("attn_output"),
                "mlp.gate_proj": t("ffn_gate"), "mlp.up_proj": t("ffn_up"), "mlp.down_proj": t("ffn_down"),
            }.items()
        }
    model.load_state_dict(state)
    return model.train()


def rate(step, steps, warmup):
    if step < warmup:
        return RATE * (step + 1) / warmup
    return RATE * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1))))


def pytorch(model, rows, steps, warmup):
    decayed = [p for p in model.parameters() if p.dim() > 1]
    kept = [p for p in model.parameters() if p.dim() == 1]
    optimiser = torch.optim.AdamW([dict(params=decayed, weight_decay=DECAY), dict(params=kept, weight_decay=0)], lr=RATE)
    per_epoch, losses, norms = (len(rows) + BATCH - 1) // BATCH, [], []
    for step in range(steps):
        if step % per_epoch == 0:
            order = PCG(0, step // per_epoch).perm(len(rows))
        batch = [rows[i] for i in order[step % per_epoch * BATCH :][:BATCH]]
        width = max(map(len, batch)) - 1
        tokens, targets = torch.zeros(len(batch), width, dtype=torch.long), torch.full((len(batch), width), -100)
        for i, r in enumerate(batch):
            tokens[i, : len(r) - 1], targets[i, : len(r) - 1] = torch.tensor(r[:-1]), torch.tensor(r[1:])
        for group in optimiser.param_groups:
            group["lr"] = rate(step, steps, warmup)
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(input_ids=tokens).logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)))
        optimiser.step()
        losses.append(loss.item())
    return losses, norms


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("casemate")
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--work", type=pathlib.Path)
    arguments = parser.parse_args()
    work = arguments.work or pathlib.Path(tempfile.mkdtemp())
    work.mkdir(exist_ok=True)
    first, after, warmup = str(work / "first.gguf"), str(work / "after.gguf"), max(1, arguments.steps // 10)
    common = ["--validation", "0", "--length", str(arguments.length), "--batch", str(BATCH)]
    run(arguments.casemate, "model", "train", *arguments.texts, "--out", first, "--steps", "1", "--rate", "1e-30", "--layers", str(arguments.layers), *common)
    run(
        arguments.casemate, "model", "train", *arguments.texts, "-m", first, "--out", after, "--steps", str(arguments.steps), "--rate", str(RATE),
        "--floor", str(FLOOR), "--decay", str(DECAY), "--clip", str(CLIP), "--warmup", str(warmup), *common,
    )
    curve = list(csv.DictReader(open(after + ".run/curve.csv")))
    losses, norms = pytorch(load(first), windows(arguments.casemate, first, arguments.texts, arguments.length), arguments.steps, warmup)
    worst = 0.0
    print("step  casemate   PyTorch    difference   norm: casemate, PyTorch")
    for row, loss, norm in zip(curve, losses, norms, strict=True):
        ours = float(row["loss"])
        worst = max(worst, abs(ours - loss) / loss)
        print(f"{row['step']:>4}  {ours:.6f}   {loss:.6f}   {ours - loss:+.1e}     {float(row['norm']):.5f} {norm:.5f}")
    print(f"largest relative difference {worst:.1e}: {'PASS' if worst <= TOLERANCE else 'FAIL'}")
    sys.exit(worst > TOLERANCE)


main()
