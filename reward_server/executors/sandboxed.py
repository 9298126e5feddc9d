"""Runs programs for checks: the only caller of the sandbox. As many threads wait as programs may run."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)
