/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread ends, whatever it waits for. */
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <unistd.h>

#include "daemon/base/monotonic.h"
#include "daemon/remote/remote.h"
#include "daemon/store/store.h"
#include "daemon/store/testdb.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define HANG_S 60

static char path[512];
static atomic_bool hangs;

/* In place of the C library's: a name server that does not answer. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **res)
{
	(void)node, (void)service, (void)hints, (void)res;
	atomic_store(&hangs, true);
	sleep(HANG_S);
	return EAI_AGAIN;
}

static struct remote_settings settings_of(const char *url)
{
	return (struct remote_settings){
		.database = path, .push.url = url, .host = "h", .labels = "", .interval_s = 1,
	};
}

static bool wait_until_it_hangs(void)
{
	for (int i = 0; i < 2000 && !atomic_load(&hangs); i++)
		usleep(10000);
	return atomic_load(&hangs);
}

static void test_wrong(void)
{
	struct remote_settings settings = settings_of("http://127.0.0.1:1/");
	struct remote *remote = NULL;

	settings.labels = "vm=x";
	ok(remote_new(&settings, &remote) == -EINVAL, "labels that are there already are refused");
	settings = settings_of("nothing");
	ok(remote_new(&settings, &remote) == -EINVAL, "so is what is no URL");
	settings = settings_of("http://127.0.0.1:1/");
	settings.database = "/nonexistent/v.db";
	ok(remote_new(&settings, &remote) < 0 && !remote, "and a database that is not there");
}

static void test_nobody(void)
{
	struct remote_settings settings = settings_of("http://127.0.0.1:1/");
	struct remote_stats stats = { 0 };
	struct remote *remote = NULL;

	if (!ok(remote_new(&settings, &remote) == 0, "nobody is there"))
		return;
	for (int i = 0; i < 2000 && stats.state != REMOTE_WAITS; i++) {
		usleep(10000);
		remote_get_stats(remote, &stats);
	}
	ok(stats.state == REMOTE_WAITS && stats.failures > 0 && stats.requests >= stats.failures &&
	   *stats.error, "it waits: %s", stats.error);
	remote_free(remote);
}

static void test_hanging(void)
{
	struct remote_settings settings = settings_of("http://receiver.example/");
	struct remote *remote = NULL;
	int64_t begin_ms;

	if (!ok(remote_new(&settings, &remote) == 0 && wait_until_it_hangs(), "its name is asked for in vain"))
		return;
	begin_ms = monotonic_ms();
	remote_stop(remote);
	remote_free(remote);
	/* Not a measurement: without a bound it would be a minute. */
	ok(monotonic_ms() - begin_ms < HANG_S * 1000 / 2, "it is left behind");
}

int main(void)
{
	struct store *store = NULL;

	log_init("remote_test", LOG_ERROR - 1);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "v.db");
	if (store_open(path, &store) < 0)
		return 1;
	test_wrong();
	test_nobody();
	test_hanging();
	store_free(store);
	testdb_remove("");
	return done_testing();
}
