"""Fakes that ship: a fake OpenAI server with faults, a fake engine process, a random-weight model folder.

Real sockets and real processes, so that your own tests exercise the same code paths as a run. Nothing here needs mlx
except what is served from `make_random_model`. See `openai_server`, `fake_engine`, `models`.
"""
