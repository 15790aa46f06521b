"""Compositions of embedding, recurrent stack and output layer."""
