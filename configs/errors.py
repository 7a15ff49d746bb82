"""The one kind of error that people see as a line of text instead of a traceback."""


class AshoreError(Exception):
    """Something the user can mend; the text says what it is and what is allowed. Commands end with exit code 2."""


class UsageError(AshoreError):
    """What the user asked for cannot be done as asked; the text says what can."""
