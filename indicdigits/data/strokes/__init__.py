"""Digits drawn by the project: centre lines from a recipe, written by many invented hands.

`shapes` reads a recipe's `[strokes]` table, `splines` turns centre lines into curves, `drawer`
writes them as a person would, and `corpus` names the writers of the train and test parts.
"""
