// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { formatTable, ratio } from "./row.ts";

Deno.test("ratio() is above 1 where ours is better, whichever way is better", () => {
  assertEquals(ratio({ what: "", ours: 10, unit: "MB/s", rival: { name: "r", value: 5 } }), 2);
  assertEquals(ratio({ what: "", ours: 10, unit: "ms", less: true, rival: { name: "r", value: 5 } }), 0.5);
  assertEquals(ratio({ what: "", ours: 10, unit: "ms" }), undefined);
});

Deno.test("formatTable() aligns columns and shows a missing rival", () => {
  const table = formatTable([
    { what: "read", ours: 1234.5, unit: "MB/s", rival: { name: "protobufjs", value: 100 } },
    { what: "drain", ours: 0.12345, unit: "ms" },
  ]);
  assertEquals(
    table,
    "what   Aperture    rival                 better by\n" +
      "read   1,235 MB/s  100 MB/s  protobufjs  12.35x\n" +
      "drain  0.123 ms    –\n",
  );
});
