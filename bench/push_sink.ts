// SPDX-License-Identifier: Apache-2.0
/**
 * A server that takes what an agent pushes, and keeps nothing.
 *
 * @module
 */

import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from "@grpc/grpc-js";
import { AggregatorService, type PushRequest, PushResponse } from "../proto/gen/aperture/v1/aperture.ts";

export class PushSink implements Disposable {
  readonly #server: Server;
  /** It is for `--aggregator`. */
  readonly url: string;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<PushSink> {
    const server = new Server();
    const unused = () => {
      throw new Error("Not called by an agent");
    };
    server.addService(AggregatorService, {
      push(_: ServerUnaryCall<PushRequest, PushResponse>, callback: sendUnaryData<PushResponse>) {
        callback(null, PushResponse.fromPartial({}));
      },
      query: unused,
      queryStorage: unused,
      aggregate: unused,
      diff: unused,
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
        if (error) reject(error);
        else resolve(port);
      });
    });
    return new PushSink(server, port);
  }

  [Symbol.dispose](): void {
    this.#server.forceShutdown();
  }
}
