"""Files to arrays: readers, vocabularies, lanes and batches; nothing here knows a model."""
