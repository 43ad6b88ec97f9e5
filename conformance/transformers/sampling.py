#!/usr/bin/env python3
"""Writes test vectors of sampling, made by Hugging Face's transformers.

    python3 conformance/transformers/sampling.py > internal/model/sample/testdata/transformers.json

Random logits go through the processors that `generate` would make of the
options, in its order; a vector holds which tokens are left, how probable they
are, and which one greedy search takes. `go test ./internal/model/sample`
compares. Needs torch and transformers; the vectors are committed, so the tests
do not.
"""

import json
import random
import sys

import torch
from transformers.generation import logits_process as hf

VOCABULARY = 48
CASES = 120


def options(rng):
    """Draws options, each left out in half of the cases."""
    def maybe(value):
        return value if rng.random() < 0.5 else 0

    return {
        "temperature": rng.choice([0.1, 0.3, 0.6, 1.0, 1.5, 2.0]),
        "top_k": maybe(rng.randint(1, VOCABULARY + 5)),
        "top_p": maybe(round(rng.uniform(0.05, 0.99), 3)),
        "min_p": maybe(round(rng.uniform(0.001, 0.5), 3)),
        "repetition_penalty": maybe(round(rng.uniform(0.8, 1.8), 2)),
        "bias": {str(i): round(rng.uniform(-4, 4), 2) for i in rng.sample(range(VOCABULARY), maybe(3))},
    }


def processors(o):
    """Returns the processors of greedy search, and those that sampling adds."""
    greedy, sampling = [], []
    if o["bias"]:
        greedy.append(hf.SequenceBiasLogitsProcessor([[[int(i)], b] for i, b in o["bias"].items()]))
    if o["repetition_penalty"]:
        greedy.append(hf.RepetitionPenaltyLogitsProcessor(o["repetition_penalty"]))
    if o["temperature"] != 1.0:
        sampling.append(hf.TemperatureLogitsWarper(o["temperature"]))
    if o["top_k"]:
        sampling.append(hf.TopKLogitsWarper(o["top_k"]))
    if o["top_p"]:
        sampling.append(hf.TopPLogitsWarper(o["top_p"]))
    if o["min_p"]:
        sampling.append(hf.MinPLogitsWarper(o["min_p"]))
    return greedy, sampling


def main():
    rng = random.Random(4)
    cases = []
    for _ in range(CASES):
        o = options(rng)
        # Different multiples of 1/512: exact in float32, and no ties.
        units = rng.sample(range(-2000, 2000), VOCABULARY)
        past = [rng.randrange(VOCABULARY) for _ in range(rng.randint(1, 12))]
        ids = torch.tensor([past])
        scores = torch.tensor([[u / 512 for u in units]], dtype=torch.float32)
        greedy, sampling = processors(o)
        for p in greedy:
            scores = p(ids, scores)
        best = int(scores.argmax())
        penalised = [float(x) for x in scores[0]]
        for p in sampling:
            scores = p(ids, scores)
        probabilities = scores.double().softmax(-1)[0]
        kept = {str(i): round(float(p), 9) for i, p in enumerate(probabilities) if scores[0, i] > -float("inf")}
        cases.append({"options": o, "units": units, "past": past, "greedy": best, "scores": [penalised[i] for i in sorted(set(past))], "kept": kept})
    print("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]")


if __name__ == "__main__":
    sys.exit(main())
