// SPDX-License-Identifier: Apache-2.0
import type { sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";
import { assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import { Calls } from "./calls.ts";

/** Stands for a call of gRPC; it is told to be cancelled when its stream closes, however it ended. */
function makeCall() {
  const call = Object.assign(new EventEmitter(), { request: "asked", getPath: () => "/a.test/Call" });
  return call as unknown as ServerUnaryCall<string, string>;
}

Deno.test("Calls aborts the work of who went away, and nothing that is answered", async () => {
  const { promise: away, resolve: leave } = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  const handler = new Calls().unary(async (_: string, signal) => {
    signals.push(signal);
    if (signals.length > 1) await away;
    return "answer";
  });
  const [first, second] = [makeCall(), makeCall()];
  const answered = Promise.withResolvers<unknown>();
  const callback: sendUnaryData<string> = (_error, value) => answered.resolve(value);
  handler(first, callback);
  assertEquals(await answered.promise, "answer");
  first.emit("cancelled", "cancelled");
  handler(second, () => {});
  second.emit("cancelled", "cancelled");
  assertEquals(signals.map(({ aborted }) => aborted), [false, true]);
  leave();
});
