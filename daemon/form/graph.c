/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/graph.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/form/graphscript.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define DEADLINE_MS 20000
#define PICTURE_MAX (16 << 20)

static int make_file(const char *name, const struct graphscript *g,
		     void (*fill)(FILE *, const struct graphscript *))
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	FILE *f;
	int copy;

	if (fd < 0)
		return -errno;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	f = copy >= 0 ? fdopen(copy, "w") : NULL;
	if (!f) {
		if (copy >= 0)
			close(copy);
		close(fd);
		return -ENOMEM;
	}
	fill(f, g);
	if (fclose(f) != 0) {
		close(fd);
		return -ENOMEM;
	}
	return fd;
}

/*
 * The child gets the script as 3, the data as 4 and a pipe as standard output.
 * dup2() onto the same number would keep close-on-exec, so both are moved up first.
 */
static int start(const char *gnuplot, int script, int data, int out, pid_t *ret_pid)
{
	char *const argv[] = { (char *)gnuplot, "--default-settings", "/proc/self/fd/3", NULL };
	char path[4096] = "PATH=/usr/local/bin:/usr/bin:/bin";
	char *const envp[] = { path, "HOME=/nonexistent", "LC_ALL=C.UTF-8", NULL };
	int high_script = fcntl(script, F_DUPFD_CLOEXEC, 10);
	int high_data = fcntl(data, F_DUPFD_CLOEXEC, 10);
	int high_out = fcntl(out, F_DUPFD_CLOEXEC, 10);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, high_out, 1);
	posix_spawn_file_actions_adddup2(&actions, high_script, 3);
	posix_spawn_file_actions_adddup2(&actions, high_data, 4);
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	r = high_script < 0 || high_data < 0 || high_out < 0
		    ? EMFILE
		    : posix_spawnp(ret_pid, gnuplot, &actions, &attr, argv, envp);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (high_script >= 0)
		close(high_script);
	if (high_data >= 0)
		close(high_data);
	if (high_out >= 0)
		close(high_out);
	return -r;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Everything that comes out of @fd until its end. */
static int read_picture(int fd, int64_t deadline_ms, char **ret_data, size_t *ret_size)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0, room = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left_ms = deadline_ms - now_ms();
		ssize_t n;

		if (left_ms <= 0 || poll(&p, 1, left_ms) == 0)
			return -ETIMEDOUT;
		if (room - size < 65536) {
			char *more = realloc(data, room + 262144);

			if (!more || room > PICTURE_MAX)
				return -ENOMEM;
			data = more;
			room += 262144;
		}
		n = read(fd, data + size, room - size);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			size += n;
	}
	*ret_data = data;
	*ret_size = size;
	data = NULL;
	return 0;
}

/* A program that has closed its output may still hang; it is not waited for for ever. */
static int reap(pid_t pid, int64_t deadline_ms)
{
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		struct timespec pause = { 0, 2000000 };

		if (got == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (now_ms() >= deadline_ms) {
			/* Its own process group: what it started goes with it. */
			kill(-pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
}

/* What a program of this kind may take at most: it reads two files, and writes to a pipe. */
static void confine(pid_t pid)
{
	static const struct {
		int resource;
		rlim_t most;
	} limits[] = {
		{ RLIMIT_CPU, DEADLINE_MS / 1000 },	{ RLIMIT_AS, 2UL << 30 },
		{ RLIMIT_FSIZE, 0 },			{ RLIMIT_CORE, 0 },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit = { limits[i].most, limits[i].most };

		(void)prlimit(pid, limits[i].resource, &limit, NULL);
	}
}

/* Whether it has an end, as a picture that was cut short has not. */
static bool is_whole(enum graph_format format, const char *data, size_t size)
{
	static const char *const ends[] = {
		[GRAPH_SVG] = "</svg>", [GRAPH_PNG] = "IEND", [GRAPH_PDF] = "%%EOF",
	};
	size_t last = size < 64 ? size : 64;

	return memmem(data + size - last, last, ends[format], strlen(ends[format]));
}

/* Run @gnuplot on the open files @script and @data. */
static int run(const char *gnuplot, int script, int data, char **ret_picture, size_t *ret_size)
{
	int64_t deadline_ms = now_ms() + DEADLINE_MS;
	_cleanup_close_ int in = -1;
	int out[2];
	pid_t pid;
	int r, reaped;

	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	in = out[0];
	r = start(gnuplot, script, data, out[1], &pid);
	close(out[1]);
	if (r < 0)
		return r;
	confine(pid);
	r = read_picture(in, deadline_ms, ret_picture, ret_size);
	reaped = reap(pid, r < 0 ? 0 : deadline_ms);
	if (r == 0 && reaped < 0)
		free(*ret_picture);
	return r < 0 ? r : reaped;
}

static int draw(const char *gnuplot, const struct graphscript *g, char **ret_data, size_t *ret_size)
{
	_cleanup_close_ int script = make_file("script", g, graphscript_script);
	_cleanup_close_ int data = make_file("data", g, graphscript_data);
	char *picture = NULL;
	size_t size = 0;
	int r;

	if (script < 0 || data < 0)
		return -ENOMEM;
	r = run(gnuplot, script, data, &picture, &size);
	if (r == 0 && !is_whole(g->graph->format, picture, size)) {
		free(picture);
		r = -EIO;
	}
	if (r < 0) {
		log_warning("'%s' drew no graph: %s", gnuplot,
			    r == -ETIMEDOUT ? "it took too long" : strerror(-r));
		return r;
	}
	*ret_data = picture;
	*ret_size = size;
	return 0;
}

int graph_draw(const char *gnuplot, const struct graph *graph, const struct series *series,
	       char **ret_data, size_t *ret_size)
{
	struct graphscript g = { .graph = graph, .series = series };
	struct graphstack stack;
	int r = 0;

	if (graph->stacked) {
		r = graphstack_make(series, &stack);
		if (r < 0)
			return r;
		g.stack = &stack;
	}
	r = draw(gnuplot, &g, ret_data, ret_size);
	if (g.stack)
		graphstack_done(&stack);
	return r;
}

void graph_done(struct graph *graph)
{
	free(graph->marks);
	graph->marks = NULL;
	graph->marks_count = 0;
}

const char *graph_type(enum graph_format format)
{
	return format == GRAPH_SVG ? "image/svg+xml" : format == GRAPH_PNG ? "image/png" : "application/pdf";
}

const char *graph_suffix(enum graph_format format)
{
	return format == GRAPH_SVG ? "svg" : format == GRAPH_PNG ? "png" : "pdf";
}
