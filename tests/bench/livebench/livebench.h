/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of livebench. Functions return 0 or -errno unless they say otherwise. */
#ifndef TESTS_BENCH_LIVEBENCH_H
#define TESTS_BENCH_LIVEBENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define LIVEBENCH_VMS_MAX 250
#define LIVEBENCH_CLIENTS_MAX 590

static inline int64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* CPU time of all threads of a process, in nanoseconds, as the scheduler counts it; 0 if gone. */
int64_t cpu_ns(pid_t pid);

/* Guests that take a sample a second, at the sockets DIRECTORY/vmN.sock. */
struct guests;
int guests_new(const char *directory, unsigned int count, struct guests **ret_guests);
void guests_free(struct guests *guests);
/* Wait for vmexitd to connect to all, and introduce them. */
int guests_meet(struct guests *guests);
/*
 * Of @parts of them the @part-th, from 0, take a sample, together. Returns when all are
 * acknowledged, so committed; *ret_ns: the time of the first acknowledgement.
 */
int guests_sample(struct guests *guests, unsigned int part, unsigned int parts, int64_t *ret_ns);

/* Clients that read an event stream, in a thread of their own. */
struct clients;
/* @request: sent by each once it is connected; "": nothing is. */
int clients_new(uint16_t port, unsigned int count, const char *request, struct clients **ret_clients);
void clients_free(struct clients *clients);
/* What has come so far. */
uint64_t clients_bytes(struct clients *clients);
/*
 * Wait until each of them has got @events events of samples in all; *ret_ns: an array of the
 * times at which each had, valid until the next call. -ETIMEDOUT after 10 s.
 */
int clients_wait(struct clients *clients, uint64_t events, const int64_t **ret_ns);

/*
 * A process that accepts @clients and sends each @bytes, @times a second, with epoll and one
 * send() each: the least that it takes. Prints its CPU time.
 */
int peer(unsigned int clients, unsigned int seconds, unsigned int bytes, unsigned int times);

/* A database of @vms VMs with @seconds of samples of both sources, at 1 Hz, until now. */
int fill(const char *path, unsigned int vms, unsigned int seconds);

#endif
