// SPDX-License-Identifier: Apache-2.0
/**
 * Instructions of amd64 code, as far as it takes to follow the stack pointer through them: how long each is, its
 * opcode and its operands (Intel's manual, volume 2, chapter 2 and appendix A).
 *
 * @module
 */

/** Opcodes of the map that `0f` begins stand after those of one byte; those of two more after these. */
export const TWO_BYTE = 0x100;
const MAP_38 = 0x200;
const MAP_3A = 0x300;
/** Vector instructions, none of which concerns the stack. */
const VECTOR = 0x400;

const REX_W = 8;
const REX_R = 4;
const REX_X = 2;
const REX_B = 1;
/** No instruction is longer, in bytes. */
const MAX_LENGTH = 15;

/** Bytes that stand for a number: after them comes an operand byte, and of what size the constant behind it is. */
const NONE = 0;
const OPERANDS = 1;
const CONSTANT_8 = 2;
const CONSTANT_16 = 4;
/** Has 16 bits with the prefix for that. */
const CONSTANT_32 = 8;
const INVALID = 16;

const ONE_BYTE_FORMS = oneByteForms();
const TWO_BYTE_FORMS = twoByteForms();

/** An instruction; what it has not is 0. */
export class Instruction {
  /** The length is in bytes; 0 for what is none. */
  length = 0;
  opcode = 0;
  /** The width of 64 bits was asked for. */
  wide = false;
  /** The operand byte's parts, registers by their full numbers (not DWARF's). */
  mode = 0;
  register = 0;
  base = 0;
  /** It has an address of the form base + displacement, without an index. */
  plainAddress = false;
  displacement = 0;
  /** The address is so far from the next instruction; 0 where it is no such one. */
  relative = 0;
  /** The last constant, with its sign. */
  constant = 0;

  /** Decodes what is at `at`. */
  decode(code: Uint8Array, at: number): this {
    this.length = 0;
    this.mode = this.register = this.base = 0;
    this.displacement = this.relative = this.constant = 0;
    this.plainAddress = false;
    let position = at;
    let rex = 0;
    let small = false;
    let byte = code[position++];
    for (; byte !== undefined && isPrefix(byte) && position - at < MAX_LENGTH; byte = code[position++]) {
      if (byte === 0x66) small = true;
    }
    if (byte !== undefined && byte >> 4 === 4) {
      rex = byte;
      byte = code[position++];
    }
    if (byte === undefined) return this;
    this.wide = (rex & REX_W) !== 0;
    let form: number;
    // Of AMD's XOP, maps 8 to 10; else it is a pop.
    if (byte === 0x8f && (code[position]! & 31) >= 8) {
      const map = code[position]! & 31;
      this.opcode = VECTOR + (code[position + 2] ?? 0);
      form = OPERANDS | (map === 8 ? CONSTANT_8 : map === 9 ? NONE : map === 10 ? CONSTANT_32 : INVALID);
      position += 3;
      small = false;
    } else if (byte === 0xc5 || byte === 0xc4 || byte === 0x62) {
      const payload = byte === 0xc5 ? 1 : byte === 0xc4 ? 2 : 3;
      const map = byte === 0xc5 ? 1 : code[position]! & (byte === 0xc4 ? 31 : 7);
      const opcode = code[position + payload];
      position += payload + 1;
      if (opcode === undefined || map === 0) return this;
      this.opcode = VECTOR + opcode;
      form = map === 1 ? TWO_BYTE_FORMS[opcode]! : map === 3 ? OPERANDS | CONSTANT_8 : OPERANDS;
      // vzeroupper has none, and what has constants of 32 bits here are jumps there.
      if (form & (INVALID | CONSTANT_32)) form = OPERANDS;
    } else if (byte === 0x0f) {
      let opcode = code[position++];
      if (opcode === 0x38 || opcode === 0x3a) {
        form = opcode === 0x38 ? OPERANDS : OPERANDS | CONSTANT_8;
        const map = opcode === 0x38 ? MAP_38 : MAP_3A;
        opcode = code[position++];
        this.opcode = map + (opcode ?? 0);
      } else {
        form = TWO_BYTE_FORMS[opcode ?? 0]!;
        this.opcode = TWO_BYTE + (opcode ?? 0);
      }
      if (opcode === undefined) return this;
      // These jump by 32 bits, whatever the prefix says.
      if (this.opcode >> 4 === 0x18) small = false;
    } else {
      this.opcode = byte;
      form = ONE_BYTE_FORMS[byte]!;
      if (byte === 0xe8 || byte === 0xe9) small = false;
    }
    if (form & INVALID) return this;
    if (form & OPERANDS) position = this.#operands(code, position, rex);
    if ((this.opcode === 0xf6 || this.opcode === 0xf7) && (this.register & 7) < 2) {
      form |= this.opcode === 0xf6 ? CONSTANT_8 : CONSTANT_32;
    }
    position = this.#constants(code, position, { form, small, rex });
    if (position <= code.length && position - at <= MAX_LENGTH) this.length = position - at;
    return this;
  }

  /** Reads the operand byte and what belongs to it; returns where that ends. */
  #operands(code: Uint8Array, position: number, rex: number): number {
    const operands = code[position++] ?? 0;
    this.mode = operands >> 6;
    this.register = operands >> 3 & 7 | (rex & REX_R) << 1;
    let low = operands & 7;
    let index = 4;
    if (this.mode !== 3 && low === 4) {
      const scaled = code[position++] ?? 0;
      low = scaled & 7;
      index = scaled >> 3 & 7 | (rex & REX_X) << 2;
    }
    this.base = low | (rex & REX_B) << 3;
    const absolute = this.mode === 0 && low === 5;
    if (absolute && index === 4) this.relative = int32(code, position);
    this.plainAddress = this.mode !== 3 && !absolute && index === 4;
    if (this.mode === 1) this.displacement = code[position]! << 24 >> 24;
    if (this.mode === 2) this.displacement = int32(code, position);
    return position + (this.mode === 1 ? 1 : this.mode === 2 || absolute ? 4 : 0);
  }

  #constants(
    code: Uint8Array,
    position: number,
    { form, small, rex }: { form: number; small: boolean; rex: number },
  ): number {
    if (form & CONSTANT_16) position += 2;
    if (form & CONSTANT_8) this.constant = (code[position++] ?? 0) << 24 >> 24;
    if (!(form & CONSTANT_32)) {
      // mov to and from an address of 64 bits.
      if (this.opcode >= 0xa0 && this.opcode <= 0xa3) position += 8;
      else if (this.opcode >= 0xb8 && this.opcode <= 0xbf) position += rex & REX_W ? 8 : small ? 2 : 4;
      // push, pop and mov name their register themselves.
      const named = this.opcode & 0xf8;
      if (named === 0x50 || named === 0x58 || named === 0xb8) {
        this.base = this.opcode & 7 | (rex & REX_B) << 3;
      }
      return position;
    }
    this.constant = small ? (code[position]! | code[position + 1]! << 8) << 16 >> 16 : int32(code, position);
    return position + (small ? 2 : 4);
  }
}

/** Tells whether `byte` is a prefix that says nothing of what follows but its size. */
function isPrefix(byte: number): boolean {
  return byte === 0x66 || byte === 0x67 || byte === 0xf2 || byte === 0xf3 || byte === 0xf0 ||
    byte === 0x2e || byte === 0x3e || byte === 0x26 || byte === 0x36 || byte === 0x64 || byte === 0x65;
}

function int32(code: Uint8Array, at: number): number {
  return code[at]! | code[at + 1]! << 8 | code[at + 2]! << 16 | code[at + 3]! << 24;
}

function oneByteForms(): Uint8Array {
  const forms = new Uint8Array(256);
  const set = (form: number, ...ranges: [from: number, to?: number][]) => {
    for (const [from, to = from] of ranges) forms.fill(form, from, to + 1);
  };
  for (let group = 0; group < 0x40; group += 8) {
    set(OPERANDS, [group, group + 3]);
    set(CONSTANT_8, [group + 4]);
    set(CONSTANT_32, [group + 5]);
    set(INVALID, [group + 6, group + 7]);
  }
  set(INVALID, [0x60, 0x61], [0x82], [0x9a], [0xce], [0xd4, 0xd6], [0xea]);
  set(OPERANDS, [0x63], [0x84, 0x8f], [0xd0, 0xd3], [0xd8, 0xdf], [0xf6, 0xf7], [0xfe, 0xff]);
  set(OPERANDS | CONSTANT_8, [0x6b], [0x80], [0x83], [0xc0, 0xc1], [0xc6]);
  set(OPERANDS | CONSTANT_32, [0x69], [0x81], [0xc7]);
  set(CONSTANT_8, [0x6a], [0x70, 0x7f], [0xa8], [0xb0, 0xb7], [0xcd], [0xe0, 0xe7], [0xeb]);
  set(CONSTANT_32, [0x68], [0xa9], [0xe8, 0xe9]);
  set(CONSTANT_16, [0xc2], [0xca]);
  set(CONSTANT_16 | CONSTANT_8, [0xc8]);
  return forms;
}

function twoByteForms(): Uint8Array {
  const forms = new Uint8Array(256).fill(OPERANDS);
  for (
    const [from, to] of [[0x05, 0x09], [0x0b, 0x0b], [0x0e, 0x0e], [0x30, 0x37], [0x77, 0x77], [0xc8, 0xcf]]
  ) {
    forms.fill(NONE, from!, to! + 1);
  }
  for (const opcode of [0xa0, 0xa1, 0xa2, 0xa8, 0xa9, 0xaa]) forms[opcode] = NONE;
  forms.fill(CONSTANT_32, 0x80, 0x90);
  for (const opcode of [0x0f, 0x70, 0x71, 0x72, 0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6]) {
    forms[opcode] = OPERANDS | CONSTANT_8;
  }
  for (const opcode of [0x04, 0x0a, 0x0c, 0x24, 0x25, 0x26, 0x27, 0xff]) forms[opcode] = INVALID;
  return forms;
}
