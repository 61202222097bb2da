// SPDX-License-Identifier: Apache-2.0
/**
 * Slow calls as the kernel counted them, and what they were made on, from the bytes of the maps.
 *
 * @module
 */

import { u64 } from "../../common/u64.ts";
import {
  type Entries,
  OBJECT,
  OBJECT_KINDS,
  OBJECT_NAME_BYTES,
  OBJECT_NAMES,
  SLOW_CALL,
  SLOW_KEY,
} from "../libbpf/mod.ts";
import { callName } from "../syscalls/name.ts";
import type { RawSlowCall } from "./collector.ts";
import { decodeComm } from "./comm.ts";

const decoder = new TextDecoder();

/** Adds the objects of a batch to `objects`, as text by their hash. */
export function decodeObjects({ count, keys, values }: Entries, objects: Map<bigint, string>): void {
  for (let i = 0; i < count; i++) {
    objects.set(keys.getBigUint64(i * 8, true), objectText(values, i * OBJECT.size));
  }
}

function objectText(view: DataView<ArrayBuffer>, at: number): string {
  switch (OBJECT_KINDS[view.getUint32(at + OBJECT.kind, true)]) {
    case "path":
      return pathText(view, at);
    case "name":
      return namesOf(view, at).toReversed().join("/");
    case "pipe":
      return "pipe";
    case "ipv4":
    case "ipv6":
      return peerText(view, at);
    case "unix":
      return "unix socket";
    case "socket":
      return "socket";
    default:
      return "";
  }
}

/** Returns the names that are kept, the last of the path first; one that fills its place may be cut, and says so. */
function namesOf(view: DataView<ArrayBuffer>, at: number): string[] {
  const names = Math.min(view.getUint32(at + OBJECT.names, true), OBJECT_NAMES);
  return Array.from({ length: names }, (_, i) => {
    const start = view.byteOffset + at + OBJECT.name + i * OBJECT_NAME_BYTES;
    const bytes = new Uint8Array(view.buffer, start, OBJECT_NAME_BYTES);
    const end = bytes.indexOf(0);
    const name = decoder.decode(bytes.subarray(0, end < 0 ? OBJECT_NAME_BYTES : end));
    return end === OBJECT_NAME_BYTES - 1 ? `${name}…` : name;
  });
}

function pathText(view: DataView<ArrayBuffer>, at: number): string {
  const names = namesOf(view, at);
  const path = `/${names.toReversed().join("/")}`;
  return names.length === OBJECT_NAMES ? `…${path}` : path;
}

/** Returns `ADDRESS:PORT` of the peer; of a socket without one, `*:PORT` with its own. */
function peerText(view: DataView<ArrayBuffer>, at: number): string {
  const port = view.getUint16(at + OBJECT.port, true);
  if (port === 0) return `*:${view.getUint16(at + OBJECT.own_port, true)}`;
  const from = at + OBJECT.address;
  if (OBJECT_KINDS[view.getUint32(at + OBJECT.kind, true)] === "ipv4") {
    return `${ipv4(view, from)}:${port}`;
  }
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(from + 2 * i));
  // An IPv4 peer of an IPv6 socket, ::ffff:a.b.c.d.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `${ipv4(view, from + 12)}:${port}`;
  }
  return `[${ipv6(groups)}]:${port}`;
}

function ipv4(view: DataView<ArrayBuffer>, at: number): string {
  return [0, 1, 2, 3].map((i) => view.getUint8(at + i)).join(".");
}

/** Writes an address as RFC 5952 has it: the longest run of zeros, of two at least, is `::`. */
function ipv6(groups: readonly number[]): string {
  const text = groups.map((group) => group.toString(16)).join(":");
  const runs = text.match(/(?:^|(?<=:))0(?::0)+(?=:|$)/g) ?? [];
  const longest = runs.reduce((most, run) => run.length > most.length ? run : most, "");
  if (longest === "") return text;
  const start = text.search(new RegExp(`(?:^|(?<=:))${longest}(?=:|$)`));
  const [before, after] = [text.slice(0, start), text.slice(start + longest.length)];
  return `${before.replace(/:$/, "")}::${after.replace(/^:/, "")}`;
}

/** Returns the slow calls of a batch. */
export function decodeSlowCalls(
  { count, keys, values }: Entries,
  objects: ReadonlyMap<bigint, string>,
): RawSlowCall[] {
  return Array.from({ length: count }, (_, i) => {
    const [key, value] = [i * SLOW_KEY.size, i * SLOW_CALL.size];
    const totalNs = u64(values, value + SLOW_CALL.total_ns);
    const inLockNs = Math.min(u64(values, value + SLOW_CALL.in_lock_ns), totalNs);
    return {
      pid: keys.getUint32(key + SLOW_KEY.pid, true),
      program: keys.getUint32(key + SLOW_KEY.program, true),
      comm: decodeComm(keys, key + SLOW_KEY.comm),
      call: callName(keys.getUint32(key + SLOW_KEY.call, true)),
      object: objects.get(keys.getBigUint64(key + SLOW_KEY.object, true)) ?? "",
      count: u64(values, value + SLOW_CALL.count),
      totalNs,
      onCpuNs: Math.min(u64(values, value + SLOW_CALL.on_cpu_ns), totalNs - inLockNs),
      inLockNs,
      maxNs: u64(values, value + SLOW_CALL.max_ns),
    };
  });
}
