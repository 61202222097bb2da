// SPDX-License-Identifier: Apache-2.0
/**
 * Is the process that decodes what others push: bytes that anybody may have made take neither time nor memory of the
 * aggregator. It has no permission at all, and ends with its input.
 *
 * @module
 */

import { encodeMessage, readMessages, writeMessage } from "../../../common/messages.ts";
import { decode } from "./decode.ts";
import { errorPayload, fromPayload, KINDS, MESSAGE, toPayload } from "./message.ts";
import type { DecodeRequest } from "./request.ts";

let request: DecodeRequest | undefined;
for await (const { kind, payload } of readMessages(Deno.stdin.readable, KINDS)) {
  if (kind === MESSAGE.request) request = fromPayload(payload);
  else if (request) await writeMessage(Deno.stdout, await answer(request, payload));
}

async function answer(request: DecodeRequest, body: Uint8Array): Promise<Uint8Array> {
  try {
    return encodeMessage(MESSAGE.decoded, toPayload(await decode(request, body)));
  } catch (error) {
    return encodeMessage(MESSAGE.refused, errorPayload(error));
  }
}
