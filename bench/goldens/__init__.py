"""Performance as a golden: both sides under the same journeys, in turn, and a verdict with its uncertainty.

users      locust users who play flow files, each journey in a session of its own
rounds     one side after the other, in an order that treats both alike; memory is watched meanwhile
figures    percentiles, rates and ratios with their intervals, and whether the limits hold
pictures   drawings as SVG
report     Markdown and HTML
"""
