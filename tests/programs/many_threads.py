# SPDX-License-Identifier: Apache-2.0
"""Has 200 threads that wait, among them 4 that compress without the GIL, until it is killed."""

import threading
import zlib

DATA = bytes(range(256)) * 2000
never = threading.Event()


def compress_job():
    return zlib.compress(DATA, 6)


def worker():
    while True:
        compress_job()


for i in range(204):
    threading.Thread(target=worker if i // 100 * 100 + 50 in (i, i + 1) else never.wait, daemon=True).start()
print("ready", flush=True)
never.wait()
