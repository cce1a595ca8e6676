"""What can go wrong before the application itself runs; each is one sentence for the person at the terminal."""


class RuntimeTrouble(Exception):
    """A condition the user can mend. Its text says what is wrong and what to do; it is printed without a traceback."""
