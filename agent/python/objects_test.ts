// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { RunningProgram } from "../../tests/support/programs.ts";
import { pythons } from "../../tests/support/pythons.ts";
import { testWith } from "../../tests/support/needs.ts";
import { ProcessTable } from "../metadata/processes.ts";
import { readCode, readCodeHeader } from "./code.ts";
import { findInterpreter } from "./interpreter.ts";
import type { ObjectLayout } from "./layouts.ts";
import { type Memory, ProcessMemory } from "./memory.ts";
import { readBytes, readText } from "./objects.ts";

const TEXTS = ["", "plain", "naïve ÿ", "Ω-méthode", "кириллица", "🐍 and a", "a".repeat(1024)];
const HOLD = `
import json, sys, time
texts = json.loads(sys.argv[1])
# Made at run time, so that they are objects of their own.
texts = ["".join(list(text)) for text in texts]
blob = bytes(range(256)) * 3
def fünf(ω):
    return [ω for _ in ()]
class S(str): pass
sub = S("subclass")
print(json.dumps([[id(t) for t in texts], id(blob), id(fünf.__code__), id(sub)]), flush=True)
time.sleep(600)
`;

for (const { path, version } of pythons()) {
  testWith(["root"], `readText(), readBytes() and readCode() read CPython ${version} (${path})`, async () => {
    await using python = await RunningProgram.start(path, ["-c", HOLD, JSON.stringify(TEXTS)]);
    const [texts, blob, code, sub] = JSON.parse(python.firstLine) as [number[], number, number, number];
    const interpreter = findInterpreter(new ProcessTable().get(python.pid)!)!;
    using memory = ProcessMemory.open(`/proc/${python.pid}`)!;
    const reader = { memory, ...interpreter.objects };
    assertEquals(texts.map((at) => readText(reader, at)), TEXTS);
    const bytes = Uint8Array.from({ length: 768 }, (_, i) => i & 255);
    assertEquals(readBytes(reader, blob, { limit: 768 }), bytes);
    assertEquals(readBytes(reader, blob, { limit: 767 }), undefined);
    const read = readCode(reader, readCodeHeader(reader, code)!)!;
    assertEquals([read.name, read.file, read.firstLine], ["fünf", "<string>", 7]);
    // What is not what it is taken for.
    assertEquals(readText(reader, sub), undefined);
    assertEquals([readText(reader, blob), readText(reader, code), readText(reader, 0)], [
      undefined,
      undefined,
      undefined,
    ]);
    assertEquals(readCodeHeader(reader, texts[1]!), undefined);
  });
}

const layout: ObjectLayout = {
  type: 8,
  code: { fileName: 112, qualifiedName: 128, lineTable: 136, firstLine: 72, lines: "locations" },
  bytes: { length: 16, data: 32 },
  text: { length: 16, state: 32, asciiData: 48, otherData: 72 },
};

/** Returns memory that repeats `bytes` for ever, in which every pointer to a type is right by chance of one word. */
function junk(bytes: Uint8Array): Memory {
  return {
    read(address, length) {
      if (!(address >= 0 && length >= 0 && length <= 1 << 20)) return undefined;
      return Uint8Array.from({ length }, (_, i) => bytes[(address + i) % bytes.length]!);
    },
  };
}

Deno.test("readText() and readCode() make something or nothing of any memory", () => {
  const words = fc.uint8Array({ minLength: 64, maxLength: 400 });
  fc.assert(fc.property(words, fc.nat(10_000), fc.nat(), (bytes, address, salt) => {
    const memory = junk(bytes);
    // The type that the junk happens to have, so that what follows it is read.
    const type = new DataView(memory.read(address + 8, 8)!.buffer).getUint32(0, true) +
      new DataView(memory.read(address + 8, 8)!.buffer).getUint32(4, true) * 2 ** 32;
    const reader = { memory, layout, types: { code: type, text: type, bytes: type + (salt % 2) } };
    const text = readText(reader, address);
    assertEquals(text === undefined || (text.isWellFormed() && text.length <= 2048), true);
    const header = readCodeHeader(reader, address)!;
    readCode(reader, header);
    readCode(reader, { ...header, name: address, file: address, lines: address });
  }));
});
