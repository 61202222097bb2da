// SPDX-License-Identifier: Apache-2.0
/**
 * Perf events that a program can be attached to (perf_event_open(2)).
 *
 * @module
 */

import { bpfError, withLibrary } from "./errors.ts";
import type { Library } from "./library.ts";
import { openSoftwareEvent } from "./perf_event_open.ts";

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
      const fd = openSoftwareEvent(library, {
        cpu,
        config: PERF_COUNT_SW_CPU_CLOCK,
        period: periodNs,
        flags: EXCLUDE_IDLE,
      });
      if (fd < 0) throw bpfError(library, { doing: `open the clock of CPU ${cpu}`, errno: -fd });
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
