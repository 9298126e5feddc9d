"""Judges programs: a submission and its tests → runs → verdicts. Pure: what is run, is run elsewhere."""
