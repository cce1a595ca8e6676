"""The project's own measurements: `manage.py bench`. Each runs in a database of its own and says what it measured."""
