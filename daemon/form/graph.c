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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/reason.h"

#define DEADLINE_MS 20000
#define PICTURE_MAX (16 << 20)
#define CURVES_MAX 64

struct theme {
	const char *background, *text, *grid, *guest, *host;
};

/* The page's colours. */
static const struct theme light = { "#ffffff", "#333a45", "#d9dde3", "#0b62c4", "#c2540a" };
static const struct theme dark = { "#14171c", "#c9d1db", "#333a45", "#5fa8ff", "#ff9d52" };

/* A share of vCPUs' time, in the graph as per cent. */
static bool is_share(const struct graph *g)
{
	return kind_is_share(&g->key) && !g->cumulative;
}

static const char *y_label(const struct graph *g)
{
	const char *name = kind_name(&g->key);

	if (!is_share(g))
		return kind_unit(&g->key, g->cumulative);
	return strcmp(name, "handling") == 0 ? "share of vCPU time handling exits, %"
	       : strcmp(name, "away") == 0   ? "share of vCPU time away from the guest, %"
					     : "share of vCPU time idle, %";
}

/* Which of several curves it is, by words and numbers of our own. */
static void write_title(FILE *f, const struct series *s)
{
	const char *reason = kind_is_by_reason(&s->key)
				     ? reason_name(s->boot.reason_namespace, s->key.id)
				     : NULL;

	fprintf(f, "title '%s, boot %u", s->source == SOURCE_GUEST ? "guest" : "host",
		s->boot.number);
	if (reason)
		fprintf(f, ", %s", reason);
	else if (kind_is_by_reason(&s->key))
		fprintf(f, ", reason %u", s->key.id);
	if (kind_is_by_vcpu(&s->key))
		fprintf(f, ", vCPU %u", s->key.id);
	fputs("' noenhanced", f);
}

static void write_script(FILE *f, const struct graph *g, const struct series *series)
{
	const struct theme *theme = g->dark ? &dark : &light;
	const struct series *s;
	int i = 0;

	if (g->format == GRAPH_SVG)
		fprintf(f, "set terminal svg size %u,%u font 'sans-serif,13' background rgb '%s'\n",
			g->width, g->height, theme->background);
	else
		fprintf(f, "set terminal pngcairo size %u,%u font 'sans,10' background rgb '%s'\n",
			g->width, g->height, theme->background);
	fprintf(f,
		"set encoding utf8\n"
		"set border 3 lc rgb '%s'\n"
		"set tics nomirror textcolor rgb '%s'\n"
		"set grid lc rgb '%s' lw 1 dt 1\n"
		"set key top right reverse Left textcolor rgb '%s'\n"
		"set ylabel '%s' textcolor rgb '%s'\n"
		"set yrange [0:*]\n"
		"set format y '%%.1s%%c'\n",
		theme->grid, theme->text, theme->grid, theme->text, y_label(g), theme->text);
	if (g->since_boot)
		fprintf(f, "set xlabel 'seconds since the boot began' textcolor rgb '%s'\n",
			theme->text);
	else
		fprintf(f,
			"set xdata time\nset timefmt '%%s'\nset format x '%%H:%%M:%%S'\n"
			"set xlabel 'UTC' textcolor rgb '%s'\n",
			theme->text);
	if (!series) {
		fprintf(f,
			"set label 1 'no samples in this range' at graph 0.5,0.5 center "
			"textcolor rgb '%s'\nset xrange [0:1]\nset yrange [0:1]\nplot NaN notitle\n",
			theme->text);
		return;
	}
	fputs("plot ", f);
	for (s = series; s && i < CURVES_MAX; s = s->next, i++) {
		bool guest = s->source == SOURCE_GUEST;

		/* The sources differ in dash as well as in colour. */
		fprintf(f, "%s'/proc/self/fd/4' index %d using 1:2 with lines lw 1.6 dt %s lc rgb '%s' ",
			i ? ", " : "", i, guest ? "1" : "(6,3)", guest ? theme->guest : theme->host);
		write_title(f, s);
	}
	fputs("\n", f);
}

/* An interval's value holds from its begin to its end; a blank line is a hole. */
static void write_data(FILE *f, const struct graph *g, const struct series *series)
{
	double scale = is_share(g) ? 100 : 1;
	double shift = g->since_boot ? g->origin : 0;

	for (const struct series *s = series; s; s = s->next) {
		for (size_t i = 0; i < s->count; i++) {
			double begin = s->t[i] - s->dt[i];

			if (i > 0 && begin - s->t[i - 1] > 0.001)
				fputc('\n', f);
			fprintf(f, "%.6f %.9g\n%.6f %.9g\n", begin - shift, s->v[i] * scale,
				s->t[i] - shift, s->v[i] * scale);
		}
		fputs("\n\n", f);
	}
}

static int make_file(const char *name, const struct graph *g, const struct series *series,
		     void (*fill)(FILE *, const struct graph *, const struct series *))
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
	fill(f, g, series);
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

int graph_draw(const char *gnuplot, const struct graph *graph, const struct series *series,
	       char **ret_data, size_t *ret_size)
{
	int64_t deadline_ms = now_ms() + DEADLINE_MS;
	_cleanup_close_ int script = make_file("script", graph, series, write_script);
	_cleanup_close_ int data = make_file("data", graph, series, write_data);
	_cleanup_close_ int in = -1;
	char *picture = NULL;
	size_t size = 0;
	int out[2];
	pid_t pid;
	int r, reaped;

	if (script < 0 || data < 0)
		return -ENOMEM;
	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	in = out[0];
	r = start(gnuplot, script, data, out[1], &pid);
	close(out[1]);
	if (r < 0) {
		log_warning("cannot start '%s': %s", gnuplot, strerror(-r));
		return r;
	}
	r = read_picture(in, deadline_ms, &picture, &size);
	reaped = reap(pid, r < 0 ? 0 : deadline_ms);
	if (r == 0)
		r = reaped;
	if (r == 0 && size == 0)
		r = -EIO;
	if (r < 0) {
		log_warning("'%s' drew no graph: %s", gnuplot,
			    r == -ETIMEDOUT ? "it took more than ten seconds" : strerror(-r));
		free(picture);
		return r;
	}
	*ret_data = picture;
	*ret_size = size;
	return 0;
}
