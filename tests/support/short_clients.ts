// SPDX-License-Identifier: Apache-2.0
/**
 * Pushes a batch each through as many connections, one after another, as the second argument says, to the
 * address that is the first, with the token that is the third; prints how many were acknowledged.
 *
 * @module
 */

import { writeBatch } from "../../profile/wire/write_batch.ts";
import { makeBatch } from "./batches.ts";
import { pushOnce } from "./grpc_client.ts";

const [target, count, token] = Deno.args;
let acknowledged = 0;
for (let sequence = 1; sequence <= Number(count); sequence++) {
  const bytes = writeBatch(makeBatch({ agentId: `short-${Deno.pid}`, sequence }));
  const { code } = await pushOnce(target!, bytes, { token: token! });
  if (code === 0) acknowledged++;
}
await Deno.stdout.write(new TextEncoder().encode(`${acknowledged}\n`));
