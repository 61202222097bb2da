// SPDX-License-Identifier: Apache-2.0
/**
 * Takes what an agent of this machine pushes, in place of an aggregator: nothing is stored.
 *
 * @module
 */

import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, status } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import type { Batch } from "../../profile/model.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import { AggregatorService, PushResponse } from "../../proto/gen/aperture/v1/aperture.ts";

/** One batch has so many bytes at most. */
const MAX_MESSAGE = 64 * 2 ** 20;

/** A server on loopback that gives each batch to who asked for it. */
export class Receiver implements AsyncDisposable {
  readonly #server: Server;
  /** Is for the agent's `--aggregator`. */
  readonly url: string;

  /** Starts one. @param take gets each batch */
  static async start(take: (batch: Batch) => void): Promise<Receiver> {
    const server = new Server({ "grpc.max_receive_message_length": MAX_MESSAGE });
    const push = {
      ...AggregatorService.push,
      requestDeserialize: (bytes: Buffer) => bytes,
      requestSerialize: (bytes: Buffer) => bytes,
    };
    server.addService({ push }, {
      push: (call: ServerUnaryCall<Buffer, PushResponse>, answer: sendUnaryData<PushResponse>) => {
        try {
          take(readBatch(call.request));
          answer(null, PushResponse.fromPartial({}));
        } catch (error) {
          answer({ code: status.INVALID_ARGUMENT, details: (error as Error).message });
        }
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
        if (error) reject(error);
        else resolve(port);
      });
    });
    return new Receiver(server, port);
  }

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }
}
