"""Adapters of Hugging Face PEFT in casemate, and adapters of casemate in PEFT.

    python compare.py CASEMATE [--work DIR] [--only NAME]

CASEMATE is the built command. Tiny random models, saved as transformers saves
them, get adapters that PEFT makes and saves: LoRA, rank-stabilised, decomposed
(DoRA), with ranks and scales of their own for some matrices, on some layers, on
the output. Each is compared, by the logits at the last position over prompts of
several lengths, as the relative L2 distance to PEFT's in 64 bits (in parentheses,
how far PEFT in 32 bits is from it):

  read     the folder that PEFT saved, used by casemate on the same model
  gguf     the same on the model as a GGUF file, whose rows stand in another order
  written  the folder that casemate writes of it, loaded by PEFT
  lora     the GGUF adapter that casemate writes of it, used by casemate
  merged   the model that `casemate model merge` writes, used by casemate

The exit status is 1 if a line says FAIL.
"""

import argparse
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import peft
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "transformers"))
import models  # noqa: E402

models.transformers.utils.logging.disable_progress_bar()

LIMIT = 5e-6  # relative L2
BASES = ["llama3-bf16-sharded", "llama-bias-mha", "mistral-f16", "qwen2-bf16", "qwen3-head32"]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
KINDS = {
    "plain": dict(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"]),
    "all": dict(r=4, lora_alpha=6, target_modules=ALL),
    "rslora": dict(r=6, lora_alpha=5, target_modules=ALL, use_rslora=True),
    "dora": dict(r=4, lora_alpha=8, target_modules=ALL, use_dora=True),
    "dora-rslora": dict(r=3, lora_alpha=3, target_modules=["q_proj", "k_proj", "down_proj"], use_dora=True, use_rslora=True),
    "patterns": dict(r=4, lora_alpha=8, target_modules=["q_proj", "k_proj", "up_proj"], rank_pattern={"q_proj": 2, r"layers\.1\.mlp\.up_proj": 7},
                     alpha_pattern={"k_proj": 3}),
    "layers": dict(r=4, lora_alpha=8, target_modules=["q_proj", "o_proj"], layers_to_transform=[1]),
    "output": dict(r=4, lora_alpha=8, target_modules=["v_proj", "lm_head"]),
}


def adapt(model, kind):
    """Return the model with an adapter of random numbers that change it much."""
    config = peft.LoraConfig(task_type="CAUSAL_LM", **KINDS[kind])
    torch.manual_seed(len(kind))
    adapted = peft.get_peft_model(model, config)
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                p.normal_(0, 0.1)
            elif "lora_magnitude_vector" in name:
                p.mul_(torch.empty_like(p).uniform_(0.5, 1.5))
    return adapted.eval()


def truth(adapted, prompts):
    """Return the logits in 64 bits at the last position of each prompt."""
    exact = models.exact(adapted.get_base_model())
    with models.softmax64(), torch.no_grad():
        return [exact(torch.tensor([ids]), use_cache=False).logits[0, -1] for ids in prompts]


def of_casemate(casemate, model, adapter, prompts):
    out = []
    for ids in prompts:
        args = ["--adapter", adapter] if adapter else []
        out.append(models.run(casemate, "model", "logits", "--model", model, *args, "--tokens", ",".join(map(str, ids)), "--all", "--json")["logits"])
    return out


def worst(got, want):
    return max(models.distance(g, w) for g, w in zip(got, want))


def compare(table, casemate, work, name, kind):
    folder = work / name
    base, _ = models.build(name, folder)
    tied = base.config.tie_word_embeddings
    if kind == "output" and tied:
        return
    prompts = models.prompts(base)[1:5]
    plain = [base(torch.tensor([ids]), use_cache=False).logits[0, -1].detach() for ids in prompts]
    adapted = adapt(base, kind)
    want = truth(adapted, prompts)
    theirs = work / f"{name}-{kind}"
    adapted.save_pretrained(theirs, save_embedding_layers=False)
    single, ours, lora, merged = (work / f"{name}-{kind}.{s}" for s in ("base.gguf", "ours", "lora.gguf", "merged.gguf"))

    def line(what, f):
        table.check(name, f"{kind}: {what}", f)

    with torch.no_grad():
        inexact = worst([adapted(torch.tensor([ids]), use_cache=False).logits[0, -1] for ids in prompts], want)

    def near(got):
        d = worst(got, want)
        return d <= LIMIT, f"{d:.2e} ({inexact:.2e})"

    def changed():
        d = worst(plain, want)
        return d > 0.05, f"{d:.2e}"

    line("the adapter changes much", changed)
    line("read", lambda: near(of_casemate(casemate, folder, theirs, prompts)))

    def gguf():
        models.run(casemate, "model", "quantize", folder, "--type", "F32", "--out", single, "--json")
        return near(of_casemate(casemate, single, theirs, prompts))

    line("gguf", gguf)

    def written():
        # From the GGUF model's order of rows back to Hugging Face's.
        models.run(casemate, "model", "adapter", theirs, "--model", single, "--out", ours, "--base", "tiny", "--json")
        fresh, _ = models.build(name, folder)
        return near(truth(peft.PeftModel.from_pretrained(fresh, ours).eval(), prompts))

    line("written", written)
    if not KINDS[kind].get("use_dora"):
        def gguf_lora():
            models.run(casemate, "model", "adapter", ours, "--model", folder, "--out", lora, "--json")
            # On a model of either order of rows.
            d = max(worst(of_casemate(casemate, m, lora, prompts), want) for m in (single, folder))
            return d <= LIMIT, f"{d:.2e} ({inexact:.2e})"

        line("lora", gguf_lora)

    def merge():
        models.run(casemate, "model", "merge", "--model", folder, "--adapter", theirs, "--type", "F32", "--out", merged, "--no-compare", "--json")
        return near(of_casemate(casemate, merged, None, prompts))

    line("merged", merge)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("casemate")
    parser.add_argument("--work", type=pathlib.Path, help="where to keep what is made; default: a folder that is removed")
    parser.add_argument("--only", help="a model or a kind of adapter")
    a = parser.parse_args()
    table = models.Table()
    with tempfile.TemporaryDirectory() as temporary:
        work = a.work or pathlib.Path(temporary)
        for name in BASES:
            for kind in KINDS:
                if a.only in (None, name, kind):
                    compare(table, a.casemate, work, name, kind)
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
