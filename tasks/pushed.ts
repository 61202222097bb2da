// SPDX-License-Identifier: Apache-2.0
/**
 * A server that keeps what agents push, byte for byte.
 *
 * @module
 */

import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from "@grpc/grpc-js";
import type { Buffer } from "node:buffer";
import { AggregatorService } from "../proto/gen/aperture/v1/aperture.ts";

/** Takes every push; disposing ends it. */
export class PushRecorder implements Disposable {
  /** Are the messages, in the order in which they came. */
  readonly requests: readonly Uint8Array[];
  /** It is for `--aggregator`. */
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, { port, requests }: { port: number; requests: Uint8Array[] }) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
    this.requests = requests;
  }

  static async start(): Promise<PushRecorder> {
    const requests: Uint8Array[] = [];
    const server = new Server();
    const { push } = AggregatorService;
    server.addService({ push: { ...push, requestDeserialize: (bytes: Buffer) => bytes } } as never, {
      push(call: ServerUnaryCall<Buffer, unknown>, callback: sendUnaryData<unknown>) {
        requests.push(Uint8Array.from(call.request));
        callback(null, {});
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
    return new PushRecorder(server, { port, requests });
  }

  [Symbol.dispose](): void {
    this.#server.forceShutdown();
  }
}
