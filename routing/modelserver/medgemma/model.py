"""A Gemma 3 in memory: it is given prepared questions, and writes texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoProcessor, Gemma3ForConditionalGeneration
from transformers.utils import logging as said_by_transformers

from routing.modelserver.backends import Unusable
from routing.modelserver.medgemma.conversation import EMBEDDING, Messages
from routing.modelserver.medgemma.embeddings import Embedding
from routing.modelserver.medgemma.projector import projector_beside
from routing.modelserver.medgemma.rows import Prepared, Row, Written
from routing.modelserver.medgemma.steps import RowEnds, RowTemperatures


class Model:
    """The weights and the words of one folder, on one device."""

    def __init__(self, folder: Path) -> None:
        """Load it: on CUDA in bfloat16 where there is a GPU, else in float32.

        Raises:
            Unusable: the folder is no whole model, or the memory is too small for it.
        """
        said_by_transformers.set_verbosity_error()
        said_by_transformers.disable_progress_bar()
        has_gpu = torch.cuda.is_available()
        self.device = "cuda" if has_gpu else "cpu"
        dtype = torch.bfloat16 if has_gpu else torch.float32
        self.dtype = str(dtype).removeprefix("torch.")
        self.name = folder.resolve().name
        self._processor, self._model = _loaded(folder, self.device, dtype)
        text_config = self._model.config.text_config
        self.context = int(text_config.max_position_embeddings)
        """Tokens that a question and its answer may have together."""
        self.projector = projector_beside(
            folder, hidden=text_config.hidden_size, device=self.device, dtype=dtype
        )
        ends = self._model.generation_config.eos_token_id
        self._ends = set(ends) if isinstance(ends, list) else {ends}
        self._padding = self._model.generation_config.pad_token_id or 0

    def prepare(
        self,
        messages: Messages,
        pictures: Sequence[Image.Image],
        embedding: Embedding | None,
    ) -> Prepared:
        """Turn what is said and shown into tokens; on the CPU, one at a time."""
        text = self._processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        before, marked, after = text.partition(EMBEDDING)
        ids, types, pixels = self._seen(before, pictures)
        soft_at, soft = ids.shape[0], None
        if marked:
            assert embedding is not None
            assert self.projector is not None
            soft = self.projector.soft_tokens(embedding)
            places = ids.new_full((soft.shape[0],), self._padding)
            ids = torch.cat([ids, places, self._tokens(after)])
            types = torch.nn.functional.pad(types, (0, ids.shape[0] - soft_at))
        return Prepared(ids=ids, types=types, pixels=pixels, soft=soft, soft_at=soft_at)

    def _tokens(self, text: str) -> Any:
        found = self._processor.tokenizer(text, add_special_tokens=False)
        return torch.tensor(found["input_ids"], dtype=torch.long)

    def _seen(self, text: str, pictures: Sequence[Image.Image]) -> tuple[Any, Any, Any]:
        """Return tokens, their types, and the pictures' pixels or None."""
        if not pictures:  # the processor is slow at what it does not do then
            ids = self._tokens(text)
            return ids, torch.zeros_like(ids), None
        found = self._processor(
            text=text,
            images=[list(pictures)],
            add_special_tokens=False,
            return_tensors="pt",
        )
        return found["input_ids"][0], found["token_type_ids"][0], found["pixel_values"]

    def generate(
        self, rows: Sequence[Row], is_wanted: Callable[[int], bool] = lambda row: True
    ) -> list[Written]:
        """Answer rows together; each as if it were alone.

        ``is_wanted`` is asked before each token, by a row's number: a row that is not
        wanted any more ends.
        """
        limits = [row.max_new_tokens for row in rows]
        temperatures = [row.temperature for row in rows]
        drawing: dict[str, Any] = {"do_sample": False, "top_k": None, "top_p": None}
        if any(temperatures):
            processor = RowTemperatures(temperatures, self.device)
            drawing = {"do_sample": True, "logits_processor": [processor]}
        prepared = [row.prepared for row in rows]
        with torch.inference_mode(), self._soft_tokens(prepared):
            given = self._padded(prepared)
            told = self._model.generate(
                **given,
                **drawing,
                temperature=1.0,
                max_new_tokens=max(limits),
                stopping_criteria=[RowEnds(limits, is_wanted, self.device)],
            )
        new = told[:, given["input_ids"].shape[1] :].tolist()
        return list(map(self._written, new, limits))

    def check_numbers(self, prepared: Prepared) -> None:
        """Find out whether what it computes are numbers.

        Raises:
            Unusable: they are not: the weights are damaged.
        """
        with torch.inference_mode(), self._soft_tokens([prepared]):
            given = self._padded([prepared])
            scores = self._model(**given, logits_to_keep=1).logits
        if not bool(scores.isfinite().all()):
            raise Unusable(
                "The model of MEDGEMMA_MODEL_PATH computes what is no number. "
                "Its weights are damaged: fetch them again."
            )

    def _padded(self, rows: Sequence[Prepared]) -> dict[str, Any]:
        """Stand the rows side by side, each with its end at the right."""
        width = max(row.length() for row in rows)
        ids = torch.full((len(rows), width), self._padding)
        types = torch.zeros_like(ids)
        mask = torch.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, width - row.length() :] = row.ids
            types[number, width - row.length() :] = row.types
            mask[number, width - row.length() :] = 1
        given: dict[str, Any] = {
            "input_ids": ids.to(self.device),
            "attention_mask": mask.to(self.device),
            "token_type_ids": types.to(self.device),
        }
        pixels = [row.pixels for row in rows if row.pixels is not None]
        if pixels:
            seen = torch.cat(pixels).to(self.device, self._model.dtype)
            given["pixel_values"] = seen
        return given

    @contextmanager
    def _soft_tokens(self, rows: Sequence[Prepared]) -> Iterator[None]:
        """Put the soft tokens where the prompt's vectors are looked up."""

        def put(module: Any, asked: Any, vectors: Any) -> None:
            width = vectors.shape[1]
            if width == 1:  # a token that was generated
                return
            for number, row in enumerate(rows):
                if row.soft is not None:
                    start = width - row.length() + row.soft_at
                    vectors[number, start : start + row.soft.shape[0]] = row.soft

        hook = self._model.get_input_embeddings().register_forward_hook(put)
        try:
            yield
        finally:
            hook.remove()

    def _written(self, ids: list[int], limit: int) -> Written:
        ids = ids[:limit]
        end = next((at for at, each in enumerate(ids) if each in self._ends), None)
        own = ids if end is None else ids[: end + 1]
        text = self._processor.tokenizer.decode(own, skip_special_tokens=True)
        return Written(text=text, tokens=len(own), is_cut_off=end is None)


def _loaded(folder: Path, device: str, dtype: Any) -> tuple[Any, Any]:
    """Read processor and model from a folder, and from nowhere else.

    Raises:
        Unusable: that failed, or some of the weights are not there.
    """
    try:
        processor = AutoProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        model, told = Gemma3ForConditionalGeneration.from_pretrained(
            folder,
            local_files_only=True,
            # Never a pickle, which could run what it likes.
            use_safetensors=True,
            dtype=dtype,
            output_loading_info=True,
        )
        model = model.to(device).eval()
    except Exception as exc:  # noqa: BLE001 - whatever the libraries raise
        raise Unusable(
            "The folder of MEDGEMMA_MODEL_PATH holds a model that cannot be loaded "
            f"({type(exc).__name__}). Fetch it again, or give it more memory."
        ) from None
    if lacking := [*told["missing_keys"], *told["mismatched_keys"]]:
        # They would be made up.
        raise Unusable(
            f"The folder of MEDGEMMA_MODEL_PATH lacks {len(lacking)} of the model's "
            "weights. Fetch it again."
        )
    return processor, model
