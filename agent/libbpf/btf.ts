// SPDX-License-Identifier: Apache-2.0
/**
 * The types of a BPF object, as its BTF tells them (Documentation/bpf/btf.rst of the kernel).
 *
 * @module
 */

const MAGIC = 0xeb9f;

/** The kinds that are looked at; all others are skipped by their size. */
const KIND = {
  int: 1,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  funcProto: 13,
  var: 14,
  dataSection: 15,
  declTag: 17,
  enum64: 19,
};

/** Bytes that follow the 12 of every type: fixed, and for each of its members. */
const TAIL: Readonly<Record<number, readonly [fixed: number, each: number]>> = {
  [KIND.int]: [4, 0],
  [KIND.array]: [12, 0],
  [KIND.struct]: [0, 12],
  [KIND.union]: [0, 12],
  [KIND.enum]: [0, 8],
  [KIND.funcProto]: [0, 8],
  [KIND.var]: [4, 0],
  [KIND.dataSection]: [0, 12],
  [KIND.declTag]: [4, 0],
  [KIND.enum64]: [0, 12],
};

export interface BtfStruct {
  /** It is in bytes. */
  readonly size: number;
  /** Offsets in bytes. */
  readonly members: ReadonlyMap<string, number>;
}

export interface BtfVariable {
  /** It is in its section, in bytes. */
  readonly offset: number;
  /** It is in bytes. */
  readonly size: number;
}

/** The named structs, enums and variables of an object. */
export interface Btf {
  readonly structs: ReadonlyMap<string, BtfStruct>;
  readonly enums: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** They are found by section, like `.rodata`. */
  readonly variables: ReadonlyMap<string, ReadonlyMap<string, BtfVariable>>;
}

/**
 * Reads BTF.
 *
 * @throws {Error} when `bytes` are not BTF of this machine's byte order
 */
export function parseBtf(bytes: Uint8Array): Btf {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 24 || view.getUint16(0, true) !== MAGIC) {
    throw new Error("Cannot read the object's types: they do not begin as little-endian BTF does");
  }
  const header = view.getUint32(4, true);
  const types = header + view.getUint32(8, true);
  const typesEnd = types + view.getUint32(12, true);
  const strings = header + view.getUint32(16, true);
  const name = (at: number) => {
    const begin = strings + view.getUint32(at, true);
    return new TextDecoder().decode(bytes.subarray(begin, bytes.indexOf(0, begin)));
  };
  const structs = new Map<string, BtfStruct>();
  const enums = new Map<string, Map<string, number>>();
  const sections = new Map<string, { type: number; offset: number; size: number }[]>();
  const variableNames = new Map<number, string>();
  let id = 1;
  for (let at = types; at < typesEnd; id++) {
    const info = view.getUint32(at + 4, true);
    const kind = info >>> 24 & 0x1f;
    const count = info & 0xffff;
    const size = view.getUint32(at + 8, true);
    const [fixed, each] = TAIL[kind] ?? [0, 0];
    const tail = at + 12;
    const members = Array.from({ length: each > 0 ? count : 0 }, (_, i) => tail + i * each);
    if (kind === KIND.struct) {
      // The low 24 bits are the offset in bits also where there are bit fields.
      const offset = (member: number) => (view.getUint32(member + 8, true) & 0xffffff) / 8;
      structs.set(name(at), { size, members: new Map(members.map((m) => [name(m), offset(m)])) });
    } else if (kind === KIND.enum) {
      enums.set(name(at), new Map(members.map((m) => [name(m), view.getInt32(m + 4, true)])));
    } else if (kind === KIND.var) {
      variableNames.set(id, name(at));
    } else if (kind === KIND.dataSection) {
      const read = (m: number) => view.getUint32(m, true);
      sections.set(name(at), members.map((m) => ({ type: read(m), offset: read(m + 4), size: read(m + 8) })));
    }
    at = tail + fixed + each * count;
  }
  const variables = new Map(
    [...sections].map(([section, entries]) => [
      section,
      new Map(entries.map(({ type, offset, size }) => [variableNames.get(type) ?? "", { offset, size }])),
    ]),
  );
  return { structs, enums, variables };
}
