# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by tests that are shell scripts: checks, counted and printed as TAP, with what
# explains a failure on standard error, where every harness shows it. They set
# tmp, a directory for files, before they use them, and call done_testing at their end.
# shellcheck shell=bash disable=SC2154

n=0 failed=0
# What a check's command prints is printed, or with tap_quiet=yes seen only if it fails.
tap_quiet=''
# A file that explains a failure, if the test has one; with tap_quiet, what was printed.
tap_explain=''

ok() { # DESCRIPTION COMMAND...
	local what=$1
	shift
	n=$((n + 1))
	if tap_run "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		[ -z "$tap_explain" ] || sed 's/^/# /' "$tap_explain" >&2
		failed=1
	fi
}

tap_run() { # COMMAND...
	if [ -n "$tap_quiet" ]; then
		"$@" >"$tap_explain" 2>&1
	else
		"$@"
	fi
}

is() { # DESCRIPTION GOT EXPECTED
	ok "$1" test "$2" = "$3"
	[ "$2" = "$3" ] || printf '# got      %s\n# expected %s\n' "$2" "$3" >&2
}

# The rest are commands for ok.

refuses() { # WORDS COMMAND...: the command fails and says WORDS
	local words=$1
	shift
	! "$@" >"$tmp/said" 2>&1 || { cat "$tmp/said"; echo "it succeeds"; return 1; }
	cat "$tmp/said"
	grep -q -e "$words" "$tmp/said"
}

refuses_in_one_line() { # WORDS COMMAND...: that is all on standard error, one line
	local words=$1
	shift
	! "$@" >"$tmp/stdout" 2>"$tmp/said" || { echo "it succeeds"; return 1; }
	cat "$tmp/said"
	[ "$(wc -l <"$tmp/said")" -eq 1 ] && grep -q -e "$words" "$tmp/said"
}

says() { # WORDS COMMAND...: the command succeeds and says WORDS
	local words=$1
	shift
	"$@" >"$tmp/said" 2>&1 || { cat "$tmp/said"; return 1; }
	cat "$tmp/said"
	grep -q -e "$words" "$tmp/said"
}

done_testing() {
	echo "1..$n"
	exit "$failed"
}
