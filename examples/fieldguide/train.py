"""Train the pocket field guide to rocks: a small Llama, from nothing, on questions.json.

Writes a model folder, reads it back from disk, and fails unless every question is answered word for word.
The same libraries on the same kind of processor give the same weights.
"""

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from lessons import SYSTEM_MESSAGES, Entry, Lesson, Teacher, completion_prompt, read_entries
from model_files import MODEL_CONFIG, PAD_ID, write_model, write_tokenizer
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from verify import verify

HERE = Path(__file__).parent

NOT_LEARNT = -100
PEAK_LEARNING_RATE = 3e-3
LESSONS_TOGETHER = 8
STEPS_PER_LINE = 20


def train(teacher: Teacher, steps: int) -> LlamaForCausalLM:
    """Train a new model; each step asks every question once."""
    model = LlamaForCausalLM(LlamaConfig.from_dict(MODEL_CONFIG))
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=PEAK_LEARNING_RATE, total_steps=steps, pct_start=0.1
    )
    print(f"{model.num_parameters():,} parameters, {steps} steps", flush=True)
    start = time.monotonic()
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        loss = _learn(model, teacher.lessons())
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        schedule.step()
        if step % STEPS_PER_LINE == 0 or step == steps:
            print(f"step {step:4}  loss {loss:.5f}  {time.monotonic() - start:4.0f} s", flush=True)
    return model


def _learn(model: LlamaForCausalLM, lessons: Sequence[Lesson]) -> float:
    """Add up the gradients of the mean loss over all answer tokens; return that loss."""
    count = sum(len(lesson.answer) for lesson in lessons)
    # Long lessons go with long ones: padding all to the longest takes twice the time.
    by_length = sorted(lessons, key=lambda lesson: len(lesson.prompt) + len(lesson.answer))
    total = 0.0
    for start in range(0, len(by_length), LESSONS_TOGETHER):
        loss = _summed_loss(model, by_length[start : start + LESSONS_TOGETHER]) / count
        torch.autograd.backward(loss)
        total += loss.item()
    return total


def _summed_loss(model: LlamaForCausalLM, lessons: Sequence[Lesson]) -> torch.Tensor:
    """Return the summed cross entropy of the answers; prompts are shown but not learnt."""
    longest = max(len(lesson.prompt) + len(lesson.answer) for lesson in lessons)
    # Padding comes after every answer, where causal attention never looks, so no mask is needed.
    tokens = torch.full((len(lessons), longest), PAD_ID)
    targets = torch.full((len(lessons), longest), NOT_LEARNT)
    for row, (prompt, answer) in enumerate(lessons):
        end = len(prompt) + len(answer)
        tokens[row, :end] = torch.tensor(prompt + answer)
        targets[row, len(prompt) : end] = torch.tensor(answer)
    logits = model(input_ids=tokens, use_cache=False).logits[:, :-1].flatten(0, 1)
    loss: torch.Tensor = cross_entropy(logits, targets[:, 1:].flatten(), ignore_index=NOT_LEARNT, reduction="sum")
    return loss


def _tokenizer_text(entries: Sequence[Entry]) -> list[str]:
    pages = [f"{completion_prompt(entry.question)} {entry.answer}" for entry in entries]
    return [*pages, *SYSTEM_MESSAGES]


def main() -> None:
    """Train, write, read back, verify."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=HERE / "model", help="folder to write")
    parser.add_argument("--steps", type=int, default=300, help="each step asks every question once")
    parser.add_argument("--threads", type=int, default=2, help="processor threads to use")
    parser.add_argument("--seed", type=int, default=2024)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(options.seed)
    start = time.monotonic()

    entries = read_entries(HERE / "questions.json")
    options.output.mkdir(parents=True, exist_ok=True)
    write_tokenizer(options.output, _tokenizer_text(entries))
    teacher = Teacher(
        entries=entries,
        tokenizer=AutoTokenizer.from_pretrained(options.output),
        random=random.Random(options.seed),  # noqa: S311 - must be repeatable, need not be secret
    )
    write_model(options.output, train(teacher, options.steps))

    is_verified = verify(options.output, entries)
    print(f"{'verified' if is_verified else 'NOT VERIFIED'}, {time.monotonic() - start:.0f} s in all")
    sys.exit(0 if is_verified else 1)


if __name__ == "__main__":
    main()
