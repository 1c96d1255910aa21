/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/hostnames.h"

#include <errno.h>
#include <stdio.h>

#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static void test_names(void)
{
	struct hostnames h = { .count = 0 };
	char name[] = "127.0.0.1:20479", other[] = "localhost:20479";

	ok(!hostnames_has(&h, "127.0.0.1:20479") && !hostnames_has(&h, ""), "none at first");
	ok(hostnames_add(&h, name) == 0 && hostnames_add(&h, other) == 0,
	   "an address and a name are added");
	name[0] = other[0] = 'x';
	ok(hostnames_has(&h, "127.0.0.1:20479") && hostnames_has(&h, "localhost:20479"),
	   "and admitted, as copies");
	ok(hostnames_has(&h, "LocalHost:20479"), "in any case");
	ok(!hostnames_has(&h, "127.0.0.1") && !hostnames_has(&h, "localhost") &&
		   !hostnames_has(&h, "127.0.0.1:1") && !hostnames_has(&h, "localhost:204790"),
	   "without the port, or with another, they are not");
	ok(!hostnames_has(&h, "evil.example") && !hostnames_has(&h, "evil.example:20479") &&
		   !hostnames_has(&h, "localhost:20479.evil.example") &&
		   !hostnames_has(&h, "xlocalhost:20479") && !hostnames_has(&h, " localhost:20479"),
	   "nor are names that hold one of them");
	ok(!hostnames_has(&h, "") && !hostnames_has(&h, NULL), "nor are an empty header and none");
	hostnames_done(&h);
	ok(h.count == 0 && !hostnames_has(&h, "localhost:20479"), "none once they are freed");
}

static void test_loopback(void)
{
	struct hostnames h = { .count = 0 };

	hostnames_add_loopback(&h);
	ok(hostnames_has(&h, "127.0.0.1:8080") && hostnames_has(&h, "[::1]:1") &&
		   hostnames_has(&h, "LOCALHOST:65535") && hostnames_has(&h, "localhost"),
	   "loopback is admitted with any port, and without");
	ok(!hostnames_has(&h, "localhost.evil.example:1") && !hostnames_has(&h, "localhost:1.evil") &&
		   !hostnames_has(&h, "127.0.0.1.evil.example") && !hostnames_has(&h, "127.0.0.2:1") &&
		   !hostnames_has(&h, "evil.localhost:1") && !hostnames_has(&h, "localhost:1:1") &&
		   !hostnames_has(&h, "") && !hostnames_has(&h, NULL),
	   "names that begin or end so are not");
	hostnames_done(&h);
	ok(!hostnames_has(&h, "localhost:1"), "nor is it once they are freed");
}

static void test_list(void)
{
	struct hostnames h = { .count = 0 };

	ok(hostnames_add_list(&h, "") == 0 && hostnames_add_list(&h, " ,, ") == 0 && h.count == 0 &&
		   !hostnames_has(&h, ""),
	   "an empty list admits nothing");
	ok(hostnames_add_list(&h, "a.example,b.example:80 , c.example,") == 0 && h.count == 3,
	   "a list with commas and spaces");
	ok(hostnames_has(&h, "a.example") && hostnames_has(&h, "b.example:80") &&
		   hostnames_has(&h, "c.example"),
	   "each of its names is admitted");
	ok(!hostnames_has(&h, "b.example") && !hostnames_has(&h, "a.example,b.example:80"),
	   "nothing else is");
	hostnames_done(&h);
}

static void test_too_many(void)
{
	struct hostnames h = { .count = 0 };
	char name[16];
	bool good = true;

	for (int i = 0; i < HOSTNAMES_MAX; i++) {
		snprintf(name, sizeof(name), "host%d", i);
		good = good && hostnames_add(&h, name) == 0;
	}
	ok(good && hostnames_has(&h, "host0") && hostnames_has(&h, name),
	   "as many as there may be");
	ok(hostnames_add(&h, "more") == -EINVAL &&
		   hostnames_add_list(&h, "more") == -EINVAL && h.count == HOSTNAMES_MAX &&
		   !hostnames_has(&h, "more"),
	   "one more is refused, and not admitted");
	hostnames_done(&h);
	ok(hostnames_add_list(&h, "a,b") == 0, "with room again they are taken");
	hostnames_done(&h);
}

int main(void)
{
	log_init("hostnames_test", LOG_ERROR - 1);
	test_names();
	test_loopback();
	test_list();
	test_too_many();
	return done_testing();
}
