# SPDX-License-Identifier: Apache-2.0
"""Calls an aggregator through gRPC's C core, which is what most clients that are not ours use.

Usage: grpc_push.py HOST:PORT TOKEN FILE, where FILE holds a PushRequest. Prints one line a call.
"""

import sys

import grpc


def call(channel, method, request, token):
    method = channel.unary_unary(method)
    metadata = (("authorization", "Bearer " + token),)
    try:
        return "OK " + method(request, metadata=metadata, timeout=20).hex()
    except grpc.RpcError as error:
        return error.code().name


def main():
    target, token, path = sys.argv[1:]
    with open(path, "rb") as file:
        batch = file.read()
    push = "/aperture.v1.Aggregator/Push"
    with grpc.insecure_channel(target) as channel:
        print(call(channel, push, batch, token))
        print(call(channel, push, batch, token))
        print(call(channel, push, batch, "wrong"))
        print(call(channel, push, b"junk", token))
        print(call(channel, "/aperture.v1.Aggregator/Query", b"", token)[:2])
        print(call(channel, "/grpc.health.v1.Health/Check", b"", ""))
        print(call(channel, "/aperture.v1.Aggregator/NoSuchMethod", b"", token))
    compressed = grpc.insecure_channel(target, compression=grpc.Compression.Gzip)
    with compressed as channel:
        print(call(channel, push, batch, token))
        # 200 MiB of zeros, which are 200 KiB on the wire.
        print(call(channel, push, bytes(200 << 20), token))
        print(call(channel, push, batch, token))


main()
