"""Speed of PyTorch's products on the shapes of internal/model/gemm's benchmark.

Prints, for each shape T x N x K and each number format, 10^9 operations a second
of a linear layer's forward pass and of both its gradients, best of several.
Compare with, on the same machine and with nothing else running:

    go test ./internal/model/gemm -run xxx -bench Products
"""

import argparse
import time

import torch

SHAPES = [(2048, 2048, 2048), (2048, 8192, 2048), (2048, 256, 256), (2048, 8, 2048), (2048, 2048, 8)]


def best(run, repeats, clock):
    run()
    times = []
    for _ in range(repeats):
        start = clock()
        run()
        times.append(clock() - start)
    return min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--busy", action="store_true", help="count this thread's processor time; wants --threads 1")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    clock = time.thread_time if arguments.busy else time.perf_counter
    print(f"torch {torch.__version__}, {arguments.threads} threads")
    for T, N, K in SHAPES:
        for dtype in (torch.float32, torch.bfloat16):
            x, w, dy = (torch.randn(s).to(dtype) for s in ((T, K), (N, K), (T, N)))
            for name, run in (
                ("Forward", lambda: torch.nn.functional.linear(x, w)),
                ("Input", lambda: dy @ w),
                ("Weight", lambda: dy.t() @ x),
            ):
                speed = 2 * T * N * K / best(run, arguments.repeats, clock) / 1e9
                print(f"{T}x{N}x{K} {str(dtype)[6:]:9} {name:8} {speed:8.1f} GFLOP/s")


if __name__ == "__main__":
    main()
