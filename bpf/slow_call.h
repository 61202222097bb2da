// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Calls that took long: what they were made on, and what their threads did meanwhile. */
#ifndef __APERTURE_SLOW_CALL_H__
#define __APERTURE_SLOW_CALL_H__

#include "open_file.h"
#include "syscall.h"
#include "window.h"

/* The agent sets max_entries. What is not used takes no memory. */
struct slow {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct aperture_slow_key);
	__type(value, struct aperture_slow_call);
} slow_a SEC(".maps"), slow_b SEC(".maps");

struct objects {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct aperture_object);
} objects_a SEC(".maps"), objects_b SEC(".maps");

/* One a CPU, as no program of this object that uses it interrupts another one that does. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct aperture_object);
} object_scratch SEC(".maps");

/*
 * What a thread did in the call that began at `of_ns`; what is left of an earlier one is renewed when something is
 * noted, so that calls in which nothing happens cost nothing. Only noted while the thread itself runs, or leaves a CPU.
 */
struct call_parts {
	u64 of_ns;
	/* Off the CPU, and since when, where it is. */
	u64 off_ns;
	u64 left_ns;
	/* Waiting for locks of the kernel, of that off the CPU; and the one that it waits for, since when. */
	u64 lock_ns;
	u64 lock_off_ns;
	u64 lock;
	u64 lock_began_ns;
	u64 off_before_ns;
};

static __always_inline void renew_parts(struct call_parts *parts, u64 start_ns)
{
	if (parts->of_ns == start_ns)
		return;
	parts->of_ns = start_ns;
	parts->off_ns = 0;
	parts->left_ns = 0;
	parts->lock_ns = 0;
	parts->lock_off_ns = 0;
	parts->lock = 0;
}

static __always_inline void leave_cpu(struct call_parts *parts, u64 start_ns, u64 now)
{
	renew_parts(parts, start_ns);
	parts->left_ns = now;
}

static __always_inline void come_to_cpu(struct call_parts *parts, u64 start_ns, u64 now)
{
	if (parts->of_ns != start_ns || !parts->left_ns)
		return;
	if (now > parts->left_ns)
		parts->off_ns += now - parts->left_ns;
	parts->left_ns = 0;
}

/* Of locks that are waited for within each other, as by an interrupt, the outermost counts. */
static __always_inline void begin_lock(struct call_parts *parts, u64 start_ns, u64 lock, u64 now)
{
	renew_parts(parts, start_ns);
	if (parts->lock)
		return;
	parts->lock = lock;
	parts->lock_began_ns = now;
	parts->off_before_ns = parts->off_ns;
}

static __always_inline void end_lock(struct call_parts *parts, u64 start_ns, u64 lock, u64 now)
{
	if (parts->of_ns != start_ns || parts->lock != lock)
		return;
	if (now > parts->lock_began_ns)
		parts->lock_ns += now - parts->lock_began_ns;
	parts->lock_off_ns += parts->off_ns - parts->off_before_ns;
	parts->lock = 0;
}

/* Keeps what the descriptor is in the map of `set`, by a hash which is returned; 0 is nothing that is known. */
static __always_inline u64 keep_object(struct task_struct *task, u32 descriptor, u32 set)
{
	void *objects = set ? (void *)&objects_b : (void *)&objects_a;
	u32 zero = 0;
	struct aperture_object *object = bpf_map_lookup_elem(&object_scratch, &zero);
	struct file *file = file_of(task, descriptor);

	if (!object || !file)
		return 0;
	u64 hash = describe_file(file, object);
	if (!hash || bpf_map_lookup_elem(objects, &hash))
		return hash;
	if (object->kind == APERTURE_OBJECT_PATH)
		name_path(file, object);
	long error = bpf_map_update_elem(objects, &hash, object, BPF_NOEXIST);
	if (!error)
		note_filled(set, APERTURE_FILLED_OBJECTS);
	if (!error || error == -EEXIST)
		return hash;
	count_loss(APERTURE_LOSS_OBJECTS_MAP_FULL);
	return 0;
}

/* Counts a call of `ns` that ended, which began at `start_ns`. */
static __always_inline void count_slow(struct aperture_slow_key *key, const struct call_parts *parts, u64 start_ns,
				       u64 ns, u32 set)
{
	void *slow = set ? (void *)&slow_b : (void *)&slow_a;
	struct aperture_slow_call call = { .count = 1, .total_ns = ns, .max_ns = ns };
	u64 off_ns = 0;
	u64 spun_ns = 0;

	if (parts->of_ns == start_ns) {
		off_ns = parts->off_ns;
		call.in_lock_ns = parts->lock_ns < ns ? parts->lock_ns : ns;
		spun_ns = parts->lock_ns > parts->lock_off_ns ? parts->lock_ns - parts->lock_off_ns : 0;
	}
	if (off_ns + spun_ns < ns)
		call.on_cpu_ns = ns - off_ns - spun_ns;
	if (call.on_cpu_ns + call.in_lock_ns > ns)
		call.on_cpu_ns = ns - call.in_lock_ns;
	struct aperture_slow_call *counted = bpf_map_lookup_elem(slow, key);
	if (!counted) {
		long error = bpf_map_update_elem(slow, key, &call, BPF_NOEXIST);
		if (!error)
			note_filled(set, APERTURE_FILLED_SLOW);
		else if (error == -EEXIST)
			counted = bpf_map_lookup_elem(slow, key);
		if (error && !counted)
			count_loss(APERTURE_LOSS_SLOW_MAP_FULL);
	}
	if (!counted)
		return;
	__sync_fetch_and_add(&counted->count, 1);
	__sync_fetch_and_add(&counted->total_ns, ns);
	__sync_fetch_and_add(&counted->on_cpu_ns, call.on_cpu_ns);
	__sync_fetch_and_add(&counted->in_lock_ns, call.in_lock_ns);
	/* Two CPUs may write at once: the longest of a moment may be the second longest. */
	if (ns > counted->max_ns)
		counted->max_ns = ns;
}

#endif
