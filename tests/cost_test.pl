#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What the series adds to an exit, as tests/bench/kernel counts it, against its targets.
# Instructions under -icount are the same in each run, so they are no matter of time.
use strict;
use warnings;
use FindBin;
use Test::More;

my $line = $ARGV[0] // '6.1';
my $build = $ENV{BUILD} // "$FindBin::Bin/../build";
my $out = qx($FindBin::Bin/bench/kernel --line $line --only off,counts,cycles,footprint --dir $build/cost-$line 2>&1);
is($?, 0, "$line: an emulated host measures") or diag($out);
my %figure = $out =~ /^(\w+)=(\S+)$/mg;

# What was not measured meets no target.
sub at_most {
	my ($name, $most) = @_;
	my $figure = $figure{$name} // 'none';
	ok($figure =~ /^[-+]?\d+(\.\d+)?$/ && $figure <= $most, "$line: $name is $figure, at most $most");
}

cmp_ok($figure{stock} // 0, '>', 1000, "$line: an exit of stock KVM takes instructions");
at_most('off_over_stock', 5);
at_most('counts_over_stock', 16);
at_most('cycles_over_stock', 40);
cmp_ok($figure{counts_over_stock} // 0, '>', $figure{off_over_stock} // 0, "$line: counting costs something");
at_most('extra_rdtsc', 2);
at_most('extra_locked', 0);
cmp_ok($figure{own_lines_per_exit} // 0, '>', 0, "$line: the series' memory was seen to be written");
at_most('shared_cache_lines', 0);

done_testing();
