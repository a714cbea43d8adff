"""A real llama.cpp server, a process of its own, with tiny models that are made here.

A model has one byte a token and hardly a thought, but for a liking of some
characters, so that within the schema's grammar it soon comes to an end.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gguf
import numpy as np

from tests.models import llamacpp_server
from tests.servers import ROOT

NAME, CONTEXT = llamacpp_server.NAME, llamacpp_server.CONTEXT
WIDTH, HEADS = 32, 2
BOS, EOS = "<s>", "</s>"
TOKENS = ["<unk>", BOS, EOS, *(f"<0x{byte:02X}>" for byte in range(256))]
TOKENS += [chr(code) for code in range(32, 127)]
TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}]\n{{ m.content }}\n{% endfor %}[assistant]\n"
)

TIDY = {'"': 9.0, "]": 8.0, "}": 7.5, ",": 7.0, "0": 6.0}
"""Ends what it begins."""

BOASTFUL = TIDY | {"0": 0.0, "9": 6.0}
"""Is surer than sure: its confidence is a row of nines."""

WILD: dict[str, float] = {}
"""Likes nothing more than anything else, and comes to no end."""

GARBLED = {"<0xFF>": 12.0}
"""Says bytes that are no text; the server itself answers that with a 500."""


@contextmanager
def serving(folder: Path, *, likes: dict[str, float]) -> Iterator[str]:
    """Make a model and serve it; yield the server's address."""
    path = folder / "model.gguf"
    write_model(path, likes=likes)
    # Its library and the one that shapes letters in PDFs cannot live in one process.
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.models.llamacpp_server", str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server:
        yield server.stdout.readline().strip()
        server.stdin.close()
        assert server.wait(timeout=30) == 0


def write_model(path: Path, *, likes: dict[str, float]) -> None:
    """Write a one-layer model of random weights that likes some tokens."""
    kinds = gguf.TokenType
    special = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(WIDTH)
    writer.add_block_count(1)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(TOKENS)
    writer.add_token_scores([0.0] * len(TOKENS))
    writer.add_token_types([*special, *[kinds.BYTE] * 256, *[kinds.NORMAL] * 95])
    writer.add_bos_token_id(TOKENS.index(BOS))
    writer.add_eos_token_id(TOKENS.index(EOS))
    writer.add_chat_template(TEMPLATE)

    random = np.random.default_rng(seed=7)

    def weights(rows: int = WIDTH) -> np.ndarray:
        return random.normal(0, 0.1, (rows, WIDTH)).astype(np.float32)

    # Every token says the same in the first place, and the output listens to that.
    embedding, output = weights(len(TOKENS)), weights(len(TOKENS))
    embedding[:, 0] = 4.0
    output[:, 0] = [likes.get(token, 0.0) for token in TOKENS]
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", weights())
    for name in ("ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", weights())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
