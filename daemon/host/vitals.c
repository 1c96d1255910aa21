/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/vitals.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char key[RECORD_KEY_MAX + 1];
	struct vital vital;
	struct entry *next;
};

struct vitals {
	pthread_mutex_t lock;
	struct entry *entries;
	const struct config *config;
	bool libvirt;
};

struct vitals *vitals_new(void)
{
	struct vitals *v = calloc(1, sizeof(*v));

	if (v)
		pthread_mutex_init(&v->lock, NULL);
	return v;
}

void vitals_free(struct vitals *v)
{
	if (!v)
		return;
	while (v->entries) {
		struct entry *next = v->entries->next;

		free(v->entries);
		v->entries = next;
	}
	pthread_mutex_destroy(&v->lock);
	free(v);
}

/* With the lock held. */
static struct entry *find(struct vitals *v, const char *key)
{
	struct entry *e = v->entries;

	while (e && strcmp(e->key, key) != 0)
		e = e->next;
	return e;
}

void vitals_get(struct vitals *v, const char *key, struct vital *ret_vital)
{
	struct entry *e;

	pthread_mutex_lock(&v->lock);
	e = find(v, key);
	*ret_vital = e ? e->vital : (struct vital){ 0 };
	pthread_mutex_unlock(&v->lock);
}

/* With the lock held; NULL for want of memory. */
static struct entry *get(struct vitals *v, const char *key)
{
	struct entry *e = find(v, key);

	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	snprintf(e->key, sizeof(e->key), "%s", key);
	e->next = v->entries;
	v->entries = e;
	return e;
}

void vitals_set_host(struct vitals *v, const char *key, const struct host_state *host)
{
	struct entry *e;

	pthread_mutex_lock(&v->lock);
	e = get(v, key);
	if (e)
		e->vital.host = *host;
	pthread_mutex_unlock(&v->lock);
}

void vitals_set_reason(struct vitals *v, const char *key, const char *reason)
{
	struct entry *e;

	pthread_mutex_lock(&v->lock);
	e = get(v, key);
	if (e)
		snprintf(e->vital.reason, sizeof(e->vital.reason), "%s", reason);
	pthread_mutex_unlock(&v->lock);
}

void vitals_set_config(struct vitals *v, const struct config *config)
{
	pthread_mutex_lock(&v->lock);
	v->config = config;
	pthread_mutex_unlock(&v->lock);
}

const struct config *vitals_config(struct vitals *v)
{
	const struct config *config;

	pthread_mutex_lock(&v->lock);
	config = v->config;
	pthread_mutex_unlock(&v->lock);
	return config;
}

void vitals_set_libvirt(struct vitals *v, bool connected)
{
	pthread_mutex_lock(&v->lock);
	v->libvirt = connected;
	pthread_mutex_unlock(&v->lock);
}

bool vitals_libvirt(struct vitals *v)
{
	bool connected;

	pthread_mutex_lock(&v->lock);
	connected = v->libvirt;
	pthread_mutex_unlock(&v->lock);
	return connected;
}
