/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/libvirt/survey.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/libvirt/domainxml.h"
#include "daemon/libvirt/domains.h"
#include "guest-agent/shared/cleanup.h"

static void note_error(struct survey *survey)
{
	virErrorPtr error = virGetLastError();

	(void)snprintf(survey->error, sizeof(survey->error), "%s",
		       error && error->message ? error->message : "unknown");
}

static void describe(virDomainPtr dom, struct survey_domain *d)
{
	_cleanup_free_ char *xml = virDomainGetXMLDesc(dom, 0);
	_cleanup_free_ char *next = NULL;
	_cleanup_free_ char *confidential = NULL;

	if (!xml)
		return;
	d->described = true;
	d->emulated = domainxml_is_emulated(xml);
	d->has_channel = d->has_channel_next = domainxml_has_channel(xml);
	d->has_serial = domainxml_has_serial(xml);
	d->channel_open = domainxml_is_open(xml);
	d->windows = domainxml_is_windows(xml);
	confidential = domainxml_confidential(xml);
	if (confidential)
		(void)snprintf(d->confidential, sizeof(d->confidential), "%s", confidential);
	next = d->runs && d->persistent ? virDomainGetXMLDesc(dom, VIR_DOMAIN_XML_INACTIVE) : NULL;
	if (next)
		d->has_channel_next = domainxml_has_channel(next);
}

static void take(virDomainPtr dom, struct survey_domain *d)
{
	const char *name = virDomainGetName(dom);

	(void)snprintf(d->name, sizeof(d->name), "%s", name ? name : "");
	if (virDomainGetUUIDString(dom, d->uuid) < 0)
		*d->uuid = '\0';
	d->runs = virDomainIsActive(dom) == 1;
	d->persistent = virDomainIsPersistent(dom) == 1;
	describe(dom, d);
}

static int take_all(virConnectPtr conn, struct survey *survey)
{
	virDomainPtr *list = NULL;
	int n = virConnectListAllDomains(conn, &list, 0), r = 0;

	if (n < 0) {
		note_error(survey);
		return 0;
	}
	survey->more = n > SURVEY_DOMAINS_MAX;
	survey->domains = calloc(n + 1, sizeof(*survey->domains));
	for (int i = 0; i < n; i++) {
		if (survey->domains && i < SURVEY_DOMAINS_MAX)
			take(list[i], &survey->domains[survey->count++]);
		(void)virDomainFree(list[i]);
	}
	if (!survey->domains)
		r = -ENOMEM;
	free(list);
	return r;
}

int survey_read(const char *uri, struct survey *ret_survey)
{
	const char *type;
	virConnectPtr conn;
	int r;

	*ret_survey = (struct survey){ 0 };
	domains_quiet();
	conn = virConnectOpenReadOnly(uri);
	if (!conn) {
		note_error(ret_survey);
		return 0;
	}
	ret_survey->connected = true;
	type = virConnectGetType(conn);
	(void)snprintf(ret_survey->type, sizeof(ret_survey->type), "%s", type ? type : "");
	if (virConnectGetLibVersion(conn, &ret_survey->libvirt_version) < 0)
		ret_survey->libvirt_version = 0;
	if (virConnectGetVersion(conn, &ret_survey->qemu_version) < 0)
		ret_survey->qemu_version = 0;
	r = take_all(conn, ret_survey);
	(void)virConnectClose(conn);
	return r;
}

void survey_done(struct survey *survey)
{
	free(survey->domains);
	*survey = (struct survey){ 0 };
}

const struct survey_domain *survey_find(const struct survey *survey, const char *name)
{
	for (size_t i = 0; i < survey->count; i++) {
		if (strcmp(survey->domains[i].uuid, name) == 0)
			return &survey->domains[i];
	}
	for (size_t i = 0; i < survey->count; i++) {
		if (strcmp(survey->domains[i].name, name) == 0)
			return &survey->domains[i];
	}
	return NULL;
}
