// SPDX-License-Identifier: Apache-2.0
/**
 * Takes profiles of OpenTelemetry by gRPC: `ProfilesService/Export`.
 *
 * @module
 */

import type { Metadata, ServiceDefinition } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { HttpError } from "../../http/errors.ts";
import { InvalidArgumentError, UnavailableError } from "../../ingest/calls.ts";
import type { Intake } from "../intake/intake.ts";
import { responseProto } from "./answer.ts";
import { VERSION_HEADER } from "./version.ts";

/** Is the path of the method. */
export const EXPORT_PATH = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";

const bytes = (message: Uint8Array) => Buffer.from(message);

/** Describes the service; messages are bytes. */
export const OTLP_SERVICE = {
  export: {
    path: EXPORT_PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: (message: Buffer) => message,
    responseSerialize: bytes,
    responseDeserialize: (message: Buffer) => message,
  },
} as const satisfies ServiceDefinition;

/** Takes calls of Export. */
export class OtlpExports {
  readonly #intake: Intake;
  readonly #most: number;
  #running = 0;

  /** @param options.most so many are taken at once: each holds one of the places that agents' pushes need */
  constructor(intake: Intake, { most = 8 }: { most?: number } = {}) {
    this.#intake = intake;
    this.#most = most;
  }

  /**
   * Does what Export does.
   *
   * @throws {InvalidArgumentError} for what is of no use to send again
   * @throws {UnavailableError} for what is: senders take no other code without a hint for that
   */
  async call({ request, metadata, getPeer }: CallOf): Promise<Uint8Array> {
    if (this.#running >= this.#most) {
      this.#intake.count("otlp", "refused", 1);
      throw new UnavailableError("Cannot take profiles now as others come first: try again later");
    }
    this.#running++;
    const versions = metadata.get(VERSION_HEADER).map(String);
    const address = hostOf(getPeer());
    try {
      return responseProto(
        await this.#intake.take({ protocol: "otlp", encoding: "proto", versions }, request, { address }),
      );
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      if (error.status === 429 || error.status === 503) {
        throw new UnavailableError(error.message, { cause: error });
      }
      throw new InvalidArgumentError(error.message, { cause: error });
    } finally {
      this.#running--;
    }
  }
}

/** Is what of a call is needed. */
export interface CallOf {
  readonly request: Uint8Array;
  readonly metadata: Metadata;
  readonly getPeer: () => string;
}

/** Returns an address without its port. */
function hostOf(peer: string): string {
  return peer.replace(/^(ipv[46]:)?/, "").replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}
