"""Policy profiles: the rule book of a desk as data (S1). Services read their facets; nobody writes them."""
