"""Prints what PyTorch's optimisers make of four numbers in five steps.

The numbers stand in internal/model/optimizer/optimizer_test.go. Run it with
PyTorch; its output is Go.
"""

import torch

START = [0.5, -1.25, 3.0, -0.001]
GRADIENTS = [[0.1, -0.2, 1e-3, 5.0], [0.3, 0.2, -1e-3, 4.0], [-0.1, 0.7, 0.0, -3.0], [0.05, -0.2, 2e-3, 2.0], [0.0, 0.1, 1e-3, 1.0]]


def run(make):
    p = torch.nn.Parameter(torch.tensor(START))
    optimiser = make([p])
    for g in GRADIENTS:
        p.grad = torch.tensor(g)
        optimiser.step()
    return p.detach().numpy()


def decoupled(params, **options):
    """SGD with AdamW's decay: PyTorch's own adds it to the gradient."""
    inner = torch.optim.SGD(params, **options)
    step = inner.step

    def shrunk():
        with torch.no_grad():
            params[0].mul_(1 - 0.01 * 0.1)
        step()

    inner.step = shrunk
    return inner


CASES = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, foreach=False),
    "adamw, other betas": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0, foreach=False),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, foreach=False),
    "sgd, momentum": lambda p: decoupled(p, lr=0.01, momentum=0.9, foreach=False),
    "sgd, nesterov": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, foreach=False),
}

for name, make in CASES.items():
    print(f'"{name}": {{{", ".join(repr(float(x)) for x in run(make))}}},')
