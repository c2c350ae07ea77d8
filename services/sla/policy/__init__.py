"""Judgement of clocks, pure.

facts.py: what messages add up to. limits.py: which clocks follow (occasions, runs, terms, pauses, endings, eras).
steps.py: what is due now (stepping, escalating, alarms). commitments.py: promises as clocks.
"""
