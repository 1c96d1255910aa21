/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/command/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-agent/command/report.h"
#include "guest-agent/control/client.h"
#include "guest-agent/shared/log.h"

/* Signals for the command that may come to this process instead. */
static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT,
				 SIGTSTP };

static void set_label(const struct run_options *options, char label[PROTO_LABEL_MAX + 1])
{
	const char *slash = strrchr(options->command[0], '/');
	const char *text = options->label	 ? options->label :
			   slash && slash[1] ? slash + 1 :
					       options->command[0];

	/* As the agent would: the report shows the label that is stored. */
	snprintf(label, PROTO_LABEL_MAX + 1, "%s", *text ? text : "?");
	for (char *p = label; *p; p++) {
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	}
}

static void __attribute__((noreturn)) execute(char *const *command, const sigset_t *mask,
					      const struct sigaction *child_action)
{
	int error;

	sigaction(SIGCHLD, child_action, NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	error = errno;
	log_error("cannot run '%s': %s", command[0], strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

/* As without this program: the shell sees that it stopped, if there is one. */
static void stop(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/*
 * The terminal sends its signals to the command as well, which is in the same
 * process group; what was sent to this process alone is passed on.
 */
static void pass_on(pid_t child, const siginfo_t *info)
{
	if (info->si_code <= 0)
		kill(child, info->si_signo);
	if (info->si_signo == SIGTSTP)
		stop();
}

/* Until the command has ended; its status as a shell would have it. */
static int wait_for(pid_t child, const sigset_t *signals)
{
	siginfo_t info;
	int status;

	for (;;) {
		if (sigwaitinfo(signals, &info) < 0)
			continue;
		if (info.si_signo != SIGCHLD)
			pass_on(child, &info);
		else if (waitpid(child, &status, WNOHANG) == child &&
			 (WIFEXITED(status) || WIFSIGNALED(status)))
			break;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(char *const *command)
{
	struct sigaction old_action, action = { .sa_handler = SIG_DFL };
	sigset_t signals, old;
	pid_t child;
	int status;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(&signals, passed_on[i]);
	/* Whoever started this may ignore it, and then there was nothing to wait for. */
	sigaction(SIGCHLD, &action, &old_action);
	sigprocmask(SIG_BLOCK, &signals, &old);
	child = fork();
	if (child == 0)
		execute(command, &old, &old_action);
	if (child < 0) {
		log_error("cannot run '%s': %s", command[0], strerror(errno));
		status = 126;
	} else {
		status = wait_for(child, &signals);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return status;
}

/* NULL, or why there is nothing to measure with. */
static const char *begin(const struct run_options *options, struct report *report,
			 struct client_answer *answer)
{
	char request[CONTROL_REQUEST_MAX];
	int r;

	snprintf(request, sizeof(request), "begin %s", report->label);
	r = client_ask(options->socket, request, answer);
	if (r < 0)
		return client_explain(r, options->socket, answer);
	report->begin = answer->sequence;
	return NULL;
}

static const char *end(const struct run_options *options, struct report *report,
		       const struct client_answer *before)
{
	static struct client_answer after;
	char request[CONTROL_REQUEST_MAX];
	int r;

	snprintf(request, sizeof(request), "end %" PRIu64 " %d %s", report->begin, report->status,
		 report->label);
	r = client_ask(options->socket, request, &after);
	if (r < 0)
		return client_explain(r, options->socket, &after);
	report->end = after.sequence;
	if (!before->has_sample || !after.has_sample)
		return "vmexit-agent could not take a sample";
	r = cost_compute(&after.hello, &before->sample, &after.sample, &report->cost);
	if (r == -ENODATA)
		return "this VM's exits cannot be read; 'vmexit-agent read' says why";
	return r < 0 ? "the VM was replaced by another meanwhile" : NULL;
}

int run_command(const struct run_options *options)
{
	static struct client_answer before;
	char label[PROTO_LABEL_MAX + 1];
	struct report report = { .label = label };

	set_label(options, label);
	report.why = begin(options, &report, &before);
	report.status = run(options->command);
	if (!report.why)
		report.why = end(options, &report, &before);
	/* The command's status counts, whether there is somebody to read this or not. */
	signal(SIGPIPE, SIG_IGN);
	if (options->json)
		report_print_json(stderr, &report);
	else
		report_print(stderr, &report);
	return report.status;
}
