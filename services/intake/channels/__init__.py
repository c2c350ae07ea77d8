"""From the words of a channel to a RequestDraft, without input or output where the channel allows it (A1, A2)."""
