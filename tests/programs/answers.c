// SPDX-License-Identifier: Apache-2.0
/*
 * Waits at sockets: "asker" for the answers of servers, "server" for what it is asked, "twin" for the other end of a pair;
 * each reads once of every kind, and waits there. It says {"pid": N}.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define NAP_US 20000

/* Threads by their numbers, once they have begun. */
static volatile int asker, server, twin;

static int listener;
static struct sockaddr_storage address;
static socklen_t length;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Waits until a thread is in a call, and then for as long as is slow. */
static void nap_while_in(volatile int *thread, int call)
{
	char path[64];
	int now = -1;

	while (now != call) {
		usleep(1000);
		snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", *thread);
		FILE *file = fopen(path, "r");
		/* It does not run, or its file is not there yet. */
		if (file && fscanf(file, "%d", &now) != 1)
			now = -1;
		if (file)
			fclose(file);
	}
	usleep(NAP_US);
}

static void listen_at(int family, int type, struct sockaddr *at, socklen_t size)
{
	length = sizeof(address);
	listener = socket(family, type, 0);
	if (bind(listener, at, size) || (type == SOCK_STREAM && listen(listener, 1)) ||
	    getsockname(listener, (void *)&address, &length))
		fail("listen");
}

static void *serve(void *type)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	char byte;

	server = syscall(SYS_gettid);
	pthread_setname_np(pthread_self(), "server");
	int stream = type ? -1 : accept(listener, NULL, NULL);
	if (recvfrom(type ? listener : stream, &byte, 1, 0, (void *)&peer, &size) != 1)
		fail("recvfrom");
	nap_while_in(&asker, SYS_read);
	if (type ? sendto(listener, &byte, 1, 0, (void *)&peer, size) != 1 : write(stream, &byte, 1) != 1)
		fail("answer");
	return NULL;
}

static void *ask(void *type)
{
	int connection = socket(address.ss_family, type ? SOCK_DGRAM : SOCK_STREAM, 0);
	char byte = 'x';

	asker = syscall(SYS_gettid);
	pthread_setname_np(pthread_self(), "asker");
	if (connect(connection, (void *)&address, length))
		fail("connect");
	nap_while_in(&server, SYS_recvfrom);
	if (write(connection, &byte, 1) != 1 || read(connection, &byte, 1) != 1)
		fail("ask");
	return NULL;
}

static void *wait_for_twin(void *end)
{
	char byte;

	twin = syscall(SYS_gettid);
	pthread_setname_np(pthread_self(), "twin");
	if (read(*(int *)end, &byte, 1) != 1)
		fail("read");
	return NULL;
}

static void ask_once(void *type)
{
	pthread_t threads[2];

	asker = server = 0;
	pthread_create(&threads[0], NULL, serve, type);
	pthread_create(&threads[1], NULL, ask, type);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	close(listener);
}

int main(void)
{
	struct sockaddr_in inet = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 inet6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	/* Without a name the kernel chooses one that is in no folder. */
	struct sockaddr_un named = { .sun_family = AF_UNIX };
	pthread_t reader;
	int pair[2];

	listen_at(AF_INET, SOCK_STREAM, (void *)&inet, sizeof(inet));
	ask_once(NULL);
	listen_at(AF_INET6, SOCK_STREAM, (void *)&inet6, sizeof(inet6));
	ask_once(NULL);
	listen_at(AF_UNIX, SOCK_STREAM, (void *)&named, sizeof(sa_family_t));
	ask_once(NULL);
	listen_at(AF_INET, SOCK_DGRAM, (void *)&inet, sizeof(inet));
	ask_once(&inet);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		fail("socketpair");
	pthread_create(&reader, NULL, wait_for_twin, &pair[0]);
	nap_while_in(&twin, SYS_read);
	if (write(pair[1], "x", 1) != 1)
		fail("write");
	pthread_join(reader, NULL);
	printf("{\"pid\": %d}\n", getpid());
	return 0;
}
