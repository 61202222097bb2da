// SPDX-License-Identifier: Apache-2.0
/**
 * Sends to who is told of alerts, by HTTP.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { fetchFailure } from "../../common/fetch_failure.ts";

/** Is who is told. */
export interface Receiver {
  /** Names it in storage, without what its address may have of secrets. */
  readonly id: string;
  /** Is the address for messages: without user, path and query, which may be secrets. */
  readonly shown: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** Makes a receiver of an address; user and password in it go into a header. */
export function receiverOf(address: URL): Receiver {
  const url = new URL(address);
  const headers: Record<string, string> = {};
  if (url.username || url.password) {
    const pair = [url.username, url.password].map(decodeURIComponent).join(":");
    const bytes = new TextEncoder().encode(pair);
    headers["authorization"] = `Basic ${btoa(String.fromCharCode(...bytes))}`;
    [url.username, url.password] = ["", ""];
  }
  const id = createHash("sha256").update(address.href).digest("hex").slice(0, 16);
  return { id, shown: url.origin, url, headers };
}

/** Makes the receiver of an Alertmanager's address, which may have a path before the API's. */
export function alertmanagerOf(address: URL): Receiver {
  const receiver = receiverOf(address);
  const url = new URL(receiver.url);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v2/alerts`;
  return { ...receiver, url };
}

/** As much of an answer is read, in characters. */
const MAX_ANSWER = 200;

/**
 * Posts `body`, JSON.
 *
 * @param options.id names what is told for ever, as `Idempotency-Key`
 * @throws {Error} when there is no answer of success; its message has nothing of the address
 */
export async function post(
  { url, headers }: Receiver,
  { body, id, signal }: { body: string; id?: string; signal: AbortSignal },
): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...headers,
      ...(id !== undefined && { "idempotency-key": id }),
    },
    body,
    signal,
    redirect: "error",
  }).catch((cause) => {
    throw new Error(fetchFailure(cause), { cause });
  });
  if (response.ok) return void await response.body?.cancel();
  throw new Error(`it answered ${response.status}: ${await beginOf(response)}`);
}

/** Reads the first part of an answer, however long it is. */
async function beginOf({ body }: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk.subarray(0, MAX_ANSWER), { stream: true });
    if (text.length >= MAX_ANSWER) break;
  }
  return text.slice(0, MAX_ANSWER).replaceAll(/\s+/g, " ").trim() || "nothing";
}
