// SPDX-License-Identifier: Apache-2.0
/**
 * Declares the C functions of libchdb that the engine uses.
 *
 * The names and their order are of chdb.h 26.7 (github.com/chdb-io/chdb-core, programs/local/chdb.h).
 *
 * @module
 */

/** Stands for a `const char *` that has its length beside it, so no end mark is needed. */
const TEXT = "buffer";

export const SYMBOLS = {
  /** Is called before the first connection; 0 leaves SIGSEGV and SIGTERM to the host. */
  chdb_set_signal_handlers_enabled: {
    parameters: ["i32" /* enabled */],
    result: "void",
  },
  chdb_connect: {
    parameters: ["i32", /* argc */ "buffer" /* char ** argv */],
    result: "pointer", // chdb_connection *
    nonblocking: true,
  },
  chdb_close_conn: {
    parameters: ["pointer" /* chdb_connection * */],
    result: "void",
    nonblocking: true,
  },
  chdb_query_with_params_n: {
    parameters: [
      "pointer", // chdb_connection conn
      TEXT, // query
      "usize", // query_len
      TEXT, // format
      "usize", // format_len
      "buffer", // const char * const * param_names
      "buffer", // const size_t * param_name_lens
      "buffer", // const char * const * param_values
      "buffer", // const size_t * param_value_lens
      "usize", // param_count
    ],
    result: "pointer", // chdb_result *
    nonblocking: true,
  },
  chdb_stream_query_with_params_n: {
    parameters: [
      "pointer", // chdb_connection conn
      TEXT, // query
      "usize", // query_len
      TEXT, // format
      "usize", // format_len
      "buffer", // const char * const * param_names
      "buffer", // const size_t * param_name_lens
      "buffer", // const char * const * param_values
      "buffer", // const size_t * param_value_lens
      "usize", // param_count
    ],
    result: "pointer", // chdb_result *
    nonblocking: true,
  },
  chdb_stream_fetch_result: {
    parameters: ["pointer", /* chdb_connection conn */ "pointer" /* chdb_result * stream */],
    result: "pointer", // chdb_result *
    nonblocking: true,
  },
  chdb_stream_cancel_query: {
    parameters: ["pointer", /* chdb_connection conn */ "pointer" /* chdb_result * stream */],
    result: "void",
    nonblocking: true,
  },
  chdb_stream_insert_with_params_n: {
    parameters: [
      "pointer", // chdb_connection conn
      TEXT, // query
      "usize", // query_len
      TEXT, // format
      "usize", // format_len
      "buffer", // const char * const * param_names
      "buffer", // const size_t * param_name_lens
      "buffer", // const char * const * param_values
      "buffer", // const size_t * param_value_lens
      "usize", // param_count
    ],
    result: "pointer", // chdb_insert_stream
    nonblocking: true,
  },
  chdb_stream_append: {
    parameters: ["pointer", /* chdb_insert_stream */ "buffer", /* data */ "usize" /* len */],
    result: "i32", // chdb_state
    nonblocking: true,
  },
  chdb_stream_done: {
    parameters: ["pointer" /* chdb_insert_stream */],
    result: "pointer", // chdb_result *
    nonblocking: true,
  },
  chdb_stream_cancel_insert: {
    parameters: ["pointer" /* chdb_insert_stream */],
    result: "void",
    nonblocking: true,
  },
  chdb_stream_insert_error: {
    parameters: ["pointer" /* chdb_insert_stream */],
    result: "pointer", // const char *
  },
  chdb_destroy_insert_stream: {
    parameters: ["pointer" /* chdb_insert_stream */],
    result: "void",
    nonblocking: true,
  },
  chdb_result_buffer: { parameters: ["pointer" /* chdb_result * */], result: "pointer" },
  chdb_result_length: { parameters: ["pointer" /* chdb_result * */], result: "usize" },
  chdb_result_elapsed: { parameters: ["pointer" /* chdb_result * */], result: "f64" },
  chdb_result_rows_read: { parameters: ["pointer" /* chdb_result * */], result: "u64" },
  chdb_result_bytes_read: { parameters: ["pointer" /* chdb_result * */], result: "u64" },
  chdb_result_storage_rows_read: { parameters: ["pointer" /* chdb_result * */], result: "u64" },
  chdb_result_storage_bytes_read: { parameters: ["pointer" /* chdb_result * */], result: "u64" },
  chdb_result_rows_written: { parameters: ["pointer" /* chdb_result * */], result: "u64" },
  chdb_result_bytes_written: { parameters: ["pointer" /* chdb_result * */], result: "u64" },
  chdb_result_error: { parameters: ["pointer" /* chdb_result * */], result: "pointer" /* const char * */ },
  chdb_destroy_query_result: { parameters: ["pointer" /* chdb_result * */], result: "void" },
  chdb_shutdown: { parameters: [], result: "i32", /* chdb_state */ nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

/** Declares a function of the C library: <dlfcn.h>. */
export const LOADER = {
  dlopen: {
    parameters: ["buffer", /* const char * filename */ "i32" /* flags */],
    result: "pointer",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** Resolves all symbols at once, and keeps the library for as long as the process lives. */
export const RTLD_NOW_NODELETE = 0x2 | 0x1000;
