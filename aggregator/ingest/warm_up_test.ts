// SPDX-License-Identifier: Apache-2.0
import { warmUp } from "./warm_up.ts";

Deno.test("warmUp() pushes sound batches, and leaves nothing open", async () => {
  await warmUp();
});
