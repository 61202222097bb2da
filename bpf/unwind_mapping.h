// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Which file is mapped where a walk is: as the agent has read it of the process, or else by the kernel's own account. */
#ifndef __APERTURE_UNWIND_MAPPING_H__
#define __APERTURE_UNWIND_MAPPING_H__

#include "unwind_state.h"

#include <bpf/bpf_endian.h>

/* What is mapped at `address` in a process that the agent has read. */
static __always_inline bool find_in_process(struct unwind_state *state, u64 address)
{
	struct aperture_mapping_key key = {
		.prefix_bits = 96, .process = state->process, .address = bpf_cpu_to_be64(address)
	};
	struct aperture_mapping *mapping = state->process ? bpf_map_lookup_elem(&unwind_mappings, &key) : NULL;

	if (!mapping)
		return false;
	state->bias = mapping->bias;
	state->file = mapping->file;
	state->tableless = mapping->tableless;
	return true;
}

/* What the mapping in state->search is of. */
static __always_inline void identify_vma(struct unwind_state *state, struct mm_struct *mm, u64 address)
{
	struct vma *vma = &state->search.found;
	struct aperture_file_key key = {};

	state->vma_known = true;
	state->vma_file = 0;
	state->vma_tableless = false;
	state->vma_bias = vma->start;
	if (vma->file == 0) {
		u32 zero = 0;
		struct aperture_unwind_control *control = bpf_map_lookup_elem(&unwind_control, &zero);
		if (control && vma->start == (u64)BPF_CORE_READ(mm, context.vdso))
			state->vma_file = control->vdso;
		return;
	}
	read_file_key(&key, (struct file *)vma->file);
	struct aperture_file *file = bpf_map_lookup_elem(&unwind_files, &key);
	if (!file) {
		state->vma_known = false;
		want_file(state, &key, address);
		return;
	}
	for (u32 i = 0; i < APERTURE_SEGMENTS; i++) {
		struct aperture_segment *segment = &file->segments[i];
		/* The kernel maps whole pages. */
		u64 first = segment->offset & ~(PAGE_BYTES - 1);
		u64 end = (segment->offset + segment->size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
		if (segment->size == 0 || vma->offset < first || vma->offset >= end)
			continue;
		state->vma_file = file->file;
		state->vma_tableless = file->tableless;
		state->vma_bias = vma->start - (vma->offset - segment->offset + segment->address);
		return;
	}
}

/*
 * What is mapped at `address` by the kernel's own account; false (0) when that is not known. A function of its own, as
 * unwind_step is.
 */
__attribute__((noinline)) int unwind_find_vma(u64 address)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return false;
	struct vma *vma = &state->search.found;
	if (address < vma->start || address >= vma->end) {
		struct task_struct *task = (void *)bpf_get_current_task();
		struct mm_struct *mm = BPF_CORE_READ(task, mm);
		if (!mm || !find_vma(&state->search, mm, address)) {
			vma->end = 0;
			return false;
		}
		identify_vma(state, mm, address);
	}
	if (!state->vma_known)
		return false;
	state->bias = state->vma_bias;
	state->file = state->vma_file;
	state->tableless = state->vma_tableless;
	return true;
}

#endif
