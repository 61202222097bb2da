// SPDX-License-Identifier: Apache-2.0
/**
 * Calls services as the Connect project's own client does.
 *
 * @module
 */

import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { type Compression, createFetchClient } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";

export interface ConnectClientOptions {
  /** Answers requests. @default {fetch} */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** @default {"http://aggregator.test"} */
  readonly baseUrl?: string;
  /** Writes protobuf, else JSON. @default {true} */
  readonly binary?: boolean;
  /** Packs requests, and takes packed answers. @default {false} */
  readonly gzip?: boolean;
  readonly token?: string;
}

const GZIP: Compression = {
  name: "gzip",
  compress: async (bytes) => new Uint8Array(await promisify(gzip)(bytes)),
  decompress: async (bytes) => new Uint8Array(await promisify(gunzip)(bytes)),
};

/** Makes a client of `service`. */
export function connectClient<T extends DescService>(service: T, options: ConnectClientOptions): Client<T> {
  const { fetch: answer, binary = true, gzip: packs = false, token } = options;
  const ask = answer && ((input: RequestInfo | URL, init?: RequestInit) => answer(new Request(input, init)));
  return createClient(
    service,
    createTransport({
      httpClient: createFetchClient(ask ?? fetch),
      baseUrl: options.baseUrl ?? "http://aggregator.test",
      useBinaryFormat: binary,
      acceptCompression: packs ? [GZIP] : [],
      sendCompression: packs ? GZIP : null,
      compressMinBytes: 0,
      readMaxBytes: 2 ** 30,
      writeMaxBytes: 2 ** 30,
      interceptors: token === undefined ? [] : [(next) => (request) => {
        request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      }],
    }),
  );
}
