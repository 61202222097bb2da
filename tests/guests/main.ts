// SPDX-License-Identifier: Apache-2.0
/**
 * Runs in a guest (`tests/support/kernels.ts`): each of the parts in turn, and writes what they saw as one line of
 * JSON.
 *
 * @module
 */

import { Unwinder } from "../../agent/unwind/unwinder.ts";
import { runAgent } from "./agent.ts";
import { countCalls } from "./calls.ts";
import { type NamedModule, nameModule } from "./kernel_module.ts";
import { watchLocks } from "./locks.ts";
import { MEMORY_BYTES } from "./memory.ts";
import { watchNewProcesses } from "./new_processes.ts";
import { walkStacks } from "./stacks.ts";

/** Holds what the parts saw, and where. */
export interface Seen {
  readonly release: string;
  readonly stacks: Awaited<ReturnType<typeof walkStacks>>;
  readonly newProcesses: Awaited<ReturnType<typeof watchNewProcesses>>;
  readonly module: NamedModule;
  readonly locks: Awaited<ReturnType<typeof watchLocks>>;
  /** They are counted with the state of threads where it is kept by default, and where every kernel can keep it. */
  readonly calls: readonly [Awaited<ReturnType<typeof countCalls>>, Awaited<ReturnType<typeof countCalls>>];
  /** It is there with `--agent`. */
  readonly agent: Awaited<ReturnType<typeof runAgent>> | undefined;
}

async function main(): Promise<void> {
  const chain = new Deno.Command("/bin/chain", { stdout: "null", stderr: "null" }).spawn();
  // It takes a CPU, which the verifier needs meanwhile.
  chain.kill("SIGSTOP");
  await using unwinder = Unwinder.open({ memoryBytes: MEMORY_BYTES });
  const stacks = await walkStacks(unwinder, chain);
  const newProcesses = await watchNewProcesses(unwinder);
  const module = await nameModule("dummy");
  const locks = await watchLocks(unwinder);
  const agent = Deno.args.includes("--agent") ? await runAgent(chain) : undefined;
  chain.kill("SIGKILL");
  await chain.status;
  const calls = [await countCalls({ unwinder }), await countCalls({ taskStorage: false })] as const;
  const seen: Seen = { release: Deno.osRelease(), stacks, newProcesses, module, locks, calls, agent };
  await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(seen)}\n`));
}

await main();
