"""Recorded sound: files and arrays with their texts, any rate, features, streams, and made syllables."""

from __future__ import annotations
