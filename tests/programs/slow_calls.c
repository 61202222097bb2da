// SPDX-License-Identifier: Apache-2.0

// Makes calls on descriptors of each kind, of which some are slow, and one that takes a CPU in the kernel; prints as JSON
// its process, the port that it reads from and the processor time of that call. The argument is a file to write to.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NAP_US 30000
#define RANDOM_BYTES (64 << 20)

static int ends[2];
static int server;

static uint64_t cpu_ns(void) {
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return used.tv_sec * 1000000000ull + used.tv_nsec;
}

static void *write_late(void *unused) {
	int peer = accept(server, NULL, NULL);

	usleep(NAP_US);
	if (write(peer, "x", 1) != 1 || write(ends[1], "x", 1) != 1)
		exit(1);
	return unused;
}

int main(int argc, char **argv) {
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	pthread_t writer;
	char byte;
	char *random = malloc(RANDOM_BYTES);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	server = socket(AF_INET, SOCK_STREAM, 0);
	if (argc < 2 || !random || pipe(ends) || bind(server, (void *)&address, length) || listen(server, 1) ||
	    getsockname(server, (void *)&address, &length))
		return 1;
	pthread_create(&writer, NULL, write_late, NULL);
	if (connect(client, (void *)&address, length) || read(client, &byte, 1) != 1 || read(ends[0], &byte, 1) != 1)
		return 1;
	pthread_join(writer, NULL);
	int file = open(argv[1], O_CREAT | O_WRONLY, 0600);
	int memory = memfd_create("in_memory", 0);
	if (write(file, "x", 1) != 1 || write(memory, "x", 1) != 1)
		return 1;
	// Its pages are there, so that the call is all that takes time.
	for (size_t i = 0; i < RANDOM_BYTES; i += 4096)
		random[i] = 1;
	uint64_t before = cpu_ns();
	// Newer C libraries make random bytes in the vDSO, without a call.
	ssize_t got = syscall(SYS_getrandom, random, RANDOM_BYTES, 0);
	uint64_t after = cpu_ns();
	printf("{\"pid\": %d, \"port\": %d, \"got\": %zd, \"cpu\": %llu}\n", getpid(), ntohs(address.sin_port), got,
	       (unsigned long long)(after - before));
	return 0;
}
