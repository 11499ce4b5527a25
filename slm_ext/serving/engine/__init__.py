"""Our own engine over mlx-lm: the child process `python -m slm_ext.serving.engine CONFIG.json`.

    app        HTTP: the OpenAI API, its errors, who may ask (Starlette on uvicorn, the main thread)
    server     uvicorn, and how it ends
    service    between the two: a request becomes a job that fits the window
    request    a request's body, checked; nothing in it is ignored in silence
    messages   messages as chat templates take them
    prompts    messages → text → tokens
    scheduler  one thread that owns MLX: prefill in chunks, decode in a batch, one job after another with a draft
    prefill    prompts into caches, several short ones together
    batch      the running batch: one forward pass and one token for every stream
    rules      what a request asks of its answer: format, grammar, sampling
    constraint the grammar of a request as a mask over the next token
    replies    generated text → message with tool calls, at once or as a stream
    answers    a job as documents of the API

A request becomes a `Job`; the scheduler fills it. Of slm-ext's rooms for serving only this folder imports mlx,
and nothing outside of it imports it.
"""
