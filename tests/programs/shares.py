# SPDX-License-Identifier: Apache-2.0
"""Spends 2/3 of its CPU time in two_thirds() and 1/3 in one_third(), by its own thread clock, until it is killed."""

import time


def two_thirds(end):
    number = 0
    while time.thread_time() < end:
        for _ in range(2000):
            number += 1


def one_third(end):
    number = 0
    while time.thread_time() < end:
        for _ in range(2000):
            number ^= 1


def main():
    print("ready", flush=True)
    now = time.thread_time()
    while True:
        two_thirds(now + 0.004)
        one_third(now + 0.006)
        now += 0.006


main()
