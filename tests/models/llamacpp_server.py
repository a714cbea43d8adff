"""``python -m tests.models.llamacpp_server MODEL``: serves until its input ends."""

from __future__ import annotations

import sys

NAME = "tiny-1"
CONTEXT = 16_384


def main() -> None:
    """Serve the model, and say where."""
    import xllamacpp

    options = xllamacpp.CommonParams()
    options.model.path = sys.argv[1]
    options.model_alias = {NAME}
    options.n_ctx = CONTEXT
    options.n_parallel = 1
    options.port = 0
    options.warmup = False
    options.verbosity = -1
    options.cpuparams.n_threads = 1
    options.n_threads_http = 2
    server = xllamacpp.Server(options)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    del server


if __name__ == "__main__":
    main()
