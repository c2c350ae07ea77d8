"""Policy profiles: the rule book of a desk as data (S1). Every service reads its own facets; nobody writes them here."""
