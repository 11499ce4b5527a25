"""The one way of a model call, whichever host it came from.

    complete(messages)  =  route → open → view → fit → send → read the reply → record → accept, draw again or re-route

`completion` decides who is asked, `asking` asks; `memory` is what a conversation keeps, `pool` where its providers
answer. A `lane` shows one provider its view: `view` makes the conversation one that every chat template takes,
`summary` words what old exchanges become. A `call` goes from there to its record: `grounding` says what it can
name, `request`, `body` and `sender` do the HTTP, `reply` judges what came back, `resampling` whether it is worth
another draw.
Only the OpenAI API is spoken here, over httpx. LiteLLM, meant for providers without such an API, is not
wired in yet: such a provider cannot be used so far.
"""

from slm_ext.completion.answer import Answer
from slm_ext.completion.completion import Completion, check_styles
from slm_ext.completion.pool import Pool

__all__ = ["Answer", "Completion", "Pool", "check_styles"]
