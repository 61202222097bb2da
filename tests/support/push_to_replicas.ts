// SPDX-License-Identifier: Apache-2.0
/**
 * Serves Push on two loopback addresses, lets many clients push to a name that stands for both, and prints which
 * addresses took what of each client: run where /etc/hosts has that name.
 */

import { Server, ServerCredentials, type ServerUnaryCall } from "@grpc/grpc-js";
import { PushClient } from "../../agent/push/client.ts";
import { AggregatorService, PushRequest, PushResponse } from "../../proto/gen/aperture/v1/aperture.ts";

const [name, ...addresses] = Deno.args;
const CLIENTS = 24;
const PUSHES = 4;

const taken = new Map<string, Set<string>>();
let port = 0;
for (const address of addresses) {
  const server = new Server();
  const push = (
    call: ServerUnaryCall<PushRequest, PushResponse>,
    callback: (error: null, response: PushResponse) => void,
  ) => {
    const { agentId } = call.request.batch!;
    taken.set(agentId, (taken.get(agentId) ?? new Set()).add(address));
    callback(null, PushResponse.fromPartial({}));
  };
  server.addService({ push: AggregatorService.push }, { push });
  port = await new Promise((resolve, reject) => {
    const insecure = ServerCredentials.createInsecure();
    server.bindAsync(
      `${address}:${port}`,
      insecure,
      (error, bound) => error ? reject(error) : resolve(bound),
    );
  });
}

const signal = new AbortController().signal;
for (let i = 0; i < CLIENTS; i++) {
  using client = new PushClient({ url: new URL(`http://${name}:${port}`) });
  const request = PushRequest.encode(PushRequest.fromPartial({ batch: { agentId: `client ${i}` } })).finish();
  for (let j = 0; j < PUSHES; j++) await client.push(request, { signal });
}
const lists = Object.fromEntries([...taken].map(([id, to]) => [id, [...to]]));
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(lists)));
Deno.exit(0);
