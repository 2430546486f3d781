"""The judge, tried on made-up traffic whose truth is known. `python -m bench.judge` prints the tables of
docs/judge.md; the same seed prints the same tables.

    traffic      errors one by one: a ramp, a base rate that moves, a ratio of the new side to legacy
    rules        what watches them: the judge's evidence, and three rules that people use instead
    alarms       how often each cries wolf on a ramp on which nothing is wrong
    detection    how many requests each needs to see what is wrong
    limits       rates and quantiles against a fixed limit
    users        users whose errors are not independent
    keys         users who are not split as the dial says
    whole        all guards together on a ramp
    tables       how a table looks
"""
