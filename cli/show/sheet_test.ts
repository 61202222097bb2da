// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { columnsOf } from "../../agent/output/fit.js";
import { type Column, separated, table } from "./sheet.ts";

interface Row {
  readonly share: string;
  readonly name: string;
  readonly module: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { head: "SHARE", cell: ({ share }) => share, key: "share", value: ({ share }) => share },
  { head: "NAME", cell: ({ name }) => name, text: true, least: 10, key: "name", value: ({ name }) => name },
  { head: "MODULE", cell: ({ module }) => module, text: true, least: 8, spare: 1 },
];
const ROWS: readonly Row[] = [
  { share: "8.8 %", name: "a_function_with_a_long_name", module: "/usr/bin/one" },
  { share: "10.2 %", name: "short", module: "/usr/lib/two" },
];
const shown = (width: number) => table({ columns: COLUMNS, rows: ROWS }, { width, colors: false });

Deno.test("table() is whole where there is room", () => {
  assertEquals(
    shown(Infinity).text,
    ` SHARE  NAME                         MODULE
 8.8 %  a_function_with_a_long_name  /usr/bin/one
10.2 %  short                        /usr/lib/two
`,
  );
});

Deno.test("table() cuts the widest text first, then leaves columns out and says so", () => {
  for (const line of shown(36).text.split("\n")) assert(columnsOf(line) <= 36, line);
  assert(shown(36).text.includes("…"));
  assertEquals(shown(36).left, []);
  const narrow = shown(20);
  assertEquals(narrow.left, ["MODULE"]);
  for (const line of narrow.text.split("\n")) assert(columnsOf(line) <= 20, line);
});

Deno.test("table() fits any width that has room for the least of what must stay", () => {
  const row = fc.record({
    share: fc.string({ maxLength: 8 }),
    name: fc.string({ unit: "grapheme" }),
    module: fc.string(),
  });
  fc.assert(fc.property(fc.array(row, { maxLength: 8 }), fc.integer({ min: 30, max: 120 }), (rows, width) => {
    const { text } = table({ columns: COLUMNS, rows }, { width, colors: false });
    const lines = text.split("\n");
    assertEquals(lines.length, rows.length + 2, "a line for each row, whatever is in it");
    for (const line of lines) assert(columnsOf(line) <= width, line);
  }));
});

Deno.test("separated() has the columns for programs, and its separator in no cell", () => {
  const rows = [{ share: "1", name: 'a,"b"', module: "" }, { share: "2", name: "c\td", module: "" }];
  assertEquals(separated({ columns: COLUMNS, rows }, ","), 'share,name\n1,"a,""b"""\n2,c\td\n');
  assertEquals(separated({ columns: COLUMNS, rows }, "\t"), 'share\tname\n1\ta,"b"\n2\tc d\n');
  // A spreadsheet would reckon it; a number is one.
  const formula = { columns: [{ key: "a", value: () => "=1+1" }, { key: "b", value: () => -1 }], rows: [0] };
  assertEquals(separated(formula, ","), "a,b\n'=1+1,-1\n");
  assertEquals(separated(formula, "\t"), "a\tb\n=1+1\t-1\n");
});
