// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { circles, readImports } from "./imports.ts";
import { offenders } from "./spdx.ts";

Deno.test("no file of the tree imports itself by way of others", async () => {
  assertEquals(circles(await readImports()).map((circle) => circle.join(" -> ")), []);
});

Deno.test("every source file says its licence: deno task spdx adds the line", () => {
  assertEquals(offenders(), []);
});
