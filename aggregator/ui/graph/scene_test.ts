// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { graphOf } from "../../../tests/support/graphs.ts";
import { flameModel } from "../flame/model.ts";
import { boxLabel } from "./scene.ts";

Deno.test("boxLabel() keeps an offset behind a name from right to left, and other names as they are", () => {
  const labels = ["خدمة+0x12", "perl+0x12", "main"].map((name) =>
    boxLabel(flameModel(graphOf(`${name} 1`)), 1)
  );
  assertEquals(labels, ["خدمة\u200e+0x12", "perl+0x12", "main"]);
});
