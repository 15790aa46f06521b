"""The command line: one thin file a verb. torch is imported inside the verbs, so that help answers at once."""
