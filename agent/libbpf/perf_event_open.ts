// SPDX-License-Identifier: Apache-2.0
/**
 * perf_event_open(2), which libc has no function for.
 *
 * @module
 */

import { lastErrno } from "./errors.ts";
import type { Library } from "./library.ts";

const SYS_PERF_EVENT_OPEN = Deno.build.arch === "aarch64" ? 241n : 298n;
const PERF_FLAG_FD_CLOEXEC = 8n;
/** struct perf_event_attr as of Linux 4.1, which all later ones take. */
const ATTR_BYTES = 112;
const PERF_TYPE_SOFTWARE = 1;

/** A perf event of the kernel's own, on one CPU, whatever runs there. */
export interface SoftwareEvent {
  readonly cpu: number;
  /** enum perf_sw_ids. */
  readonly config: number;
  /** Events between two overflows; without it there are none. */
  readonly period?: number;
  /** enum perf_event_sample_format. */
  readonly sampleType?: number;
  /** The bits of `struct perf_event_attr` from `disabled` on. */
  readonly flags: number;
}

/** Returns the descriptor, or the negative errno. */
export function openSoftwareEvent(library: Library, event: SoftwareEvent): number {
  const attr = new DataView(new ArrayBuffer(ATTR_BYTES));
  attr.setUint32(0, PERF_TYPE_SOFTWARE, true);
  attr.setUint32(4, ATTR_BYTES, true);
  attr.setBigUint64(8, BigInt(event.config), true);
  attr.setBigUint64(16, BigInt(event.period ?? 0), true);
  attr.setBigUint64(24, BigInt(event.sampleType ?? 0), true);
  attr.setUint32(40, event.flags, true);
  const everyProcess = -1;
  const noGroup = -1;
  const fd = Number(library.libc.syscall(
    SYS_PERF_EVENT_OPEN,
    new Uint8Array(attr.buffer),
    everyProcess,
    event.cpu,
    noGroup,
    PERF_FLAG_FD_CLOEXEC,
  ));
  return fd < 0 ? -lastErrno(library) : fd;
}
