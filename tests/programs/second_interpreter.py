# SPDX-License-Identifier: Apache-2.0
"""Runs functions in a second interpreter, in the thread of the first."""

import _xxsubinterpreters

SCRIPT = """
def inner():
    total = 0
    for number in range(2000):
        total += number
    return total

def outer():
    print("ready", flush=True)
    while True:
        inner()

outer()
"""

_xxsubinterpreters.run_string(_xxsubinterpreters.create(), SCRIPT)
