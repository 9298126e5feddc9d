"""Imported once by the process that check workers are forked from: every check is loaded there, those from outside too.

Else the first task of every worker would import the module of its check within the time of the check, and a module that
loads slowly would make its check time out.
"""

from contextlib import suppress

from reward_server.checks.registry import checks
from reward_server.errors import ConfigError

with suppress(ConfigError):  # the server has said it, and does not start
    checks()
