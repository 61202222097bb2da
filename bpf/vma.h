// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Finds what the current process has mapped at an address, in the kernel's own tree of mappings.
 *
 * No lock is taken, as a program that interrupts anything cannot wait for one: what other threads change meanwhile may
 * be missed or be found as it was. All memory is read by a helper that fails where there is none.
 */
#ifndef __APERTURE_VMA_H__
#define __APERTURE_VMA_H__

#include "kernel.h"

#include "aperture.h"

/* lib/maple_tree.c: the low byte of a node's address tells its type. */
#define MAPLE_TYPE_SHIFT 3
#define MAPLE_TYPE_MASK 15
#define MAPLE_NODE_BYTES 256
#define MAPLE_NODE_WORDS (MAPLE_NODE_BYTES / 8)
#define MAPLE_MAX_LEVELS 8
/* The most that a red-black tree of 65,530 mappings (vm.max_map_count) has. */
#define RB_MAX_LEVELS 34
/* include/linux/mm.h */
#define VM_EXEC 0x00000004
#define VM_SHARED 0x00000008

enum {
	MAPLE_LEAF_64 = 1,
	MAPLE_RANGE_64 = 2,
	MAPLE_ARANGE_64 = 3,
};

/* include/linux/maple_tree.h: a node is its parent, so many pivots, and one slot more; of arange_64 gaps follow. */
#define MAPLE_RANGE_PIVOTS 15
#define MAPLE_ARANGE_PIVOTS 9
/* The word whose low byte tells the last slot. In a range_64 that is full the last slot is there. */
#define MAPLE_RANGE_META 31
#define MAPLE_ARANGE_META 30

struct vma {
	u64 start;
	u64 end;
	/* Of `start` in the file, in bytes. */
	u64 offset;
	/* Of struct file; 0 for what is none. */
	u64 file;
	/* What is written there others see who have mapped the same. */
	u64 shared;
	/* What is there may run. */
	u64 executable;
	/* Of struct vm_area_struct. */
	u64 at;
};

static __always_inline bool holds_address(const struct vma *vma, u64 address)
{
	return address >= vma->start && address < vma->end;
}

/* A search; its node is too large for the stack. */
struct vma_search {
	struct vma found;
	/* What is looked for, and up to which address the node is: not on the stack, either. */
	u64 address;
	u64 max;
	/* Of the node: how many slots before the last there are, the word of the first, and the one that is looked for. */
	u32 last;
	u32 first;
	u32 slot;
	u32 reserved;
	u64 node[MAPLE_NODE_WORDS];
};

static __always_inline u64 node_word(const struct vma_search *search, u32 index)
{
	return search->node[index & (MAPLE_NODE_WORDS - 1)];
}

/* Notes where in a node of that type the slots are, and which is the last. */
static __always_inline void measure_node(struct vma_search *search, u32 type)
{
	if (type == MAPLE_ARANGE_64) {
		search->first = 1 + MAPLE_ARANGE_PIVOTS;
		search->last = node_word(search, MAPLE_ARANGE_META) & 0xff;
		if (search->last > MAPLE_ARANGE_PIVOTS)
			search->last = MAPLE_ARANGE_PIVOTS;
		return;
	}
	u64 highest = node_word(search, MAPLE_RANGE_PIVOTS);
	search->first = 1 + MAPLE_RANGE_PIVOTS;
	search->last = highest == search->max ? MAPLE_RANGE_PIVOTS - 1 : MAPLE_RANGE_PIVOTS;
	if (highest == 0)
		search->last = node_word(search, MAPLE_RANGE_META) & 0xff;
}

/* Goes on so many slots where all of these end before the address. */
static __always_inline void skip_slots(struct vma_search *search, u32 count)
{
	u32 slot = *(volatile u32 *)&search->slot + count;

	/* The pivots begin behind the first word, so that it is that of the slot before. */
	if (slot <= *(volatile u32 *)&search->last && node_word(search, slot) < search->address)
		*(volatile u32 *)&search->slot = slot;
}

/*
 * The slot for search->address in the node, which holds addresses up to search->max; that is then the slot's. What differs by
 * the way to it is in memory, where the verifier does not follow it: it would look at what comes after once for each slot of
 * each type.
 */
static __always_inline u64 maple_slot(struct vma_search *search, u32 type)
{
	measure_node(search, type);
	*(volatile u32 *)&search->slot = 0;
	skip_slots(search, 8);
	skip_slots(search, 4);
	skip_slots(search, 2);
	skip_slots(search, 1);
	u32 slot = *(volatile u32 *)&search->slot;
	if (slot < *(volatile u32 *)&search->last)
		search->max = node_word(search, 1 + slot);
	return node_word(search, *(volatile u32 *)&search->first + slot);
}

/* The address of the vm_area_struct whose range may hold `address`; 0 for none. */
static __always_inline u64 maple_find(struct vma_search *search, struct mm_struct *mm)
{
	u64 entry;

	search->max = ~0ULL;
	BPF_CORE_READ_INTO(search->node, mm, mm_mt.ma_root);
	entry = search->node[0];
	/* xa_is_node(): else the tree is empty or of one mapping, which no process that runs has. */
	if ((entry & 3) != 2)
		return 0;
	for (u32 level = 0; level < MAPLE_MAX_LEVELS; level++) {
		u32 type = entry >> MAPLE_TYPE_SHIFT & MAPLE_TYPE_MASK;
		u64 node = entry & ~(MAPLE_NODE_BYTES - 1ULL);

		if (type < MAPLE_LEAF_64 || type > MAPLE_ARANGE_64)
			return 0;
		if (bpf_probe_read_kernel(search->node, MAPLE_NODE_BYTES, (void *)node))
			return 0;
		/* ma_dead_node(): it was replaced meanwhile. */
		if ((search->node[0] & ~(MAPLE_NODE_BYTES - 1ULL)) == node)
			return 0;
		entry = maple_slot(search, type);
		if (type == MAPLE_LEAF_64)
			return entry;
	}
	return 0;
}

/* The same before 6.1. */
static __always_inline u64 rb_find(struct vma_search *search, struct mm_struct *mm)
{
	struct mm_struct___5_10 *old = (void *)mm;
	u64 *word = search->node;
	u64 node;

	BPF_CORE_READ_INTO(word, old, mm_rb.rb_node);
	node = *word;
	for (u32 level = 0; level < RB_MAX_LEVELS; level++) {
		if (node == 0)
			return 0;
		u64 vma = node - bpf_core_field_offset(struct vm_area_struct___5_10, vm_rb);
		struct vm_area_struct *area = (void *)vma;
		struct rb_node *child = (void *)node;
		BPF_CORE_READ_INTO(word, area, vm_end);
		if (search->address >= *word) {
			BPF_CORE_READ_INTO(word, child, rb_right);
			node = *word;
			continue;
		}
		BPF_CORE_READ_INTO(word, area, vm_start);
		if (search->address >= *word)
			return vma;
		BPF_CORE_READ_INTO(word, child, rb_left);
		node = *word;
	}
	return 0;
}

/*
 * Fills in `found` with the vm_area_struct at `at`; false when `address` is not in it. All is read to where it stays: what
 * is on the stack of a function that is called so deep down is missing to those that called it.
 */
static __always_inline bool read_vma(struct vma *found, u64 at, u64 address)
{
	struct vm_area_struct *area = (void *)at;

	BPF_CORE_READ_INTO(&found->start, area, vm_start);
	BPF_CORE_READ_INTO(&found->end, area, vm_end);
	BPF_CORE_READ_INTO(&found->offset, area, vm_pgoff);
	BPF_CORE_READ_INTO(&found->file, area, vm_file);
	BPF_CORE_READ_INTO(&found->shared, area, vm_flags);
	found->offset <<= PAGE_SHIFT;
	found->executable = found->shared & VM_EXEC;
	found->shared &= VM_SHARED;
	found->at = at;
	return holds_address(found, address);
}

/*
 * Whether what was a vm_area_struct at `at` is one of `mm`, not of another process meanwhile, nor unmapped; false, too,
 * where the kernel (before 6.4, or without locks of single mappings) does not tell. `search` is read into.
 */
static __always_inline bool is_vma(struct vma_search *search, u64 at, struct mm_struct *mm)
{
	struct vm_area_struct___6_15 *newer = (void *)at;
	struct vm_area_struct___6_4 *older = (void *)at;
	struct vm_area_struct *area = (void *)at;

	search->node[0] = 0;
	if (bpf_core_field_exists(newer->vm_refcnt)) {
		BPF_CORE_READ_INTO(search->node, newer, vm_refcnt.refs);
		if (search->node[0] == 0)
			return false;
	} else if (bpf_core_field_exists(older->detached)) {
		BPF_CORE_READ_INTO(search->node, older, detached);
		if (search->node[0])
			return false;
	} else {
		return false;
	}
	BPF_CORE_READ_INTO(search->node, area, vm_mm);
	return search->node[0] == (u64)mm;
}

/* Fills in search->found; false when nothing is mapped there, or that is not to be told now. */
static __always_inline bool find_vma(struct vma_search *search, struct mm_struct *mm, u64 address)
{
	u64 at = 0;

	search->address = address;
	if (bpf_core_field_exists(struct mm_struct, mm_mt)) {
		/* What the words of a node are is known of these sizes only. */
		if (bpf_core_type_size(struct maple_range_64) == MAPLE_NODE_BYTES &&
		    bpf_core_type_size(struct maple_arange_64) == (MAPLE_ARANGE_META + 1) * 8)
			at = maple_find(search, mm);
	} else if (bpf_core_field_exists(struct mm_struct___5_10, mm_rb)) {
		at = rb_find(search, mm);
	}
	/* A slot may hold a mark that is no pointer. */
	if (at == 0 || at & 3)
		return false;
	return read_vma(&search->found, at, search->address);
}

/* What names `file`. */
static __always_inline void read_file_key(struct aperture_file_key *key, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	key->inode = BPF_CORE_READ(inode, i_ino);
	key->bytes = BPF_CORE_READ(inode, i_size);
	key->device = BPF_CORE_READ(inode, i_sb, s_dev);
	key->generation = BPF_CORE_READ(inode, i_generation);
	key->modified = 0;
	if (bpf_core_field_exists(struct inode, i_mtime_sec)) {
		key->modified = BPF_CORE_READ(inode, i_mtime_sec);
	} else if (bpf_core_field_exists(struct inode___6_7, __i_mtime)) {
		struct inode___6_7 *older = (void *)inode;
		key->modified = BPF_CORE_READ(older, __i_mtime.tv_sec);
	} else if (bpf_core_field_exists(struct inode___5_10, i_mtime)) {
		struct inode___5_10 *oldest = (void *)inode;
		key->modified = BPF_CORE_READ(oldest, i_mtime.tv_sec);
	}
}

/* Up to the root of the file system, whichever is mounted where. */
static __always_inline void read_path(struct aperture_wanted_file *wanted, struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);

	wanted->depth = 0;
	for (u32 i = 0; i < APERTURE_PATH_DEPTH; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry) {
			wanted->depth = i;
			return;
		}
		bpf_probe_read_kernel_str(wanted->names[i], APERTURE_NAME_BYTES, BPF_CORE_READ(dentry, d_name.name));
		dentry = parent;
	}
}

#endif
