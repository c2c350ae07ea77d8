"""Judgement of clocks, pure: facts.py what messages add up to, limits.py which clocks follow, steps.py what is due."""
