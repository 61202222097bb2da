// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the unwinder goes by, filled by the agent. These maps are one for all objects: bpf/unwind.bpf.c has them, and
 * the agent makes the others use its ones. They are written while programs read:
 *
 * - Rules are only ever added.
 * - Rows of a page that is given up are written over only after no program runs any more that found the page.
 * - A mapping's value is replaced as a whole (the trie gives it a new node), as is a process's and a file's.
 * - The kernel itself gives up the file that was not used for longest, when another one needs its place: a program that
 *   found it just before may read of the other one for one frame.
 */
#ifndef __APERTURE_UNWIND_MAPS_H__
#define __APERTURE_UNWIND_MAPS_H__

#include "kernel.h"

#include "aperture.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, APERTURE_RULES);
	__type(key, u32);
	__type(value, struct aperture_rule);
} unwind_rules SEC(".maps");

/* All of one size, as kernels before 5.14 want them. */
struct unwind_chunk {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct aperture_row[APERTURE_CHUNK_ROWS]);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	/* The agent sets it by the memory that it may use. */
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct unwind_chunk);
} unwind_chunks SEC(".maps");

/* The agent sets max_entries of this, too. Preallocated, as the kernel wants it before 6.1. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct aperture_page_key);
	__type(value, struct aperture_page);
} unwind_pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, struct aperture_mapping_key);
	__type(value, struct aperture_mapping);
} unwind_mappings SEC(".maps");

/* The processes that have samples, by their number in the agent's pid namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u32);
	__type(value, struct aperture_process);
} unwind_processes SEC(".maps");

/* The files that were seen, so that a process is walked in that nobody knows yet. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct aperture_file_key);
	__type(value, struct aperture_file);
} unwind_files SEC(".maps");

/* What is missing: files, with where they are. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct aperture_file_key);
	__type(value, struct aperture_wanted_file);
} unwind_wanted_files SEC(".maps");

/* What is missing: processes, with the address where nothing was known to be mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, u64);
} unwind_wanted_processes SEC(".maps");

/* What is missing: pages. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct aperture_page_key);
	__type(value, u32);
} unwind_wanted_pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct aperture_unwind_control);
} unwind_control SEC(".maps");

#endif
