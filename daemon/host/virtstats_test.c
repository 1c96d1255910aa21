/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libvirt's records, and its answers where they cannot be had. */
#include "daemon/host/virtstats.c"

#include "guest-agent/shared/tap.h"

#define UUID "6695eb01-f6a4-8304-79aa-97f2502e193f"	/* of the test driver's domain */

static virTypedParameter number(const char *field, unsigned long long value)
{
	virTypedParameter p = { .type = VIR_TYPED_PARAM_ULLONG, .value.ul = value };

	snprintf(p.field, sizeof(p.field), "%s", field);
	return p;
}

static void test_record(void)
{
	virTypedParameter params[] = {
		number("vcpu.0.exits.sum", 1000),
		number("vcpu.0.io_exits.sum", 77),
		number("vcpu.0.exit_handling_cycles.sum", 5),
		number("vcpu.0.exit_away_cycles.sum", 50),
		number("vcpu.12.exits.sum", 234),
		number("vcpu.12.exit_handling_cycles.sum", 6),
		number("vcpu.12.exit_away_cycles.sum", 60),
		number("vcpu.x.exits.sum", 9),
		number("vcpu.1.exits.sum.more", 9),
		number("xvcpu.1.exits.sum", 9),
		number("vcpu.1.exits.max", 9),
	};
	virDomainStatsRecord record = { .params = params, .nparams = 11 };
	struct virtstats_domain d = { .readings = 0 };
	const struct span span = { .before_ns = 40, .after_ns = 44 };

	take_record(&record, &span, &d);
	ok(d.readings == 1 && d.reading[0].exits == 1234 && d.reading[0].t_ns == 42 &&
		   d.reading[0].error_ns == 2 && d.vcpus == 2 && d.answer == VIRTSTATS_ANSWERS,
	   "exits are summed over vCPUs, and nothing else is");
	ok(d.has_cycles && d.handling_cycles == 11 && d.away_cycles == 110,
	   "so are a patched host's cycles");
	params[0].value.ul = 1001;
	take_record(&record, &span, &d);
	ok(d.readings == 2 && d.reading[1].exits == 1235 && d.reading[0].exits == 1234,
	   "a second reading");
	d = (struct virtstats_domain){ .readings = 0 };
	params[2].value.ul = params[5].value.ul = 0;
	take_record(&record, &span, &d);
	ok(!d.has_cycles, "cycles that are zero are not known");
	params[0].type = params[4].type = VIR_TYPED_PARAM_INT;
	d = (struct virtstats_domain){ .readings = 0 };
	take_record(&record, &span, &d);
	ok(d.readings == 0 && d.answer == VIRTSTATS_UNKNOWN, "a record without counters is none");
}

/* ---- a pool, with libvirt's test driver ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static struct virtstats_call *answered;

static void on_answer(void *ctx, struct virtstats_call *call)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
	answered = call;
	pthread_cond_signal(&came);
	pthread_mutex_unlock(&lock);
}

static struct virtstats_call *ask_for(struct virtstats *v, const char *uuid)
{
	struct virtstats_call *call = calloc(1, sizeof(*call) + sizeof(call->domains[0]));
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 10;
	answered = NULL;
	if (!call)
		return NULL;
	call->count = 1;
	snprintf(call->domains[0].uuid, sizeof(call->domains[0].uuid), "%s", uuid);
	if (virtstats_start(v, call) < 0) {
		free(call);
		return NULL;
	}
	pthread_mutex_lock(&lock);
	while (!answered && pthread_cond_timedwait(&came, &lock, &deadline) == 0)
		;
	pthread_mutex_unlock(&lock);
	return answered;
}

static void test_pool(void)
{
	struct virtstats *v = virtstats_new("test:///default", on_answer, NULL);
	struct virtstats_call *call = ask_for(v, UUID);

	ok(call && !call->failed && call->ended_ns >= call->begun_ns &&
		   call->domains[0].readings == 0 && call->domains[0].answer == VIRTSTATS_ANSWERS,
	   "a domain without counters answers that it has none");
	free(call);
	call = ask_for(v, "00000000-0000-4000-8000-000000000000");
	ok(call && !call->failed && call->domains[0].answer == VIRTSTATS_UNKNOWN,
	   "of one that is not there nothing is known");
	free(call);
	ok(v && v->callers_count == 1, "one thread is enough for both");
	ok(virtstats_free(v), "which ends");
	v = virtstats_new("nosuch:///driver", on_answer, NULL);
	call = ask_for(v, UUID);
	ok(call && call->failed, "a libvirt that is not there");
	free(call);
	ok(virtstats_free(v), "ends likewise");
}

static void ignore(void *ctx, virErrorPtr error)
{
	(void)ctx;
	(void)error;
}

int main(void)
{
	virSetErrorFunc(NULL, ignore);
	log_init("virtstats_test", LOG_ERROR);
	test_record();
	test_pool();
	return done_testing();
}
