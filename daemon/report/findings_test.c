/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each rule speaks above its thresholds and is silent below. */
#include "daemon/report/findings.h"

#include <asm/svm.h>
#include <asm/vmx.h>
#include <string.h>

#include "guest-agent/shared/reason.h"
#include "guest-agent/shared/tap.h"

static struct finding findings[FINDINGS_RULES_COUNT + 1];

static const struct finding *find(const struct findings_facts *facts, const char *id)
{
	size_t count = findings_of(facts, findings);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(findings[i].id, id) == 0)
			return &findings[i];
	}
	return NULL;
}

/* 100 seconds of two vCPUs with 1000000 exits. */
static struct findings_facts usual(void)
{
	return (struct findings_facts){
		.reason_namespace = VMEXIT_REASONS_VMX,
		.seconds = 100,
		.vcpu_s = 200,
		.exits = 1000000,
		.has_away = true,
		.has_handling = true,
	};
}

static void test_class(const char *id, enum explain_class class, double rate, double count, double time)
{
	struct findings_facts f = usual();
	struct findings_class *c = &f.classes[class];
	const struct finding *found;

	/* Of so many exits in all that the share is just the one asked for. */
	c->count = rate * 200 + 1;
	f.exits = c->count / count;
	found = find(&f, id);
	ok(found && *found->title && *found->figure && *found->meaning && *found->advice,
	   "%s: rate and share", id);
	f.exits = c->count / count * 1.1;
	ok(!find(&f, id), "%s: not with a smaller share", id);
	f.exits = c->count / count;
	c->count = rate * 200 * 0.99;
	ok(!find(&f, id), "%s: not at a lower rate", id);
	c->count = 1;
	c->away_s = time * 200 * 1.001;
	ok(find(&f, id), "%s: time away", id);
	c->away_s = time * 200 * 0.99;
	c->handling_s = time * 200 * 1.001;
	ok(!find(&f, id), "%s: not with less of it, whatever handling took", id);
	f.has_away = false;
	ok(find(&f, id), "%s: handling where time away is not known", id);
	f.has_handling = false;
	ok(!find(&f, id), "%s: nor without any times", id);
	f.reason_namespace = 0;
	c->count = 1e9;
	ok(!find(&f, id), "%s: nor without reasons", id);
}

static void test_shares(void)
{
	struct findings_facts f = usual();

	f.lost = (struct findings_share){ true, 0.05 };
	ok(find(&f, "lost") && strstr(find(&f, "lost")->figure, "5.0 % of the vCPUs' time"), "lost");
	f.lost.share = 0.0499;
	ok(!find(&f, "lost"), "not below");
	f.lost = (struct findings_share){ false, 1 };
	ok(!find(&f, "lost"), "not if it is not known");
	f.steal = (struct findings_share){ true, 0.02 };
	f.agent = (struct findings_share){ true, 0.01 };
	ok(find(&f, "steal") && find(&f, "agent"), "steal, agent");
	f.steal.share = 0.019;
	f.agent.share = 0.009;
	ok(!find(&f, "steal") && !find(&f, "agent"), "not below");
	f.bursts.any = true;
	f.bursts.count = 3;
	f.bursts.share = 0.1;
	f.bursts.rate = 5000;
	ok(find(&f, "bursty") && strstr(find(&f, "bursty")->figure, "5,000 exits a second"), "bursty");
	f.bursts.share = 0.09;
	ok(!find(&f, "bursty"), "not below");
	f.phase.name = "kernel";
	f.phase.share = 0.5;
	f.phase.time_share = 0.25;
	ok(find(&f, "phase") && strstr(find(&f, "phase")->figure, "'kernel' has 50 %"), "phase");
	f.phase.time_share = 0.26;
	ok(!find(&f, "phase"), "not if it took long, too");
}

static void test_words(void)
{
	struct findings_facts f = usual();
	struct findings_class *c = &f.classes[EXPLAIN_port];

	c->count = 400000;
	c->number = EXIT_REASON_IO_INSTRUCTION;
	c->number_count = 400000;
	c->away_s = 20;
	ok(strcmp(find(&f, "port")->figure, "IO_INSTRUCTION: 2,000 exits a second and vCPU, "
		  "40 % of all exits; they took 10 % of the vCPUs' time.") == 0, "%s", find(&f, "port")->figure);
	f.vcpu_s = 0;
	c->number_count = 300000;
	c->number = 4711;
	ok(strcmp(find(&f, "port")->figure, "mostly reason 4711: 4,000 exits a second, 40 % of all exits.") == 0,
	   "%s", find(&f, "port")->figure);
	f = usual();
	f.classes[EXPLAIN_halt] = (struct findings_class){ .count = 500000, .away_s = 10 };
	f.classes[EXPLAIN_memory] = (struct findings_class){ .count = 300000, .away_s = 20 };
	f.lost = (struct findings_share){ true, 0.15 };
	ok(findings_of(&f, findings) == 3 && strcmp(findings[0].id, "lost") == 0 &&
	   strcmp(findings[1].id, "memory") == 0 && strcmp(findings[2].id, "halt") == 0,
	   "the weightiest is the first");
	memset(&f, 0, sizeof(f));
	ok(findings_of(&f, findings) == 0, "nothing is nothing to look at");
}

int main(void)
{
#define X(class, rate, count, time) test_class(#class, EXPLAIN_##class, rate, count, time);
	FINDINGS_CLASS_RULES(X)
#undef X
	test_shares();
	test_words();
	return done_testing();
}
