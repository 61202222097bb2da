/**
 * Finds the processes that may run Python, at a cost that a machine with thousands of processes bears.
 *
 * @module
 */

const MARK = new TextEncoder().encode("python3.");

/** Returns the pids of processes in whose memory a file named like Python's is mapped. */
export function* pythonPids(procRoot = "/proc"): Generator<number> {
  for (const { name } of Deno.readDirSync(procRoot)) {
    if (/^\d+$/.test(name) && mapsPython(Number(name), procRoot)) yield Number(name);
  }
}

/** Returns whether a file named like Python's is mapped in the process. */
function mapsPython(pid: number, procRoot = "/proc"): boolean {
  try {
    const maps = Deno.readFileSync(`${procRoot}/${pid}/maps`);
    for (let at = maps.indexOf(MARK[0]!); at >= 0; at = maps.indexOf(MARK[0]!, at + 1)) {
      if (MARK.every((byte, i) => maps[at + i] === byte)) return true;
    }
  } catch {
    // It is gone.
  }
  return false;
}
