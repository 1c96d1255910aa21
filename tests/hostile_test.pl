#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Guests that lie, flood and fill the disk: what they send is bounded, not believed, and
# delays nobody else. The test plays three of them.
use strict;
use warnings;
use Errno qw(EAGAIN);
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use IO::Select;
use List::Util qw(max sum);
use Test::More;
use Time::HiRes qw(time sleep);

my @names = ('one', 'two', 'three');
my %listener = map { $_ => listen_at($_) } @names;
my %peer;
my @channels = ('--libvirt=off', map { "--channel=$_=$dir/$_.sock" } @names);
sub begin {
	ok(daemon(@channels, @_), 'vmexitd serves');
	for my $name (@names) {
		$peer{$name} = accept_at($listener{$name});
		syswrite($peer{$name}, hello2(pack('A16', $name), 1e12, generation => 5));
		welcomed($peer{$name});
	}
}
sub now_ns { my $ago = shift; return int((time - ($ago // 0)) * 1e6) * 1000 }

# ---- lies, and what is shown of them ----
begin();
my $p = $peer{one};
syswrite($p, sample2(1000, generation => 5, exits => 5000, host => now_ns(3)));
ok(acked($p, 1000), 'an honest sample');
is(vm('one')->{quarantined}, undef, 'nothing is quarantined');
syswrite($p, sample2(2000, generation => 5, exits => 4999, host => now_ns(2)) . sample2(3000, generation => 5, exits => 3, host => now_ns(2)));
ok(acked($p, 3000), 'a count that falls is acknowledged');
syswrite($p, sample2(4000, generation => 5, exits => 6000, host => now_ns(-3600)));
syswrite($p, sample2(5000, generation => 5, exits => 6000, lists => reasons([1, 5999, 0, 0])));
syswrite($p, sample2(6000, generation => 5, exits => 6100, wall => 2 ** 63, host => now_ns(1)));
ok(acked($p, 6000), 'so is what follows');
is_deeply([map { $_->{exits} } csv('one')], [5000, 6100], 'stored is what can be true');
my $quarantined = vm('one')->{quarantined};
is_deeply([@$quarantined{qw(samples cause)}], [4, 'sum'], 'the VM shows how many are not, and why the latest');
ok(abs($quarantined->{since} - time) < 60 && $quarantined->{until} >= $quarantined->{since}, 'and since when');
is_deeply([map { [@$_{qw(from_sequence to_sequence count cause)}] } @{ json('/api/v1/vms/one/gaps')->{quarantined} }],
	  [[2000, 3000, 2, 'fell'], [4000, 4000, 1, 'clock'], [5000, 5000, 1, 'sum']], 'each is listed');
like(qx($build/vmexitctl -s $dir/api.sock list), qr/^one .* 4 samples quarantined since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(sum\)$/m, 'vmexitctl says it');
unlike(qx($build/vmexitctl -s $dir/api.sock list), qr/^two .*quarantined/m, 'of the one guest only');
like(slurp("$dir/daemon.log"), qr/'one': the guest's samples are not believed: a counter fell within one life of the VM; quarantined/, 'the log says it');
syswrite($p, join '', map { sample2(10_000 + $_, generation => 5, exits => $_ % 2 ? 7000 + $_ : 1) } 1 .. 1500);
ok(acked($p, 11_500, 30), '750 more lies between 750 honest samples');
ok((() = slurp("$dir/daemon.log") =~ /not believed/g) <= 40, 'make a bounded number of lines');
syswrite($p, hello2('another boot....', 1e12, generation => 5) . sample2(1, generation => 5, exits => 50_000));
ok(acked($p, 1), 'the guest boots again');
is(vm('one')->{quarantined}, undef, 'that boot is not blamed');

# ---- one floods, the others do not notice ----
$_->blocking(0) for values %peer;
my ($sequence, %sent, @late, %buf) = (20_000);
my $flood = join '', map { sample2($_, generation => 5, exits => $_, lists => "\0" x 0) } 100 .. 400;
my $garbage = do { my $h = "VMx\xf1" . pack('CCvV', 2, SAMPLE, 0, 8000); ($h . pack('V', Compress::Raw::Zlib::crc32($h))) x 4096 };

# Two guests at 20 Hz for so many seconds; what comes back when. @flooding: bytes of the third.
sub honest { my ($seconds, $bytes) = @_;
	my (%sent, @late, %in, $flooded);
	my ($end, $tick, $pos) = (time + $seconds, time, 0);
	while (time < $end) {
		if (time >= $tick) {
			$sequence += 1000;
			for ('one', 'two') {
				syswrite($peer{$_}, sample2($sequence, generation => 5, exits => 100_000 + $sequence));
				$sent{$_}{$sequence} = time;
			}
			$tick += 0.05;
		}
		for my $name ('one', 'two') {
			my $n = sysread($peer{$name}, $in{$name} //= '', 65536, length $in{$name});
			for my $f (parse_frames(\$in{$name})) {
				next if $f->[0] != ACK;
				my $ack = unpack('Q<', $f->[1]);
				push @late, time - delete $sent{$name}{$_} for grep { $_ <= $ack } keys %{ $sent{$name} };
			}
		}
		if (length $bytes) {
			my $n = syswrite($peer{three}, $bytes, 65536, $pos);
			$flooded += $n // 0;
			$pos = ($pos + ($n // 0)) % length $bytes;
		}
		sleep 0.002;
	}
	@late = sort { $a <=> $b } @late;
	return { n => scalar @late, p50 => $late[@late / 2], p99 => $late[@late * 0.99], max => $late[-1], rate => ($flooded // 0) / $seconds } }
sub words { my $r = shift; return sprintf('%d acknowledged, p50 %.0f ms, p99 %.0f ms, longest %.0f ms', $r->{n}, map { 1e3 * $_ } @$r{qw(p50 p99 max)}) }

my $quiet = honest(4, '');
diag('quiet: ' . words($quiet));
# The third guest sends @bytes over and over while the others go on.
sub flood { my ($what, $bytes) = @_;
	my $cpu = used_cpu();
	my $r = honest(5, $bytes);
	$cpu = (used_cpu() - $cpu) / 5;
	diag(sprintf('flood of %s: %s; %.0f kB/s read, %.0f %% of a CPU', $what, words($r), $r->{rate} / 1e3, 100 * $cpu));
	ok($r->{n} > 150 && $r->{p99} < 1, "a flood of $what leaves the others their turn");
	ok($cpu < 0.5, 'and costs a bounded part of a CPU');
	# The next flood begins at a frame.
	close $peer{three};
	$peer{three} = accept_at($listener{three});
	$peer{three}->blocking(0);
	syswrite($peer{three}, hello2(pack('A16', 'three'), 1e12, generation => 5)) }
flood('samples', $flood x 20);
flood('headers whose payloads are wrong', $garbage);
ok(wait_for('an honest sample', 30, sub { syswrite($peer{three}, sample2(9_000_000, generation => 5, exits => 9_000_000)); acked($peer{three}, 9_000_000, 1) }), 'the guest that flooded is served again');
flood('hellos', join '', map { hello2(pack('A16', $_), 1e12, generation => 5) } 1 .. 500);
ok(boots('three') <= 25, 'a guest that claims boots gets ' . boots('three') . ' of them');
like(slurp("$dir/daemon.log"), qr/'three': the guest claims too many boots, ignoring them for a while/, 'which the log says');
is(stop('daemon', 'TERM'), 0, 'the daemon ends cleanly');

# ---- the disk ----
unlink glob("$dir/v.db*");
begin('--guest-disk-limit=1');
my $lists = reasons(map { [$_, 1 << 50, 1 << 50, 1 << 50] } 1 .. 100);
$p = $peer{two};
$p->blocking(1);
for my $part (0 .. 12) {
	syswrite($p, join '', map { sample2(1000 + 300 * $part + $_, generation => 5, lists => $lists) } 1 .. 300);
	ok(acked($p, 1300 + 300 * $part, 30), 'acknowledged') or last;
}
my @rows = csv('two');
my $gaps = json('/api/v1/vms/two/gaps')->{gaps};
my ($with_lists, $bytes) = map { @$_ } sql("$dir/v.db", 'SELECT count(detail), sum(length(detail)) FROM sample');
ok($with_lists > 100 && $bytes < 600_000, "lists are stored up to half of the guest's share ($with_lists samples, $bytes bytes)");
ok(@rows > $with_lists && @rows < 3600, 'then samples without lists (' . @rows . '), up to all of it');
is_deeply([map { $_->{cause} } @$gaps], [('limit') x @$gaps], 'the rest is a gap');
is(@rows + sum(map { $_->{count} } @$gaps), 3900, 'in which each is counted');
like(slurp("$dir/daemon.log"), qr/'two': the guest sends more samples than it may, leaving them out/, 'which the log says');
$p = $peer{one};
$p->blocking(1);
syswrite($p, sample2(77, generation => 5, exits => 1, lists => $lists));
ok(acked($p, 77) && (sql("$dir/v.db", 'SELECT 1 FROM sample WHERE sequence = 77 AND detail IS NOT NULL'))[0], "another guest's share is its own");
is(stop('daemon', 'TERM'), 0, 'the daemon ends cleanly');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
