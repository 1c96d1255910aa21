/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ../page runs. Each command prints key=value lines. */
#include "tests/bench/livebench/livebench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
	"usage: livebench ours VMEXITD DIRECTORY PORT VMS CLIENTS SECONDS [QUERY]\n"
	"       livebench peer CLIENTS SECONDS BYTES TIMES\n"
	"       livebench fill DATABASE VMS SECONDS\n"
	"ours: vmexitd with guests at 1 Hz and clients of /api/v1/live[?QUERY]: its CPU time, and\n"
	"how long after a commit they have it. peer: bytes sent to as many by a bare program.\n"
	"fill: both sources of VMs at 1 Hz, until now.\n";

int64_t cpu_ns(pid_t pid)
{
	char path[300];
	int64_t sum = 0;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		long long ns = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat", pid, entry->d_name);
		file = *entry->d_name == '.' ? NULL : fopen(path, "re");
		if (file && fscanf(file, "%lld", &ns) == 1)
			sum += ns;
		if (file)
			fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

static pid_t start(const char *vmexitd, const char *directory, const char *port, unsigned int vms)
{
	static char options[LIVEBENCH_VMS_MAX][300];
	char *argv[LIVEBENCH_VMS_MAX + 8] = { (char *)vmexitd, "--libvirt=off", "--host-source=libvirt" };
	char database[300], listen[64], socket[300];
	size_t n = 3;
	pid_t pid;

	snprintf(database, sizeof(database), "--database=%s/v.db", directory);
	snprintf(socket, sizeof(socket), "--api-socket=%s/api.sock", directory);
	snprintf(listen, sizeof(listen), "--listen=127.0.0.1:%s", port);
	argv[n++] = database;
	argv[n++] = socket;
	argv[n++] = listen;
	for (unsigned int i = 0; i < vms; i++) {
		snprintf(options[i], sizeof(options[i]), "--channel=vm%u=%s/vm%u.sock", i,
			 directory, i);
		argv[n++] = options[i];
	}
	pid = fork();
	if (pid == 0) {
		execv(vmexitd, argv);
		_exit(127);
	}
	return pid;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

struct measured {
	size_t count;
	int64_t *late_ns;		/* each event's last byte behind its commit */
};

/*
 * A sample a second of each VM, of the one half at each second and of the other half a second
 * later, as there is a commit twice a second; how late each client had them all.
 */
static int run(struct guests *guests, struct clients *clients, unsigned int vms,
	       unsigned int count, unsigned int seconds, struct measured *m)
{
	unsigned int parts = vms > 1 ? 2 : 1;
	int64_t next = monotonic_ns();
	uint64_t events = 0;
	int r = 0;

	for (unsigned int i = 0; i < seconds * parts && r == 0; i++) {
		const int64_t *times;
		int64_t committed, now;

		r = guests_sample(guests, i % parts, parts, &committed);
		events += (vms + parts - 1 - i % parts) / parts;
		if (r == 0 && clients)
			r = clients_wait(clients, events, &times);
		for (unsigned int c = 0; c < count && r == 0 && clients; c++)
			m->late_ns[m->count++] = times[c] - committed;
		next += 1000000000 / parts;
		now = monotonic_ns();
		if (next > now)
			usleep((next - now) / 1000);
	}
	return r;
}

static int measure(struct guests *guests, pid_t pid, uint16_t port, unsigned int vms,
		   unsigned int count, unsigned int seconds, const char *query)
{
	struct measured m = { .late_ns = calloc(2 * (size_t)count * seconds + 1, sizeof(int64_t)) };
	int64_t cpu, wall = 0;
	struct clients *clients = NULL;
	char request[256];
	uint64_t bytes = 0;
	int r = m.late_ns ? 0 : -ENOMEM;

	snprintf(request, sizeof(request), "GET /api/v1/live%s%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
		 *query ? "?" : "", query, port);
	/* Until the guests are stored: a request may name one. */
	sleep(1);
	if (r == 0 && count)
		r = clients_new(port, count, request, &clients);
	sleep(2);
	if (clients)
		bytes = clients_bytes(clients);
	cpu = cpu_ns(pid);
	wall = monotonic_ns();
	if (r == 0)
		r = run(guests, clients, vms, count, seconds, &m);
	wall = monotonic_ns() - wall;
	cpu = cpu_ns(pid) - cpu;
	printf("cpu_percent=%.3f\nevents=%zu\n", 100.0 * cpu / wall, m.count);
	if (m.count) {
		qsort(m.late_ns, m.count, sizeof(*m.late_ns), by_size);
		printf("latency_ms_p50=%.3f\nlatency_ms_p99=%.3f\nlatency_ms_max=%.3f\nbytes=%llu\n",
		       m.late_ns[m.count / 2] / 1e6, m.late_ns[(size_t)(m.count * 0.99)] / 1e6,
		       m.late_ns[m.count - 1] / 1e6,
		       (unsigned long long)(clients_bytes(clients) - bytes));
	}
	clients_free(clients);
	free(m.late_ns);
	return r;
}

static int ours(char **argv, const char *query)
{
	unsigned int vms = atoi(argv[3]);
	struct guests *guests = NULL;
	int r = guests_new(argv[1], vms, &guests);
	pid_t pid = r == 0 ? start(argv[0], argv[1], argv[2], vms) : -1;

	if (r == 0)
		r = pid > 0 ? guests_meet(guests) : -ECHILD;
	if (r == 0)
		r = measure(guests, pid, atoi(argv[2]), vms, atoi(argv[4]), atoi(argv[5]), query);
	if (pid > 0) {
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
	}
	guests_free(guests);
	return r;
}

int main(int argc, char **argv)
{
	int r = -EINVAL;

	signal(SIGPIPE, SIG_IGN);
	if ((argc == 8 || argc == 9) && strcmp(argv[1], "ours") == 0)
		r = ours(argv + 2, argc == 9 ? argv[8] : "");
	else if (argc == 6 && strcmp(argv[1], "peer") == 0)
		r = peer(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
	else if (argc == 5 && strcmp(argv[1], "fill") == 0)
		r = fill(argv[2], atoi(argv[3]), atoi(argv[4]));
	else
		fputs(usage, stderr);
	if (r < 0)
		fprintf(stderr, "livebench: %s\n", strerror(-r));
	return r < 0;
}
