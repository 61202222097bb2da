// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Frame } from "../../profile/model.ts";
import { mergeStacks } from "./merge.ts";

const LOOP = "_PyEval_EvalFrameDefault";

function frame(name: string): Frame {
  return { function: name, module: "m", file: "", line: 0, buildId: "", address: 0 };
}

function merge(native: string[], runs: string[][], whole = true) {
  const { frames, matched } = mergeStacks(native.map(frame), {
    runs: runs.map((run) => run.map(frame)),
    whole,
  });
  return [frames.map((f) => f.function).join(" "), matched];
}

/** Leaf first: some C, then a loop with its Python functions, and so on. */
const stack = fc.array(
  fc.record({
    c: fc.array(fc.constantFrom("list_sort", "method_vectorcall", "read"), { maxLength: 3 }),
    python: fc.array(fc.constantFrom("f", "g", "Worker.run"), { minLength: 1, maxLength: 4 }),
    loop: fc.constantFrom(LOOP, `${LOOP}.cold`, `${LOOP}.lto_priv.0`),
  }),
  { maxLength: 6 },
);

Deno.test("mergeStacks() puts each run in place of its loop", () => {
  fc.assert(fc.property(stack, (parts) => {
    const native = [...parts.flatMap(({ c, loop }) => [...c, loop]), "Py_RunMain", "_start"];
    const expected = [...parts.flatMap(({ c, python }) => [...c, ...python]), "Py_RunMain", "_start"];
    assertEquals(merge(native, parts.map(({ python }) => python)), [expected.join(" "), true]);
  }));
});

Deno.test("mergeStacks() leaves out trampolines, each beside the function that it calls", () => {
  const trampoline = { ...frame("g"), module: "/a.py", file: "/a.py" };
  const native = [LOOP, "vectorcall", LOOP, "Py_RunMain"].map(frame);
  native.splice(1, 0, { ...trampoline, function: "f" });
  native.splice(4, 0, trampoline);
  const run = (name: string) => [{ ...trampoline, function: name, line: 3 }];
  const { frames, matched } = mergeStacks(native, { runs: [run("f"), run("g")], whole: true });
  assertEquals(frames.map(({ function: name, line }) => `${name} ${line}`), [
    "f 3",
    "vectorcall 0",
    "g 3",
    "Py_RunMain 0",
  ]);
  assertEquals(matched, true);
  // Where nothing is known of the functions, they are all there is.
  assertEquals(mergeStacks(native, { runs: [], whole: true }).frames, native);
});

Deno.test("mergeStacks() shows all Python functions of a native stack that was cut, in their order", () => {
  fc.assert(fc.property(stack, fc.nat(), (parts, at) => {
    const whole = parts.flatMap(({ c, loop }) => [...c, loop]);
    const cut = whole.slice(0, at % (whole.length + 1));
    const [frames] = merge(cut, parts.map(({ python }) => python));
    const python = (frames as string).split(" ").filter((name) => ["f", "g", "Worker.run"].includes(name));
    assertEquals(python, parts.flatMap(({ python }) => python));
    assertEquals((frames as string).includes(LOOP), false);
  }));
});

Deno.test("mergeStacks() keeps the loop at the leaf that has no frame yet", () => {
  const expected = `${LOOP} vectorcall f g Py_RunMain`;
  assertEquals(merge([LOOP, "vectorcall", LOOP, "Py_RunMain"], [["f", "g"]]), [expected, false]);
  assertEquals(merge([LOOP, "vectorcall", LOOP, "Py_RunMain"], [[], ["f", "g"]]), [expected, true]);
});

Deno.test("mergeStacks() begins at the leaf where Python's stack was cut", () => {
  assertEquals(merge([LOOP, "c", LOOP, "Py_RunMain"], [["f"]], false), [`f c ${LOOP} Py_RunMain`, false]);
});

Deno.test("mergeStacks() takes no other function for the loop", () => {
  const names = ["_PyEval_EvalFrameDefaultX", "PyEval_EvalFrameDefault", "_PyEval_Vector"];
  assertEquals(merge(names, []), [names.join(" "), true]);
});

Deno.test("mergeStacks() leaves out instructions that are functions, as they are of the loop's run", () => {
  const native = ["add", "_TAIL_CALL_BINARY_OP", LOOP, "_start"];
  assertEquals(merge(native, [["f", "g"]]), ["add f g _start", true]);
  // Where nothing is known of Python they are all there is.
  assertEquals(merge(native, []), ["add _TAIL_CALL_BINARY_OP _PyEval_EvalFrameDefault _start", false]);
});
