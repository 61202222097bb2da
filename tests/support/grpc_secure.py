# SPDX-License-Identifier: Apache-2.0
"""Pushes through gRPC's C core with TLS, a client certificate where one is given, and one token.

Usage: grpc_secure.py HOST:PORT CA TOKEN FILE [CERT KEY], where FILE holds a PushRequest. Prints the status.
"""

import sys

import grpc


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    target, ca, token, path, *pair = sys.argv[1:]
    credentials = grpc.ssl_channel_credentials(
        root_certificates=read(ca),
        certificate_chain=read(pair[0]) if pair else None,
        private_key=read(pair[1]) if pair else None,
    )
    with grpc.secure_channel(target, credentials) as channel:
        push = channel.unary_unary("/aperture.v1.Aggregator/Push")
        try:
            push(read(path), metadata=(("authorization", "Bearer " + token),), timeout=10)
            print("OK")
        except grpc.RpcError as error:
            print(error.code().name)


main()
