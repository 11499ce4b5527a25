"""The tiny model: corpus, training and evaluation."""
