"""Starts and stops what Order Center stands on: database, broker and its own processes. Imports no Django app."""
