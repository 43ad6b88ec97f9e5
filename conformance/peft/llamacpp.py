"""GGUF adapters of casemate in llama.cpp.

    python llamacpp.py CASEMATE LLAMA [--work DIR]

CASEMATE is the built command, LLAMA the folder of llama.cpp's sources with a
build in LLAMA/build. Tiny random models of three architectures get adapters that
PEFT makes; casemate writes both as GGUF, F32, and a small program against
llama.cpp's own library, compiled here with cc, loads model and adapter and prints
the logits after each of several prompts. They are compared with PEFT's in 64 bits,
by the relative L2 distance, and so are those of the merged file. The exit status
is 1 if a line says FAIL.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import compare  # noqa: E402
from compare import models  # noqa: E402

LIMIT = 5e-6  # relative L2
BASES = ["llama-bias-free", "mistral-f16", "qwen2-bf16", "qwen3-head32"]
KINDS = ["plain", "all", "rslora", "patterns", "output"]

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include "llama.h"
static void quiet(enum ggml_log_level l, const char *t, void *u) { if (l >= GGML_LOG_LEVEL_ERROR) fputs(t, stderr); }
// usage: dump MODEL ADAPTER|- ID,ID,... ...: a line of logits for each prompt
int main(int n, char **v) {
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model_params mp = llama_model_default_params();
    struct llama_model *m = llama_model_load_from_file(v[1], mp);
    if (!m) return 1;
    struct llama_adapter_lora *a = NULL;
    if (v[2][0] != '-' && !(a = llama_adapter_lora_init(m, v[2]))) return 2;
    for (int i = 3; i < n; i++) {
        llama_token ids[512];
        int k = 0;
        for (char *s = v[i]; *s && k < 512;) { ids[k++] = strtol(s, &s, 10); if (*s == ',') s++; }
        struct llama_context_params cp = llama_context_default_params();
        cp.n_ctx = 512; cp.n_batch = 512; cp.n_ubatch = 512; cp.n_threads = 1; cp.n_threads_batch = 1;
        cp.type_k = GGML_TYPE_F32; cp.type_v = GGML_TYPE_F32; cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
        struct llama_context *c = llama_init_from_model(m, cp);
        if (!c) return 3;
        float scale = 1;
        if (a && llama_set_adapters_lora(c, &a, 1, &scale)) return 4;
        if (llama_decode(c, llama_batch_get_one(ids, k))) return 5;
        float *x = llama_get_logits_ith(c, -1);
        int V = llama_vocab_n_tokens(llama_model_get_vocab(m));
        for (int j = 0; j < V; j++) printf("%.9g ", x[j]);
        printf("\n");
        llama_free(c);
    }
    return 0;
}
"""


def build(llama, work):
    source, program = work / "dump.c", work / "dump"
    source.write_text(PROGRAM)
    libraries = llama / "build" / "bin"
    subprocess.run(["cc", "-O1", source, "-o", program, f"-I{llama}/include", f"-I{llama}/ggml/include", f"-L{libraries}", "-lllama", "-lggml", "-lggml-base"], check=True)
    return program, libraries


def logits(tool, model, adapter, prompts):
    program, libraries = tool
    environment = dict(os.environ, LD_LIBRARY_PATH=str(libraries))
    out = subprocess.run([program, model, adapter or "-", *[",".join(map(str, ids)) for ids in prompts]], capture_output=True, text=True, env=environment)
    if out.returncode:
        raise RuntimeError(f"llama.cpp ended with {out.returncode}: {out.stderr.strip()[-300:]}")
    return [torch.tensor([float(x) for x in line.split()]) for line in out.stdout.splitlines()]


def one(table, casemate, tool, work, name, kind):
    folder = work / name
    base, _ = models.build(name, folder)
    if kind == "output" and base.config.tie_word_embeddings:
        return
    prompts = models.prompts(base)[1:5]
    adapted = compare.adapt(base, kind)
    want = compare.truth(adapted, prompts)
    theirs, single, lora, merged = (work / f"{name}-{kind}{s}" for s in ("", ".base.gguf", ".lora.gguf", ".merged.gguf"))
    adapted.save_pretrained(theirs, save_embedding_layers=False)
    models.run(casemate, "model", "quantize", folder, "--type", "F32", "--out", single, "--json")

    def near(model, adapter):
        d = compare.worst(logits(tool, model, adapter, prompts), want)
        return d <= LIMIT, f"{d:.2e}"

    def without():
        d = compare.worst(logits(tool, single, None, prompts), want)
        return d > 0.05, f"{d:.2e}"

    def adapter():
        models.run(casemate, "model", "adapter", theirs, "--model", folder, "--out", lora, "--json")
        return near(single, lora)

    def merge():
        models.run(casemate, "model", "merge", "--model", folder, "--adapter", theirs, "--type", "F32", "--out", merged, "--no-compare", "--json")
        return near(merged, None)

    table.check(name, f"{kind}: without, far away", without)
    table.check(name, f"{kind}: adapter", adapter)
    table.check(name, f"{kind}: merged", merge)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("casemate")
    parser.add_argument("llama", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, help="where to keep what is made; default: a folder that is removed")
    a = parser.parse_args()
    models.MODELS["llama-bias-free"] = ("Llama", {}, torch.float32, False)
    table = models.Table()
    with tempfile.TemporaryDirectory() as temporary:
        work = a.work or pathlib.Path(temporary)
        tool = build(a.llama.resolve(), work)
        for name in BASES:
            for kind in KINDS:
                one(table, a.casemate, tool, work, name, kind)
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
