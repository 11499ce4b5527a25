"""The one way of a model call, whichever host it came from.

    complete(messages)  =  route → view → fits? → send → read the reply → record → accept, or draw again

`Completion` composes the steps; `view` makes the conversation one that every chat template takes, `grounding` says what
a call can name, `request` and `sender` do the HTTP, `reply` judges what came back, `resampling` whether it is worth
another draw. Only the OpenAI API is spoken here, through the `openai` SDK.
LiteLLM, meant for providers without such an API, is not wired in yet: such a provider cannot be used so far.
"""

from slm_ext.completion.answer import Answer
from slm_ext.completion.completion import Completion

__all__ = ["Answer", "Completion"]
