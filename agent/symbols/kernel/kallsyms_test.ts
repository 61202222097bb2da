// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { TempFolder } from "../../../tests/support/programs.ts";
import { KallsymsParser, parseKallsyms, parseModules, readDynamic, readKallsyms } from "./kallsyms.ts";

const encode = (text: string) => new TextEncoder().encode(text);

const KALLSYMS = `\
ffffffff81000000 T _text
ffffffff81001000 t do_syscall_64
ffffffffc0400100 t ext4_read\t[ext4]
`;
const MODULES = "ext4 8192 1 - Live 0xffffffffc0400000\n";

Deno.test("parseKallsyms() finds what a plain reading finds", () => {
  const symbol = fc.record({
    address: fc.integer({ min: 1, max: 200 }),
    type: fc.constantFrom("t", "T", "w", "d", "B"),
    name: fc.stringMatching(/^[a-z.]{1,8}$/),
    module: fc.constantFrom("", "one", "two"),
  });
  fc.assert(fc.property(fc.array(symbol), (symbols) => {
    const line = (s: typeof symbols[number]) =>
      `ffffffff${s.address.toString(16).padStart(8, "0")} ${s.type} ${s.name}${
        s.module && `\t[${s.module}]`
      }\n`;
    const { table } = parseKallsyms(encode(symbols.map(line).join("")));
    const code = symbols.filter((s) => /[tTw]/.test(s.type));
    for (let address = 0; address < 210; address++) {
      const best = Math.max(-1, ...code.map((s) => s.address).filter((a) => a <= address));
      const expected = code.find((s) => s.address === best);
      const found = table.find(0xffff00000000 + address);
      assertEquals(found?.name, expected?.name);
      assertEquals(found?.module, expected?.module);
    }
  }));
});

Deno.test("parseKallsyms() takes junk and cut lines", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => {
    parseKallsyms(junk).table.find(0xffff81000000);
  }));
  fc.assert(fc.property(fc.nat(KALLSYMS.length), (cut) => {
    parseKallsyms(encode(KALLSYMS.slice(0, cut))).table.find(0xffff81000000);
  }));
});

Deno.test("parseModules() leaves out modules whose address is hidden", () => {
  const modules = parseModules(`${MODULES}hidden 1 0 - Live 0x0000000000000000\nshort\n`);
  assertEquals([...modules], [["ext4", { start: 0xffffc0400000, end: 0xffffc0402000 }]]);
});

Deno.test("KallsymsParser.add() takes the text in pieces of any size", () => {
  const text = encode(
    `${KALLSYMS}ffffffffc0600000 t bpf_prog_1_demo\t[bpf]\nffffffffc0700000 t last\t[last]`,
  );
  fc.assert(fc.property(fc.array(fc.nat(text.length)), (cuts) => {
    const parser = new KallsymsParser();
    const ends = [...cuts.sort((a, b) => a - b), text.length];
    let from = 0;
    for (const [i, end] of ends.entries()) {
      from += parser.add(text.subarray(from, end), { last: i === ends.length - 1 });
    }
    const { table, dynamic } = parser.finish();
    assertEquals(dynamic, [{ address: 0xffffc0600000, name: "bpf_prog_1_demo", module: "bpf" }]);
    assertEquals(table.size, 3);
    assertEquals(table.find(0xffffc0700001), { address: 0xffffc0700000, name: "last", module: "last" });
  }));
});

Deno.test("parseKallsyms() holds more functions than it made room for", () => {
  const count = 150_000;
  const lines = Array.from(
    { length: count },
    (_, i) => `${(0xffff80000000 + i * 16).toString(16)} t f${i}_of_many_names\n`,
  );
  const { table } = parseKallsyms(encode(lines.join("")));
  assertEquals(table.size, count);
  for (const i of [0, 65_536, count - 1]) {
    assertEquals(table.find(0xffff80000008 + i * 16)?.name, `f${i}_of_many_names`);
  }
});

Deno.test("readDynamic() finds what readKallsyms() does, unless the table is another one", () => {
  using folder = new TempFolder();
  const name = fc.stringMatching(/^[a-z_]{1,12}$/);
  const code = (module: string) => (name: string, i: number) =>
    `ffffffff8${i.toString(16).padStart(7, "1")} t ${name}${module}\n`;
  const parts = fc.record({ own: fc.array(name), module: fc.array(name), bpf: fc.array(name) });
  fc.assert(
    fc.property(parts, fc.array(name), ({ own, module, bpf }, later) => {
      const table = [...own.map(code("")), ...module.map(code("\t[ext4]"))];
      const path = folder.write("kallsyms", [...table, ...bpf.map(code("\t[bpf]"))].join(""));
      const { last, dynamic } = readKallsyms(path);
      assertEquals(readDynamic(path, last), dynamic);
      folder.write("kallsyms", [...table, ...later.map(code("\t[bpf]"))].join(""));
      assertEquals(readDynamic(path, last), readKallsyms(path).dynamic);
      folder.write("kallsyms", [...table, code("")("another", 200), ...later.map(code("\t[bpf]"))].join(""));
      assertEquals(readDynamic(path, last), undefined);
      if (table.length === 0) return;
      folder.write("kallsyms", [...table.slice(1), ...bpf.map(code("\t[bpf]"))].join(""));
      const fewer = readDynamic(path, last);
      assert(fewer === undefined || table[0] === table.at(-1));
    }),
    { numRuns: 50 },
  );
});
