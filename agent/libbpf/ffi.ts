// SPDX-License-Identifier: Apache-2.0
/**
 * The C functions that are called, and nothing else.
 *
 * @module
 */

/** libbpf 1.0 and later: functions return -errno, or null and set errno. */
export const LIBBPF_SYMBOLS = {
  libbpf_set_print: {
    parameters: [
      "function", // libbpf_print_fn_t fn
    ],
    result: "pointer", // the function before
  },
  bpf_object__open_file: {
    parameters: [
      "buffer", // const char *path
      "pointer", // const struct bpf_object_open_opts *opts
    ],
    result: "pointer", // struct bpf_object *
  },
  bpf_object__load: {
    parameters: [
      "pointer", // struct bpf_object *obj
    ],
    result: "i32",
  },
  bpf_object__close: {
    parameters: [
      "pointer", // struct bpf_object *obj
    ],
    result: "void",
  },
  bpf_object__btf: {
    parameters: [
      "pointer", // const struct bpf_object *obj
    ],
    result: "pointer", // struct btf *
  },
  btf__raw_data: {
    parameters: [
      "pointer", // const struct btf *btf
      "buffer", // __u32 *size
    ],
    result: "pointer", // const void *
  },
  bpf_object__find_map_by_name: {
    parameters: [
      "pointer", // const struct bpf_object *obj
      "buffer", // const char *name
    ],
    result: "pointer", // struct bpf_map *
  },
  bpf_object__find_program_by_name: {
    parameters: [
      "pointer", // const struct bpf_object *obj
      "buffer", // const char *name
    ],
    result: "pointer", // struct bpf_program *
  },
  bpf_map__fd: {
    parameters: [
      "pointer", // const struct bpf_map *map
    ],
    result: "i32",
  },
  bpf_map__type: {
    parameters: [
      "pointer", // const struct bpf_map *map
    ],
    result: "u32",
  },
  bpf_map__key_size: {
    parameters: [
      "pointer", // const struct bpf_map *map
    ],
    result: "u32",
  },
  bpf_map__value_size: {
    parameters: [
      "pointer", // const struct bpf_map *map
    ],
    result: "u32",
  },
  bpf_map__max_entries: {
    parameters: [
      "pointer", // const struct bpf_map *map
    ],
    result: "u32",
  },
  bpf_map__set_max_entries: {
    parameters: [
      "pointer", // struct bpf_map *map
      "u32", // __u32 max_entries
    ],
    result: "i32",
  },
  bpf_map__set_autocreate: {
    parameters: [
      "pointer", // struct bpf_map *map
      "bool", // bool autocreate
    ],
    result: "i32",
  },
  bpf_map__reuse_fd: {
    parameters: [
      "pointer", // struct bpf_map *map
      "i32", // int fd
    ],
    result: "i32",
  },
  bpf_map__initial_value: {
    parameters: [
      "pointer", // struct bpf_map *map
      "buffer", // size_t *psize
    ],
    result: "pointer", // const void *
  },
  bpf_map_lookup_elem: {
    parameters: [
      "i32", // int fd
      "buffer", // const void *key
      "buffer", // void *value
    ],
    result: "i32",
  },
  bpf_map_update_elem: {
    parameters: [
      "i32", // int fd
      "buffer", // const void *key
      "buffer", // const void *value
      "u64", // __u64 flags
    ],
    result: "i32",
  },
  // The same on another thread, for a call that waits.
  bpf_map_update_elem_waiting: {
    name: "bpf_map_update_elem",
    parameters: [
      "i32", // int fd
      "buffer", // const void *key
      "buffer", // const void *value
      "u64", // __u64 flags
    ],
    result: "i32",
    nonblocking: true,
  },
  bpf_map_delete_elem: {
    parameters: [
      "i32", // int fd
      "buffer", // const void *key
    ],
    result: "i32",
  },
  bpf_map_create: {
    parameters: [
      "u32", // enum bpf_map_type map_type
      "buffer", // const char *map_name
      "u32", // __u32 key_size
      "u32", // __u32 value_size
      "u32", // __u32 max_entries
      "buffer", // const struct bpf_map_create_opts *opts
    ],
    result: "i32", // fd
  },
  bpf_map_lookup_batch: {
    parameters: [
      "i32", // int fd
      "buffer", // void *in_batch
      "buffer", // void *out_batch
      "buffer", // void *keys
      "buffer", // void *values
      "buffer", // __u32 *count
      "pointer", // const struct bpf_map_batch_opts *opts
    ],
    result: "i32",
  },
  bpf_map_lookup_and_delete_batch: {
    parameters: [
      "i32", // int fd
      "buffer", // void *in_batch
      "buffer", // void *out_batch
      "buffer", // void *keys
      "buffer", // void *values
      "buffer", // __u32 *count
      "pointer", // const struct bpf_map_batch_opts *opts
    ],
    result: "i32",
  },
  libbpf_num_possible_cpus: {
    parameters: [],
    result: "i32",
  },
  bpf_program__attach_perf_event: {
    parameters: [
      "pointer", // const struct bpf_program *prog
      "i32", // int pfd
    ],
    result: "pointer", // struct bpf_link *
  },
  bpf_program__attach: {
    parameters: [
      "pointer", // const struct bpf_program *prog
    ],
    result: "pointer", // struct bpf_link *
  },
  bpf_link__fd: {
    parameters: [
      "pointer", // const struct bpf_link *link
    ],
    result: "i32",
  },
  bpf_iter_create: {
    parameters: [
      "i32", // int link_fd
    ],
    result: "i32", // fd
  },
  bpf_link__destroy: {
    parameters: [
      "pointer", // struct bpf_link *link
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

export const LIBC_SYMBOLS = {
  __errno_location: {
    parameters: [],
    result: "pointer", // int *
  },
  strerror: {
    parameters: [
      "i32", // int errnum
    ],
    result: "pointer", // char *
  },
  vasprintf: {
    parameters: [
      "buffer", // char **strp
      "pointer", // const char *format
      "pointer", // va_list ap
    ],
    result: "i32",
  },
  free: {
    parameters: [
      "pointer", // void *ptr
    ],
    result: "void",
  },
  close: {
    parameters: [
      "i32", // int fd
    ],
    result: "i32",
  },
  read: {
    parameters: [
      "i32", // int fd
      "buffer", // void *buf
      "usize", // size_t count
    ],
    result: "isize",
  },
  clock_gettime: {
    parameters: [
      "i32", // clockid_t clockid
      "buffer", // struct timespec *tp
    ],
    result: "i32",
  },
  mmap: {
    parameters: [
      "pointer", // void *addr
      "usize", // size_t length
      "i32", // int prot
      "i32", // int flags
      "i32", // int fd
      "i64", // off_t offset
    ],
    result: "pointer", // MAP_FAILED is (void *)-1
  },
  munmap: {
    parameters: [
      "pointer", // void *addr
      "usize", // size_t length
    ],
    result: "i32",
  },
  memcpy: {
    parameters: [
      "usize", // void *dest
      "buffer", // const void *src
      "usize", // size_t n
    ],
    result: "void", // dest itself
  },
  madvise: {
    parameters: [
      "usize", // void *addr
      "usize", // size_t length
      "i32", // int advice
    ],
    result: "i32",
  },
  prctl: {
    parameters: [
      "i32", // int option
      "u64", // unsigned long arg2
      "u64", // unsigned long arg3
      "u64", // unsigned long arg4
      "u64", // unsigned long arg5
    ],
    result: "i32",
  },
  execv: {
    parameters: [
      "buffer", // const char *pathname
      "buffer", // char *const argv[]
    ],
    result: "i32", // only where it failed
  },
  mallopt: {
    parameters: [
      "i32", // int param
      "i32", // int value
    ],
    result: "i32",
  },
  // glibc 2.33 has it, others do not.
  mallinfo2: {
    optional: true,
    parameters: [],
    // struct mallinfo2: arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost
    result: {
      struct: ["usize", "usize", "usize", "usize", "usize", "usize", "usize", "usize", "usize", "usize"],
    },
  },
  malloc_trim: {
    parameters: [
      "usize", // size_t pad
    ],
    result: "i32",
  },
  // syscall(2) as it is for perf_event_open, which libc has no function for.
  syscall: {
    parameters: [
      "i64", // long number
      "buffer", // struct perf_event_attr *attr
      "i32", // pid_t pid
      "i32", // int cpu
      "i32", // int group_fd
      "u64", // unsigned long flags
    ],
    result: "i64",
  },
} as const satisfies Deno.ForeignLibraryInterface;
