"""What is refused to a person at the desk. None of it is ever an HTTP API's answer."""

from __future__ import annotations


class PersonRefused(Exception):
    """Base of these refusals. The message is for the page and names no cause."""

    def __init__(self, message: str, *, tries_left: int = 0) -> None:
        super().__init__(message)
        self.tries_left = tries_left


class LogInRefused(PersonRefused):
    """Name, password and code are not right together, or too many were wrong before."""


class FactorRefused(PersonRefused):
    """The password or the code is not right: nothing of the second factor changed."""


class NotAllowed(PersonRefused):
    """The person has not got the right to do this to the other person."""
