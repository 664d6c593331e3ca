"""From records to numbers.

statistics   success rates and their intervals
chains       how far chains of subtasks got
scores       a score per task, suite and benchmark
comparison   two policies on the same episodes: tests and intervals
power        how many episodes show a difference
contrasts    runs compared pair by pair
timing       where the wall time went
"""
