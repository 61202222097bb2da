// SPDX-License-Identifier: Apache-2.0
/**
 * The functions of libdw that read DWARF (elfutils/libdw.h), and nothing else.
 *
 * A `Dwarf_Die` or `Dwarf_Attribute` is memory of the caller, here a buffer.
 *
 * @module
 */

const DIE = /* Dwarf_Die * */ "buffer";
const ATTRIBUTE = /* Dwarf_Attribute * */ "buffer";

export const LIBDW_DWARF = {
  dwarf_begin_elf: {
    parameters: [
      /* Elf *elf */ "pointer",
      /* Dwarf_Cmd cmd */ "i32",
      /* Elf_Scn *scngrp */ "pointer",
    ],
    result: /* Dwarf * */ "pointer",
  },
  dwarf_end: { parameters: [/* Dwarf *dwarf */ "pointer"], result: "i32" },
  dwarf_setalt: { parameters: [/* Dwarf *main */ "pointer", /* Dwarf *alt */ "pointer"], result: "void" },
  dwarf_nextcu: {
    parameters: [
      /* Dwarf *dwarf */ "pointer",
      /* Dwarf_Off off */ "u64",
      /* Dwarf_Off *next_off */ "buffer",
      /* size_t *header_sizep */ "buffer",
      /* Dwarf_Off *abbrev_offsetp */ "pointer",
      /* uint8_t *address_sizep */ "pointer",
      /* uint8_t *offset_sizep */ "pointer",
    ],
    result: "i32",
  },
  dwarf_offdie: {
    parameters: [/* Dwarf *dbg */ "pointer", /* Dwarf_Off offset */ "u64", /* result */ DIE],
    result: "pointer",
  },
  dwarf_dieoffset: { parameters: [DIE], result: "u64" },
  dwarf_tag: { parameters: [DIE], result: "i32" },
  dwarf_child: { parameters: [DIE, /* result */ DIE], result: "i32" },
  dwarf_siblingof: { parameters: [DIE, /* result */ DIE], result: "i32" },
  dwarf_haspc: { parameters: [DIE, /* Dwarf_Addr pc */ "u64"], result: "i32" },
  dwarf_ranges: {
    parameters: [
      DIE,
      /* ptrdiff_t offset */ "isize",
      /* Dwarf_Addr *basep */ "buffer",
      /* Dwarf_Addr *startp */ "buffer",
      /* Dwarf_Addr *endp */ "buffer",
    ],
    result: "isize",
  },
  dwarf_attr: {
    parameters: [DIE, /* unsigned int search_name */ "u32", /* result */ ATTRIBUTE],
    result: "pointer",
  },
  dwarf_attr_integrate: {
    parameters: [DIE, /* unsigned int search_name */ "u32", /* result */ ATTRIBUTE],
    result: "pointer",
  },
  dwarf_formstring: { parameters: [ATTRIBUTE], result: /* const char * */ "pointer" },
  dwarf_formudata: { parameters: [ATTRIBUTE, /* Dwarf_Word *return_uval */ "buffer"], result: "i32" },
  dwarf_diename: { parameters: [DIE], result: /* const char * */ "pointer" },
  dwarf_getsrclines: {
    parameters: [DIE, /* Dwarf_Lines **lines */ "buffer", /* size_t *nlines */ "buffer"],
    result: "i32",
  },
  dwarf_onesrcline: {
    parameters: [/* Dwarf_Lines *lines */ "pointer", /* size_t idx */ "usize"],
    result: /* Dwarf_Line * */ "pointer",
  },
  dwarf_lineaddr: {
    parameters: [/* Dwarf_Line *line */ "pointer", /* Dwarf_Addr *addrp */ "buffer"],
    result: "i32",
  },
  dwarf_lineendsequence: {
    parameters: [/* Dwarf_Line *line */ "pointer", /* bool *flagp */ "buffer"],
    result: "i32",
  },
  dwarf_getsrc_die: {
    parameters: [DIE, /* Dwarf_Addr addr */ "u64"],
    result: /* Dwarf_Line * */ "pointer",
  },
  dwarf_lineno: { parameters: [/* Dwarf_Line *line */ "pointer", /* int *linep */ "buffer"], result: "i32" },
  dwarf_linesrc: {
    parameters: [
      /* Dwarf_Line *line */ "pointer",
      /* Dwarf_Word *mtime */ "pointer",
      /* Dwarf_Word *length */ "pointer",
    ],
    result: /* const char * */ "pointer",
  },
  dwarf_getsrcfiles: {
    parameters: [DIE, /* Dwarf_Files **files */ "buffer", /* size_t *nfiles */ "buffer"],
    result: "i32",
  },
  dwarf_filesrc: {
    parameters: [
      /* Dwarf_Files *file */ "pointer",
      /* size_t idx */ "usize",
      /* Dwarf_Word *mtime */ "pointer",
      /* Dwarf_Word *length */ "pointer",
    ],
    result: /* const char * */ "pointer",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** libelf.h */
export const LIBELF_MEMORY = {
  elf_version: { parameters: [/* unsigned int version */ "u32"], result: "u32" },
  elf_memory: {
    parameters: [/* char *image */ "buffer", /* size_t size */ "usize"],
    result: /* Elf * */ "pointer",
  },
  elf_end: { parameters: [/* Elf *elf */ "pointer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;
