// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { csvText } from "./csv.ts";

Deno.test("csvText() quotes what would end a cell, and keeps numbers as they are", () => {
  assertEquals(
    csvText([["Function", "Self, ns"], ['operator<<("a", b)', 1.5], ["two\nlines", -3]]),
    'Function,"Self, ns"\r\n"operator<<(""a"", b)",1.5\r\n"two\nlines",-3\r\n',
  );
});

Deno.test("csvText() writes no name as a formula", () => {
  assertEquals(
    csvText([["=HYPERLINK(1)", "-[NSObject init]", "@plt", "a=b"]]),
    "'=HYPERLINK(1),'-[NSObject init],'@plt,a=b\r\n",
  );
});

Deno.test("csvText() writes what a reader of RFC 4180 reads", () => {
  const cells = fc.array(
    fc.array(fc.string({ unit: fc.constantFrom(...'a",\r\n =+-@\t') }), { minLength: 1 }),
  );
  fc.assert(fc.property(cells, (rows) => {
    const read = readCsv(csvText(rows));
    assertEquals(read.length, rows.length);
    rows.forEach((row, i) => {
      assertEquals(read[i]!.map((cell, j) => cell === `'${row[j]}` ? row[j] : cell), row);
      assert(read[i]!.every((cell) => !/^[=+\-@\t\r]/.test(cell)));
    });
  }));
});

/** Reads letter by letter, knowing nothing of how it was written. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [""];
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const [letter, next] = [text[i]!, text[i + 1]];
    if (isQuoted) {
      if (letter !== '"') row[row.length - 1] += letter;
      else if (next === '"') row[row.length - 1] += text[++i]!;
      else isQuoted = false;
    } else if (letter === '"' && row.at(-1) === "") isQuoted = true;
    else if (letter === ",") row.push("");
    else if (letter === "\r" && next === "\n") {
      i++;
      rows.push(row);
      row = [""];
    } else row[row.length - 1] += letter;
  }
  return rows;
}
