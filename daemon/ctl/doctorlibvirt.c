/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorlibvirt.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/ctl/doctorask.h"

#define WAIT_S 10

/* libvirt's way to write 8.10.0, and QEMU's. */
#define VERSION(major, minor) ((major) * 1000000UL + (minor) * 1000UL)

/* Outlives its owner if libvirt does not answer. */
struct asking {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool ended, left;		/* by libvirt; by its owner */
	int r;
	struct survey survey;
	char uri[];
};

static void free_asking(struct asking *a)
{
	survey_done(&a->survey);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->done);
	free(a);
}

static void *ask(void *ctx)
{
	struct asking *a = ctx;
	bool left;

	a->r = survey_read(a->uri, &a->survey);
	pthread_mutex_lock(&a->lock);
	a->ended = true;
	left = a->left;
	pthread_cond_signal(&a->done);
	pthread_mutex_unlock(&a->lock);
	if (left)
		free_asking(a);
	return NULL;
}

static int wait_for(struct asking *a, struct survey *ret_survey)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&a->lock);
	while (!a->ended && r == 0)
		r = -pthread_cond_timedwait(&a->done, &a->lock, &until);
	if (a->ended) {
		r = a->r;
		*ret_survey = a->survey;
		a->survey = (struct survey){ 0 };
	} else {
		a->left = true;
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

int doctorlibvirt_ask(const char *uri, struct survey *ret_survey)
{
	struct asking *a = calloc(1, sizeof(*a) + strlen(uri) + 1);
	pthread_t thread;
	int r;

	if (!a)
		return -ENOMEM;
	memcpy(a->uri, uri, strlen(uri) + 1);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->done, NULL);
	r = -pthread_create(&thread, NULL, ask, a);
	if (r < 0) {
		free_asking(a);
		return r;
	}
	r = wait_for(a, ret_survey);
	if (r == -ETIMEDOUT) {
		(void)pthread_detach(thread);
		return r;
	}
	(void)pthread_join(thread, NULL);
	free_asking(a);
	return r;
}

static void say_unreachable(const char *uri, int r, const struct survey *survey, struct doctorsay *say)
{
	doctorsay(say, DOCTOR_PROBLEM, "libvirt", "libvirt at %s %s", uri,
		  r == 0 ? "cannot be reached" : "does not answer");
	if (r == 0)
		doctorsay_why(say, "%s", survey->error);
	else
		doctorsay_why(say, "%s", r == -ETIMEDOUT ? "libvirtd hangs, or waits for a QEMU that does"
							 : strerror(-r));
	doctorsay_fix(say, r == 0 ? "apt install libvirt-daemon-system; systemctl enable --now libvirtd   (as "
				    "root); without libvirt: libvirt = off and channel = NAME=SOCKET in "
				    "vmexitd.conf(5)"
				  : "systemctl restart libvirtd   (as root; running VMs go on)");
}

static void say_daemons_view(json_t *daemon, struct doctorsay *say)
{
	json_t *libvirt = json_object_get(daemon, "libvirt");

	if (!libvirt || json_is_null(libvirt) || json_is_true(json_object_get(libvirt, "connected")))
		return;
	doctorsay(say, DOCTOR_PROBLEM, "libvirt-daemon", "libvirt answers, but vmexitd is not connected to it");
	doctorsay_why(say, "its user may not open libvirt's socket, or it has just begun (%s)",
		      doctorask_text(libvirt, "uri"));
	doctorsay_fix(say, "journalctl -u vmexitd -n 20 says why; PRIVILEGES in vmexitd(8) says which groups "
			   "it needs");
}

static void say_version(const struct survey *survey, json_t *daemon, struct doctorsay *say)
{
	json_t *debugfs = json_object_get(daemon, "debugfs");
	unsigned long libvirt = survey->libvirt_version, qemu = survey->qemu_version;
	bool old = libvirt < VERSION(8, 10) || (qemu && qemu < VERSION(7, 1));

	/* Then libvirt is not asked for counters. */
	if (json_is_true(json_object_get(debugfs, "readable")))
		return;
	if (old) {
		doctorsay(say, DOCTOR_NOTE, "versions", "libvirt %lu.%lu and QEMU %lu.%lu have no counters of VM "
							"exits",
			  libvirt / 1000000, libvirt / 1000 % 1000, qemu / 1000000, qemu / 1000 % 1000);
		doctorsay_why(say, "libvirt 8.10 and QEMU 7.1 have; only KVM's debugfs tells then");
		doctorsay_fix(say, "let vmexitd read debugfs (PRIVILEGES in vmexitd(8)), or upgrade both");
	} else if (qemu && qemu < VERSION(8, 1)) {
		doctorsay(say, DOCTOR_NOTE, "versions", "QEMU %lu.%lu kicks every vCPU for each reading through "
							"libvirt",
			  qemu / 1000000, qemu / 1000 % 1000);
		doctorsay_why(say, "that costs the VMs about an exit a vCPU and reading; QEMU 8.1 does not, and "
				   "readings in debugfs cost nothing");
		doctorsay_fix(say, "let vmexitd read debugfs (PRIVILEGES in vmexitd(8)), or set host_interval = "
				   "5000 in vmexitd.conf(5)");
	}
}

void doctorlibvirt_look(const char *uri, int r, const struct survey *survey, json_t *daemon,
			struct doctorsay *say)
{
	say->subject = "libvirt";
	if (strcmp(uri, "off") == 0) {
		doctorsay(say, DOCTOR_OK, "libvirt", "it is switched off: VMs are those of channel = NAME=SOCKET");
		return;
	}
	if (r < 0 || !survey->connected) {
		say_unreachable(uri, r, survey, say);
		return;
	}
	doctorsay(say, DOCTOR_OK, "libvirt", "libvirt %lu.%lu.%lu at %s has %zu domain%s%s",
		  survey->libvirt_version / 1000000, survey->libvirt_version / 1000 % 1000,
		  survey->libvirt_version % 1000, uri, survey->count,
		  survey->count == 1 ? "" : "s",
		  survey->more ? " and more, which are not looked at" : "");
	if (strcmp(survey->type, "QEMU") == 0)
		say_version(survey, daemon, say);
	say_daemons_view(daemon, say);
}
