// SPDX-License-Identifier: Apache-2.0

// Runs a BPF program of its own (a socket filter that counts down) in the kernel until it is killed.
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSN(c, d, s, o, i) {.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)}

static long bpf(int command, union bpf_attr *attr) {
  return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

int main(void) {
  struct bpf_insn program[] = {
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 10000),
      INSN(BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_0, BPF_REG_1, 0, 0),
      INSN(BPF_ALU64 | BPF_SUB | BPF_K, BPF_REG_1, 0, 0, 1),
      INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_1, 0, -3, 0),
      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  union bpf_attr load;
  memset(&load, 0, sizeof(load));
  load.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  load.insns = (uintptr_t)program;
  load.insn_cnt = sizeof(program) / sizeof(program[0]);
  load.license = (uintptr_t) "GPL";
  strcpy(load.prog_name, "count_down");
  int fd = bpf(BPF_PROG_LOAD, &load);
  if (fd < 0) {
    perror("Cannot load a BPF program");
    return 1;
  }
  struct bpf_prog_info info;
  memset(&info, 0, sizeof(info));
  union bpf_attr ask;
  memset(&ask, 0, sizeof(ask));
  ask.info.bpf_fd = fd;
  ask.info.info_len = sizeof(info);
  ask.info.info = (uintptr_t)&info;
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, &ask) < 0) return 1;
  for (int i = 0; i < BPF_TAG_SIZE; i++) printf("%02x", info.tag[i]);
  printf("\n");
  fflush(stdout);
  char packet[64] = {0};
  for (;;) {
    union bpf_attr run;
    memset(&run, 0, sizeof(run));
    run.test.prog_fd = fd;
    run.test.data_in = (uintptr_t)packet;
    run.test.data_size_in = sizeof(packet);
    run.test.repeat = 1000;
    if (bpf(BPF_PROG_TEST_RUN, &run) < 0) {
      perror("Cannot run a BPF program");
      return 1;
    }
  }
}
