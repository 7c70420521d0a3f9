"""daphne with what a proxy of long streams needs: backpressure, early refusals, honest endings, draining.

Each difference from stock daphne has a test that fails on stock daphne, so that we notice
when it is no longer needed.
"""
