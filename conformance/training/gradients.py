"""Losses and gradients of PyTorch, transformers and PEFT, and those of casemate.

    python gradients.py RUN [--work DIR] [--only NAME]

RUN is the built conformance/training/run. Tiny random models, saved as
transformers saves them, are given a batch of sequences, with weights, some tokens
without target, and documents packed in one sequence, which transformers gets one
by one. All weights are trained, or adapters that PEFT makes: plain, on all
matrices, rank-stabilised, decomposed (DoRA). Each line is the relative L2 distance,
over all numbers, of log-probabilities or gradients to those of autograd in 64
bits; in parentheses that of PyTorch in 32 bits, or, of BF16, in autocast, than
which ours may not be farther. Checkpointing has the same bits as without.

The exit status is 1 if a line says FAIL.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import peft
import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "transformers"))
import models  # noqa: E402

LOGPROBS, GRADIENTS = 3e-6, 1e-5  # relative L2
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
KINDS = {
    "full": None,
    "lora": dict(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"]),
    "lora all": dict(r=4, lora_alpha=6, target_modules=ALL),
    "rslora": dict(r=6, lora_alpha=5, target_modules=ALL, use_rslora=True),
    "dora": dict(r=4, lora_alpha=8, target_modules=ALL, use_dora=True),
}
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}
OUTER = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}


def ours(name):
    """Return the name in casemate of a parameter of transformers or PEFT."""
    name = name.removeprefix("base_model.model.").replace(".default", "").replace(".base_layer", "")
    if name in OUTER:
        return OUTER[name]
    layer, part, rest = re.fullmatch(r"model\.layers\.(\d+)\.(\w+(?:\.\w+_(?:proj|norm))?)\.(.+)", name).groups()
    rest = {"lora_A.weight": "lora_a", "lora_B.weight": "lora_b", "lora_magnitude_vector.weight": "magnitude"}.get(rest, rest)
    return f"blk.{layer}.{NAMES[part]}.{rest}"


def adapt(model, kind):
    """Return the model with what is trained: all, or an adapter that changes it much."""
    if KINDS[kind] is None:
        return model.requires_grad_(True)
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **KINDS[kind]))
    torch.manual_seed(len(kind))
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                p.normal_(0, 0.1)
            elif "magnitude" in name:
                p.mul_(torch.empty_like(p).uniform_(0.5, 1.5))
    return adapted


def sequences(vocabulary):
    torch.manual_seed(11)
    all = []
    for n, starts in [(300, None), (150, [0, 17, 18, 100]), (5, None)]:
        tokens = torch.randint(vocabulary, (n,)).tolist()
        targets = torch.randint(vocabulary, (n,)).tolist()
        targets = [-1 if i % 7 == 3 else t for i, t in enumerate(targets)]
        s = dict(Tokens=tokens, Targets=targets, Weights=(0.5 + torch.rand(n)).tolist())
        if starts:
            s["Starts"] = starts
        all.append(s)
    return all


def autograd(model, batch):
    """Return the log-probabilities and the gradients of what is trained."""
    model.zero_grad()
    logprobs = []
    for s in batch:
        starts = s.get("Starts", [0]) + [len(s["Tokens"])]
        for a, b in zip(starts, starts[1:]):
            logits = model(torch.tensor([s["Tokens"][a:b]]), use_cache=False).logits[0]
            targets = torch.tensor(s["Targets"][a:b])
            p = torch.log_softmax(logits, -1).gather(1, targets.clamp(min=0)[:, None])[:, 0] * (targets >= 0)
            (-(p * torch.tensor(s["Weights"][a:b], dtype=p.dtype)).sum()).backward()
            logprobs.append(p.detach())
    gradients = {ours(n): p.grad.flatten() for n, p in model.named_parameters() if p.requires_grad}
    return torch.cat(logprobs), gradients


def flat(gradients, order):
    return torch.cat([torch.as_tensor(gradients[n], dtype=torch.float64) for n in order])


def casemate(run, folder, kind, model, batch, **options):
    task = dict(sequences=batch, values={}, **options)
    if k := KINDS[kind]:
        short = [t.removesuffix("_proj") for t in k["target_modules"]]
        task["lora"] = dict(Rank=k["r"], Alpha=k["lora_alpha"], Targets=short, Stabilised=k.get("use_rslora", False), Decomposed=k.get("use_dora", False))
        task["values"] = {ours(n): p.detach().float().flatten().tolist() for n, p in model.named_parameters() if p.requires_grad}
    out = subprocess.run([run, folder], input=json.dumps(task), capture_output=True, text=True)
    if out.returncode != 0:
        raise RuntimeError(out.stderr.strip()[:400])
    r = json.loads(out.stdout)
    return torch.tensor([p for s in r["logprobs"] for p in s], dtype=torch.float64), r["gradients"]


def compare(table, run, folder, name, model, kind):
    batch = sequences(model.config.vocab_size)
    adapted = adapt(model, kind)
    truth = models.exact(adapted)
    with models.softmax64():
        want, dwant = autograd(truth, batch)
    theirs = autograd(adapted, batch)
    theirs = theirs[0], {n: g.clone() for n, g in theirs[1].items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = autograd(adapted, batch)
    order = sorted(dwant)
    results = {}

    def measure():
        for what, options in [("", {}), ("checkpoint", dict(checkpoint=True)), ("bf16", dict(bf16=True))]:
            results[what] = casemate(run, folder, kind, adapted, batch, **options)
        if sorted(results[""][1]) != order:
            return False, f"other parameters: {sorted(set(order) ^ set(results[''][1]))[:4]}"
        return True, f"{sum(p.numel() for p in dwant.values())} numbers"

    table.check(name, kind, measure)
    if "bf16" not in results:
        return
    for what, (p, dp) in [("", theirs), ("bf16", rounded)]:
        got, dgot = results[what]
        d, t = models.distance(got, want), models.distance(p, want)
        table.line(name, f"{kind} {what} log-probabilities", d <= (t if what else LOGPROBS), f"{d:.2e} ({t:.2e})")
        d, t = (models.distance(flat(x, order), flat(dwant, order)) for x in (dgot, dp))
        table.line(name, f"{kind} {what} gradients", d <= (t if what else GRADIENTS), f"{d:.2e} ({t:.2e})")
    equal = results["checkpoint"][1] == results[""][1]
    table.line(name, f"{kind} checkpoint", equal, "the same" if equal else "other bits")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--work")
    parser.add_argument("--only", action="append")
    args = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    work = pathlib.Path(args.work or tempfile.mkdtemp())
    table = models.Table()
    for name in models.MODELS:
        if args.only and name not in args.only:
            continue
        for kind in KINDS:
            folder = work / name
            model, _ = models.build(name, folder)
            compare(table, args.run, folder, name, model, kind)
    sys.exit(table.failed)


if __name__ == "__main__":
    main()
