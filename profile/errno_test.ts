// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { errnoName } from "./errno.ts";

Deno.test("errnoName() names errors as the kernel does", () => {
  const names = [1, 2, 4, 11, 110, 512, 4000].map(errnoName);
  assertEquals(names, ["EPERM", "ENOENT", "EINTR", "EAGAIN", "ETIMEDOUT", "ERESTARTSYS", "4000"]);
});
