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
import { exportProfiles } from "./export.ts";
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

/**
 * Does what Export does.
 *
 * @throws {InvalidArgumentError} for what is of no use to send again
 * @throws {UnavailableError} for what is: senders take no other code without a hint for that
 */
export async function exportCall(
  intake: Intake,
  { request, metadata, getPeer }: CallOf,
): Promise<Uint8Array> {
  const versions = metadata.get(VERSION_HEADER).map(String);
  try {
    const address = hostOf(getPeer());
    return responseProto(await exportProfiles(intake, request, { encoding: "proto", versions, address }));
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    if (error.status === 429 || error.status === 503) {
      throw new UnavailableError(error.message, { cause: error });
    }
    throw new InvalidArgumentError(error.message, { cause: error });
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
