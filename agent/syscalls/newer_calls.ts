// SPDX-License-Identifier: Apache-2.0
/**
 * System calls that the headers of the tables' machine did not have yet. Since Linux 5.1 a new call has the same
 * number on all architectures.
 *
 * @module
 */

export const NEWER_CALLS: Readonly<Record<number, string>> = {
  451: "cachestat",
  452: "fchmodat2",
  453: "map_shadow_stack",
  454: "futex_wake",
  455: "futex_wait",
  456: "futex_requeue",
  457: "statmount",
  458: "listmount",
  459: "lsm_get_self_attr",
  460: "lsm_set_self_attr",
  461: "lsm_list_modules",
  462: "mseal",
  463: "setxattrat",
  464: "getxattrat",
  465: "listxattrat",
  466: "removexattrat",
  467: "open_tree_attr",
  468: "file_getattr",
  469: "file_setattr",
};
