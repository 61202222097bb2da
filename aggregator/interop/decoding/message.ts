// SPDX-License-Identifier: Apache-2.0
/**
 * Says what the aggregator and the process that decodes say to each other: requests, each with its body, and answers.
 *
 * Both ends are of one version, and what one writes V8 reads at the other.
 *
 * @module
 */

import { deserialize, serialize } from "node:v8";
import { MalformedBatchError } from "../../../profile/wire/check_columns.ts";
import { WireError } from "../../../profile/wire/wire_reader.ts";
import { HttpError } from "../../http/errors.ts";
import { ForeignError } from "../intake/windows.ts";
import type { Decoded, DecodeRequest } from "./request.ts";

/** Kinds of messages. A body follows its request. */
export const MESSAGE = { request: 1, body: 2, decoded: 3, refused: 4 } as const;
export const KINDS: readonly number[] = Object.values(MESSAGE);

/** Is an error on its way. */
interface Refusal {
  readonly name: string;
  readonly message: string;
  readonly status?: HttpError["status"];
}

/** Returns what a message holds as bytes. */
export function toPayload(value: DecodeRequest | Decoded): Uint8Array {
  return serialize(value);
}

/** Returns what a message of a kind holds. */
export function fromPayload<T extends DecodeRequest | Decoded>(payload: Uint8Array): T {
  // Deno 2.9 reads arrays of bytes in a part of a buffer from the wrong place.
  return deserialize(payload.slice());
}

/** Returns an error as bytes: what is not known is named with where it was thrown. */
export function errorPayload(error: unknown): Uint8Array {
  return serialize(refusalOf(error));
}

function refusalOf(error: unknown): Refusal {
  if (!(error instanceof Error)) return { name: "", message: String(error) };
  const { name, message, stack } = error;
  if (error instanceof HttpError) return { name, message, status: error.status };
  if (ERRORS.some((type) => error instanceof type)) return { name, message };
  return { name: "", message: stack ?? message };
}

/** Makes the error of a refusal; `undefined` where the decoder itself is at fault, which `message` tells. */
export function errorOf(payload: Uint8Array): { error: Error | undefined; message: string } {
  const { name, message, status }: Refusal = deserialize(payload.slice());
  if (status !== undefined) return { error: new HttpError(status, message), message };
  const type = ERRORS.find((type) => new type("").name === name);
  return { error: type && new type(message), message };
}

/** Lists what bodies are refused with for good. */
const ERRORS = [ForeignError, WireError, MalformedBatchError] as const;
