"""The base's own tokenizer and chat template for torchtune.

torchtune's tokenizer for models of Hugging Face has no padding and no length,
which its LoRA recipes ask for. This one renders a conversation with the base's
template; the loss is on what the assistant says and the end of its turn.
"""
import datetime
import json
import os

import jinja2.sandbox
import tokenizers


def _refuse(message):
    raise jinja2.exceptions.TemplateError(message)


def _text(token):
    return token["content"] if isinstance(token, dict) else token


class Tokenizer:
    def __init__(self, path, max_seq_len=None):
        self.tokenizer = tokenizers.Tokenizer.from_file(os.path.join(path, "tokenizer.json"))
        with open(os.path.join(path, "tokenizer_config.json"), encoding="utf-8") as f:
            self.config = json.load(f)
        template = self.config.get("chat_template")
        if not template:
            with open(os.path.join(path, "chat_template.jinja"), encoding="utf-8") as f:
                template = f.read()
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
        environment.globals["raise_exception"] = _refuse
        # The day that casemate writes when it asks the model: prompts must not differ.
        environment.globals["strftime_now"] = datetime.datetime(2024, 7, 26).strftime
        self.template = environment.from_string(template)
        self.special = {k: _text(self.config[k]) for k in ("bos_token", "eos_token", "pad_token") if self.config.get(k)}
        ids = {k: self.tokenizer.token_to_id(v) for k, v in self.special.items()}
        self.bos_id, self.eos_id = ids.get("bos_token"), ids.get("eos_token")
        self.pad_id = next((i for i in (ids.get("pad_token"), self.eos_id) if i is not None), 0)
        self.max_seq_len = max_seq_len
        self.vocab_size = self.tokenizer.get_vocab_size()

    def _render(self, messages, prompt):
        turns = [{"role": m.role, "content": m.text_content} for m in messages]
        return self.template.render(messages=turns, tools=None, documents=None, enable_thinking=False, add_generation_prompt=prompt, **self.special)

    def tokenize_messages(self, messages, add_eos=True):
        """Return ids, and for each whether the loss leaves it out."""
        ids, masked, done = [], [], ""

        def add(text, mask):
            part = self.tokenizer.encode(text, add_special_tokens=False).ids
            ids.extend(part)
            masked.extend([mask] * len(part))

        for i, m in enumerate(messages):
            if m.role != "assistant":
                continue
            prompt, whole = self._render(messages[:i], True), self._render(messages[: i + 1], False)
            if not prompt.startswith(done) or not whole.startswith(prompt):
                raise ValueError("the chat template writes a conversation otherwise when it goes on")
            add(prompt[len(done):], True)
            add(whole[len(prompt):], False)
            done = whole
        return ids, masked

    def __call__(self, sample, inference=False):
        sample["tokens"], sample["mask"] = self.tokenize_messages(sample.pop("messages"))
        return sample
