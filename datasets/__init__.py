"""Data sets as TFDS builders, a folder each.

Importing such a folder is cheap: `VERSION` and addresses are plain data, and `Builder` imports
TFDS only when it is asked for. `indicdigits.data.request` says what a folder has to offer.
"""
