// SPDX-License-Identifier: Apache-2.0
/**
 * Writes the tables of `agent/syscalls/` from the C library's kernel headers.
 *
 * `deno run -A tasks/syscall_tables.ts`, on a machine with the newest headers at hand.
 *
 * @module
 */

import { readUnistd, UNISTD } from "./syscall_headers.ts";

const FOLDER = new URL("../agent/syscalls/", import.meta.url);

for (const [arch, header] of Object.entries(UNISTD)) {
  const names = await readUnistd(header);
  const numbers = [...names.keys()].sort((a, b) => a - b);
  const lines = numbers.map((number) => `  ${number}: "${names.get(number)}",`);
  const text = `// SPDX-License-Identifier: Apache-2.0
/**
 * System calls of ${header.what}, by number. Made by \`tasks/syscall_tables.ts\`.
 *
 * @module
 */

export const ${arch.toUpperCase()}: Readonly<Record<number, string>> = {
${lines.join("\n")}
};
`;
  await Deno.writeTextFile(new URL(`${arch}.ts`, FOLDER), text);
}
