// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Which file is mapped where a walk is: as the agent has read it of the process, if that still is so, or else by the
 * kernel's own account.
 */
#ifndef __APERTURE_UNWIND_MAPPING_H__
#define __APERTURE_UNWIND_MAPPING_H__

#include "unwind_found.h"

#include <bpf/bpf_endian.h>

/*
 * A number that is another one once the mappings of the current process were changed; 0: they are being changed, or this
 * kernel (6.1 to 6.3, or without locks of single mappings) has none, so that what was read of a process is compared in
 * each walk.
 */
static __always_inline u32 mapping_sequence(void)
{
	struct task_struct *task = trusted_task();
	struct mm_struct *mm = is_task_trusted() ? task->mm : BPF_CORE_READ(task, mm);
	struct mm_struct___6_13 *newest = (void *)mm;
	struct mm_struct___6_4 *newer = (void *)mm;
	struct mm_struct___5_10 *older = (void *)mm;
	u32 sequence = 0;

	/* The types of a member must agree: that of one kernel is no member of the other. */
	if (bpf_core_field_exists(newest->mm_lock_seq)) {
		sequence = is_task_trusted() ? newest->mm_lock_seq.sequence : BPF_CORE_READ(newest, mm_lock_seq.sequence);
		if (sequence & 1)
			return 0;
	} else if (bpf_core_field_exists(newer->mm_lock_seq)) {
		sequence = BPF_CORE_READ(newer, mm_lock_seq);
	} else if (bpf_core_field_exists(older->vmacache_seqnum)) {
		sequence = BPF_CORE_READ(older, vmacache_seqnum);
	} else {
		return 0;
	}
	return sequence + 1 ?: 1;
}

/*
 * Has the mapping of the current process that holds `address` in state->search; false (0) when that is not to be told. A
 * function of its own, as unwind_frame is.
 */
__attribute__((noinline)) int unwind_look_up_vma(u64 address)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);
	struct task_struct *task = trusted_task();

	if (!state)
		return false;
	struct vma *vma = &state->search.found;
	struct mm_struct *mm = is_task_trusted() ? task->mm : BPF_CORE_READ(task, mm);
	u64 likely = state->likely_vma;
	state->vma_identified = false;
	if (mm && likely && is_vma(&state->search, likely, mm) && read_vma(vma, likely, address))
		return true;
	if (mm && find_vma(&state->search, mm, address))
		return true;
	vma->end = 0;
	return false;
}

/* The same; it is mostly that of the frame before. */
static __always_inline bool look_up_vma(struct unwind_state *state, u64 address)
{
	return holds_address(&state->search.found, address) || unwind_look_up_vma(address);
}

/*
 * Whether the kernel has at `address` the mapping that the agent has read, in state->mapping; where it cannot be told,
 * as another thread changes mappings at this moment, what was read holds. A function of its own, as unwind_frame is.
 */
__attribute__((noinline)) int unwind_check_mapping(u64 address)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return false;
	struct vma *vma = &state->search.found;
	struct aperture_mapping *mapping = &state->mapping;
	if (!look_up_vma(state, address))
		return true;
	/* Memory of a JIT may have been split or grown; so may the vDSO not. */
	if (!mapping->of_file)
		return vma->file == 0 && (mapping->file == 0 || vma->start == mapping->start);
	struct file *file = (void *)vma->file;
	u64 *word = state->search.node;
	*word = 0;
	if (file)
		BPF_CORE_READ_INTO(word, file, f_inode, i_ino);
	u64 inode = *word;
	if (!mapping->inode)
		mapping->inode = inode;
	return inode == mapping->inode && vma->start - vma->offset == mapping->start - mapping->offset;
}

/* Reads into state->mapping what the agent has of `address` in the process; false where it has nothing that still holds. */
static __always_inline bool read_mapping(struct unwind_state *state, u64 address)
{
	struct aperture_mapping *mapping = &state->mapping;

	state->mapping_key.prefix_bits = 96;
	state->mapping_key.process = state->process;
	state->mapping_key.address = bpf_cpu_to_be64(address);
	struct aperture_mapping *known = bpf_map_lookup_elem(&unwind_mappings, &state->mapping_key);
	if (!known)
		return false;
	*mapping = *known;
	if (state->sequence && mapping->checked == state->sequence)
		return true;
	if (!unwind_check_mapping(address)) {
		mapping->end = 0;
		state->replaced = true;
		return false;
	}
	mapping->checked = state->sequence;
	known->inode = mapping->inode;
	known->checked = state->sequence;
	return true;
}

/*
 * Has in state->mapping what is mapped at `address` in the process, as long as it still is; false (0) where that is not
 * known. A function of its own, as unwind_frame is.
 */
__attribute__((noinline)) int unwind_find_mapping(u64 address)
{
	u32 zero = 0;
	struct unwind_state *state = bpf_map_lookup_elem(&unwind_state, &zero);

	if (!state)
		return false;
	struct aperture_mapping *mapping = &state->mapping;
	const struct vma *vma = &state->search.found;
	struct found_mapping *found = found_mapping_of(state, address);
	if (found) {
		*mapping = found->mapping;
		if (state->sequence && mapping->checked == state->sequence)
			return true;
		/*
		 * It was mostly another mapping that changed: to compare this one is less than to look it up. What is of a file that
		 * is not known yet may be known by now.
		 */
		state->likely_vma = found->vma;
		bool is_same = (mapping->file || !mapping->of_file) && unwind_check_mapping(address);
		state->likely_vma = 0;
		if (is_same) {
			found->mapping.inode = mapping->inode;
			found->mapping.checked = state->sequence;
			found->vma = holds_address(vma, address) ? vma->at : 0;
			return true;
		}
		found->mapping.end = 0;
		mapping->end = 0;
	}
	if (!read_mapping(state, address))
		return false;
	struct found_mappings *kept = found_mappings_of(state, address);
	if (kept) {
		kept->mappings[1] = kept->mappings[0];
		kept->mappings[0].mapping = *mapping;
		kept->mappings[0].process = state->process;
		kept->mappings[0].window = state->window;
		kept->mappings[0].vma = holds_address(vma, address) ? vma->at : 0;
	}
	return true;
}

/* The same for a frame; the caller is mostly in the same mapping. */
static __always_inline bool find_in_process(struct unwind_state *state, u64 address)
{
	const struct aperture_mapping *mapping = &state->mapping;

	if (state->process == 0 || (!holds(mapping, address) && !unwind_find_mapping(address)))
		return false;
	state->bias = mapping->bias;
	state->file = mapping->file;
	state->tableless = mapping->tableless;
	return true;
}

/* What the mapping in state->search is of. */
static __always_inline void identify_vma(struct unwind_state *state, u64 address)
{
	struct vma *vma = &state->search.found;
	struct aperture_file_key *key = &state->file_key;

	state->vma_identified = true;
	state->vma_known = true;
	state->vma_file = 0;
	state->vma_tableless = false;
	state->vma_bias = vma->start;
	/* What was taken for a return address is none. */
	if (!vma->executable) {
		state->vma_known = false;
		return;
	}
	if (vma->file == 0) {
		u32 zero = 0;
		struct aperture_unwind_control *control = bpf_map_lookup_elem(&unwind_control, &zero);
		struct task_struct *task = (void *)bpf_get_current_task();
		if (control && vma->start == (u64)BPF_CORE_READ(task, mm, context.vdso))
			state->vma_file = control->vdso;
		return;
	}
	read_file_key(key, (struct file *)vma->file);
	struct aperture_file *file = bpf_map_lookup_elem(&unwind_files, key);
	if (!file) {
		state->vma_known = false;
		want_file(state, key, address);
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
	if (!look_up_vma(state, address))
		return false;
	if (!state->vma_identified)
		identify_vma(state, address);
	if (!state->vma_known)
		return false;
	state->bias = state->vma_bias;
	state->file = state->vma_file;
	state->tableless = state->vma_tableless;
	return true;
}

#endif
