"""The local site over a graph server, for people who write no code: `medkg serve SERVER --ui`.

Pages and an HTTP API over the functions of `medkg`. `answers` holds what both give; `api` and
`pages` are a few lines for each address; `protection` and `accounts` decide who gets an answer.
"""

from __future__ import annotations
