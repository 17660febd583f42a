"""What keeps the stack from running, as one sentence that says what to do."""


class StackError(Exception):
    """The stack cannot start or go on; the message is for the operator."""
