// SPDX-License-Identifier: Apache-2.0
/**
 * Converts between node's requests and responses, and those of the web.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";

/** A request whose address cannot be made sense of; the message is for the client. */
export class BadRequestError extends Error {
  override name = "BadRequestError";
}

/** A name or address, and a port. */
const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(:\d{1,5})?$/i;

/**
 * Returns the web's form of `request`; its signal is aborted with `signal`.
 *
 * @throws {BadRequestError} when its Host or its path is none
 */
export function toRequest(
  request: IncomingMessage,
  { scheme, signal }: { scheme: "http" | "https"; signal: AbortSignal },
): Request {
  const { method = "GET", url: target = "", headers } = request;
  const host = headers.host ?? "";
  // Of two, a proxy may have looked at the other.
  const hosts = request.rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === "host").length;
  if (hosts !== 1 || !HOST.test(host)) {
    throw new BadRequestError("Cannot answer as 'Host' is not a name and a port");
  }
  const address = `${scheme}://${host}${target}`;
  // A path only: what a proxy would be asked for (http://other/) and '*' are not served here.
  if (!target.startsWith("/") || !URL.canParse(address)) {
    throw new BadRequestError("Cannot answer as the request's target is not a path");
  }
  const body = method === "GET" || method === "HEAD"
    ? null
    : Readable.toWeb(request) as unknown as ReadableStream<Uint8Array<ArrayBuffer>>;
  return new Request(address, { method, headers: headersOf(request), body, signal });
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  return headers;
}

/** Sends `response`, no faster than it is read; rejects when the client goes first. */
export async function sendResponse(to: ServerResponse, response: Response): Promise<void> {
  const { body } = response;
  const cookies = response.headers.getSetCookie();
  const rest = [...response.headers].filter(([name]) => name !== "set-cookie");
  to.writeHead(response.status, [...rest, ...cookies.map((each) => ["set-cookie", each])].flat());
  if (body) {
    for await (const chunk of body) {
      if (to.destroyed) throw new Error("The client has gone");
      if (!to.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) {
        await once(to, "drain", { signal: closed(to) });
      }
    }
  }
  const finished = once(to, "finish", { signal: closed(to) });
  to.end();
  await finished;
}

/** Aborts when the connection of `response` has gone, which is no event of its own to who waits for another. */
function closed(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (response.destroyed) controller.abort();
  response.once("close", () => controller.abort());
  return controller.signal;
}
