"""Budgets as files: charts to begin with, what spreadsheets and other tools hold, and what is handed on.

Reading a file never sets anything: it tells the `set-budget` that would, and how far it is from what the file states.
"""
