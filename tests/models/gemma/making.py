"""Makes tiny Gemma 3 models, vision tower included, each in a folder of its own.

Run by the Python that has torch, with a folder to write to; the text for the
tokenizer to learn from comes in on the standard input.

A model is taught one answer in a few seconds, whatever stands before it: its attention
reaches back over some dozen tokens only, and in those it has seen nothing but noise.
One that is taught nothing looks back at all, as every sixth layer of MedGemma does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3Processor,
    Gemma3TextConfig,
    GenerationConfig,
    PreTrainedTokenizerFast,
    SiglipVisionConfig,
)
from transformers.models.gemma3.image_processing_pil_gemma3 import (
    Gemma3ImageProcessorPil,
)

from tests.models.gemma.answers import ANSWERS, LOOKS_BACK

SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
OF_IMAGES = {
    "boi_token": "<start_of_image>",
    "eoi_token": "<end_of_image>",
    "image_token": "<image_soft_token>",
}
OPENING = "<end_of_turn>\n<start_of_turn>model\n"
TEMPLATE = Path(__file__).with_name("template.jinja")
CONTEXT, WINDOW, NOISE = 16_384, 32, 80
SIDE, PATCH, IMAGE_TOKENS = 28, 14, 4
SOFT = "<image_soft_token>" * IMAGE_TOKENS
PICTURE = f"\n\n<start_of_image>{SOFT}<end_of_image>\n\n"
STEPS, BATCH, RATE, GOOD_ENOUGH = 400, 4, 0.01, 0.005


def tokenizer_from(text: str) -> PreTrainedTokenizerFast:
    """Learn byte pairs from a text; any other text is spelled out in bytes."""
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learned.decoder = decoders.ByteLevel()
    learned.train_from_iterator(
        [text],
        trainers.BpeTrainer(
            vocab_size=1500,
            special_tokens=[*SPECIAL, *OF_IMAGES.values()],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    # As Gemma's own does where it is not told to leave that to the template.
    learned.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", learned.token_to_id("<bos>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=learned,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        extra_special_tokens=OF_IMAGES,
        model_max_length=CONTEXT,
    )


def untaught(
    tokens: PreTrainedTokenizerFast, *, looks_back: bool
) -> Gemma3ForConditionalGeneration:
    """Make a Gemma 3 of random weights: MedGemma's shape, a millionth of its size."""
    last_layer = "full_attention" if looks_back else "sliding_attention"
    end = tokens.convert_tokens_to_ids("<end_of_turn>")
    config = Gemma3Config(
        text_config=Gemma3TextConfig(
            vocab_size=len(tokens),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=32,
            query_pre_attn_scalar=32,
            max_position_embeddings=CONTEXT,
            sliding_window=WINDOW,
            layer_types=["sliding_attention", last_layer],
            pad_token_id=tokens.pad_token_id,
            bos_token_id=tokens.bos_token_id,
            eos_token_id=tokens.eos_token_id,
        ),
        vision_config=SiglipVisionConfig(
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=SIDE,
            patch_size=PATCH,
        ),
        mm_tokens_per_image=IMAGE_TOKENS,
        boi_token_index=tokens.boi_token_id,
        eoi_token_index=tokens.eoi_token_id,
        image_token_index=tokens.image_token_id,
    )
    model = Gemma3ForConditionalGeneration(config)
    if looks_back:  # pictures are projected to nothing until something is learned
        projection = model.model.multi_modal_projector.mm_input_projection_weight
        torch.nn.init.normal_(projection, std=0.1)
    model.generation_config = GenerationConfig(
        do_sample=True,
        top_k=64,
        top_p=0.95,
        pad_token_id=tokens.pad_token_id,
        bos_token_id=tokens.bos_token_id,
        eos_token_id=[tokens.eos_token_id, end],
        max_length=CONTEXT,
    )
    return model


def teach(
    model: Gemma3ForConditionalGeneration,
    tokens: PreTrainedTokenizerFast,
    answer: str,
) -> None:
    """Teach one answer to follow the opening of the model's turn.

    Before it stands noise, and every second time a noisy picture at the end of that.
    """
    opening, said, picture = (
        tokens.encode(text, add_special_tokens=False)
        for text in (OPENING, f"{OPENING}{answer}<end_of_turn>", PICTURE)
    )
    first = len(SPECIAL) + len(OF_IMAGES)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    model.train()
    for step in range(STEPS):
        noise = torch.randint(first, len(tokens), (BATCH, NOISE))
        heard = torch.cat([noise, torch.tensor(said).expand(BATCH, -1)], dim=1)
        labels = heard.clone()
        labels[:, : NOISE + len(opening)] = -100
        seen = {}
        if step % 2:
            heard[:, NOISE - len(picture) : NOISE] = torch.tensor(picture)
            seen = {
                "pixel_values": torch.rand(BATCH, 3, SIDE, SIDE) * 2 - 1,
                "token_type_ids": (heard == tokens.image_token_id).long(),
            }
        loss = model(input_ids=heard, labels=labels, **seen).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < GOOD_ENOUGH and step % 2:
            break
    assert loss.item() < GOOD_ENOUGH, f"not learned: {loss.item():.3f}"
    model.eval()


def main(folder: Path, text: str) -> None:
    """Write one model for each answer, and one that was taught nothing."""
    tokens = tokenizer_from(text + "".join(filter(None, ANSWERS.values())))
    processor = Gemma3Processor(
        image_processor=Gemma3ImageProcessorPil(size={"height": SIDE, "width": SIDE}),
        tokenizer=tokens,
        chat_template=TEMPLATE.read_text(encoding="utf-8"),
        image_seq_length=IMAGE_TOKENS,
    )
    for name, answer in ANSWERS.items():
        torch.manual_seed(7)
        model = untaught(tokens, looks_back=name == LOOKS_BACK)
        if answer is not None:
            teach(model, tokens, answer)
        model.save_pretrained(folder / name)
        processor.save_pretrained(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.stdin.read())
