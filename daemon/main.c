/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexitd: stores the VM exits of KVM guests over time and serves them. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/intake/collect.h"
#include "daemon/base/calmclock.h"
#include "daemon/base/config.h"
#include "daemon/http/http.h"
#include "daemon/base/loop.h"
#include "daemon/base/service.h"
#include "daemon/http/operate.h"
#include "daemon/remote/remote.h"
#include "daemon/stats/gslerrors.h"
#include "daemon/version.h"
#include "daemon/host/vitals.h"
#include "daemon/base/worker.h"
#include "guest-agent/shared/log.h"

/* libvirt's connection, and changes under way. */
#define WORKERS_MAX 6

/* For the store's background work, after each commit. */
#define WORK_NS 50000000LL

struct parts {
	struct config config;
	struct worker *worker;
	struct vitals *vitals;
	struct store *store;
	struct collect *collect;
	struct domains *domains;
	struct hostsource *hostsource;
	struct operate *operate;
	struct remote *remote;		/* NULL: off */
	struct http *http;
	int signal_fd;
	int signal_watch;
	int flush_timer;
	int alive_timer;
	int given[SERVICE_SOCKETS];	/* by the service manager, until http has them */
	char status[PATH_MAX + 64];	/* while all is well */
	int store_error;		/* as the service manager knows */
	struct calmclock calm;
};

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int64_t now_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

/* The time by which something is old. */
static int64_t age_now_ns(struct calmclock *calm)
{
	bool waited = calm->waiting;
	int64_t wall_ns = now_ns(), ns = calmclock_now(calm, wall_ns, read_clock(CLOCK_BOOTTIME));

	if (calm->waiting && !waited)
		log_notice("the host's clock is %lld hours later than what is stored says; "
			    "what is too old by it is dropped when it has been so for a day",
			    (long long)((wall_ns - ns) / 3600000000000LL));
	return ns;
}

static void on_signal(int fd, int events, void *ctx)
{
	struct signalfd_siginfo info;

	(void)events;
	(void)ctx;
	if (read(fd, &info, sizeof(info)) == sizeof(info))
		loop_quit();
}

/* What is due in the background, as long as nothing that comes in has to wait for it. */
static void work_for_a_while(struct store *store)
{
	int64_t until_ns = now_ns() + WORK_NS;

	while (store_work(store, now_ns()) > 0 && now_ns() < until_ns)
		;
}

static void tell_store(struct parts *p, int error)
{
	char text[128];

	if (error == p->store_error)
		return;
	p->store_error = error;
	snprintf(text, sizeof(text), "nothing is stored: %s", strerror(-error));
	service_status(error ? text : p->status);
}

static int note_sent(void *ctx, const struct sent *sent)
{
	/* Without memory it is sent again after a restart. */
	(void)store_sent(ctx, sent);
	return 0;
}

static void on_flush(void *ctx)
{
	struct parts *p = ctx;
	struct store_stats stats;
	int what;

	if (p->remote)
		remote_settled(p->remote, note_sent, p->store);
	what = store_flush(p->store, now_ns());

	/* HTTP first: who is told that something is stored finds it there. */
	store_get_stats(p->store, &stats);
	http_flushed(p->http, what, &stats);
	tell_store(p, stats.error);
	if (what > 0)
		collect_committed(p->collect);
	store_set_age(p->store, age_now_ns(&p->calm));
	work_for_a_while(p->store);
}

/* SIGTERM and SIGINT arrive through the loop; no thread may take them elsewhere. */
static int watch_signals(struct parts *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p->signal_fd < 0)
		return -errno;
	p->signal_watch = loop_add_fd(p->signal_fd, LOOP_READ, on_signal, p);
	return p->signal_watch < 0 ? p->signal_watch : 0;
}

static_assert(CONFIG_TIERS == ROLLUP_TIERS, "a setting for each tier");

static int set_limits(struct parts *p, const struct config *c)
{
	struct expire_limits limits = { .vm_bytes = (uint64_t)c->vm_disk_limit_mb << 20 };

	for (int tier = 0; tier < ROLLUP_TIERS; tier++)
		limits.tier[tier] = (struct expire_limit){
			.age_ns = c->keep[tier].age_s * 1000000000LL,
			.bytes = c->keep[tier].bytes,
		};
	calmclock_init(&p->calm, store_newest_ns(p->store), read_clock(CLOCK_BOOTTIME));
	return store_set_limits(p->store, &limits, age_now_ns(&p->calm));
}

static const char *libvirt_uri(const struct config *c)
{
	return strcmp(c->libvirt, "off") == 0 ? NULL : c->libvirt;
}

static int start_hostsource(struct parts *p)
{
	const struct config *c = &p->config;
	const struct hostsource_settings settings = {
		.uri = libvirt_uri(c),
		.use = strcmp(c->host_source, "debugfs") == 0 ? HOSTSOURCE_DEBUGFS :
		       strcmp(c->host_source, "libvirt") == 0 ? HOSTSOURCE_LIBVIRT :
								HOSTSOURCE_AUTO,
		.interval_ms = c->host_interval_ms,
		.boot_interval_ms = c->host_boot_interval_ms,
		.boot_seconds = c->host_boot_seconds,
		.debugfs = KVMDEBUGFS_ROOT,
		.proc = "/proc",
	};
	int r = hostsource_new(&settings, &collect_host_ops, p->collect, &p->hostsource);

	if (r == 0)
		collect_set_hostsource(p->collect, p->hostsource);
	return r;
}

static int start_sources(struct parts *p)
{
	const struct config *c = &p->config;
	int r = start_hostsource(p);

	for (size_t i = 0; i < c->channels_count && r == 0; i++)
		r = collect_add_channel(p->collect, c->channels[i].name, c->channels[i].socket);
	if (r < 0 || !libvirt_uri(c))
		return r;
	p->domains = domains_new(c->libvirt, p->worker, &collect_domains_ops, p->collect);
	return p->domains ? 0 : -ENOMEM;
}

static int start_remote(struct parts *p)
{
	const struct config *c = &p->config;
	const struct remote_settings settings = {
		.database = c->database,
		.push = {
			.url = c->remote_write,
			.user = c->remote_write_user,
			.password_file = c->remote_write_password_file,
			.token_file = c->remote_write_token_file,
			.ca_file = c->remote_write_ca_file,
		},
		.host = c->remote_write_host,
		.labels = c->remote_write_labels,
		.interval_s = c->remote_write_interval_s,
		.settle_s = c->remote_write_settle_s,
		.resolution_ms = c->remote_write_resolution_ms,
		.from_all = strcmp(c->remote_write_from, "all") == 0,
	};

	return strcmp(c->remote_write, "off") == 0 ? 0 : remote_new(&settings, &p->remote);
}

static int start_http(struct parts *p)
{
	const struct config *c = &p->config;
	struct http_settings settings = {
		.database = c->database,
		.listen = c->listen,
		.allowed_hosts = c->allowed_hosts,
		.api_socket = c->api_socket,
		.page_fd = p->given[SERVICE_PAGE],
		.api_fd = p->given[SERVICE_API],
		.gnuplot = c->gnuplot,
		.vitals = p->vitals,
		.remote = p->remote,
		.orders = operate_orders(p->operate),
	};

	store_get_stats(p->store, &settings.stats);
	p->given[SERVICE_PAGE] = p->given[SERVICE_API] = -1;
	return http_new(&settings, &p->http);
}

static void on_alive(void *ctx)
{
	(void)ctx;
	service_alive();
}

static int start_alive(struct parts *p)
{
	int ms = service_alive_ms();

	if (ms == 0)
		return 0;
	p->alive_timer = loop_add_timer(ms, on_alive, p);
	return p->alive_timer < 0 ? p->alive_timer : 0;
}

static int start(struct parts *p)
{
	const struct config *c = &p->config;
	int r;

	domains_quiet();
	gslerrors_return();
	p->vitals = vitals_new();
	if (p->vitals)
		vitals_set_config(p->vitals, c);
	r = p->vitals ? loop_init() : -ENOMEM;
	if (r == 0)
		r = watch_signals(p);
	if (r == 0)
		r = worker_new(WORKERS_MAX, &p->worker);
	if (r == 0)
		r = store_open(c->database, &p->store);
	if (r == 0)
		r = set_limits(p, c);
	if (r < 0)
		return r;
	p->collect = collect_new(p->store, p->vitals, c->guest_disk_limit_mb);
	r = p->collect ? operate_new(libvirt_uri(c), p->worker, p->collect, &p->operate) : -ENOMEM;
	if (r == 0)
		r = start_remote(p);
	if (r == 0)
		r = start_http(p);
	if (r == 0)
		r = start_sources(p);
	if (r < 0)
		return r;
	p->flush_timer = loop_add_timer(c->commit_interval_ms, on_flush, p);
	return p->flush_timer < 0 ? p->flush_timer : start_alive(p);
}

static void tell_ready(struct parts *p)
{
	const char *page = http_page(p->http);

	snprintf(p->status, sizeof(p->status), "%s%s%s%s", page ? "serving http://" : "storing in ",
		 page ? page : "", page ? "/ from " : "", p->config.database);
	log_notice("%s", p->status);
	service_ready(p->status);
}

static void stop(struct parts *p)
{
	if (p->alive_timer >= 0)
		loop_remove_timer(p->alive_timer);
	if (p->flush_timer >= 0)
		loop_remove_timer(p->flush_timer);
	domains_free(p->domains);
	worker_free(p->worker);
	if (p->operate)
		orders_stop(operate_orders(p->operate));
	http_free(p->http);
	operate_free(p->operate);
	if (p->remote) {
		remote_stop(p->remote);
		remote_settled(p->remote, note_sent, p->store);
	}
	remote_free(p->remote);
	if (p->collect)
		collect_set_hostsource(p->collect, NULL);
	hostsource_free(p->hostsource);
	collect_free(p->collect);
	store_free(p->store);
	vitals_free(p->vitals);
	if (p->signal_watch >= 0)
		loop_remove_fd(p->signal_watch);
	if (p->signal_fd >= 0)
		close(p->signal_fd);
	for (int i = 0; i < SERVICE_SOCKETS; i++) {
		if (p->given[i] >= 0)
			close(p->given[i]);
	}
	config_done(&p->config);
}

int main(int argc, char **argv)
{
	struct parts p = { .signal_fd = -1, .signal_watch = -1, .flush_timer = -1, .alive_timer = -1,
			   .given = { -1, -1 } };
	enum config_action action;
	int r;

	log_init("vmexitd", LOG_NOTICE);
	r = config_load(&p.config, argc, argv, &action);
	if (r < 0 || action != CONFIG_RUN) {
		config_done(&p.config);
		if (r < 0) {
			fputs("Try 'vmexitd --help'.\n", stderr);
			return 2;
		}
		if (action == CONFIG_HELP)
			config_print_help();
		else
			puts("vmexitd " VMEXIT_VERSION);
		return 0;
	}
	if (p.config.verbose)
		log_init("vmexitd", LOG_INFO);
	r = service_take_sockets(p.given);
	if (r == 0)
		r = start(&p);
	if (r == 0) {
		tell_ready(&p);
		r = loop_run();
	}
	service_stopping();
	stop(&p);
	/* A setting that only its user could judge. */
	return r == -EINVAL ? 2 : r < 0 ? 1 : 0;
}
