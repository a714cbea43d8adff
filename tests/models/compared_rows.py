"""Pads questions as our server does, and as transformers' processor does itself.

Run by the Python that has torch, with a model's folder; prints what is the same.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from PIL import Image
from transformers import AutoProcessor

from routing.modelserver.contract import Question
from routing.modelserver.medgemma import conversation
from routing.modelserver.medgemma.model import Model

PICTURES = [
    [Image.radial_gradient("L").convert("RGB")],
    [Image.new("RGB", (9, 5), "navy"), Image.linear_gradient("L").convert("RGB")],
]
WORDS = ["Points at things.", "Points at things, and waits. " * 20]


def main(folder: Path) -> dict[str, bool]:
    """Say of each tensor of a batch of two whether it is the processor's own."""
    model, processor = Model(folder), AutoProcessor.from_pretrained(folder)
    said = [
        conversation.messages(
            Question(observations=words),
            pictures=len(pictures),
            has_embedding=False,
            not_given=(),
        )
        for words, pictures in zip(WORDS, PICTURES, strict=True)
    ]
    rows = [
        model.prepare(messages, pictures, None)
        for messages, pictures in zip(said, PICTURES, strict=True)
    ]
    ours = model._padded(rows)
    texts = processor.apply_chat_template(
        said, tokenize=False, add_generation_prompt=True
    )
    theirs = processor(
        text=texts,
        images=PICTURES,
        padding=True,
        padding_side="left",
        add_special_tokens=False,
        return_tensors="pt",
    )
    assert rows[0].length() < rows[1].length()
    assert theirs["token_type_ids"].sum() > 0
    same = {
        name: name in ours and torch.equal(ours[name], theirs[name]) for name in theirs
    }
    alone = conversation.messages(
        Question(), pictures=0, has_embedding=False, not_given=()
    )
    beginnings = model.prepare(alone, [], None).ids == processor.tokenizer.bos_token_id
    return same | {"one beginning": int(beginnings.sum()) == 1}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))))
