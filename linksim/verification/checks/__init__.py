"""The checks of `linksim verify`.

Each is a function of a seed that returns a figure, one line for the table, or raises `Broken`.
"""
