/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/libvirt/domainxml.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL \
	"/domain/devices/channel[@type='unix'][target/@type='virtio']" \
	"[target/@name='" DOMAINXML_PORT "']"

typedef char *(*found_fn)(xmlDocPtr doc, xmlNodePtr node);

/* What @fn makes of the first node of @expression; NULL if there is none. */
static char *with_first(const char *xml, const char *expression, found_fn fn)
{
	xmlDocPtr doc = xmlReadMemory(xml, strlen(xml), "domain.xml", NULL,
				      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlXPathContextPtr xpath = doc ? xmlXPathNewContext(doc) : NULL;
	xmlXPathObjectPtr found =
		xpath ? xmlXPathEvalExpression((const xmlChar *)expression, xpath) : NULL;
	char *result = NULL;

	if (found && found->nodesetval && found->nodesetval->nodeNr > 0)
		result = fn(doc, found->nodesetval->nodeTab[0]);
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(xpath);
	xmlFreeDoc(doc);
	return result;
}

/* The C library's memory: libxml's need not be. */
static char *copy(const xmlChar *text)
{
	return text ? strdup((const char *)text) : NULL;
}

static char *element(xmlDocPtr doc, xmlNodePtr node)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	char *text = NULL;

	if (buffer && xmlNodeDump(buffer, doc, node, 0, 0) >= 0)
		text = copy(xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	return text;
}

static char *content(xmlDocPtr doc, xmlNodePtr node)
{
	xmlChar *value = xmlNodeGetContent(node);
	char *text = copy(value);

	(void)doc;
	xmlFree(value);
	return text;
}

static bool has(const char *xml, const char *expression)
{
	char *text = with_first(xml, expression, element);
	bool found = text;

	free(text);
	return found;
}

bool domainxml_has_channel(const char *xml)
{
	return has(xml, CHANNEL);
}

char *domainxml_channel(const char *xml)
{
	return with_first(xml, CHANNEL, element);
}

char *domainxml_socket(const char *xml)
{
	return with_first(xml, CHANNEL "/source/@path", content);
}

bool domainxml_has_serial(const char *xml)
{
	return has(xml, "/domain/devices/controller[@type='virtio-serial']");
}

bool domainxml_is_open(const char *xml)
{
	return has(xml, CHANNEL "[target/@state='connected']");
}

bool domainxml_is_emulated(const char *xml)
{
	return has(xml, "/domain[@type='qemu']");
}

bool domainxml_is_windows(const char *xml)
{
	return has(xml, "/domain/metadata//*[local-name()='os']"
			"[starts-with(@id, 'http://microsoft.com/')]");
}

char *domainxml_confidential(const char *xml)
{
	return with_first(xml, "/domain/launchSecurity/@type", content);
}
