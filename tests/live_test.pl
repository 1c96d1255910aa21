#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What the overview and every open page live from, over sockets: lost shares, gaps, the stream
# of events. The test plays the guests.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use Test::More;
use Time::HiRes qw(time);

my %listener = map { $_ => listen_at($_) } qw(one two);
my %peer;
my @channels = ('--libvirt=off', map { "--channel=$_=$dir/$_.sock" } sort keys %listener);
my $generation = 5;
sub now_ns { my $ago = shift; return int((time - $ago) * 1e6) * 1000 }
# The host's TSC runs at 2 GHz and there are 2 vCPUs (Frames::hello2).
sub begin {
	ok(daemon(@channels, @_), 'vmexitd serves');
	for my $name (sort keys %listener) {
		$peer{$name} = accept_at($listener{$name});
		syswrite($peer{$name}, hello2(pack('A16', $name), 1e12, generation => $generation));
		welcomed($peer{$name});
	}
}
sub taken { my ($sequence, $ago, $exits, %more) = @_;
	return sample2($sequence, generation => $generation, exits => $exits, host => now_ns($ago), %more) }

# ---- the overview's figures ----
begin();
my $p = $peer{one};
my $t = now_ns(20);
# 20 s in steps of 10 s: 0.4e9 cycles of handling, 1.2e9 away and 30e9 idle in the last.
syswrite($p, taken(1000, 0, 1000, host => $t, handling => 1e9, away => [2e9, 1e9])
	 . taken(11_000, 0, 2000, host => $t + 10e9, handling => 1.4e9, away => [3.2e9, 31e9]));
ok(acked($p, 11_000), 'two samples are acknowledged');
my $vm = vm('one');
is(sprintf('%.1f', $vm->{guest}{exits_rate}), '100.0', 'exits a second');
is(sprintf('%.4f', $vm->{guest}{handling_share}), '0.0100', 'share of handling');
is(sprintf('%.4f', $vm->{guest}{lost_share}), '0.0300', 'lost share: away, without idle');
is($vm->{gap}, undef, 'no gap');
syswrite($p, gap(12_000, 14_000, 3, 1) . taken(15_000, 0, 3000, host => $t + 14e9, handling => 2e9, away => [4e9, 40e9]));
ok(acked($p, 15_000), 'a gap and a sample');
$vm = vm('one');
is_deeply([@{ $vm->{guest} }{qw(exits_rate handling_share lost_share)}], [undef, undef, undef], 'over a gap nothing is known');
is_deeply([@{ $vm->{gap} // {} }{qw(count cause)}], [3, 'full'], 'and the gap is shown');
ok($vm->{gap}{from} < $vm->{gap}{to} && abs($vm->{gap}{to} - time) < 60, 'with its times');
is_deeply([@{ vm('two') }{qw(gap guest)}], [undef, undef], 'a VM that sent nothing has neither');
$t = now_ns(7200);
syswrite($peer{two}, taken(1000, 0, 1000, host => $t) . gap(2000, 3000, 2, 2) . taken(4000, 0, 2000, host => $t + 4e9));
ok(acked($peer{two}, 4000), 'a gap of two hours ago');
is(scalar @{ json('/api/v1/vms/two/gaps')->{gaps} }, 1, 'is stored');
is(vm('two')->{gap}, undef, 'and is not shown as a recent one');

is(stop('daemon', 'TERM'), 0, 'the daemon ends');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
