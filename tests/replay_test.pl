#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# vmexitd is killed with kill -9 at random moments, the channel is cut, the agent's memory
# is too small now and then, and the agent itself is replaced: every sequence that was ever
# taken is in exactly one of sample, mark, gap and quarantine afterwards. The agent is this
# test, after vmexit-protocol(7). 50 kills; VMEXIT_LONG=1: 1,000.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use Errno qw(EAGAIN);
use Frames;
use IO::Select;
use Test::More;
use Time::HiRes qw(time sleep);

my $kills = $ENV{VMEXIT_LONG} ? 1000 : 50;
my $seed = $ENV{SEED} // time ^ $$;
srand($seed);
diag("SEED=$seed repeats this");

my $listener = listen_at('guest');
my ($boot, $ring_size) = ('R' x 16, 60);
my $sequence = 1_000_000;
my $started = $sequence;
my ($exits, $highest_ack, $number) = (0, 0, 0);
my (@ring, $gap, $peer, $in, $out, $welcomed, $next);	# $next: index into @ring of what is not sent yet
my (%taken, %lost, %unheard, %count);

sub take {
	$sequence += 1 + int rand 20000;
	my $kind = rand();
	my $item = { sequence => $sequence };
	if ($kind < 0.05) {
		@$item{qw(kind frame)} = ('mark', mark($sequence, label => "mark $sequence"));
	} elsif ($kind < 0.08) {
		# A count that falls within a generation.
		@$item{qw(kind frame)} = ('lie', sample2($sequence, generation => 9, exits => 0, agent => 0, taken => ++$number));
	} else {
		$exits += int rand 1000;
		@$item{qw(kind exits frame)} = ('sample', $exits + 1, sample2($sequence, generation => 9, exits => $exits + 1, agent => 0, taken => ++$number));
	}
	$item->{number} = $number;
	$taken{$sequence} = $item;
	push @ring, $item;
	drop_oldest() while @ring > $ring_size;
}

# The memory is full: a gap in front of the next, which grows with each that is dropped.
sub drop_oldest {
	my $first = shift @ring;
	$next-- if $next > 0;
	if ($first->{kind} eq 'gap') {
		$gap = { %$first };
		$first = shift @ring;
		$next-- if $next > 0;
	} else {
		$gap = { from => $first->{sequence}, count => 0 };
	}
	$lost{$first->{sequence}}++;
	$count{dropped}++;
	my $count = $gap->{count} + ($first->{kind} ne 'mark');
	# Of one that is stored in part an agent does not know how many are in the rest.
	my $told = $gap->{from} > $highest_ack ? $count : 0;
	unshift @ring, { kind => 'gap', from => $gap->{from}, count => $count, sequence => $first->{sequence},
			 frame => gap($gap->{from}, $first->{sequence}, $told, 1, $first->{number}) };
	$next = 0;
}

sub forget {
	my $committed = shift;
	$highest_ack = $committed if $committed > $highest_ack;
	while (@ring && $ring[0]{sequence} <= $committed) {
		shift @ring;
		$next-- if $next > 0;
	}
}

sub connected { ($in, $out, $welcomed, $next) = ('', '', 0, 0) }

sub receive {
	my $n = sysread($peer, $in, 65536, length $in);
	if (defined $n ? $n == 0 : $! != EAGAIN) { close $peer; undef $peer; return }
	for my $f (parse_frames(\$in)) {
		if ($f->[0] == CALL) {
			$out .= hello2($boot, $sequence * 1000, generation => 9, started => $started);
			$welcomed = 0;
		} elsif ($f->[0] == WELCOME) {
			my ($version, $committed) = unpack('vQ<', $f->[1]);
			is($version, 2, 'version 2 is chosen') if $version != 2;
			$welcomed = 1;
			forget($committed);
			$next = 0;
		} elsif ($f->[0] == ACK) {
			forget(unpack('Q<', $f->[1])) if $welcomed;
		}
	}
}

sub transmit {
	while ($welcomed && length $out < 4096 && $next < @ring) { $out .= $ring[$next++]{frame} }
	while (length $out) {
		my $n = syswrite($peer, $out);
		if (!defined $n) {
			if ($! != EAGAIN) { close $peer; undef $peer }
			return;
		}
		substr($out, 0, $n) = '';
	}
}

# One turn of the agent, and of QEMU in front of it.
sub turn {
	if (!$peer && IO::Select->new($listener)->can_read(0)) {
		$peer = $listener->accept;
		if ($peer) { $peer->blocking(0); connected() }
	}
	if ($peer) {
		receive() if IO::Select->new($peer)->can_read(0);
		transmit() if $peer;
	}
	sleep 0.002;
}

my @options = ('--libvirt=off', "--channel=guest=$dir/guest.sock", '--commit-interval=20');
sub start_daemon { start('daemon', "$build/vmexitd", "--database=$dir/v.db", "--listen=127.0.0.1:$port", '--api-socket=off', @options) }

start_daemon();
for my $kill (1 .. $kills) {
	# Long enough to reach every state, from the first connection to quiet acknowledging.
	my $end = time + 0.1 + rand(0.5);
	while (time < $end) {
		take() if rand() < 0.3;
		if ($peer && rand() < 0.015) { close $peer; undef $peer; $count{cuts}++ }
		if (rand() < 0.0005) {
			# Another agent: what was in the first one's memory is gone.
			$lost{$_->{sequence}}++ for grep { $_->{kind} ne 'gap' && $_->{sequence} > $highest_ack } @ring;
			# Of a boot of which nothing is stored nobody can say what was before.
			%unheard = %lost if !$highest_ack;
			@ring = ();
			$started = ++$sequence;
			$number = 0;
			$count{agents}++;
			if ($peer) { close $peer; undef $peer }
		}
		turn();
	}
	stop('daemon', 'KILL');
	if (rand() < 0.3) { my $until = time + rand(1); while (time < $until) { take() if rand() < 0.3; turn() } }
	start_daemon();
}
take();
my $end = time + 60;
turn() while time < $end && @ring;
is(scalar @ring, 0, "after $kills kills everything is acknowledged at last");
is(stop('daemon', 'TERM'), 0, 'the last daemon ends cleanly');
diag(sprintf('%d taken, %d dropped, %d cuts, %d agents replaced', scalar keys %taken, $count{dropped} // 0, $count{cuts} // 0, $count{agents} // 0));

# ---- what is in the database ----
my $db = "$dir/v.db";
is_deeply([map { $_->[0] } sql($db, 'PRAGMA integrity_check')], ['ok'], 'the database is sound');
my %where;
push @{ $where{$_->[0]} }, "sample $_->[1]" for sql($db, 'SELECT sequence, exits FROM sample');
push @{ $where{$_->[0]} }, "mark $_->[1]" for sql($db, 'SELECT sequence, label FROM mark');
my @gaps = sql($db, 'SELECT from_sequence, to_sequence, cause, count FROM gap ORDER BY 1');
my @quarantined = sql($db, 'SELECT from_sequence, to_sequence, count FROM quarantine ORDER BY 1');
my @all = sort { $a <=> $b } keys %taken;
for (['gap', @gaps], ['quarantine', @quarantined]) {
	my ($name, @ranges) = @$_;
	for my $range (@ranges) {
		push @{ $where{$_} }, $name for grep { $_ >= $range->[0] && $_ <= $range->[1] } @all;
	}
}
my @nowhere = grep { !$where{$_} && !$unheard{$_} } @all;
my @twice = grep { @{ $where{$_} // [] } > 1 } @all;
is_deeply(\@nowhere, [], 'every sequence is there');
is_deeply(\@twice, [], 'and none twice') or diag(explain([map { "$_: @{ $where{$_} }" } @twice[0 .. ($#twice < 9 ? $#twice : 9)]]));
my @strangers = grep { !$taken{$_} } keys %where;
is_deeply(\@strangers, [], 'and none that was never taken');
my ($wrong, $believed) = (0, 0);
for (@all) {
	my ($item, $is) = ($taken{$_}, $where{$_}[0] // '');
	next if $is eq 'gap' && $lost{$_} || $is eq '' && $unheard{$_};
	# A count that falls shows only behind one that is there.
	my $lie = $believed ? 'quarantine' : 'sample 0';
	$believed = 1 if $item->{kind} eq 'sample';
	my $should = { sample => "sample " . ($item->{exits} // ''), mark => "mark mark $_", lie => $lie }->{ $item->{kind} };
	$wrong++, diag("$_ is $is, should be $should") if $is ne $should && $wrong < 10;
}
is($wrong, 0, 'each with its value; in a gap is only what the agent had lost');
is_deeply([grep { $gaps[$_][0] <= $gaps[$_ - 1][1] } 1 .. $#gaps], [], 'gaps do not overlap (' . @gaps . ')');
my $miscounted = 0;
for my $gap (@gaps) {
	my $holds = grep { $_ >= $gap->[0] && $_ <= $gap->[1] && $taken{$_}{kind} ne 'mark' } @all;
	# Only of what an agent had when it ended nobody knows how much it was.
	next if $gap->[2] == 64 ? $gap->[3] eq '' : $gap->[3] eq $holds;
	$miscounted++, diag("$gap->[0] to $gap->[1], of cause $gap->[2], counts '$gap->[3]', and holds $holds") if $miscounted < 10;
}
is($miscounted, 0, 'and each says how many samples it holds');
my ($boots) = map { $_->[0] } sql($db, 'SELECT count(*) FROM boot');
is($boots, 1, 'it was one boot all the time');
ok(keys(%taken) > $kills * 10 && ($count{dropped} // 0) > 0 && ($count{cuts} // 0) > $kills / 10, 'and the test did what it says');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
