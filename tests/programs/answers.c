// SPDX-License-Identifier: Apache-2.0
/*
 * Waits at sockets: "asker" for the answers of servers, "server" for what it is asked, "twin" for the other end of a pair;
 * each reads once of every kind.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NAP_US 20000

static int listener;
static struct sockaddr_storage address;
static socklen_t length;

static void fail(const char *what)
{
	perror(what);
	exit(1);
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
	int stream = type ? -1 : accept(listener, NULL, NULL);
	char byte;

	pthread_setname_np(pthread_self(), "server");
	if (recvfrom(type ? listener : stream, &byte, 1, 0, (void *)&peer, &size) != 1)
		fail("recvfrom");
	usleep(NAP_US);
	if (type ? sendto(listener, &byte, 1, 0, (void *)&peer, size) != 1 : write(stream, &byte, 1) != 1)
		fail("answer");
	return NULL;
}

static void *ask(void *type)
{
	int connection = socket(address.ss_family, type ? SOCK_DGRAM : SOCK_STREAM, 0);
	char byte = 'x';

	pthread_setname_np(pthread_self(), "asker");
	if (connect(connection, (void *)&address, length))
		fail("connect");
	usleep(NAP_US);
	if (write(connection, &byte, 1) != 1 || read(connection, &byte, 1) != 1)
		fail("ask");
	return NULL;
}

static void *wait_for_twin(void *end)
{
	char byte;

	pthread_setname_np(pthread_self(), "twin");
	if (read(*(int *)end, &byte, 1) != 1)
		fail("read");
	return NULL;
}

static void ask_once(void *type)
{
	pthread_t server, asker;

	pthread_create(&server, NULL, serve, type);
	pthread_create(&asker, NULL, ask, type);
	pthread_join(server, NULL);
	pthread_join(asker, NULL);
	close(listener);
}

int main(void)
{
	struct sockaddr_in inet = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 inet6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	/* Without a name the kernel chooses one that is in no folder. */
	struct sockaddr_un named = { .sun_family = AF_UNIX };
	pthread_t twin;
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
	pthread_create(&twin, NULL, wait_for_twin, &pair[0]);
	usleep(NAP_US);
	if (write(pair[1], "x", 1) != 1)
		fail("write");
	pthread_join(twin, NULL);
	printf("%d\n", getpid());
	return 0;
}
