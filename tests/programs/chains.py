# SPDX-License-Identifier: Apache-2.0
"""Calls one hot function in every way that Python has, over and over. The test knows each chain and its lines."""

import functools
import hashlib
import re
import sys
import threading


def spin():
    total = 0
    for number in range(60000):
        total += number * number
    return total


def functions():
    return one()


def one():
    return two()


def two():
    return spin()


class Worker:
    def run(self):
        return self.step()

    def step(self):
        return spin()

    @classmethod
    def of_class(cls):
        return cls.of_none()

    @staticmethod
    def of_none():
        return spin()

    @property
    def value(self):
        return spin()

    def __eq__(self, other):
        return spin()


def methods():
    return Worker().run()


def class_methods():
    return Worker.of_class()


def properties():
    return Worker().value


def operators():
    return Worker() == 1


def generators():
    for _ in produce():
        pass


def produce():
    yield spin()
    yield from delegate()


def delegate():
    yield spin()


def comprehensions():
    return [spin() for _ in range(2)]


def expressions():
    return sum(spin() for _ in range(2))


def recursion(depth=50):
    return recursion(depth - 1) if depth else spin()


def lambdas():
    return (lambda: spin())()


def class_bodies():
    class Body:
        value = spin()


def sort_keys():
    return sorted([3, 1, 2], key=lambda number: spin() and number)


def callbacks():
    return re.sub("a", lambda match: str(spin()), "banana")


def maps():
    return list(map(mapped, range(2)))


def mapped(_):
    return spin()


def partials():
    return functools.reduce(functools.partial(reducer, 1), [1, 2, 3])


def reducer(*_):
    return spin()


async def innermost():
    return spin()


async def outermost():
    return await innermost()


def coroutines():
    try:
        outermost().send(None)
    except StopIteration:
        pass


def evaluated():
    return eval(COMPILED)


def forgotten():
    # Compiled, run and freed each time.
    return eval("spin()")


def threads():
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()


def in_thread():
    return spin()


def unlocked():
    # Gives the GIL away while it computes, so that the other thread holds it.
    while True:
        hashlib.sha256(BLOB).digest()


WAYS = [
    functions, methods, class_methods, properties, operators, generators, comprehensions, expressions, recursion,
    lambdas, class_bodies, sort_keys, callbacks, maps, partials, coroutines, evaluated, threads,
]
BLOB = bytes(1 << 20)
COMPILED = compile("spin()", "<string>", "eval")

print("ready", flush=True)
if sys.argv[1:] == ["unlocked"]:
    threading.Thread(target=unlocked).start()
    while True:
        functions()
if sys.argv[1:] == ["forgotten"]:
    while True:
        forgotten()
while True:
    for way in WAYS:
        way()
