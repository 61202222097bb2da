// SPDX-License-Identifier: Apache-2.0
/**
 * gRPC calls with raw bytes, for tests.
 *
 * @module
 */

import { type ChannelCredentials, Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";

export interface Answer {
  readonly code: status;
  /** It is "" when it is OK. */
  readonly details: string;
  readonly bytes: Uint8Array;
}

export interface CallOptions {
  token?: string;
  /** Names the method that is called. @default {"/aperture.v1.Aggregator/Push"} */
  path?: string;
}

/** A connection; `call` never rejects. */
export class RawClient implements Disposable {
  readonly #client: Client;

  /** @param credentials plain text without them */
  constructor(target: string, options: { credentials?: ChannelCredentials } = {}) {
    // Else all clients of the process for one address share a connection.
    this.#client = new Client(target, options.credentials ?? credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  /** Sends `bytes` as they are and gives the answer as it comes. */
  call(
    bytes: Uint8Array,
    { token, path = "/aperture.v1.Aggregator/Push" }: CallOptions = {},
  ): Promise<Answer> {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    const pass = (value: Uint8Array) => Buffer.from(value);
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(path, pass, pass, bytes, metadata, (error, value) => {
        resolve({
          code: error?.code ?? status.OK,
          details: error?.details ?? "",
          bytes: value ?? new Uint8Array(),
        });
      });
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** Makes one call through a connection of its own. */
export async function pushOnce(target: string, bytes: Uint8Array, options?: CallOptions): Promise<Answer> {
  using client = new RawClient(target);
  return await client.call(bytes, options);
}
