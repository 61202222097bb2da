/**
 * Runs in a guest (`tests/support/kernels.ts`): counts what `/bin/syscalls` does and prints it.
 *
 * @module
 */

import { SyscallCollector } from "../../agent/collectors/syscall.ts";

const results = [];
for (const taskStorage of [undefined, false]) {
  using collector = SyscallCollector.open(taskStorage === undefined ? {} : { taskStorage });
  const runs = [];
  for (const args of [["calls", "20000"], ["stop"], ["refuse", "50"], ["die", "3"], ["ia32", "10"]]) {
    const { stdout } = await new Deno.Command("/bin/syscalls", { args }).output();
    const { pid, ...said } = JSON.parse(new TextDecoder().decode(stdout));
    const { syscalls, losses } = collector.drain();
    const rows = syscalls!.filter((row) => row.pid === pid)
      .map(({ call, comm, count, errors }) => ({ call, comm, count, errors: [...errors] }));
    runs.push({ what: args[0], said, rows, losses: [...losses] });
  }
  results.push({ taskStorage: collector.taskStorage, runs });
}
await Deno.stdout.write(
  new TextEncoder().encode(JSON.stringify({ release: Deno.osRelease(), results }) + "\n"),
);
