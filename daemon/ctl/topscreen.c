/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/topscreen.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/ctl/terminfo.h"
#include "daemon/ctl/toppage.h"
#include "guest-agent/shared/log.h"

/* So long an escape may be the begin of a key's sequence. */
#define ESCAPE_MS 50

static SCREEN *screen;
static int looks[TOPPAGE_LOOKS];

/* What brings the terminal back, for a handler that may call nothing else. */
static struct termios before;
static char restore[256];

static void on_crash(int number)
{
	(void)!write(STDOUT_FILENO, restore, strlen(restore));
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	/* Its handler is the default one again. */
	raise(number);
}

static void catch_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_RESETHAND | SA_NODEFER };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* Without colours, brightness and underlines say the same. */
static void choose_looks(void)
{
	const char *no_color = getenv("NO_COLOR");

	looks[TOPPAGE_PLAIN] = A_NORMAL;
	looks[TOPPAGE_TITLE] = A_BOLD;
	looks[TOPPAGE_HEADING] = A_BOLD | A_UNDERLINE;
	looks[TOPPAGE_SELECTED] = A_REVERSE;
	looks[TOPPAGE_ODD] = A_NORMAL;
	looks[TOPPAGE_ALARM] = A_BOLD | A_REVERSE;
	looks[TOPPAGE_HINT] = A_DIM;
	if ((no_color && *no_color) || !has_colors() || start_color() != OK)
		return;
	(void)use_default_colors();
	(void)init_pair(1, COLOR_YELLOW, -1);
	(void)init_pair(2, COLOR_WHITE, COLOR_RED);
	(void)init_pair(3, COLOR_CYAN, -1);
	looks[TOPPAGE_HEADING] |= COLOR_PAIR(3);
	looks[TOPPAGE_ODD] = COLOR_PAIR(1);
	looks[TOPPAGE_ALARM] = A_BOLD | COLOR_PAIR(2);
}

int topscreen_begin(void)
{
	int r = terminfo_check(restore, sizeof(restore));

	if (r < 0)
		return r;
	(void)tcgetattr(STDIN_FILENO, &before);
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		log_error("the terminal cannot be used; --batch prints instead");
		return -ENOTTY;
	}
	catch_crashes();
	(void)set_escdelay(ESCAPE_MS);
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)curs_set(0);
	choose_looks();
	return 0;
}

void topscreen_end(void)
{
	if (!screen)
		return;
	(void)curs_set(1);
	(void)endwin();
	delscreen(screen);
	screen = NULL;
}

void topscreen_stop(void)
{
	(void)endwin();
	(void)raise(SIGSTOP);
}

/* Whoever stopped this program may have left the terminal in any state. */
void topscreen_continue(void)
{
	(void)reset_prog_mode();
	topscreen_resize();
}

bool topscreen_is_gone(void)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

void topscreen_resize(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
		(void)resizeterm(size.ws_row, size.ws_col);
	/* What the terminal did with its old content is not known. */
	(void)clearok(curscr, TRUE);
	(void)refresh();
}

void topscreen_size(int *ret_lines, int *ret_columns)
{
	getmaxyx(stdscr, *ret_lines, *ret_columns);
}

void topscreen_show(const struct toppage *page)
{
	(void)erase();
	for (int i = 0; i < page->count; i++) {
		const struct toppage_line *line = &page->lines[i];

		(void)attrset(looks[line->look]);
		(void)mvaddstr(i, 0, line->text);
		/* A selection and a heading are as wide as the screen. */
		if (line->look == TOPPAGE_SELECTED || line->look == TOPPAGE_HEADING ||
		    line->look == TOPPAGE_ALARM)
			(void)mvchgat(i, 0, -1, looks[line->look] & ~A_COLOR,
				      PAIR_NUMBER(looks[line->look]), NULL);
	}
	(void)attrset(A_NORMAL);
	(void)curs_set(page->cursor >= 0);
	if (page->cursor >= 0)
		(void)move(page->count - 1, page->cursor);
	(void)refresh();
}

static int special(wint_t key)
{
	switch (key) {
	case KEY_UP: return TOPSCREEN_UP;
	case KEY_DOWN: return TOPSCREEN_DOWN;
	case KEY_PPAGE: return TOPSCREEN_PAGE_UP;
	case KEY_NPAGE: return TOPSCREEN_PAGE_DOWN;
	case KEY_HOME: return TOPSCREEN_HOME;
	case KEY_END: return TOPSCREEN_END;
	case KEY_ENTER: return TOPSCREEN_ENTER;
	case KEY_BACKSPACE: return TOPSCREEN_BACK;
	default: return TOPSCREEN_OTHER;
	}
}

int topscreen_key(void)
{
	wint_t key;
	int kind = get_wch(&key);

	if (kind == ERR)
		return TOPSCREEN_NO_KEY;
	if (kind == KEY_CODE_YES)
		return special(key);
	switch (key) {
	case '\r':
	case '\n': return TOPSCREEN_ENTER;
	case 0x7f:
	case '\b': return TOPSCREEN_BACK;
	case 0x1b: return TOPSCREEN_ESCAPE;
	default: return key;
	}
}
