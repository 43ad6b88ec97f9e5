"""Training by casemate and by PyTorch, in turns on the same processor.

    python speed.py bin/casemate [--scratch DIR] [--only lora-f32,lora-bf16,scratch] [--turns N] [--steps N]
                    [--layers N] [--threads N]

lora-f32, lora-bf16: steps of a LoRA adapter (rank 8 on q and v, batch 8 x 256,
AdamW) on a random model in the shape of Llama 3.2 1B: `casemate model bench
--train` against transformers with PEFT, eager, no gradient checkpointing, all
processors unless --threads says otherwise. scratch: all weights of a model of 6
million parameters, as `casemate model train` makes it by default, against
transformers.

Each turn is a process of its own, so that its peak memory (VmHWM) is its own. Of
each the best step of all turns counts, and the median stands beside it. On a
machine that does other work, PyTorch's threads wait for one another; the processor
seconds of a step with --threads 1 are the fairer comparison there. The model's file
is written anew for each turn of casemate and removed after it: DIR, 5 GB for F32,
may be in memory.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

CASES = {
    "lora-f32": dict(kind="lora", dtype="float32", type="F32", flags=[]),
    "lora-bf16": dict(kind="lora", dtype="bfloat16", type="BF16", flags=["--bf16"]),
    "scratch": dict(kind="full", dtype="float32", type="F32", flags=["--full"]),
}


def config(kind, layers):
    import transformers

    if kind == "lora":
        return transformers.LlamaConfig(
            vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=layers or 16, num_attention_heads=32,
            num_key_value_heads=8, head_dim=64, max_position_embeddings=131072, rms_norm_eps=1e-5, rope_theta=500000.0, tie_word_embeddings=True,
        )
    return transformers.LlamaConfig(
        vocab_size=4096, hidden_size=256, intermediate_size=768, num_hidden_layers=6, num_attention_heads=8, num_key_value_heads=4,
        max_position_embeddings=1024, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=True,
    )


def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def pytorch(name, steps, layers):
    """One turn of PyTorch; prints JSON."""
    import torch
    import transformers

    case = CASES[name]
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, case["dtype"]))
    model = transformers.LlamaForCausalLM(config(case["kind"], layers))
    torch.set_default_dtype(torch.float32)
    if case["kind"] == "lora":
        import peft

        model = peft.get_peft_model(model, peft.LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-4)
    tokens = torch.randint(0, model.config.vocab_size, (8, 256))
    labels = torch.randint(0, model.config.vocab_size, (8, 256))
    runs, worked = [], []
    for i in range(steps + 1):
        start, before = time.perf_counter(), time.process_time()
        optimiser.zero_grad()
        model(input_ids=tokens, labels=labels).loss.backward()
        optimiser.step()
        if i > 0:
            runs.append(time.perf_counter() - start)
            worked.append(time.process_time() - before)
    print(json.dumps(dict(runs=runs, worked=worked, peak=peak(), trained=sum(p.numel() for p in trained), threads=torch.get_num_threads(), version=torch.__version__)))


def casemate(binary, name, steps, scratch, layers, threads):
    """One turn of casemate, and what it says."""
    case = CASES[name]
    path = scratch / f"{name}.gguf"
    try:
        if case["kind"] == "lora":
            command = [binary, "model", "synth", str(path), "--shape", "llama-3.2-1b", "--type", case["type"]]
            subprocess.run(command + (["--layers", str(layers)] if layers else []), check=True, stdout=subprocess.DEVNULL)
        else:
            text = scratch / "text.txt"
            words = random.Random(1)
            known = ["".join(words.choices("abcdefghijklmnopqrstuvwxyz", k=words.randint(2, 9))) for _ in range(6000)]
            text.write_text(" ".join(words.choices(known, k=60000)))
            vocabulary(binary, path, text)
        out = subprocess.run([binary, "model", "bench", str(path), "--train", "--repeat", str(steps), "--threads", str(threads), "--json", *case["flags"]], check=True, stdout=subprocess.PIPE)
    finally:
        path.unlink(missing_ok=True)
    report = json.loads(out.stdout)
    return dict(runs=report["runs"], worked=report["processor_seconds"], peak=report["peak_bytes"], trained=report["trained_parameters"])


def vocabulary(binary, path, text):
    """A model of the default shape after one step, whose vocabulary is full."""
    command = [binary, "model", "train", str(text), "--out", str(path), "--steps", "1", "--validation", "0", "--run", str(path) + ".run"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["rm", "-r", str(path) + ".run"], check=True)


def compare(arguments, name):
    ours, theirs = [], []
    for turn in range(arguments.turns):
        ours.append(casemate(arguments.casemate, name, arguments.steps, arguments.scratch, arguments.layers, arguments.threads))
        print(f"# {name}, turn {turn + 1}: casemate {ours[-1]}", file=sys.stderr, flush=True)
        command = [sys.executable, __file__, arguments.casemate, "--pytorch", name, "--steps", str(arguments.steps), "--layers", str(arguments.layers)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)} if arguments.threads else None
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        theirs.append(json.loads(out.stdout.splitlines()[-1]))
        print(f"# {name}, turn {turn + 1}: PyTorch {theirs[-1]}", file=sys.stderr, flush=True)
    tokens = 8 * 256
    best = [min(r for t in all for r in t["runs"]) for all in (ours, theirs)]
    median = [statistics.median(r for t in all for r in t["runs"]) for all in (ours, theirs)]
    worked = [min(r for t in all for r in t["worked"]) for all in (ours, theirs)]
    memory = [max(t["peak"] for t in all) for all in (ours, theirs)]
    print(f"# load of the machine: {os.getloadavg()[0]:.1f} processes on {os.cpu_count()} processors")
    print(f"{name:10}  trained {ours[0]['trained']} and {theirs[0]['trained']}, PyTorch {theirs[0]['version']} on {theirs[0]['threads']} threads")
    print(f"            tokens/s, best    casemate {tokens / best[0]:8.1f}  PyTorch {tokens / best[1]:8.1f}  ratio {best[1] / best[0]:.2f}")
    print(f"            tokens/s, median  casemate {tokens / median[0]:8.1f}  PyTorch {tokens / median[1]:8.1f}  ratio {median[1] / median[0]:.2f}")
    print(f"            processor s/step  casemate {worked[0]:8.2f}  PyTorch {worked[1]:8.2f}  ratio {worked[1] / worked[0]:.2f}")
    print(f"            peak memory, GB   casemate {memory[0] / 1e9:8.2f}  PyTorch {memory[1] / 1e9:8.2f}  ratio {memory[0] / memory[1]:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("casemate")
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0, help="of both; 0 means all processors")
    parser.add_argument("--layers", type=int, default=0, help="of the 1B model; 0 means all 16")
    parser.add_argument("--pytorch", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.pytorch:
        pytorch(arguments.pytorch, arguments.steps, arguments.layers)
        return
    for name in arguments.only.split(","):
        compare(arguments, name)


main()
