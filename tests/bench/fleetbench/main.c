/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ../fleet runs: simulated hosts, a line a second, and at the end what was sent. */
#include "tests/bench/fleetbench/fleetbench.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest-agent/shared/log.h"

static const char usage[] =
	"usage: fleetbench [OPTION]... URL\n"
	"Simulated hosts send to URL what vmexitd would.\n"
	"  --hosts N        1 to 1000 (200)\n"
	"  --vms N          of each host, 1 to 500 (50)\n"
	"  --seconds N      of samples, 1 to 86400 (60)\n"
	"  --interval N     seconds between a host's requests (1)\n"
	"  --resolution N   seconds between a VM's samples (1)\n"
	"  --text           Prometheus' text instead of remote write\n"
	"  --past           samples of the time until now, as fast as it goes\n"
	"  --tries N        of a request, a second apart (100)\n"
	"  --user NAME --password-file FILE --ca-file FILE   as vmexitd's remote_write_...\n";

static bool parse_number(const char *s, unsigned int most, unsigned int *ret_n)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end || n < 1 || n > most)
		return false;
	*ret_n = n;
	return true;
}

static bool parse(int argc, char **argv, struct fleet_options *o)
{
	enum { HOSTS, VMS, SECONDS, INTERVAL, RESOLUTION, TEXT, PAST, TRIES, USER,
	       PASSWORD_FILE, CA_FILE };
	static const struct option options[] = {
		{ "hosts", required_argument, NULL, HOSTS },
		{ "vms", required_argument, NULL, VMS },
		{ "seconds", required_argument, NULL, SECONDS },
		{ "interval", required_argument, NULL, INTERVAL },
		{ "resolution", required_argument, NULL, RESOLUTION },
		{ "text", no_argument, NULL, TEXT },
		{ "past", no_argument, NULL, PAST },
		{ "tries", required_argument, NULL, TRIES },
		{ "user", required_argument, NULL, USER },
		{ "password-file", required_argument, NULL, PASSWORD_FILE },
		{ "ca-file", required_argument, NULL, CA_FILE },
		{ 0 }
	};
	bool ok = true;
	int c;

	*o = (struct fleet_options){ .hosts = 200, .vms = 50, .seconds = 60, .interval_s = 1,
				     .resolution_s = 1, .tries = 100 };
	while (ok && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case HOSTS: ok = parse_number(optarg, FLEET_HOSTS_MAX, &o->hosts); break;
		case VMS: ok = parse_number(optarg, FLEET_VMS_MAX, &o->vms); break;
		case SECONDS: ok = parse_number(optarg, FLEET_SECONDS_MAX, &o->seconds); break;
		case INTERVAL: ok = parse_number(optarg, FLEET_SECONDS_MAX, &o->interval_s); break;
		case RESOLUTION: ok = parse_number(optarg, FLEET_SECONDS_MAX, &o->resolution_s); break;
		case TEXT: o->text = true; break;
		case PAST: o->past = true; break;
		case TRIES: ok = parse_number(optarg, 1000, &o->tries); break;
		case USER: o->user = optarg; break;
		case PASSWORD_FILE: o->password_file = optarg; break;
		case CA_FILE: o->ca_file = optarg; break;
		default: ok = false;
		}
	}
	if (!ok || optind + 1 != argc || o->interval_s % o->resolution_s != 0 ||
	    o->seconds % o->interval_s != 0)
		return false;
	o->url = argv[optind];
	return true;
}

static double process_cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* How old the oldest request is that was due and is not answered, of all hosts: seconds. */
static double behind_s(const struct host *hosts, unsigned int requests, bool *ret_done)
{
	int64_t now = fleet_clock(CLOCK_MONOTONIC), most = 0;

	*ret_done = true;
	for (unsigned int i = 0; i < hosts->fleet->options.hosts; i++) {
		unsigned int done = atomic_load(&hosts[i].batches_done);
		int64_t late = now - hosts->fleet->begin_mono_ns - host_due_ns(&hosts[i], done);

		if (done == requests)
			continue;
		*ret_done = false;
		if (late > most)
			most = late;
	}
	return most / (double)FLEET_S;
}

static bool print_line(const struct fleet *fleet, const struct host *hosts)
{
	unsigned int requests = fleet->options.seconds / fleet->options.interval_s, begun = 0;
	double t = (fleet_clock(CLOCK_MONOTONIC) - fleet->begin_mono_ns) / (double)FLEET_S;
	uint64_t taken = 0;
	bool done;
	double behind = behind_s(hosts, requests, &done);

	for (unsigned int i = 0; i < fleet->options.hosts; i++) {
		taken += atomic_load(&hosts[i].taken);
		begun += atomic_load(&hosts[i].batches_done) > 0;
	}
	printf("at=%.3f taken=%" PRIu64 " begun=%u behind_s=%.3f cpu_s=%.3f\n", t, taken, begun,
	       fleet->options.past ? 0 : behind, process_cpu_s());
	fflush(stdout);
	return done;
}

/* A line a second, and one when all hosts have ended or one has failed. */
static void watch(const struct fleet *fleet, const struct host *hosts)
{
	unsigned int requests = fleet->options.seconds / fleet->options.interval_s;
	bool done = false;

	while (!done && !atomic_load(&fleet->failed)) {
		done = print_line(fleet, hosts);
		for (int i = 0; i < 20 && !done && !atomic_load(&fleet->failed); i++) {
			usleep(50000);
			(void)behind_s(hosts, requests, &done);
		}
	}
	(void)print_line(fleet, hosts);
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Of each host's first half, in which series are new, or of the second. */
static void print_times(const struct host *hosts, unsigned int count, uint64_t posts, bool second)
{
	const char *which = second ? "" : "begin_";
	int64_t *all = calloc(posts + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return;
	for (unsigned int i = 0; i < count; i++) {
		uint64_t half = hosts[i].posts / 2;

		for (uint64_t k = second ? half : 0; k < (second ? hosts[i].posts : half); k++)
			all[n++] = hosts[i].post_ns[k];
	}
	qsort(all, n, sizeof(*all), by_size);
	if (n > 0)
		printf("%spost_ms_p50=%.3f\n%spost_ms_p99=%.3f\n%spost_ms_max=%.3f\n", which,
		       all[n / 2] / 1e6, which, all[(size_t)(n * 0.99)] / 1e6, which,
		       all[n - 1] / 1e6);
	free(all);
}

static void print_sums(const struct host *hosts, unsigned int count)
{
	struct host sum = { 0 };
	uint64_t samples = 0;

	for (unsigned int i = 0; i < count; i++) {
		samples += atomic_load(&hosts[i].taken);
		sum.bytes += hosts[i].bytes;
		sum.raw_bytes += hosts[i].raw_bytes;
		sum.posts += hosts[i].posts;
		sum.retries += hosts[i].retries;
		sum.refused += hosts[i].refused;
		sum.build_cpu_ns += hosts[i].build_cpu_ns;
		sum.post_cpu_ns += hosts[i].post_cpu_ns;
		sum.series += hosts[i].series;
		sum.exits += hosts[i].exits;
		sum.reason_exits += hosts[i].reason_exits;
		if (hosts[i].last_ms > sum.last_ms)
			sum.last_ms = hosts[i].last_ms;
	}
	printf("samples=%" PRIu64 "\nseries=%" PRIu64 "\nposts=%" PRIu64 "\nretries=%" PRIu64
	       "\nrefused=%" PRIu64 "\nbytes=%" PRIu64 "\nraw_bytes=%" PRIu64 "\n",
	       samples, sum.series, sum.posts, sum.retries, sum.refused, sum.bytes, sum.raw_bytes);
	printf("build_cpu_s=%.3f\npost_cpu_s=%.3f\nexits=%" PRIu64 "\nreason_exits=%" PRIu64
	       "\nlast_ms=%" PRId64 "\n",
	       sum.build_cpu_ns / 1e9, sum.post_cpu_ns / 1e9, sum.exits, sum.reason_exits,
	       sum.last_ms);
	print_times(hosts, count, sum.posts, false);
	print_times(hosts, count, sum.posts, true);
}

static int run(struct fleet *fleet, struct host *hosts)
{
	const struct fleet_options *o = &fleet->options;
	unsigned int started = 0;
	int r = 0;

	fleet->begin_mono_ns = fleet_clock(CLOCK_MONOTONIC);
	fleet->begin_wall_ns = fleet_clock(CLOCK_REALTIME) -
			       (o->past ? (o->seconds + o->interval_s + 1) * FLEET_S : 0);
	for (; started < o->hosts && r == 0; started++) {
		hosts[started].fleet = fleet;
		hosts[started].number = started;
		r = -pthread_create(&hosts[started].thread, NULL, host_run, &hosts[started]);
	}
	if (r < 0) {
		started--;
		atomic_store(&fleet->failed, true);
	} else {
		watch(fleet, hosts);
	}
	for (unsigned int i = 0; i < started; i++)
		pthread_join(hosts[i].thread, NULL);
	if (r == 0 && !atomic_load(&fleet->failed))
		print_sums(hosts, o->hosts);
	for (unsigned int i = 0; i < started; i++)
		free(hosts[i].post_ns);
	return r < 0 ? r : atomic_load(&fleet->failed) ? -EIO : 0;
}

int main(int argc, char **argv)
{
	struct fleet fleet = { 0 };
	struct host *hosts;
	char trace[32];
	int r;

	log_init("fleetbench", LOG_NOTICE);
	signal(SIGPIPE, SIG_IGN);
	if (!parse(argc, argv, &fleet.options)) {
		fputs(usage, stderr);
		return 2;
	}
	/* So long that every VM may begin at another second. */
	snprintf(trace, sizeof(trace), "generated:%u", fleet.options.seconds + FLEET_APART);
	trace_open(trace, &fleet.trace);
	hosts = calloc(fleet.options.hosts, sizeof(*hosts));
	r = hosts ? run(&fleet, hosts) : -ENOMEM;
	free(hosts);
	trace_done(&fleet.trace);
	if (r < 0)
		fprintf(stderr, "fleetbench: %s\n", strerror(-r));
	return r < 0;
}
