#!/usr/bin/env python3
"""Compares heads on vectors with PyTorch.

Clustered vectors whose numbers are correlated and of very different size, as
hidden states are, are written as float16. The same convex objective is made least
by Casemate and by torch.optim.LBFGS with strong Wolfe conditions; values of the
objective, accuracy on rows that neither saw, and seconds are printed.

    go build -o bin/probe-run ./conformance/probe/run
    python compare.py bin/probe-run [--rows 10000 --width 4096 --classes 200]
"""

import argparse
import json
import math
import subprocess
import tempfile
import time
from pathlib import Path

import numpy
import torch


def vectors(rows, width, classes, seed):
    """Rows around the centres of classes; noise has a spectrum that falls as 1/k."""
    r = numpy.random.default_rng(seed)
    which = r.integers(0, classes, rows)
    rank = min(width, 512)
    mix = (r.standard_normal((rank, width)) / math.sqrt(rank)).astype("f4")
    spectrum = (3.0 / numpy.arange(1, rank + 1) ** 0.5).astype("f4")
    x = (r.standard_normal((rows, rank)).astype("f4") * spectrum) @ mix
    x += 0.3 * r.standard_normal((rows, width)).astype("f4")
    x += (0.05 * r.standard_normal((classes, width)).astype("f4"))[which]
    size = numpy.exp(r.standard_normal(width)).astype("f4")
    size[: width // 500 + 1] *= 200  # outliers
    return (x * size + r.standard_normal(width).astype("f4") * size).astype("f2"), which, r


def answers(task, x, which, classes, r):
    if task == "single":
        return which.astype("f8")
    direction = r.standard_normal(x.shape[1])
    z = ((x.astype("f4") - x.mean(0, dtype="f4")) / (x.std(0, dtype="f4") + 1e-6)) @ direction
    z = z / z.std() + 0.3 * r.standard_normal(len(z))
    if task == "regression":
        return 7 + 3 * z
    if task == "ordinal":
        return numpy.digitize(z, numpy.quantile(z, numpy.arange(1, classes) / classes)).astype("f8")
    return (r.standard_normal((len(z), classes)) * 0.5 + z[:, None] + (which[:, None] % classes == numpy.arange(classes)) > 0.5).astype("f8")


def objective(task, x, y, classes, l2, params):
    z = x @ params[0].T
    if task == "single":
        loss = torch.nn.functional.cross_entropy(z + params[1], y.long())
    elif task == "multi":
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z + params[1], y)
    elif task == "ordinal":
        steps = torch.cat([params[1][:1], params[1][1:].exp()])
        t = torch.cumsum(steps, 0)
        below = torch.sigmoid(t - z)
        p = torch.cat([below, torch.ones_like(z)], 1) - torch.cat([torch.zeros_like(z), below], 1)
        loss = -p.gather(1, y.long()[:, None]).clamp_min(1e-12).log().mean()
    else:
        loss = torch.nn.functional.huber_loss((z + params[1])[:, 0], y, delta=1.0)
    return loss + l2 / 2 * params[0].square().sum()


def train(task, x, y, classes, l2):
    outputs = classes if task in ("single", "multi") else 1
    extras = {"ordinal": classes - 1, "regression": 1}.get(task, classes)
    params = [torch.zeros(outputs, x.shape[1], dtype=x.dtype), torch.zeros(extras, dtype=x.dtype)]
    if task == "ordinal":
        params[1][0] = -1
    for p in params:
        p.requires_grad_()
    best = torch.optim.LBFGS(params, max_iter=1000, tolerance_grad=1e-6, tolerance_change=1e-10, history_size=10, line_search_fn="strong_wolfe")

    def closure():
        best.zero_grad()
        loss = objective(task, x, y, classes, l2, params)
        loss.backward()
        return loss

    best.step(closure)
    return params, objective(task, x, y, classes, l2, params).item(), best.state[params[0]]["n_iter"]


def right(task, logits, y):
    """Accuracy; of a regression, the part of the variance that is explained."""
    if task == "single":
        return (logits.argmax(1) == y).mean()
    if task == "multi":
        return ((logits > 0) == (y > 0.5)).mean()
    if task == "ordinal":
        return ((logits > 0).sum(1) == y).mean()
    return 1 - ((logits[:, 0] - y) ** 2).mean() / y.var()


def compare(run, task, rows, width, classes, l2, seed, dtype):
    x, which, r = vectors(rows + rows // 5, width, classes, seed)
    y = answers(task, x, which, classes, r)
    with tempfile.TemporaryDirectory() as folder:
        x.tofile(Path(folder) / "vectors.f16")
        y.astype("<f8").tofile(Path(folder) / "answers.f64")
        labels = 0 if task == "regression" else classes
        got = json.loads(subprocess.run([run, folder, task, str(width), str(labels), str(rows), str(l2)], check=True, capture_output=True).stdout)
    ours = numpy.array(got["logits"])

    start = time.time()
    wide = torch.tensor(x.astype("f4")).to(dtype)
    mean, deviation = wide[:rows].mean(0), wide[:rows].std(0, correction=0)
    wide = (wide - mean) / deviation
    target = torch.tensor(y).to(dtype)
    centre, spread = 0.0, 1.0
    if task == "regression":
        centre, spread = target[:rows].mean().item(), target[:rows].std(correction=0).item()
        target = (target - centre) / spread
    params, loss, steps = train(task, wide[:rows], target[:rows], classes, l2)
    seconds = time.time() - start
    with torch.no_grad():
        z = wide[rows:] @ params[0].T
        if task == "ordinal":
            theirs = z - torch.cumsum(torch.cat([params[1][:1], params[1][1:].exp()]), 0)
        else:
            theirs = (z + params[1]) * spread + centre
    theirs = theirs.double().numpy()
    trained = got["trained"]
    same = (ours.argmax(1) == theirs.argmax(1)).mean() if task == "single" else numpy.corrcoef(ours.ravel(), theirs.ravel())[0, 1]
    print(f"{task:10} {rows}x{width}x{classes} L2 {l2:g}: objective {trained['loss']:.6f}, PyTorch {loss:.6f}; "
          f"right {right(task, ours, y[rows:]):.4f}, PyTorch {right(task, theirs, y[rows:]):.4f}; "
          f"{'same answers' if task == 'single' else 'correlation'} {same:.4f}; "
          f"{got['seconds']:.1f} s in {trained['iterations']} steps, PyTorch {seconds:.1f} s in {steps}")
    return abs(trained["loss"] - loss) <= 2e-3 * abs(loss) + 1e-4


def main():
    p = argparse.ArgumentParser()
    p.add_argument("run")
    p.add_argument("--rows", type=int)
    p.add_argument("--width", type=int, default=4096)
    p.add_argument("--classes", type=int, default=200)
    p.add_argument("--l2", type=float, default=0.001)
    a = p.parse_args()
    if a.rows:
        ok = compare(a.run, "single", a.rows, a.width, a.classes, a.l2, 1, torch.float32)
    else:
        ok = all([compare(a.run, task, 800, 200, classes, l2, seed, torch.float64)
                  for seed, (task, classes) in enumerate([("single", 12), ("multi", 5), ("ordinal", 4), ("regression", 1)])
                  for l2 in (0.1, 0.001)])
    raise SystemExit(0 if ok else 1)


main()
