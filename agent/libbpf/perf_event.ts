/**
 * Perf events that a program can be attached to (perf_event_open(2)).
 *
 * @module
 */

import { bpfError, lastErrno, withLibrary } from "./errors.ts";
import type { Library } from "./library.ts";

const SYS_PERF_EVENT_OPEN = Deno.build.arch === "aarch64" ? 241n : 298n;
const PERF_FLAG_FD_CLOEXEC = 8n;
/** struct perf_event_attr as of Linux 4.1, which all later ones take. */
const ATTR_BYTES = 112;
const PERF_TYPE_SOFTWARE = 1;
const PERF_COUNT_SW_CPU_CLOCK = 0;
const EXCLUDE_IDLE = 1 << 7;

/** A clock of one CPU that overflows every so often, but not while the CPU is idle. */
export class PerfEvent implements Disposable {
  readonly #library: Library;
  readonly cpu: number;
  #fd: number;

  /**
   * Opens the software clock of `cpu`, which machines without hardware counters have, too.
   *
   * @param periodNs of time on that CPU between two overflows; at least 10,000, as the kernel takes no less
   * @throws {BpfError} when the kernel refuses
   */
  static cpuClock(cpu: number, periodNs: number): PerfEvent {
    return withLibrary((library) => {
      const attr = new DataView(new ArrayBuffer(ATTR_BYTES));
      attr.setUint32(0, PERF_TYPE_SOFTWARE, true);
      attr.setUint32(4, ATTR_BYTES, true);
      attr.setBigUint64(8, BigInt(PERF_COUNT_SW_CPU_CLOCK), true);
      attr.setBigUint64(16, BigInt(periodNs), true);
      attr.setUint32(40, EXCLUDE_IDLE, true);
      const everyProcess = -1;
      const noGroup = -1;
      const fd = Number(library.libc.syscall(
        SYS_PERF_EVENT_OPEN,
        new Uint8Array(attr.buffer),
        everyProcess,
        cpu,
        noGroup,
        PERF_FLAG_FD_CLOEXEC,
      ));
      if (fd < 0) {
        throw bpfError(library, { doing: `open the clock of CPU ${cpu}`, errno: lastErrno(library) });
      }
      return new PerfEvent(library, { cpu, fd });
    });
  }

  private constructor(library: Library, { cpu, fd }: { cpu: number; fd: number }) {
    this.#library = library;
    this.cpu = cpu;
    this.#fd = fd;
  }

  get fd(): number {
    if (this.#fd < 0) throw new Error(`Cannot use the clock of CPU ${this.cpu}: it is closed or attached`);
    return this.#fd;
  }

  /** Somebody else closes the descriptor. */
  moved(): void {
    if (this.#fd < 0) return;
    this.#fd = -1;
    this.#library[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    this.#library.libc.close(this.#fd);
    this.moved();
  }
}
