"""Finding tickets by any of their values and by words, Chinese included (B22)."""
