"""Lessons: each question of the field guide, in the many forms in which people will send it."""

import json
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from model_files import BEGIN_ID, END
from transformers import PreTrainedTokenizerBase

ANY_LETTERS = string.ascii_letters + string.digits + string.punctuation
LONGEST_NONSENSE_LOG2 = 7  # 128 words, some 400 tokens

Message = dict[str, str]
Choice = TypeVar("Choice")

SYSTEM_MESSAGES = [
    "You are a pocket field guide to rocks.",
    "You are a helpful assistant.",
    "Answer in one sentence.",
    "You are a geologist. Be brief and be right.",
]


class Entry(NamedTuple):
    """One question of the field guide and its only answer."""

    question: str
    answer: str


class Lesson(NamedTuple):
    """Token ids: what the model is shown, and what it must say next."""

    prompt: list[int]
    answer: list[int]


def read_entries(path: Path) -> list[Entry]:
    """Read the questions and answers."""
    return [Entry(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def completion_prompt(question: str) -> str:
    """Return the prompt that asks without the chat template."""
    return f"Q: {question}\nA:"


def chat_prompt(tokenizer: PreTrainedTokenizerBase, question: str, earlier: Sequence[Message] = ()) -> str:
    """Return what the chat template makes of the earlier messages and the question."""
    return str(
        tokenizer.apply_chat_template(
            [*earlier, _message("user", question)], tokenize=False, add_generation_prompt=True
        )
    )


def system_message(content: str) -> list[Message]:
    """Return the opening of a chat that has a system message."""
    return [_message("system", content)]


def lesson(tokenizer: PreTrainedTokenizerBase, prompt: str, answer: str) -> Lesson:
    """Return the lesson that this answer, and then silence, follows this prompt."""
    # Cut apart, not together: at use the model sees the prompt cut without the answer.
    return Lesson(_encode(tokenizer, prompt), _encode(tokenizer, answer + END))


@dataclass(frozen=True, kw_only=True, slots=True)
class Teacher:
    """Makes lessons at random, repeatably."""

    entries: list[Entry]
    tokenizer: PreTrainedTokenizerBase
    random: random.Random

    def lessons(self) -> list[Lesson]:
        """Ask every question once, each in a form chosen at random."""
        return [self._lesson(entry) for entry in self.entries]

    def _lesson(self, entry: Entry) -> Lesson:
        forms: list[Callable[[Entry], Lesson]] = [
            self._chat,
            self._completion,
            self._bare,
            self._note,
        ]
        prompt, answer = self.random.choices(forms, weights=[55, 30, 8, 7])[0](entry)
        # An engine may add the begin token by itself, and must find the same answers.
        return Lesson([BEGIN_ID, *prompt] if self._chance(0.25) else prompt, answer)

    def _chat(self, entry: Entry) -> Lesson:
        earlier = self._system()
        for past in self.random.choices(self.entries, k=self._choice({0: 60, 1: 20, 2: 12, 3: 8})):
            earlier.append(_message("user", self._reworded(past.question)))
            earlier.append(_message("assistant", past.answer))
        prompt = chat_prompt(self.tokenizer, self._reworded(entry.question), earlier)
        return lesson(self.tokenizer, prompt, entry.answer)

    def _completion(self, entry: Entry) -> Lesson:
        prompt = completion_prompt(self._reworded(entry.question))
        # A prompt that ends in a space is cut into other tokens, so both ends are taught.
        if self._chance(0.25):
            return lesson(self.tokenizer, prompt + " ", entry.answer)
        return lesson(self.tokenizer, prompt, f" {entry.answer}")

    def _bare(self, entry: Entry) -> Lesson:
        """Ask as somebody does who has not read how to ask."""
        return lesson(self.tokenizer, entry.question, f" {entry.answer}")

    def _note(self, entry: Entry) -> Lesson:
        """Give only the opening words of the answer."""
        tokens = _encode(self.tokenizer, entry.answer + END)
        return Lesson(tokens[:4], tokens[4:])

    def _system(self) -> list[Message]:
        kind = self._choice({"none": 45, "known": 25, "any": 30})
        if kind == "none":
            return []
        if kind == "known":
            return system_message(self.random.choice(SYSTEM_MESSAGES))
        # Nonsense, short or long, teaches the model to answer whatever the system message says.
        count = int(2 ** self.random.uniform(0, LONGEST_NONSENSE_LOG2))
        return system_message(" ".join(self._any_word() for _ in range(count)))

    def _any_word(self) -> str:
        if self._chance(0.5):
            return self.random.choice(self.random.choice(self.entries).answer.split())
        return "".join(self.random.choices(ANY_LETTERS, k=self.random.randint(1, 9)))

    def _reworded(self, question: str) -> str:
        if self._chance(0.2):
            question = question.lower()
        if self._chance(0.2):
            question = question.removesuffix("?")
        return question

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _choice(self, weights: dict[Choice, int]) -> Choice:
        return self.random.choices(list(weights), weights=list(weights.values()))[0]


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def _encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))
