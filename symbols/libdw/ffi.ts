// SPDX-License-Identifier: Apache-2.0
/**
 * The functions of libdw, libelf and libc that are called, and nothing else.
 *
 * @module
 */

/** elfutils/libdwfl.h */
export const LIBDW = {
  dwfl_begin: {
    parameters: [/* const Dwfl_Callbacks *callbacks */ "pointer"],
    result: /* Dwfl * */ "pointer",
  },
  dwfl_end: { parameters: [/* Dwfl *dwfl */ "pointer"], result: "void" },
  dwfl_report_elf: {
    parameters: [
      /* Dwfl *dwfl */ "pointer",
      /* const char *name */ "buffer",
      /* const char *file_name */ "buffer",
      /* int fd; owned by dwfl when the call succeeds */ "i32",
      /* GElf_Addr base */ "u64",
      /* bool add_p_vaddr */ "bool",
    ],
    result: /* Dwfl_Module * */ "pointer",
  },
  dwfl_report_end: {
    parameters: [/* Dwfl *dwfl */ "pointer", /* removed callback */ "pointer", /* void *arg */ "pointer"],
    result: "i32",
  },
  dwfl_module_getelf: {
    parameters: [/* Dwfl_Module *mod */ "pointer", /* GElf_Addr *bias */ "buffer"],
    result: /* Elf * */ "pointer",
  },
  dwfl_module_getsymtab: { parameters: [/* Dwfl_Module *mod */ "pointer"], result: "i32" },
  dwfl_module_getsymtab_first_global: { parameters: [/* Dwfl_Module *mod */ "pointer"], result: "i32" },
  dwfl_module_getsym_info: {
    parameters: [
      /* Dwfl_Module *mod */ "pointer",
      /* int ndx */ "i32",
      /* GElf_Sym *sym */ "buffer",
      /* GElf_Addr *addr */ "buffer",
      /* GElf_Word *shndxp */ "buffer",
      /* Elf **elfp */ "buffer",
      /* Dwarf_Addr *bias */ "buffer",
    ],
    result: /* const char * */ "pointer",
  },
  dwfl_errno: { parameters: [], result: "i32" },
  dwfl_errmsg: { parameters: [/* int err */ "i32"], result: /* const char * */ "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** libelf.h, gelf.h */
export const LIBELF = {
  elf_version: { parameters: [/* unsigned int version */ "u32"], result: "u32" },
  elf_memory: {
    parameters: [/* char *image */ "buffer", /* size_t size */ "usize"],
    result: /* Elf * */ "pointer",
  },
  elf_end: { parameters: [/* Elf *elf */ "pointer"], result: "i32" },
  elf_nextscn: {
    parameters: [/* Elf *elf */ "pointer", /* Elf_Scn *scn */ "pointer"],
    result: /* Elf_Scn * */ "pointer",
  },
  elf_getscn: {
    parameters: [/* Elf *elf */ "pointer", /* size_t index */ "usize"],
    result: /* Elf_Scn * */ "pointer",
  },
  elf_ndxscn: { parameters: [/* Elf_Scn *scn */ "pointer"], result: "usize" },
  elf_getdata: {
    parameters: [/* Elf_Scn *scn */ "pointer", /* Elf_Data *data */ "pointer"],
    result: /* Elf_Data * */ "pointer",
  },
  gelf_getclass: { parameters: [/* Elf *elf */ "pointer"], result: "i32" },
  gelf_getshdr: {
    parameters: [/* Elf_Scn *scn */ "pointer", /* GElf_Shdr *dst */ "buffer"],
    result: /* GElf_Shdr * */ "pointer",
  },
  elf_errno: { parameters: [], result: "i32" },
  elf_errmsg: { parameters: [/* int error */ "i32"], result: /* const char * */ "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** fcntl.h, unistd.h */
export const LIBC = {
  open: { parameters: [/* const char *path */ "buffer", /* int flags */ "i32"], result: "i32" },
  close: { parameters: [/* int fd */ "i32"], result: "i32" },
  fcntl: { parameters: [/* int fd */ "i32", /* int cmd */ "i32", /* int arg */ "i64"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;
