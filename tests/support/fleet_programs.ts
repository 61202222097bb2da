// SPDX-License-Identifier: Apache-2.0
/**
 * Lists the programs of the fleet that never was, and the functions in which they and the kernel spend their time.
 *
 * @module
 */

/** A program; a function in another module than its own is `name|module`. */
export interface Code {
  readonly comm: string;
  readonly exe: string;
  /** Is its share of the machine's time. */
  readonly share: number;
  readonly module: string;
  readonly roots: readonly string[];
  /** Layers of functions between the roots and the leaves. */
  readonly layers: readonly (readonly string[])[];
  /** A stack ends in the kernel so often, in percent. */
  readonly kernel: number;
}

export const LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6";

/** Lists calls through the kernel, from the entry inwards. */
export const KERNEL_PATHS = [
  "entry_SYSCALL_64_after_hwframe do_syscall_64 ksys_read vfs_read new_sync_read sock_read_iter tcp_recvmsg tcp_recvmsg_locked skb_copy_datagram_iter copy_user_enhanced_fast_string",
  "entry_SYSCALL_64_after_hwframe do_syscall_64 __x64_sys_sendto __sys_sendto sock_sendmsg tcp_sendmsg tcp_sendmsg_locked tcp_push __tcp_push_pending_frames tcp_write_xmit __tcp_transmit_skb ip_queue_xmit ip_output ip_finish_output2 __dev_queue_xmit dev_hard_start_xmit",
  "entry_SYSCALL_64_after_hwframe do_syscall_64 __x64_sys_epoll_wait do_epoll_wait ep_poll schedule_hrtimeout_range schedule __schedule finish_task_switch",
  "entry_SYSCALL_64_after_hwframe do_syscall_64 ksys_pread64 vfs_read ext4_file_read_iter generic_file_read_iter filemap_read filemap_get_pages page_cache_ra_unbounded",
  "entry_SYSCALL_64_after_hwframe do_syscall_64 __x64_sys_fdatasync do_fsync ext4_sync_file jbd2_log_wait_commit prepare_to_wait_event _raw_spin_lock_irqsave",
  "asm_exc_page_fault exc_page_fault handle_mm_fault __handle_mm_fault do_anonymous_page alloc_pages_vma get_page_from_freelist clear_page_erms",
].map((path) => path.split(" "));

/** Lists the programs that take most of the time. */
export const CODES: readonly Code[] = [
  {
    comm: "postgres",
    exe: "/usr/lib/postgresql/15/bin/postgres",
    share: 0.38,
    module: "/usr/lib/postgresql/15/bin/postgres",
    roots: [
      "_start",
      "__libc_start_main",
      "main",
      "PostmasterMain",
      "ServerLoop",
      "BackendStartup",
      "PostgresMain",
    ],
    layers: words(
      "exec_simple_query exec_bind_message exec_execute_message",
      "PortalRun PortalRunSelect pg_plan_queries",
      "standard_ExecutorRun ExecutePlan standard_planner",
      "ExecScan ExecHashJoin ExecAgg ExecSort ExecModifyTable subquery_planner grouping_planner query_planner",
      "IndexNext SeqNext ExecHashJoinImpl agg_fill_hash_table tuplesort_performsort ExecInsert make_one_rel",
      "index_getnext_slot heap_getnextslot ExecHashTableInsert LookupTupleHashEntry tuplesort_sort_memtuples heap_insert set_rel_pathlist",
      "btgettuple heapgettup_pagemode ExecHashGetHashValue TupleHashTableHash qsort_tuple XLogInsert add_path",
      "_bt_first _bt_next _bt_search _bt_readpage ReadBufferExtended heap_page_prune_opt hash_bytes slot_deform_heap_tuple comparetup_heap XLogInsertRecord cost_index",
      "_bt_binsrch _bt_compare _bt_checkkeys LWLockAcquire BufTableLookup PinBuffer hash_search_with_hash_value HeapTupleSatisfiesMVCC int4cmp bttextcmp varstr_cmp CopyXLogRecordToWAL",
      "int4eq bpchareq pg_atomic_read_u32_impl UnpinBuffer TransactionIdIsInProgress numeric_add strcoll_l memcmp_avx2_movbe",
    ),
    kernel: 22,
  },
  {
    comm: "node",
    exe: "/usr/bin/node",
    share: 0.27,
    module: "/usr/bin/node",
    roots: [
      "_start",
      "__libc_start_main",
      "node::Start(int, char**)",
      "node::LoadEnvironment",
      "uv_run",
      "uv__io_poll",
      "uv__stream_io",
    ],
    layers: words(
      "node::LibuvStreamWrap::OnUvRead(long,uv_buf_t*) node::StreamResource::EmitRead node::InternalMakeCallback",
      "node::http_parser::Parser::OnStreamRead v8::Function::Call v8::internal::Execution::Call",
      "parserOnIncoming|[jit] emit|[jit] processTicksAndRejections|[jit]",
      "handleRequest|[jit] router.handle|[jit] next|[jit] Layer.handle_request|[jit]",
      "renderToString|[jit] authenticate|[jit] queryOrders|[jit] JSON.stringify|[jit] validateSchema|[jit]",
      "renderElement|[jit] renderChildren|[jit] parseRow|[jit] escapeHtml|[jit] createHash|[jit] serialize|[jit]",
      "v8::internal::JsonStringifier::Serialize v8::internal::Runtime_StringReplace v8::internal::Heap::Scavenge Builtins_ArrayPrototypeMap Builtins_RegExpReplace",
      "v8::internal::String::SlowFlatten v8::internal::ScavengerCollector::CollectGarbage Builtins_KeyedLoadIC_Megamorphic Builtins_StringAdd_CheckNone v8::internal::Scavenger::ScavengeObject",
    ),
    kernel: 14,
  },
  {
    comm: "nginx",
    exe: "/usr/sbin/nginx",
    share: 0.14,
    module: "/usr/sbin/nginx",
    roots: [
      "_start",
      "__libc_start_main",
      "main",
      "ngx_master_process_cycle",
      "ngx_spawn_process",
      "ngx_worker_process_cycle",
    ],
    layers: words(
      "ngx_process_events_and_timers ngx_epoll_process_events ngx_event_process_posted",
      "ngx_http_process_request_line ngx_http_upstream_handler ngx_http_request_handler",
      "ngx_http_core_run_phases ngx_http_upstream_process_header ngx_http_writer ngx_ssl_handshake_handler",
      "ngx_http_output_filter ngx_http_gzip_body_filter SSL_write|/usr/lib/x86_64-linux-gnu/libssl.so.3 SSL_do_handshake|/usr/lib/x86_64-linux-gnu/libssl.so.3 ngx_http_proxy_handler",
      "deflate|/usr/lib/x86_64-linux-gnu/libz.so.1.2.13 aesni_gcm_encrypt|/usr/lib/x86_64-linux-gnu/libcrypto.so.3 ecp_nistz256_point_double|/usr/lib/x86_64-linux-gnu/libcrypto.so.3 ngx_writev_chain ngx_palloc",
      "longest_match|/usr/lib/x86_64-linux-gnu/libz.so.1.2.13 __memmove_avx_unaligned_erms|" + LIBC +
        " bn_mul_mont|/usr/lib/x86_64-linux-gnu/libcrypto.so.3 crc32_z|/usr/lib/x86_64-linux-gnu/libz.so.1.2.13",
    ),
    kernel: 41,
  },
  {
    comm: "python3",
    exe: "/usr/bin/python3.11",
    share: 0.11,
    module: "/usr/bin/python3.11",
    roots: [
      "_start",
      "__libc_start_main",
      "Py_BytesMain",
      "Py_RunMain",
      "pymain_run_module",
      "_PyEval_EvalFrameDefault",
    ],
    layers: words(
      "_PyFunction_Vectorcall method_vectorcall PyObject_Call",
      "_PyEval_EvalFrameDefault _PyObject_MakeTpCall",
      "list_sort_impl dict_merge PyUnicode_Join array_matmul|/usr/lib/python3/dist-packages/numpy/core/_multiarray_umath.so",
      "unicode_hash binarysort lookdict_unicode cblas_dgemm|/usr/lib/x86_64-linux-gnu/libopenblas.so.0 PyObject_RichCompare",
      "dgemm_kernel_HASWELL|/usr/lib/x86_64-linux-gnu/libopenblas.so.0 long_richcompare _Py_dict_lookup gc_collect_main",
    ),
    kernel: 5,
  },
];

/** Names programs that take little time each. */
export const SMALL = [
  "sshd",
  "systemd-journal",
  "containerd",
  "kubelet",
  "cron",
  "dockerd",
  "rsyslogd",
  "agetty",
];

function words(...layers: string[]): string[][] {
  return layers.map((layer) => layer.split(" "));
}
