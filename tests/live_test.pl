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
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Socket qw(SOL_SOCKET SO_RCVBUF inet_aton pack_sockaddr_in);
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

# What was freed shall be gone, for its memory to tell something.
$ENV{ASAN_OPTIONS} = join ':', grep { length } $ENV{ASAN_OPTIONS} // '', 'quarantine_size_mb=4';

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

# ---- lines beside a list ----
my $lines = json('/api/v1/sparklines');
is($lines->{step}, 10, 'sparklines: steps of 10 s');
ok($lines->{to} - $lines->{from} == 600 && $lines->{to} <= time && $lines->{to} > time - 20, 'of the last 10 minutes');
is_deeply([sort keys %{ $lines->{vms} }], ['one'], 'of the VM that was there then');
is($lines->{vms}{one}{source}, 'guest', "the guest's");
my @v = grep { defined } @{ $lines->{vms}{one}{v} };
ok(@v >= 1 && !grep({ abs($_ - 100) > 1 } @v), "exits a second: @v");
is(scalar @{ $lines->{vms}{one}{v} }, 60, '60 of them, most not known');
$lines = json('/api/v1/sparklines?seconds=3600&points=7');
is_deeply([@$lines{qw(step)}, scalar @{ $lines->{vms}{one}{v} }], [520, 7], 'whole steps that cover an hour');
for my $bad ('seconds=3601', 'seconds=19', 'points=1', 'points=121', 'points=x', 'vm=one') {
	is($http->get("$url/api/v1/sparklines?$bad")->{status}, 400, "$bad is refused");
}

# ---- the stream ----
sub stream { my ($query, %how) = @_;
	my $s = IO::Socket::INET->new(Proto => 'tcp');
	setsockopt($s, SOL_SOCKET, SO_RCVBUF, $how{room}) if $how{room};
	$s->connect(pack_sockaddr_in($port, inet_aton('127.0.0.1'))) or die "connect: $!";
	syswrite($s, "GET /api/v1/live$query HTTP/1.1\r\nHost: 127.0.0.1:$port\r\n" . ($how{header} // '') . "\r\n");
	return { socket => $s, text => '' } }
# Take what comes until that is there, or so many bytes once; without the chunks' sizes.
sub read_until { my ($c, $pattern, $bytes) = @_;
	my $end = time + 20;
	until ($c->{text} =~ $pattern || time > $end) {
		next unless IO::Select->new($c->{socket})->can_read(0.1);
		sysread($c->{socket}, $c->{raw}, $bytes // 65536, length($c->{raw} // '')) or last;
		$c->{raw} =~ s/^HTTP.*?\r\n\r\n//s if !$c->{begun} && ($c->{begun} = $c->{raw} =~ /\r\n\r\n/);
		while ($c->{begun} && length $c->{raw}) {
			my $part = substr($c->{raw}, 0, $c->{left} // 0, '');
			$c->{text} .= $part;
			$c->{left} = ($c->{left} // 0) - length $part;
			next if $c->{left} || length $part;
			$c->{raw} =~ s/^(?:\r\n)?([0-9a-fA-F]+)\r\n// or last;
			$c->{left} = hex $1;
		}
		last if $bytes;
	}
	return $c->{text} }
# Whole events: [id, name, data].
sub events { my $text = shift;
	return map { my %e = map { /^(\w+): (.*)/ ? ($1, $2) : () } split /\n/; [$e{id}, $e{event}, decode_json($e{data} // '{}')] }
		grep { /^(id|event)/m } $text =~ /\G(.*?)\n\n/gs }
sub samples { return grep { $_->[1] eq 'sample' } events(@_) }

my $now = now_ns(0);
my ($plain, $detailed) = (stream(''), stream('?detail=one'));
read_until($_, qr/hello/) for $plain, $detailed;
$p = $peer{one};
# Reason 120: 600 exits in 2 s, 0.4e9 cycles of handling, 0.8e9 away; 400 are another's; 1024 did nothing.
my @lists = (reasons([120, 5400, 4e8, 6e8], [1024, 7, 1, 1]), reasons([64, 400, 2e8, 2e8], [120, 6000, 8e8, 14e8], [1024, 7, 1, 1]));
syswrite($p, taken(100_000, 0, 5407, host => $now - 2e9, handling => 3e9, away => [6e9, 41e9], lists => $lists[0]));
syswrite($p, taken(101_000, 0, 6407, host => $now, handling => 3.6e9, away => [7e9, 42e9], lists => $lists[1]));
ok(acked($p, 101_000), 'samples with reasons');
my @got = samples(read_until($detailed, qr/"exits":4407.*"exits":5407.*\n\n/s));
is($got[0][2]{reasons}, undef, 'where no reasons came before, none are said');
is_deeply($got[1][2]{reasons}, [[120, 300, 0.05, 0.1], [64, 200, 0.025, 0.025]], 'reasons: exits/s and shares since the sample before, the most frequent first')
	or diag(explain($got[1]));
is_deeply([map { exists $_->[2]{reasons} ? 1 : 0 } samples(read_until($plain, qr/"exits":5407.*\n\n/s))], [0, 0], 'who does not ask for them has none');
is(sprintf('%.3f', $got[1][2]{lost_share}), '0.125', 'the lost share is there');
syswrite($peer{two}, taken(100_000, 0, 3000));
ok(acked($peer{two}, 100_000), 'a sample of another VM');
@got = samples(read_until($detailed, qr/"vm":"two".*\n\n/s));
ok(!exists $got[-1][2]{reasons}, 'comes without');
my $id = $got[1][0];
for my $case (["?after=$id", ''], ['', "Last-Event-ID: $id\r\n"], ['?after=1', "Last-Event-ID: $id\r\n"]) {
	my $s = stream($case->[0], header => $case->[1]);
	is_deeply([map { $_->[2]{vm} } samples(read_until($s, qr/"vm":"two".*\n\n/s))], ['two'], "behind an event: $case->[0] " . $case->[1] =~ s{\s+$}{}r);
}
for my $bad ('999999999', '99999999999999999999999', '1x', '-5', '0x10', "\xff") {
	my $s = stream('', header => "Last-Event-ID: $bad\r\n");
	like(read_until($s, qr/event: lost/), qr/event: lost/, "Last-Event-ID '$bad': lost");
}
is($http->get("$url/api/v1/live?detail=nobody")->{status}, 404, 'details of a VM that is not there');
is($http->get("$url/api/v1/live?after=x")->{status}, 400, 'behind what is no number');

# Cut off again and again while samples come; each comes once.
my ($sent, $last, @seen) = (0, 0);
sub more { my ($count) = @_;
	syswrite($p, join '', map { my $n = $sent + $_; taken(200_000 + 100 * $n, 0, 10_000 + $n, host => $now + $n * 1e5) } 1 .. $count);
	$sent += $count;
	return acked($p, 200_000 + 100 * $sent) }
more(1);
$plain = stream('?vm=one&after=' . $id);
@got = samples(read_until($plain, qr/"exits":9001,.*\n\n/s));
$last = $got[-1][0];
for my $round (1 .. 12) {
	more(40) or last;
	my $s = stream('?vm=one', header => "Last-Event-ID: $last\r\n");
	# A part of what there is, which ends anywhere.
	read_until($s, qr/never/, 700) for 0 .. 3 + $round % 4;
	close $s->{socket};
	like($s->{text}, qr/^retry/, 'a stream') if $round == 1;
	unlike($s->{text}, qr/event: lost/, "round $round: nothing is lost");
	my @new = samples($s->{text});
	push @seen, map { $_->[2]{exits} } @new;
	$last = $new[-1][0] if @new;
}
my $s = stream('?vm=one', header => "Last-Event-ID: $last\r\n");
my $end = $got[-1][2]{exits} + $sent - 1;
push @seen, map { $_->[2]{exits} } samples(read_until($s, qr/"exits":$end,.*\n\n/s));
is(scalar @seen, $sent - 1, 'resumed time and again: as many events as samples');
is_deeply(\@seen, [$got[-1][2]{exits} + 1 .. $end], 'each once, in order');

# One that does not read, in the midst of others.
my $slow = stream('', room => 4096);
read_until($slow, qr/hello/);
my $rss = sub { slurp("/proc/$running{daemon}/status") =~ /VmRSS:\s+(\d+)/; $1 };
my $before = $rss->();
$plain = stream('?vm=one');
read_until($plain, qr/hello/);
for (1 .. 15) { more(100) or last; $end += 100; read_until($plain, qr/"exits":$end,.*\n\n/s) }
is(scalar(samples($plain->{text})), 1500, 'who reads has all of 1500 events');
unlike($plain->{text}, qr/event: lost/, 'and nothing is lost');
syswrite($peer{two}, taken(200_000, 0, 4000));
ok(acked($peer{two}, 200_000), 'and one of the other VM');
read_until($slow, qr/"exits":$end,.*"vm":"two".*\n\n/s);
my @late = events($slow->{text});
my ($lost) = grep { $late[$_][1] eq 'lost' } 0 .. $#late;
ok(defined $lost, 'who does not read is told that something is lost');
my @behind = grep { $_->[1] eq 'sample' } @late[$lost // 0 .. $#late];
ok(@late < 1200 && @behind < 310, 'and gets few of the events: ' . @late);
is_deeply([map { $_->[2]{vm} } @behind[-2, -1]], ['one', 'two'], 'but the newest of each');
is($behind[-2][2]{exits}, $end, 'of either VM') or diag(explain([map { $_->[2]{exits} } @behind]));

# Events of VMs that only come and go: 150 clients that read nothing hold nothing.
my @idle = map { stream('', room => 4096) } 1 .. 150;
for (1 .. 20) { more(100) or last; $end += 100 }
$plain = stream('?vm=one');
read_until($plain, qr/hello/);
more(1); $end++;
like(read_until($plain, qr/"exits":$end,/), qr/"exits":$end,/, '150 clients that do not read delay nobody');
my $grown = $rss->() - $before;
ok($grown < 60_000, "and cost $grown kB of memory");
close $_->{socket} for @idle;

is(stop('daemon', 'TERM'), 0, 'the daemon ends');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
