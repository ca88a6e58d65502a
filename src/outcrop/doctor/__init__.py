"""What is wrong between Outcrop and what it needs: pure decisions from facts that adapters gather.

causes.py      which layer is broken, from an answer or from the want of one, and the cure
outcomes.py    one check's outcome, all of them, and the exit status
machine.py     whether this machine and its settings will do
"""
