// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { DynamicCode } from "./dynamic_code.ts";

Deno.test("DynamicCode.find() says what is at an address as pieces come and go", () => {
  // Pieces of 16 bytes at multiples of 16, longer ones at none of them: as the kernel's own allocator gives out memory.
  const step = fc.oneof(
    fc.record({ slot: fc.nat(20), came: fc.boolean(), bytes: fc.integer({ min: 1, max: 16 }) }),
    fc.constant("end" as const),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const code = new DynamicCode();
    const live = new Map<number, { name: string; bytes: number }>();
    const gone = new Map<number, { name: string; bytes: number; window: number }>();
    let window = 0;
    for (const [i, what] of steps.entries()) {
      if (what === "end") {
        code.endWindow();
        for (const [slot, piece] of gone) if (piece.window < window) gone.delete(slot);
        window++;
        continue;
      }
      const { slot, came, bytes } = what;
      if (came === live.has(slot)) continue;
      const name = came ? `piece_${i}` : live.get(slot)!.name;
      code.apply({ address: slot * 16, bytes, name, module: "bpf", came });
      if (came) {
        live.set(slot, { name, bytes });
        gone.delete(slot);
      } else {
        gone.set(slot, { ...live.get(slot)!, window });
        live.delete(slot);
      }
    }
    for (let address = 0; address < 21 * 16; address++) {
      const at = live.get(Math.floor(address / 16)) ?? gone.get(Math.floor(address / 16));
      const expected = at && address % 16 < at.bytes ? at.name : undefined;
      assertEquals(code.find(address)?.name, expected);
    }
  }));
});

Deno.test("DynamicCode.apply() lets a new piece hide what went and began within it", () => {
  const code = new DynamicCode();
  const piece = { module: "bpf", bytes: 16 };
  code.apply({ ...piece, address: 16, name: "old", came: true });
  code.apply({ ...piece, address: 16, name: "old", came: false });
  assertEquals(code.find(20)?.name, "old");
  code.apply({ ...piece, address: 0, bytes: 64, name: "new", came: true });
  assertEquals(code.find(20)?.name, "new");
});

Deno.test("DynamicCode.replace() takes what kallsyms lists for all that there is", () => {
  const code = new DynamicCode();
  code.apply({ address: 32, bytes: 8, name: "before", module: "bpf", came: true });
  code.replace([{ address: 64, name: "b", module: "bpf" }, { address: 16, name: "a", module: "bpf" }]);
  assertEquals([8, 40, 64, 99].map((address) => code.find(address)?.name), [undefined, "a", "b", "b"]);
});
