/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/topdata.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/topreasons.h"
#include "guest-agent/shared/tap.h"

static struct topdata data;

/* Quotes are apostrophes here. */
static json_t *parse(const char *text)
{
	char *copy = strdup(text);
	json_t *root;

	for (char *s = copy; *s; s++)
		*s = *s == '\'' ? '"' : *s;
	root = json_loads(copy, JSON_DECODE_ANY, NULL);
	free(copy);
	return root;
}

static int set_vms(const char *text)
{
	json_t *root = parse(text);
	int r = topdata_set_vms(&data, root, 1000, 5000);

	json_decref(root);
	return r;
}

static void sample(const char *text, int64_t now_ms)
{
	json_t *root = parse(text);

	topdata_sample(&data, root, now_ms);
	json_decref(root);
}

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

#define VM(id, name, boot, guest, host) \
	"{'id':'" id "','name':'" name "','state':'running','agent':'connected','boot':" boot \
	",'guest':" guest ",'host':" host "}"
#define NUMBERS "{'t':4999.5,'exits':1000,'exits_rate':50.0,'handling_share':0.1,'lost_share':0.2}"

static const struct topdata_numbers *best(const char *id)
{
	enum topdata_source source;

	return topdata_numbers(topdata_find(&data, id), TOPDATA_BEST, &source);
}

static void test_list(void)
{
	enum topdata_source source = TOPDATA_SOURCES;

	ok(set_vms("{'vms':[" VM("b", "two", "2", "null", NUMBERS) "," VM("a", "one", "1", NUMBERS, "null")
		   "," VM("c", "three", "null", "null", "null") "]}") == 0 && data.count == 3, "a list");
	ok(topdata_find(&data, "a") && topdata_find(&data, "b") && !topdata_find(&data, "d"), "by id");
	ok(strcmp(topdata_find_name(&data, "two")->id, "b") == 0 && topdata_find_name(&data, "c") &&
		   !topdata_find_name(&data, "x"), "by name or id");
	ok(near(best("a")->rate, 50) && near(best("a")->lost, 0.2), "what the daemon says of the latest sample");
	ok(topdata_numbers(topdata_find(&data, "b"), TOPDATA_BEST, &source) && source == TOPDATA_HOST,
	   "without the guest's, the host's");
	ok(!topdata_numbers(topdata_find(&data, "b"), TOPDATA_ONLY_GUEST, &source), "unless only the guest's are wanted");
	ok(!best("c"), "nothing of a VM that was never seen");
	topdata_tick(&data, 500 + TOPDATA_STALE_MS + TOPDATA_INTERVAL_MAX_MS * 3 / 2);
	ok(near(best("a")->rate, 50), "for as long as that is new");
	topdata_tick(&data, 501 + TOPDATA_STALE_MS + TOPDATA_INTERVAL_MAX_MS * 3 / 2);
	ok(isnan(best("a")->rate) && near(best("a")->exits, 1000), "by its own time");
	(void)set_vms("{'vms':[" VM("o", "old", "1", "{'t':4970.0,'exits':7,'exits_rate':5.0}", "null") "]}");
	ok(isnan(best("o")->rate) && near(best("o")->exits, 7), "what is old already is not taken for new");
	(void)set_vms("{'vms':[" VM("a", "one", "1", NUMBERS, "null") "," VM("b", "two", "1", NUMBERS, "null") "," VM("c", "three", "1", NUMBERS, "null") "]}");
	ok(set_vms("{'vms':5}") == -EPROTO && set_vms("[]") == -EPROTO && data.count == 3, "what is no list changes nothing");
	ok(set_vms("{'vms':[5,{},{'id':5},{'id':'z','name':7,'guest':[],'boot':'x'}]}") == 0 && data.count == 1,
	   "of entries that are none, nothing");
	ok(set_vms("{'vms':[]}") == 0 && data.count == 0, "an empty one");
}

static void test_samples(void)
{
	(void)set_vms("{'vms':[" VM("a", "one", "1", NUMBERS, "null") "]}");
	sample("{'vm':'a','boot':1,'source':'guest','dt':0.5,'exits':1100,'exits_rate':200.0,'handling_share':0.3,'lost_share':null}", 1000);
	sample("{'vm':'a','boot':1,'source':'guest','dt':1.5,'exits':1400,'exits_rate':100.0,'handling_share':0.1,'lost_share':0.4}", 1500);
	ok(near(best("a")->rate, 50), "samples show with the next refresh");
	topdata_tick(&data, 2000);
	ok(near(best("a")->rate, 125) && near(best("a")->handling, 0.15), "which has the mean of all since the last");
	ok(near(best("a")->lost, 0.4), "as far as a share is known");
	ok(near(best("a")->exits, 1400), "and the sum of the latest");
	topdata_tick(&data, 3000);
	ok(near(best("a")->rate, 125), "without a sample it stays");
	(void)set_vms("{'vms':[" VM("a", "uno", "1", NUMBERS, "null") "," VM("b", "two", "1", NUMBERS, "null") "]}");
	ok(near(best("a")->rate, 125) && strcmp(topdata_find(&data, "a")->untrusted_name, "uno") == 0,
	   "and in another list");
	topdata_tick(&data, 1500 + TOPDATA_STALE_MS + 1500 * 3 / 2);
	ok(near(best("a")->rate, 125), "for so long as its samples may take");
	topdata_tick(&data, 1500 + TOPDATA_STALE_MS + 1500 * 3 / 2 + 1);
	ok(isnan(best("a")->rate) && near(best("a")->exits, 1000), "but not for ever");
	ok(best("a")->history.count == 4 && near(best("a")->history.values[2], 125) &&
		   isnan(best("a")->history.values[3]), "the history has it");
	sample("{'vm':'a','boot':2,'source':'guest','dt':1,'exits':10,'exits_rate':10.0}", 20000);
	topdata_tick(&data, 20000);
	ok(near(best("a")->rate, 10) && isnan(best("a")->handling) && best("a")->history.count == 1,
	   "another boot begins anew");
	sample("{'vm':'a','boot':1,'source':'guest','dt':1,'exits':10,'exits_rate':99.0}", 20000);
	topdata_tick(&data, 21000);
	ok(near(best("a")->rate, 10), "and the old one is over");
	sample("{'vm':'x','boot':1,'source':'guest','dt':1,'exits_rate':1}", 1);
	sample("{'vm':'a','boot':2,'source':'host'}", 1);
	sample("{'vm':'a','boot':2,'source':'guest','exits':10,'dt':-5,'exits_rate':1e300}", 21000);
	sample("{'vm':'a','boot':2,'source':'guest','exits':10,'dt':'x','exits_rate':[]}", 21000);
	sample("[]", 21000);
	sample("7", 21000);
	topdata_tick(&data, 22000);
	ok(near(best("a")->rate, 10), "what is no sample is none");
}

/* ---- reasons ---- */

static struct topreasons reasons;

static bool totals(const char *text, bool *grew)
{
	json_t *root = parse(text);
	int r = topreasons_set_totals(&reasons, root, grew);

	json_decref(root);
	return r == 0;
}

static bool interval(const char *text)
{
	json_t *root = parse(text);
	int r = topreasons_set_interval(&reasons, root);

	json_decref(root);
	return r == 0;
}

#define TOTALS(boot, source, to) \
	"{'boot':" boot ",'source':'" source "','to':" to ",'complete':true,'reasons':[{'number':120,'name':'hlt'," \
	"'count':500},{'number':7,'name':null,'count':20}]}"

static void test_reasons(void)
{
	bool grew = false;

	ok(totals(TOTALS("1", "guest", "100.0"), &grew) && grew && reasons.count == 2, "sums of a boot");
	ok(strcmp(reasons.rows[1].name, "7") == 0 && isnan(reasons.rows[0].rate) && isnan(reasons.from),
	   "a number without a name, and no rates yet");
	ok(interval("{'covered':2.0,'count':300,'reasons':[{'number':120,'name':'hlt','count':200,'count_share':0.5,"
		    "'handling_share':0.01,'away_share':null},{'number':9,'name':'nine','count':100,'count_share':0.5}]}"),
	   "an interval");
	ok(near(reasons.rows[0].rate, 100) && near(reasons.rows[0].handling, 0.01) && isnan(reasons.rows[0].away) &&
		   near(reasons.rows[1].rate, 0) && near(reasons.rate, 150), "has its rates, and 0 of what did not happen");
	ok(reasons.count == 3 && isnan(reasons.rows[2].total), "with what was not there before");
	ok(totals(TOTALS("1", "guest", "100.0"), &grew) && !grew && near(reasons.rows[0].rate, 100), "nothing new");
	ok(totals(TOTALS("1", "guest", "101.5"), &grew) && grew && near(reasons.from, 100) && near(reasons.to, 101.5),
	   "the next interval begins where the last ended");
	topreasons_no_interval(&reasons);
	ok(isnan(reasons.rows[0].rate) && near(reasons.rows[0].total, 500), "rates that are not known any more");
	ok(reasons.rows[0].history.count == 2, "the history has both");
	ok(totals(TOTALS("2", "guest", "5.0"), &grew) && grew && reasons.count == 2 && reasons.rows[0].history.count == 0,
	   "another boot begins anew");
	ok(totals(TOTALS("2", "host", "5.0"), &grew) && isnan(reasons.from), "and another source");
	ok(!totals("{}", &grew) && !totals("{'boot':0,'source':'guest','to':1,'reasons':[]}", &grew) && !interval("{}") &&
		   !interval("{'covered':0,'reasons':[]}") && reasons.boot == 2, "what is no answer changes nothing");
	topreasons_done(&reasons);
	ok(!interval("{'covered':1,'count':1,'reasons':[{'number':1}]}"), "nor does an interval of nothing");
}

static void test_many(void)
{
	json_t *root = json_pack("{sisssfsb}", "boot", 1, "source", "guest", "to", 1.0, "complete", 0);
	json_t *list = json_array();
	bool grew;

	for (int i = 0; i < TOPREASONS_MAX + 50; i++)
		(void)json_array_append_new(list, json_pack("{sisi}", "number", i, "count", i));
	(void)json_object_set_new(root, "reasons", list);
	ok(topreasons_set_totals(&reasons, root, &grew) == 0 && reasons.count == TOPREASONS_MAX, "more than there is room for");
	topreasons_done(&reasons);
	json_decref(root);
	list = json_array();
	for (int i = 0; i < TOPDATA_VMS_MAX + 50; i++)
		(void)json_array_append_new(list, json_pack("{so}", "id", json_sprintf("vm%d", i)));
	root = json_pack("{so}", "vms", list);
	ok(topdata_set_vms(&data, root, 1000, 5000) == 0 && data.count == TOPDATA_VMS_MAX && topdata_find(&data, "vm77"), "of VMs, too");
	json_decref(root);
}

int main(void)
{
	test_list();
	test_samples();
	test_reasons();
	test_many();
	topdata_done(&data);
	return done_testing();
}
