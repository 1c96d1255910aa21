#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# From guest to database without loss: a guest boots with the agent in its initramfs
# while vmexitd is stopped; then vmexitd is killed and started, and the channel taken
# out of the running VM and put back, again and again. The agent counts its samples
# without holes, so the database itself shows whether one is missing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Test::More;
use Time::HiRes qw(sleep);

my $build = $ENV{BUILD} // "$FindBin::Bin/../build";
my $times = $ENV{VMEXIT_LONG} ? 50 : 6;
# A gap of this cause (PROTO_GAP_MISSED) holds no sample: the emulated guest had no time for it.
my $missed = 2;
srand(4);

sub rows { my ($lab, $sql) = @_;
	return map { [split /\|/, $_, -1] } split /\n/, $lab->sql($sql) }
sub newest { my $lab = shift; my ($row) = rows($lab, 'SELECT coalesce(max(sequence), 0) FROM sample WHERE source = 0'); return $row ? $row->[0] : 0 }

# A boot of the guest holds one agent here: its samples are number 1, 2, 3 ...
sub account { my $lab = shift;
	return map { my ($boot, $rows, $different, $first, $last) = @$_;
		my ($gap) = rows($lab, "SELECT coalesce(sum(count), 0), count(*), coalesce(sum(coalesce(count, 0) = 0), 0) FROM gap WHERE boot = $boot AND source = 0 AND cause <> $missed");
		my ($quarantined) = rows($lab, "SELECT count(*) FROM quarantine WHERE boot = $boot");
		{ boot => $boot, rows => $rows, different => $different, first => $first, last => $last,
		  missing => $gap->[0], gaps => $gap->[1], uncounted => $gap->[2], quarantined => $quarantined->[0] }
	} rows($lab, 'SELECT boot, count(*), count(DISTINCT taken), min(taken), max(taken) FROM sample WHERE source = 0 AND taken IS NOT NULL GROUP BY boot') }

sub goes_on { my ($lab, $what) = @_;
	my $before = newest($lab);
	my $on = $lab->wait_for(60, sub { newest($lab) > $before });
	diag("after $what nothing comes: " . $lab->log_of('daemon') . $lab->log_of('guest')) unless $on;
	return $on }

# ---- a daemon that is away for less than the agent's memory lasts ----
my $lab = Lab->new('loss-test', '--no-guest', '--seconds', 3, '--rounds', 0, '--file', "$build/vmexitctl",
		   '--agent-args', '--interval=200 --boot-seconds=0 --cpu-budget=0 --exit-budget=0', '--daemon-args', '--host-interval=500 --commit-interval=100');
ok($lab->{started}, 'the host is up') or do { diag($lab->lab('log')); done_testing(); exit 1 };
$lab->lab('daemon', 'stop');
$lab->lab('guest', 'start');
ok($lab->wait_for(120, sub { $lab->log_of('guest') =~ /LAB .* booted/ }), 'a guest boots while vmexitd is stopped');
$lab->lab('daemon', 'start');
ok($lab->wait_for(60, sub { newest($lab) }), 'its samples come when vmexitd does');
my $killed = 0;
for my $i (1 .. $times) {
	sleep rand 1.5;
	$lab->lab('daemon', 'kill');
	sleep rand 3;
	$lab->lab('daemon', 'start');
	goes_on($lab, "kill $i") or last;
	$killed = $i;
}
is($killed, $times, "after each of $times times kill -9 of vmexitd it goes on");
my $cut = 0;
for my $i (1 .. $times) {
	sleep rand 1;
	$lab->exec('/run/lab/host/vmexitctl detach guest');
	last if $?;
	sleep rand 2;
	$lab->exec('/run/lab/host/vmexitctl attach guest');
	last if $? || !goes_on($lab, "cut $i");
	$cut = $i;
}
is($cut, $times, "and after each of $times times its channel was cut");
my @account = account($lab);
ok(@account >= 1, 'the agent\'s samples are counted');
for my $a (@account) {
	my $is = "boot $a->{boot}: samples $a->{first} to $a->{last}, $a->{rows} stored";
	ok($a->{first} == 1 && $a->{rows} == $a->{last} && $a->{different} == $a->{rows}, "$is, each once");
	is("$a->{gaps} gaps, $a->{quarantined} quarantined", '0 gaps, 0 quarantined', 'none missing, none doubted');
}

# ---- one that is away for longer ----
# Its end stops the lab of that name.
undef $lab;
$lab = Lab->new('loss-test', '--seconds', 3, '--rounds', 0,
		'--agent-args', '--interval=50 --buffer=1 --boot-seconds=0 --cpu-budget=0 --exit-budget=0', '--daemon-args', '--commit-interval=100');
ok($lab->{started} && $lab->wait_for(120, sub { newest($lab) }), 'a guest whose agent keeps little');
for my $i (1 .. ($ENV{VMEXIT_LONG} ? 10 : 3)) {
	$lab->lab('daemon', $i % 2 ? 'kill' : 'stop');
	sleep 12;
	$lab->lab('daemon', 'start');
	goes_on($lab, "absence $i") or last;
}
my ($a) = sort { $b->{rows} <=> $a->{rows} } account($lab);
ok($a->{gaps} > 0, "samples are missing after long absences: $a->{missing} in $a->{gaps} gaps");
is($a->{rows} + $a->{missing}, $a->{last} - $a->{first} + 1, 'and each that is not stored is in a gap');
is("$a->{different} $a->{uncounted}", "$a->{rows} 0", 'no sample twice, no gap of unknown size');
my ($inside) = rows($lab, 'SELECT count(*) FROM sample s JOIN gap g ON g.boot = s.boot AND g.source = s.source AND s.sequence BETWEEN g.from_sequence AND g.to_sequence');
is($inside->[0], 0, 'no stored sample lies in a gap');
is($lab->sql('pragma integrity_check'), 'ok', 'the database is sound');
done_testing();
