// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the bodies of answers so that a signal ends it at once.
 *
 * The signal that fetch() was given does not do that: under Deno 2.9 a body whose connection says nothing stays
 * open after an abort, and whoever reads it waits.
 *
 * @module
 */

/** Returns the body of an answer, parsed. */
export async function readJson(response: Response, signal: AbortSignal): Promise<unknown> {
  let text = "";
  for await (const part of readText(response, signal)) text += part;
  return JSON.parse(text);
}

/**
 * Returns the lines of a body as they come, without the empty ones; the last need not end.
 *
 * @throws {Error} when a line has more than `limit` characters
 */
export async function* readLines(
  response: Response,
  { signal, limit }: { signal: AbortSignal; limit: number },
): AsyncGenerator<string> {
  let rest: string[] = [];
  let length = 0;
  for await (const text of readText(response, signal)) {
    const [first, ...more] = text.split("\n") as [string, ...string[]];
    rest.push(first);
    length += first.length;
    if (length > limit) throw new Error(`A line of the answer is longer than ${limit} characters`);
    if (more.length === 0) continue;
    const last = more.pop()!;
    for (const line of [rest.join(""), ...more]) if (line.trim() !== "") yield line;
    rest = [last];
    length = last.length;
  }
  const line = rest.join("");
  if (line.trim() !== "") yield line;
}

/** @throws the signal's reason when it aborts */
async function* readText(response: Response, signal: AbortSignal): AsyncGenerator<string> {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) break;
      yield decoder.decode(value, { stream: true });
    }
    signal.throwIfAborted();
    yield decoder.decode();
  } finally {
    signal.removeEventListener("abort", cancel);
    await reader.cancel().catch(() => {});
  }
}
