"""Models from the Hugging Face hub, over `huggingface_hub`: looked at, checked, fetched, verified.

`listing` asks what there is, `room` whether disk and memory have room for it, `fetching` brings it. A model appears in
the hub's cache only when every file is there and has the hash that the hub names; what was cut off is resumed. Code is
never fetched. Nothing else in slm-ext downloads a model.
"""
