"""Measures casemate against llama.cpp on the same model files, in turns.

    go build -o /tmp/casemate ./cmd/casemate
    python conformance/llamacpp/compare.py /tmp/casemate LLAMA/build/bin MODEL.gguf ...

Python 3.9 or later, nothing else; Linux. See README.md beside it.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

# What casemate is to reach, as a ratio to llama.cpp, by the published shape's
# parameters (in billions), the type and the measure.
REACH = {
    (8, "Q4_K_M", "decode"): 1.6, (8, "Q8_0", "decode"): 1.5, (1, "Q4_K_M", "decode"): 1.5,
    (8, "Q4_K_M", "prompt"): 2.2, (1, "Q4_K_M", "prompt"): 2.0, (1, "Q8_0", "prompt"): 2.0, (1, "F16", "prompt"): 1.3,
    (1, "Q4_K_M", "batch"): 1.5,
}
START = 1.5        # times llama.cpp's time to the first token, at most
PREFIX = 20        # times as fast as each option whole, at least
REST = 600e6       # bytes beside the file and the cache, at most
SHARE = {(8, "Q4_K_M", "decode"): 0.75, (8, "Q4_K_M", "prompt"): 0.55}
BEGINNING = "a b c d e f g h i j k l m n o"  # 15 tokens, and one for the beginning


def busy():
    """Processor time used by all programs so far, and all there was, in seconds."""
    with open("/proc/stat") as f:
        n = [int(x) / os.sysconf("SC_CLK_TCK") for x in f.readline().split()[1:9]]
    return sum(n) - n[3] - n[4], sum(n)


def wait_until_quiet(limit):
    """Waits until other programs leave the processors alone, or limit seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        a = busy()
        time.sleep(0.5)
        b = busy()
        if b[0] - a[0] < 0.05 * (b[1] - a[1]):
            return


def run(command, arguments):
    """Runs a program; returns its output, and what it took of time and memory."""
    wait_until_quiet(arguments.quiet)
    environment = dict(os.environ)
    environment["LD_LIBRARY_PATH"] = arguments.llama + ":" + environment.get("LD_LIBRARY_PATH", "")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        before, start = busy(), time.monotonic()
        p = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        _, status, used = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        took, after = time.monotonic() - start, busy()
        out.seek(0)
        err.seek(0)
        text, complaint = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    if p.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {p.returncode}:\n{complaint[-2000:]}")
    own = used.ru_utime + used.ru_stime
    others = max(0.0, after[0] - before[0] - own) / max(after[1] - before[1], 1e-9)
    return text, {"seconds": took, "peak": used.ru_maxrss * 1024, "others": others}


def casemate(model, a):
    text, used = run([a.casemate, "model", "bench", model, "--json", "--repeat", "1", "--threads", str(a.threads),
                      "--prompt", str(a.prompt), "--decode", str(a.decode), "--batch", str(a.batch),
                      "--options", str(a.options), "--prefix", "400", "--cache-type", a.cache_type], a)
    r = json.loads(text)
    out = {"report": r, "peak": r["memory"]["peak_bytes"], "others": used["others"]}
    for what in ("prompt", "decode", "batch"):
        if what in r:
            out[what] = r[what]["tokens_per_second"]
    if "prefix" in r:
        out["prefix"] = r["prefix"]["gain"]
    return out


def casemate_start(model, a):
    _, used = run([a.casemate, "generate", "-m", model, "--raw", "--prompt", BEGINNING, "--max-tokens", "1",
                   "--threads", str(a.threads), "--context", "512", "--cache-type", a.cache_type], a)
    return used["seconds"]


def llama(model, flash, a):
    tool = os.path.join(a.llama, "llama-bench")
    text, used = run([tool, "-m", model, "-p", str(a.prompt), "-n", str(a.decode), "-t", str(a.threads),
                      "-r", "1", "-fa", flash, "-mmp", "1", "-o", "json"], a)
    out = {"peak": used["peak"], "others": used["others"]}
    for row in json.loads(text):
        out["prompt" if row["n_prompt"] else "decode"] = row["avg_ts"]
    if a.batch and a.decode:
        tool = os.path.join(a.llama, "llama-batched-bench")
        text, _ = run([tool, "-m", model, "-c", str(a.batch * (16 + a.decode) + 64), "-npp", "16", "-ntg", str(a.decode),
                       "-npl", str(a.batch), "-t", str(a.threads), "-fa", flash, "--output-format", "jsonl"], a)
        for line in text.splitlines():
            if line.startswith("{"):
                out["batch"] = json.loads(line)["speed_tg"]
    return out


def llama_start(model, flash, a):
    tool = os.path.join(a.llama, "llama-bench")
    _, used = run([tool, "-m", model, "-p", "16", "-n", "0", "-t", str(a.threads), "-r", "1", "--no-warmup",
                   "-fa", flash, "-mmp", "1", "-o", "json"], a)
    return used["seconds"]


def read_file(path):
    """Puts a file in the page cache."""
    with open(path, "rb", buffering=0) as f:
        room = bytearray(1 << 24)
        while f.readinto(room):
            pass


def measure(model, a):
    """Takes turns, and returns all rounds."""
    rounds = {"casemate": [], "starts": []}
    for flash in a.flash:
        rounds["llama " + flash], rounds["llama starts " + flash] = [], []
    for i in range(a.rounds):
        print(f"{os.path.basename(model)}: round {i + 1} of {a.rounds}", file=sys.stderr)
        for flash in a.flash:
            rounds["llama " + flash].append(llama(model, flash, a))
        rounds["casemate"].append(casemate(model, a))
        read_file(model)
        for flash in a.flash:
            rounds["llama starts " + flash].append(llama_start(model, flash, a))
        rounds["starts"].append(casemate_start(model, a))
    return rounds


def best(rounds, what):
    return max((r[what] for r in rounds if what in r), default=None)


def kind(report):
    """The published shape that a model has, in billions, and its type."""
    return round(report["model"]["parameters"] / 1e9), report["model"].get("quantisation", "")


def table(model, rounds, a):
    last = rounds["casemate"][-1]["report"]
    size, mixture = kind(last)
    print(f"\n### {os.path.basename(model)}: {size}B {mixture}, {a.threads} threads, best of {a.rounds}\n")
    print("| | casemate | llama.cpp | flash attention | ratio | reach | share of roofline |")
    print("|---|---:|---:|---|---:|---|---|")
    for what in ("prompt", "decode", "batch"):
        row(what, rounds, a, REACH.get((size, mixture, what)), SHARE.get((size, mixture, what)))
    starts(rounds, a)
    memory(rounds, a)
    options = [r["prefix"] for r in rounds["casemate"] if "prefix" in r]
    if options:
        p = last["prefix"]
        print(f"| {p['options']} options after {p['prefix_tokens']} tokens, by each whole | {max(options):.1f} x | | | | >= {PREFIX} x | |")
    m = best_machine(rounds)
    others = [r["others"] for name in rounds if "starts" not in name for r in rounds[name]]
    print(f"\nMachine, best of {a.rounds}: {m['read_bytes_per_second'] / 1e9:.1f} GB/s, int8 {m['int8_operations_per_second'] / 1e9:.0f} GOP/s, "
          f"float32 {m['float32_operations_per_second'] / 1e9:.0f} GOP/s. Other programs took {100 * statistics.median(others):.0f} % "
          f"of the processors in the median run, {100 * min(others):.0f} % in the quietest.")
    if min(others) > 0.05:
        print("\nNo run was undisturbed: programs whose threads wait for one another lose more by that than others, "
              "so these ratios are not to be quoted.")


def row(what, rounds, a, reach, share):
    """One measure of tokens a second."""
    ours = best(rounds["casemate"], what)
    theirs = max(((best(rounds["llama " + f], what) or 0, f) for f in a.flash), default=(0, ""))
    if not ours or not theirs[0]:
        return
    one = next(r["report"] for r in rounds["casemate"] if r.get(what) == ours)
    name = {"prompt": f"prompt {a.prompt}", "decode": f"decode {a.decode}", "batch": f"{a.batch} sequences of {a.decode}"}[what]
    part = roofline_share(one[what], rounds)
    wanted = f">= {100 * share:.0f} %" if share else ""
    print(f"| {name}, tokens/s | {ours:.2f} | {theirs[0]:.2f} | {theirs[1]} | {ours / theirs[0]:.2f} | "
          f"{f'>= {reach} x' if reach else ''} | {100 * part:.0f} % ({one[what]['roofline']['limit']}) {wanted} |")


def best_machine(rounds):
    """The most that the machine gave in any round: the strictest roofline."""
    keys = ("read_bytes_per_second", "int8_operations_per_second", "float32_operations_per_second")
    return {k: max(r["report"]["machine"][k] for r in rounds["casemate"]) for k in keys}


def roofline_share(rate, rounds):
    m, r = best_machine(rounds), rate["roofline"]
    arithmetic = r["int8_operations"] / m["int8_operations_per_second"] + r["float32_operations"] / m["float32_operations_per_second"]
    least = max(r["bytes"] / m["read_bytes_per_second"], arithmetic)
    return rate["tokens_per_second"] * least / (rate["tokens"] * rate["sequences"])


def starts(rounds, a):
    ours = min(rounds["starts"])
    theirs = min((min(rounds["llama starts " + f]), f) for f in a.flash)
    print(f"| start to first token, s | {ours:.2f} | {theirs[0]:.2f} | {theirs[1]} | {ours / theirs[0]:.2f} | <= {START} x | |")


def memory(rounds, a):
    ours = min(rounds["casemate"], key=lambda r: r["peak"])
    theirs = min((min(r["peak"] for r in rounds["llama " + f]), f) for f in a.flash)
    m = ours["report"]["memory"]
    print(f"| peak memory, GB | {ours['peak'] / 1e9:.2f} | {theirs[0] / 1e9:.2f} | {theirs[1]} | {ours['peak'] / theirs[0]:.2f} | | |")
    print(f"| of it beside file and cache, GB | {m['rest_bytes'] / 1e9:.2f} | | | | <= {REST / 1e9:.1f} | |")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("casemate")
    p.add_argument("llama", help="folder of llama-bench and llama-batched-bench")
    p.add_argument("models", nargs="+")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--prompt", type=int, default=512)
    p.add_argument("--decode", type=int, default=64)
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--options", type=int, default=100)
    p.add_argument("--cache-type", default="f16", help="casemate's; llama.cpp's is f16")
    p.add_argument("--flash", default="on,off", help="llama.cpp's flash attention: on, off or both, of which the faster counts")
    p.add_argument("--quiet", type=float, default=60, help="seconds to wait, before each run, for other programs to end")
    p.add_argument("--json", help="a file for all that was measured")
    a = p.parse_args()
    a.flash = re.findall("on|off", a.flash)
    everything = {}
    for model in a.models:
        read_file(model)
        everything[model] = measure(model, a)
        table(model, everything[model], a)
        sys.stdout.flush()
        if a.json:
            with open(a.json, "w") as f:
                json.dump(everything, f, indent=1)


if __name__ == "__main__":
    main()
