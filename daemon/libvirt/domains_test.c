/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of libvirt's events, with libvirt's own test driver; and what XML says. */
#include "daemon/libvirt/domains.c"

#include "daemon/libvirt/survey.h"
#include "guest-agent/shared/tap.h"

#define URI "test:///default"
#define UUID "76d86578-6974-4000-8000-00000000000a"

static const char domain_xml[] =
	"<domain type='test'><name>first</name><uuid>" UUID "</uuid><memory>1024</memory>"
	"<os><type>hvm</type></os></domain>";

static struct {
	enum domain_event event;
	struct domain domain;
} told[64];

static size_t count, wanted;
static int listed, lost, guard;

static void on_event(void *ctx, enum domain_event event, const struct domain *domain)
{
	(void)ctx;
	if (count < sizeof(told) / sizeof(told[0])) {
		told[count].event = event;
		told[count++].domain = *domain;
	}
	if (count == wanted)
		loop_quit();
}

static void on_listed(void *ctx)
{
	(void)ctx;
	listed++;
	loop_quit();
}

static void on_lost(void *ctx)
{
	(void)ctx;
	lost++;
}

static void on_guard(void *ctx)
{
	(void)ctx;
	loop_quit();
}

static const struct domains_ops ops = { .event = on_event, .listed = on_listed, .lost = on_lost };

/* Run until there are @n events, and a moment longer for more of them. */
static bool comes(size_t n)
{
	wanted = n;
	loop_update_timer(guard, 5000);
	if (count < wanted)
		loop_run();
	wanted = 0;
	loop_update_timer(guard, 50);
	loop_run();
	return count == n;
}

static bool is_last(enum domain_event event, enum vm_state state, const char *name,
		    const char *reason)
{
	return count > 0 && told[count - 1].event == event &&
	       told[count - 1].domain.state == state &&
	       strcmp(told[count - 1].domain.uuid, UUID) == 0 &&
	       strcmp(told[count - 1].domain.name, name) == 0 &&
	       strcmp(told[count - 1].domain.reason, reason) == 0;
}

static void test_events(virConnectPtr conn)
{
	virDomainPtr dom = virDomainDefineXML(conn, domain_xml);

	if (!ok(dom, "a domain is defined"))
		return;
	ok(comes(1) && is_last(DOMAIN_CHANGED, VM_STOPPED, "first", ""), "which is told");
	ok(virDomainRename(dom, "second", 0) == 0 && comes(2) &&
		   is_last(DOMAIN_CHANGED, VM_STOPPED, "second", ""),
	   "it is renamed: told once, by its new name");
	ok(virDomainCreate(dom) == 0 && comes(3) &&
		   is_last(DOMAIN_STARTED, VM_RUNNING, "second", ""),
	   "it starts");
	ok(strchr(told[2].domain.life, '/'), "a life: %s", told[2].domain.life);
	ok(virDomainSuspend(dom) == 0 && comes(4) && is_last(DOMAIN_CHANGED, VM_PAUSED, "second", ""),
	   "it is paused");
	ok(strcmp(told[3].domain.life, told[2].domain.life) == 0, "in the same life");
	ok(virDomainResume(dom) == 0 && comes(5) && is_last(DOMAIN_CHANGED, VM_RUNNING, "second", ""),
	   "it goes on");
	ok(virDomainUndefine(dom) == 0 && comes(5), "it is undefined: it runs on");
	ok(virDomainDestroy(dom) == 0 && comes(6) &&
		   is_last(DOMAIN_STOPPED, VM_STOPPED, "second", "destroyed") &&
		   !*told[5].domain.life,
	   "until it is destroyed");
	(void)virDomainFree(dom);
	dom = virDomainDefineXML(conn, domain_xml);
	ok(comes(7) && dom && virDomainUndefine(dom) == 0 && comes(8) &&
		   is_last(DOMAIN_STOPPED, VM_STOPPED, "first", ""),
	   "one that is undefined while it does not run has ended");
	if (dom)
		(void)virDomainFree(dom);
}

static void test_reasons(void)
{
	ok(strcmp(reason_of(VIR_DOMAIN_SHUTOFF, shutoff_of(VIR_DOMAIN_EVENT_STOPPED_MIGRATED)),
		  "migrated") == 0 &&
		   strcmp(reason_of(VIR_DOMAIN_SHUTOFF,
				    shutoff_of(VIR_DOMAIN_EVENT_STOPPED_CRASHED)),
			  "crashed") == 0 &&
		   strcmp(reason_of(VIR_DOMAIN_SHUTOFF,
				    shutoff_of(VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)),
			  "") == 0 &&
		   strcmp(reason_of(VIR_DOMAIN_SHUTOFF, shutoff_of(99)), "") == 0,
	   "why a domain ended");
	ok(strcmp(reason_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR), "io-error") == 0 &&
		   strcmp(reason_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER), "") == 0 &&
		   strcmp(reason_of(VIR_DOMAIN_PAUSED, 1000), "") == 0 &&
		   strcmp(reason_of(VIR_DOMAIN_PAUSED, -1), "") == 0,
	   "or is paused");
	ok(strcmp(reason_of(VIR_DOMAIN_CRASHED, 1), "panicked") == 0 &&
		   strcmp(reason_of(VIR_DOMAIN_RUNNING, 1), "") == 0,
	   "or panicked");
}

/* ---- XML ---- */

#define DEVICES(text) "<domain><devices>" text "</devices></domain>"
#define CHANNEL_XML(source) \
	"<channel type='unix'>" source "<target type='virtio' name='org.vmexit.agent.0'/>" \
	"<alias name='channel0'/></channel>"
#define OTHER "<channel type='unix'><source path='/other'/>" \
	      "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"

static void test_xml(void)
{
	static const char live[] = DEVICES(
		"<controller type='virtio-serial' index='0'/>" OTHER CHANNEL_XML(
			"<source mode='bind' path='/run/a&amp;b/x.sock'/>"));
	static const char defined[] = DEVICES(OTHER CHANNEL_XML(""));
	static const char without[] = DEVICES(
		OTHER "<channel type='pty'><target type='virtio' name='org.vmexit.agent.0'/></channel>"
		      "<channel type='unix'><target type='virtio' name='org.vmexit.agent.01'/>"
		      "</channel>");
	char *socket = domainxml_socket(live), *element = domainxml_channel(live);

	ok(socket && strcmp(socket, "/run/a&b/x.sock") == 0, "the channel's socket");
	ok(element && strncmp(element, "<channel type=\"unix\">", 21) == 0 &&
		   strstr(element, "/run/a&amp;b/x.sock") && strstr(element, "channel0") &&
		   strcmp(element + strlen(element) - 10, "</channel>") == 0,
	   "its element, whole");
	ok(domainxml_has_channel(live) && domainxml_has_serial(live), "there is a channel");
	ok(domainxml_has_channel(defined) && !domainxml_socket(defined) &&
		   !domainxml_has_serial(defined),
	   "in a definition it has no socket");
	ok(!domainxml_has_channel(without) && !domainxml_channel(without) &&
		   !domainxml_socket(without),
	   "other channels are none of ours");
	ok(!domainxml_has_channel("no XML") && !domainxml_socket("") && !domainxml_channel("<a>"),
	   "nor is what is no XML");
	free(socket);
	free(element);
}

static void test_kinds(void)
{
	static const char plain[] = "<domain type='kvm'><metadata><x:os xmlns:x='urn:x' id='other'/>"
				    "</metadata><devices>" CHANNEL_XML("") "</devices></domain>";
	static const char special[] =
		"<domain type='qemu'><metadata><libosinfo:libosinfo xmlns:libosinfo='urn:x'>"
		"<libosinfo:os id='http://microsoft.com/win/11'/></libosinfo:libosinfo></metadata>"
		"<launchSecurity type='sev-snp'/><devices><channel type='unix'>"
		"<target type='virtio' name='org.vmexit.agent.0' state='connected'/></channel>"
		"</devices></domain>";
	char *confidential = domainxml_confidential(special);

	ok(domainxml_is_open(special) && !domainxml_is_open(plain), "whether the guest has it open");
	ok(domainxml_is_emulated(special) && !domainxml_is_emulated(plain), "whether it is emulated");
	ok(domainxml_is_windows(special) && !domainxml_is_windows(plain), "whether it is a Windows");
	ok(confidential && strcmp(confidential, "sev-snp") == 0 && !domainxml_confidential(plain),
	   "whether the host is kept out of it");
	free(confidential);
}

static void test_survey(void)
{
	struct survey survey;
	const struct survey_domain *found;

	ok(survey_read("test:///default", &survey) == 0 && survey.connected && !*survey.error &&
		   survey.libvirt_version >= 8000000 && strcmp(survey.type, "TEST") == 0,
	   "libvirt says what it is");
	found = survey_find(&survey, "test");
	ok(survey.count == 1 && found && found->runs && found->persistent && found->described &&
		   !found->has_channel && !found->emulated && survey_find(&survey, found->uuid) == found,
	   "and what its domains are");
	ok(!survey_find(&survey, "nobody"), "and what they are not");
	survey_done(&survey);
	ok(survey_read("qemu+unix:///system?socket=/none/such", &survey) == 0 && !survey.connected && *survey.error,
	   "or why it does not");
	survey_done(&survey);
}

int main(void)
{
	struct worker *worker = NULL;
	struct domains *domains;
	virConnectPtr conn;

	domains_quiet();
	log_init("domains_test", LOG_WARNING);
	test_reasons();
	test_xml();
	test_kinds();
	test_survey();
	if (!ok(loop_init() == 0 && worker_new(1, &worker) == 0, "a loop"))
		return done_testing();
	guard = loop_add_timer(-1, on_guard, NULL);
	domains = domains_new(URI, worker, &ops, NULL);
	loop_update_timer(guard, 10000);
	loop_run();
	ok(listed == 1 && count == 1 && told[0].event == DOMAIN_FOUND &&
		   strcmp(told[0].domain.name, "test") == 0 &&
		   told[0].domain.state == VM_RUNNING,
	   "connected: its domains are listed");
	count = 0;
	conn = virConnectOpen(URI);
	if (ok(conn, "another connection"))
		test_events(conn);
	(void)virConnectClose(conn);
	ok(lost == 0 && listed == 1, "the connection lasted");
	domains_free(domains);
	loop_remove_timer(guard);
	worker_free(worker);
	return done_testing();
}
