// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import type { Io } from "../io.ts";
import { show } from "./output.ts";

/** Returns what is written of an answer to a terminal without colours. */
async function shown(answer: Pick<Parameters<typeof show<string>>[1], "head" | "notes" | "details">) {
  let text = "";
  const sink = {
    write(bytes: Uint8Array) {
      text += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    },
  };
  const io: Io = {
    ...{ env: {}, stdout: sink, stderr: sink, terminal: true, colors: false },
    ...{ width: () => 80, now: Date.now, signal: new AbortController().signal },
  };
  const columns = [{ head: "NAME", cell: (row: string) => row, text: true }];
  await show(io, { format: "table", json: "{}", sheet: { columns, rows: ["a\x1b[31m"] }, ...answer });
  return text;
}

Deno.test("show() lets no name move a terminal's cursor, wherever it stands", async () => {
  const text = await shown({
    head: "of \x1b]0;title\x07\nand more",
    notes: ["behind \x1b[2J"],
    details: (row) => [`at ${row}`, "held by \u202ex"],
  });
  assertEquals(
    text,
    `of \ufffd]0;title\ufffd
and more
NAME
a\ufffd[31m
    at a\ufffd[31m
    held by \ufffdx
behind \ufffd[2J
`,
  );
});
