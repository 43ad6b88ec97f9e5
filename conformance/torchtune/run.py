"""A training job for torchtune, trained by torchtune's own recipe on the processor.

    python run.py CASEMATE TORCHTUNE [--path FOLDERS] [--work DIR]

CASEMATE is the built command, TORCHTUNE the folder of torchtune's sources, 0.7 or
later, whose needs are installed. A tiny random Llama and sixty labelled texts
become a job (`casemate tune export`); launch.sh runs the recipe, with a stand-in
for the command `tune` that adds device=cpu; `casemate tune import` takes the
adapter back. Compared are the tokens of every row's prompt and answer with those
of casemate. The exit status is 1 if a line says FAIL.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "transformers"))
import models  # noqa: E402

WORDS = "amber birch cedar delta ember fjord grove harbor island jasper kestrel lagoon meadow nectar onyx prairie".split()
BEGINNINGS = {"phishing": "The mail asked the reader for a password on page", "operations": "The scanner listed open ports on server"}
TUNE = """#!/bin/sh
shift
recipe=$1
shift
exec {python} -W ignore {source}/recipes/$recipe.py "$@" device=cpu dtype=fp32 log_peak_memory_stats=False optimizer.fused=False
"""


def rows(path):
    random.seed(5)
    with open(path, "w", encoding="utf-8") as f:
        f.write("text,label\n")
        for i in range(60):
            label = list(BEGINNINGS)[i % 2]
            f.write(f"{BEGINNINGS[label]} {' '.join(random.choices(WORDS, k=6))},{label}\n")


def output(casemate, *args, text=None):
    p = subprocess.run([casemate, *map(str, args)], input=text, capture_output=True, text=True)
    if p.returncode:
        raise RuntimeError(f"casemate {args[0]} {args[1]}: {p.stderr.strip()[:400]}")
    return p.stdout


class Message:
    def __init__(self, turn):
        self.role, self.text_content = turn["role"], turn["content"]


def tokens(casemate, base, job):
    """Count the rows whose tokens are not casemate's."""
    sys.path.insert(0, str(job))
    import casemate_tokenizer

    t, other, n = casemate_tokenizer.Tokenizer(str(base), 512), 0, 0
    for line in open(job / "data/train.jsonl", encoding="utf-8"):
        turns = [Message(m) for m in json.loads(line)["messages"]]
        ids, masked = t.tokenize_messages(turns)
        prompt = sum(masked)
        asked = json.loads(output(casemate, "generate", "-m", base, "--system", turns[0].text_content, "-p", turns[1].text_content, "--max-tokens", 1, "--json"))
        answer = json.loads(output(casemate, "tokenize", "-m", base, "--json", text=turns[2].text_content))["ids"]
        end = [t.tokenizer.id_to_token(i) for i in ids[prompt + len(answer):]]
        other += asked["prompt_tokens"] != prompt or ids[prompt:][: len(answer)] != answer or end != ["<|eot_id|>"]
        n += 1
    return other == 0, f"{other} of {n} differ"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("casemate")
    parser.add_argument("torchtune", type=pathlib.Path)
    parser.add_argument("--path", default="", help="more folders of Python modules for the recipe, with colons between them")
    parser.add_argument("--work", type=pathlib.Path, help="where to keep what is made; default: a folder that is removed")
    a = parser.parse_args()
    table = models.Table()
    with tempfile.TemporaryDirectory() as temporary:
        work = (a.work or pathlib.Path(temporary)).resolve()
        base, job, data = work / "base", work / "job", work / "rows.csv"
        models.MODELS["torchtune"] = ("Llama", dict(num_hidden_layers=2, rope_theta=10000.0), models.torch.float32, False)
        models.build("torchtune", base)
        rows(data)
        output(a.casemate, "tune", "export", data, "--trainer", "torchtune", "-m", base, "--out", job, "--rank", 4, "--epochs", 2, "--batch", 4, "--length", 512)
        table.check("torchtune", "prompts and answers", lambda: tokens(a.casemate, base, job))
        shim = work / "tune"
        shim.write_text(TUNE.format(python=sys.executable, source=a.torchtune.resolve()))
        shim.chmod(0o755)
        environment = dict(os.environ, PATH=f"{work}:{os.environ['PATH']}", PYTHONPATH=f"{a.torchtune.resolve()}:{a.path}")

        def train():
            p = subprocess.run(["sh", job / "launch.sh"], env=environment, capture_output=True, text=True)
            return p.returncode == 0, "trained" if p.returncode == 0 else p.stdout[-200:] + p.stderr[-500:]

        def back():
            doc = json.loads(output(a.casemate, "tune", "import", job / "output", "--job", job, "--rows", data, "-m", base, "--data", work / "data", "--json"))
            return doc["proved"] and doc["rows"] > 0, f"tested on {doc['rows']} rows"

        table.check("torchtune", "launch.sh", train)
        table.check("torchtune", "tune import", back)
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
