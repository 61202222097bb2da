# SPDX-License-Identifier: Apache-2.0
"""Spends 2/3 of its CPU time in steady() and 1/3 in slowed(), by its own thread clock, until it is killed. From SIGUSR1
on slowed() takes six times as long, which is 3/4 of all."""

import signal
import time

STEADY = 0.004
slow = 0.002


def make_slow(*_):
    global slow
    slow *= 6


def steady(end):
    number = 0
    while time.thread_time() < end:
        for _ in range(2000):
            number += 1


def slowed(end):
    number = 0
    while time.thread_time() < end:
        for _ in range(2000):
            number ^= 1


def main():
    signal.signal(signal.SIGUSR1, make_slow)
    print("ready", flush=True)
    now = time.thread_time()
    while True:
        steady(now + STEADY)
        slowed(now + STEADY + slow)
        now += STEADY + slow


main()
