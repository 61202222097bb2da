import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseKallsyms, parseModules } from "./kallsyms.ts";

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
    const table = parseKallsyms(encode(symbols.map(line).join("")));
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
    parseKallsyms(junk).find(0xffff81000000);
  }));
  fc.assert(fc.property(fc.nat(KALLSYMS.length), (cut) => {
    parseKallsyms(encode(KALLSYMS.slice(0, cut))).find(0xffff81000000);
  }));
});

Deno.test("parseModules() leaves out modules whose address is hidden", () => {
  const modules = parseModules(`${MODULES}hidden 1 0 - Live 0x0000000000000000\nshort\n`);
  assertEquals([...modules], [["ext4", { start: 0xffffc0400000, end: 0xffffc0402000 }]]);
});
