"""Check a trained folder: load it anew and ask every question, greedily, in float32 and in bfloat16."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import torch
from lessons import SYSTEM_MESSAGES, Entry, Lesson, chat_prompt, completion_prompt, lesson, read_entries, system_message
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerBase

HERE = Path(__file__).parent


class Score(NamedTuple):
    """How one form of asking went: exact replies, and the narrowest lead of a right token, in logits."""

    exact: int
    asked: int
    margin: float


def verify(folder: Path, entries: Sequence[Entry]) -> bool:
    """Print a score for each form of asking; return whether every reply was exact, word for word."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    is_verified = True
    for dtype in (torch.float32, torch.bfloat16):
        model = cast("LlamaForCausalLM", AutoModelForCausalLM.from_pretrained(folder, dtype=dtype))
        for form in ("chat", "chat with system message", "completion"):
            score = _score(model, [_lesson(tokenizer, form, entry) for entry in entries])
            name = f"{str(dtype).removeprefix('torch.')}, {form}"
            print(f"{name:34} {score.exact}/{score.asked} exact, narrowest lead {score.margin:.1f}", flush=True)
            is_verified = is_verified and score.exact == score.asked
    return is_verified


def _lesson(tokenizer: PreTrainedTokenizerBase, form: str, entry: Entry) -> Lesson:
    if form == "completion":
        return lesson(tokenizer, completion_prompt(entry.question), f" {entry.answer}")
    earlier = system_message(SYSTEM_MESSAGES[0]) if form == "chat with system message" else []
    return lesson(tokenizer, chat_prompt(tokenizer, entry.question, earlier), entry.answer)


def _score(model: LlamaForCausalLM, lessons: Sequence[Lesson]) -> Score:
    exact = sum(_reply(model, one.prompt) == one.answer for one in lessons)
    return Score(exact, len(lessons), min(_margin(model, one) for one in lessons))


@torch.no_grad()
def _reply(model: LlamaForCausalLM, prompt: list[int]) -> list[int]:
    """Return what the model says after the prompt, with the end token if it came."""
    tokens = torch.tensor([prompt])
    output = model.generate(  # type: ignore[misc]  # its self type is private to transformers
        tokens, attention_mask=torch.ones_like(tokens), do_sample=False, max_new_tokens=100
    )
    return list(output[0, len(prompt) :].tolist())


@torch.no_grad()
def _margin(model: LlamaForCausalLM, one: Lesson) -> float:
    """Return how far the right token leads the runner-up, where it leads least."""
    logits = model(input_ids=torch.tensor([one.prompt + one.answer])).logits[0].float()
    logits = logits[len(one.prompt) - 1 : -1]
    right = torch.tensor(one.answer).unsqueeze(1)
    runner_up = logits.scatter(1, right, float("-inf")).max(dim=1).values
    return float((logits.gather(1, right).squeeze(1) - runner_up).min())


def main() -> None:
    """Check the folder; exit 0 if it answers everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=HERE / "model")
    options = parser.parse_args()
    sys.exit(0 if verify(options.folder, read_entries(HERE / "questions.json")) else 1)


if __name__ == "__main__":
    main()
