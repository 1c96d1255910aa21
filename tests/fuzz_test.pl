#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Each fuzzer, for a moment; 'make fuzz' takes its time.
use strict;
use warnings;
use FindBin;
use Test::More;

my $fuzz = "$FindBin::Bin/fuzz";
my $runs = $ENV{VMEXIT_LONG} ? 1000000 : 20000;
my $out = qx($fuzz/run --runs $runs 2>&1);
is($?, 0, 'nothing breaks them') or diag($out);
my %inputs = $out =~ /^(\S+) (\d+) inputs/mg;
for my $name (sort map { m{([^/]+)\.c$} } grep { !m{/(mutate\w*|seeds)\.c$} } glob("$fuzz/*.c")) {
	cmp_ok($inputs{$name} // 0, '>=', $runs, "$name was given $runs inputs");
}
is(system("$fuzz/run --runs none >/dev/null 2>&1") >> 8, 2, 'a number that is none is refused');
is(system("$fuzz/run --runs 1 nothing >/dev/null 2>&1") >> 8, 2, 'so is a fuzzer that is not there');
done_testing();
