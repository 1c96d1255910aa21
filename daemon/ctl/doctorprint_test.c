/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorprint.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

static struct doctorsay said;
static char text[8192];

/* What is printed of @said, which is TAP's output else. */
static const char *printed(bool quiet, bool is_root)
{
	char path[] = "/tmp/vmexit-doctorprint-XXXXXX";
	int out = dup(STDOUT_FILENO), fd = mkostemp(path, O_CLOEXEC);
	ssize_t n;

	fflush(stdout);
	(void)dup2(fd, STDOUT_FILENO);
	doctorprint_text(&said, quiet, is_root);
	fflush(stdout);
	(void)dup2(out, STDOUT_FILENO);
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(out);
	close(fd);
	(void)unlink(path);
	return text;
}

static int is(const char *got, const char *wanted)
{
	if (strcmp(got, wanted) == 0)
		return 1;
	printf("# got:\n# %s\n# instead of:\n# %s\n", got, wanted);
	return 0;
}

static void vms(void)
{
	said.subject = "VMs";
	said.vm = "web";
	doctorsay(&said, DOCTOR_OK, "agent", "its agent is connected");
	doctorsay(&said, DOCTOR_OK, "host", "the host counts");
	doctorsay_why(&said, "it can");
	said.vm = "db\x1b[2J";
	doctorsay(&said, DOCTOR_OK, "agent", "is \x9b" "31m\xe2\x80\xae harmless");
	doctorsay(&said, DOCTOR_UNSEEN, "leaf", "is not seen");
	doctorsay(&said, DOCTOR_OK, "host", "the host counts");
	said.vm = NULL;
}

int main(void)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	said.subject = "Kernel";
	doctorsay(&said, DOCTOR_OK, "cpu", "a CPU");
	doctorsay(&said, DOCTOR_OK, "kvm", "KVM");
	doctorsay(&said, DOCTOR_NOTE, "x", "a note");
	doctorsay_why(&said, "because");
	doctorsay_fix(&said, "do %d", 1);
	ok(is(printed(false, true), "Kernel\n  ok       a CPU\n  ok       KVM\n  note     a note\n"
				    "           why: because\n           fix: do 1\n\n0 problems, 1 note.\n"),
	   "a line each of what, why and what to do");
	ok(is(printed(true, true), "Kernel\n  note     a note\n           why: because\n"
				   "           fix: do 1\n\n0 problems, 1 note.\n"),
	   "quiet: without what is well");
	doctorsay_done(&said);
	ok(is(printed(true, true), "0 problems, 0 notes.\n"), "nothing to say");
	vms();
	ok(is(printed(false, false), "VMs\n  ok       web: its agent is connected; the host counts\n"
				     "           why: it can\n  ok       db?[2J: is ?31m? harmless\n"
				     "  unseen   db?[2J: is not seen\n  ok       db?[2J: the host counts\n\n"
				     "0 problems, 0 notes, 1 not looked at (root sees more: sudo vmexitctl "
				     "doctor).\n"),
	   "what is well of a VM takes a line, and no name is obeyed");
	ok(is(printed(true, true), "VMs\n  unseen   db?[2J: is not seen\n\n"
				   "0 problems, 0 notes, 1 not looked at.\n"),
	   "which root is not told to become");
	doctorsay_done(&said);
	return done_testing();
}
