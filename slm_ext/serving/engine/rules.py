"""What a request asks of its answer: the wire format of its calls, the grammar to follow, how tokens are drawn."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from slm_ext.toolcalls import FORMATS, GrammarError, Thinking, call_grammar, json_grammar

from .config import EngineConfig
from .constraint import Constraint, Grammars
from .errors import ApiError
from .loading import LoadedModel
from .prompts import Prompt
from .request import ChatRequest, TextRequest
from .sampling import Sampling

__all__ = ["Rules", "sampling_of", "wire_of"]


class Rules:
    """Makes the constraints of one model's requests. `missing` says why there can be none."""

    def __init__(self, loaded: LoadedModel):
        self._grammars: Grammars | None = None
        tokenizer = loaded.tokenizer
        self._thinking = Thinking()
        if tokenizer.has_thinking:
            self._thinking = Thinking(own=True, start=tokenizer.think_start, end=tokenizer.think_end)
        self.missing = ""
        try:
            self._grammars = Grammars(loaded.tokenizer_json(), loaded.vocabulary, loaded.eos_ids)
        except Exception as error:  # whatever llguidance says of a tokenizer it cannot read
            self.missing = " ".join(str(error).split())[:300]

    def constraint(self, request: ChatRequest, wire: str | None, prompt: Prompt) -> Constraint | None:
        """The constraint of a chat request; None where it is free.

        Args:
            request: checked.
            wire: its format of calls.
            prompt: tells whether the model is thinking already.

        Raises:
            ApiError: 400 for what excludes each other and for what cannot be enforced; nothing asked for is dropped.
        """
        schema, choice, wished = request.schema_wanted, request.choice, request.slm
        if schema is not None and choice != "none":
            raise ApiError(
                400, "response_format and tools that may be called exclude each other; set tool_choice: none",
                param="response_format",
            )  # fmt: skip
        strict = (
            schema is not None or choice not in ("auto", "none") or wished.domains or not request.parallel_tool_calls
        )
        if not wished.constrain:
            if strict:
                raise ApiError(
                    400, "slm.constrain: false: tool_choice, parallel_tool_calls, response_format and slm.domains "
                    "cannot be enforced", param="slm",
                )  # fmt: skip
            return None
        thinking = replace(self._thinking, opened=prompt.in_thinking, own=self._thinking.own and not prompt.thought)
        if schema is not None:
            write = partial(json_grammar, schema, thinking=thinking)
        elif wire is not None:
            write = partial(
                call_grammar,
                request.tools or [],
                wire,
                choice=choice.removeprefix(":"),
                parallel=request.parallel_tool_calls,
                domains=wished.domains,
                thought_chars=wished.thought_chars,
                thinking=thinking,
            )
        else:
            return None
        if self._grammars is None:
            if strict:
                raise ApiError(400, f"this server cannot enforce a grammar: {self.missing}", code="no_grammar")
            return None
        try:
            grammar = write()
        except (GrammarError, TypeError, AttributeError, KeyError, ValueError, RecursionError) as error:
            # a schema that is none, or nested without end, fails where it is first looked into
            raise ApiError(400, f"no grammar for this request: {error}"[:500], code="invalid_grammar") from None
        return self._grammars.constraint(grammar)


def wire_of(request: ChatRequest, own: str | None) -> str | None:
    """The format of calls, `own` being the model's; raises ApiError (400) where tools are given and there is none."""
    if not request.tools:
        return None
    wire = request.slm.wire_format or own
    if wire is None:
        raise ApiError(
            400, "this model's chat template writes tool calls in a format that is not known here; allowed: tools "
            f"described in the messages, with slm.wire_format one of {', '.join(FORMATS)} (a provider's tool_mode "
            "xml, json or text does that)",
            code="unsupported_tools", param="tools",
        )  # fmt: skip
    return wire


def sampling_of(request: ChatRequest | TextRequest, config: EngineConfig) -> Sampling:
    """How the request's tokens are drawn; what it leaves open is as the server was told."""
    temperature = request.temperature if request.temperature is not None else config.temp
    top_p = request.top_p if request.top_p is not None else config.top_p
    return Sampling(
        temperature=temperature or 0.0,
        top_p=1.0 if top_p is None else top_p,
        top_k=request.top_k or 0,
        min_p=request.min_p or 0.0,
        seed=request.seed,
        repetition_penalty=request.repetition_penalty,
        presence_penalty=request.presence_penalty,
        frequency_penalty=request.frequency_penalty,
        logit_bias={int(key): value for key, value in (request.logit_bias or {}).items()},
    )
