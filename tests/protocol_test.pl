#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Old and new together: a recorded agent of version 1 (tests/data/protocol-1) with the
# daemon of today, the recorded daemon with the agent of today; and version 2 in full.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use IO::Select;
use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(time sleep);

my $data = "$FindBin::Bin/data/protocol-1";
sub start_daemon { ok(daemon('--libvirt=off', "--channel=old=$dir/old.sock", "--channel=new=$dir/new.sock"), 'vmexitd serves') }
my ($old, $new) = map { listen_at($_) } 'old', 'new';

# ---- the old agent, the new daemon ----
my @then = do { my ($head, @lines) = split /\r\n/, slurp("$data/samples.csv");
	my @names = split /,/, $head, -1;
	map { my %row; @row{@names} = split /,/, $_, -1; \%row } @lines };
my $said = slurp("$data/agent-1.bin");
my @said = map { { type => $_->[0], sequence => unpack('Q<', $_->[1]) } } parse_frames(\$said);
is(scalar(grep { $_->{type} == HELLO } @said), 1, 'the recording begins with a hello');
my @samples = map { $_->{sequence} } grep { $_->{type} == SAMPLE } @said;
ok(@samples > 20, 'and has ' . @samples . ' samples');

start_daemon();
my $peer = accept_at($old);
syswrite($peer, slurp("$data/agent-1.bin"));
my @answers = frames_from($peer, 10, sub { $_[0] == ACK && unpack('Q<', $_[1]) == $samples[-1] });
my ($welcome) = grep { $_->[0] == WELCOME } @answers;
is_deeply([unpack('vQ<', $welcome->[1])], [1, 0], 'the old agent is welcome in version 1');
ok((grep { $_->[0] == ACK && unpack('Q<', $_->[1]) == $samples[-1] } @answers), 'all that it sent is acknowledged');
is_deeply([sort keys %{ { map { $_->[0] => 1 } @answers } }], [WELCOME, ACK, CALL], 'with nothing that version 1 does not know');
stop('daemon', 'KILL');
close $peer;
start_daemon();
$peer = accept_at($old);
syswrite($peer, slurp("$data/agent-2.bin"));
my $bytes = slurp("$data/agent-2.bin");
my ($last) = (map { unpack('Q<', $_->[1]) } grep { $_->[0] == SAMPLE } parse_frames(\$bytes))[-1];
@answers = frames_from($peer, 10, sub { $_[0] == ACK && unpack('Q<', $_[1]) == $last });
($welcome) = grep { $_->[0] == WELCOME } @answers;
is_deeply([unpack('vQ<', $welcome->[1])], [1, $samples[-1]], 'after kill -9 it hears what is committed');
ok((grep { $_->[0] == ACK && unpack('Q<', $_->[1]) == $last } @answers), 'and its replay is acknowledged');
my @now = csv('old');
ok(@now >= @then, 'all its samples are stored (' . @now . ')');
my @columns = grep { !/^(time|epoch_s|vm)$/ } keys %{ $then[0] };
my $different = 0;
for my $i (0 .. $#then) {
	$different++ for grep { $then[$i]{$_} ne ($now[$i]{$_} // '') } @columns;
}
is($different, 0, 'with the values that the old daemon stored (' . @columns . ' columns, ' . @then . ' rows)');
ok(!(grep { $now[$_]{sequence} <= $now[$_ - 1]{sequence} } 1 .. $#now), 'each once');
is(vm('old')->{quarantined}, undef, 'and believed');
is_deeply([map { $_->{boot} } boots('old')], [1], 'as one boot');
sub rate { return qx($build/vmexitctl -s $dir/api.sock rate $_[0] 2>&1) }
like(rate('old 10'), qr/the agent in 'old' is too old to be told a rate/, 'it is told no rate, and that is said');
is($? >> 8, 1, 'with status 1');
is_deeply([frames_from($peer, 0.5, sub { $_[0] == PACE })], [], 'nothing is sent to it');
ok(!(grep { $_->{clock_error_s} eq '' } @now), 'the error of their times is estimated');

# ---- the new agent, the old daemon ----
my $path = "$dir/agent.sock";
start('agent', "$build/vmexit-agent", '--interval=50', "--port=unix:$path");
my ($daemon, @frames);
sub connect_agent { wait_for('the agent', 10, sub { $daemon = IO::Socket::UNIX->new(Peer => $path) }) }
ok(connect_agent(), 'the agent of today listens');
# The call, and when the agent has introduced itself the welcome and what followed. It does so
# also on its own: were the welcome written for that, it could arrive beside the call, and be void.
my $recorded = slurp("$data/daemon-1.bin");
ok((grep { $_->[0] == HELLO } frames_from($daemon, 10, sub { $_[0] == HELLO })), 'and introduces itself');
syswrite($daemon, substr($recorded, 0, 20, ''));
@frames = frames_from($daemon, 10, sub { $_[0] == HELLO });
syswrite($daemon, $recorded);
push @frames, frames_from($daemon, 10, sub { $_[0] == SAMPLE });
my ($hello) = grep { $_->[0] == HELLO } @frames;
my ($lowest, $highest) = unpack('vv', $hello->[1]);
ok($lowest <= 1 && $highest >= 1, "it offers versions $lowest to $highest");
push @frames, frames_from($daemon, 1, sub { 0 });
@samples = grep { $_->[0] == SAMPLE } @frames;
cmp_ok(scalar @samples, '>', 10, 'and sends samples (' . @samples . ') when version 1 is chosen');
is_deeply([sort keys %{ { map { $_->[2] => 1 } @samples } }], [1], 'in version 1');
is_deeply([grep { $_->[0] != HELLO && $_->[0] != SAMPLE } @frames], [], 'and nothing else');
my %fields;
for my $payload (map { substr($_->[1], 24) } @samples) {
	while (length $payload) { my ($n, $len) = unpack('vv', $payload); $fields{$n}++; substr($payload, 0, 4 + $len) = '' }
}
is_deeply([grep { !/^(2|16|17|18)$/ } keys %fields], [], 'with fields of version 1 only');
my $middle = unpack('Q<', $samples[@samples / 2][1]);
syswrite($daemon, frame(ACK, pack('Q<', $middle)));
sleep 0.3;
close $daemon;
ok(connect_agent(), 'connected again');
frames_from($daemon, 10, sub { $_[0] == HELLO });
syswrite($daemon, frame(WELCOME, pack('vQ<', 1, 0)));
@frames = frames_from($daemon, 5, sub { $_[0] == SAMPLE });
my ($first) = map { unpack('Q<', $_->[1]) } grep { $_->[0] == SAMPLE } @frames;
ok($first > $middle, 'what was acknowledged is forgotten');
ok((grep { unpack('Q<', $_->[1]) == $first } @samples) || $first > unpack('Q<', $samples[-1][1]), 'what was not comes again');
close $daemon;
is(stop('agent', 'TERM'), 0, 'the agent ends cleanly');

# ---- version 2 in full ----
my $boot = 'N' x 16;
my $up = 100_000_000;		# the guest's CLOCK_BOOTTIME in us
my $begun = time;
sub host_ns { my $sequence = shift; return int(($begun - 60) * 1e6 + $sequence - $up) * 1000 }
sub full { my ($n, %more) = @_;
	my $sequence = $up + $n * 100_000;
	my $exits = 10_000 + 100 * $n;
	return sample2($sequence, generation => 7, exits => $exits, handling => 50_000 * $n, away => [80_000 * $n, 1_000_000 * $n],
		       host => host_ns($sequence), error => 2500, pace => [100_000, 1], agent => 20 * $n, taken => $n,
		       workload => varint(1 << 24 | 1) . varint(11 * $n) . varint(22 * $n),
		       lists => reasons([120, $exits - 40, 30_000 * $n, 50_000 * $n], [1024, 40, 20_000 * $n, 30_000 * $n])
				. vcpus([0, $exits - 1, 1], [1, 1, 1]), %more) }
$peer = accept_at($new);
syswrite($peer, hello2($boot, ($up + 10_000_000) * 1000, generation => 7, started => $up));
is_deeply([welcomed($peer)], [2, 0], 'an agent of version 2 is welcome in version 2');
syswrite($peer, join '', map { full($_) } 1 .. 20);
syswrite($peer, mark($up + 2_050_000, kind => 2, label => "make \x01\xff", uid => 1000));
syswrite($peer, full(21) . gap($up + 2_150_000, $up + 2_450_000, 3, 1) . full(25));
syswrite($peer, mark($up + 2_550_000, kind => 3, label => 'make', uid => 1000, begin => $up + 2_050_000, status => 2));
ok(acked($peer, $up + 2_550_000), 'samples, marks and gaps are acknowledged in one order');
my @rows = csv('new');
is(scalar @rows, 22, 'every sample is stored');
my $row = $rows[9];
is_deeply([@$row{qw(sequence exits handling_cycles away_cycles idle_cycles agent_exits clock_error_s interval_s cpu_user_ms psi_cpu_some_us vcpus)}],
	  [$up + 1_000_000, 11_000, 500_000, 800_000, 10_000_000, 200, '0.000002500', '0.100000', 110, 220, 2], 'with all its values');
is(sprintf('%.6f', $row->{epoch_s} * 1), sprintf('%.6f', host_ns($up + 1_000_000) / 1e9), "and the host's own time");
my $marks = json('/api/v1/vms/new/marks')->{marks};
is_deeply([map { [@$_{qw(boot kind label uid begin status sequence uptime)}] } @$marks],
	  [[1, 'begin', 'make ??', 1000, undef, undef, $up + 2_050_000, ($up + 2_050_000) / 1e6],
	   [1, 'end', 'make', 1000, $up + 2_050_000, 2, $up + 2_550_000, ($up + 2_550_000) / 1e6]], 'marks, their text cleaned');
ok(abs($marks->[0]{t} - host_ns($up + 2_050_000) / 1e9) < 0.001, 'at the time of the host');
my $gaps = json('/api/v1/vms/new/gaps')->{gaps};
is_deeply([map { [@$_{qw(boot source from_sequence to_sequence count cause)}] } @$gaps],
	  [[1, 'guest', $up + 2_150_000, $up + 2_450_000, 3, 'full']], 'the gap');
ok(abs($gaps->[0]{from} - host_ns($up + 2_150_000) / 1e9) < 0.001 && abs($gaps->[0]{to} - host_ns($up + 2_450_000) / 1e9) < 0.001, 'with its times');
my $from = $marks->[1]{t} - 0.1;
is(scalar @{ json("/api/v1/vms/new/marks?from=$from")->{marks} }, 1, 'marks of a range');
my $reasons = json('/api/v1/vms/new/reasons');
is_deeply([@$reasons{qw(boot source complete)}], [1, 'guest', JSON::PP::false], 'reasons since the boot was first seen');
is_deeply([map { [@$_{qw(number name count handling_cycles away_cycles away)}] } @{ $reasons->{reasons} }],
	  [[120, 'hlt', 2400, 720_000, 1_200_000, 0.0006], [1024, 'npf', 0, 480_000, 720_000, 0.00036]], 'are the last sample minus the first')
	or diag(explain($reasons));
my $away = json('/api/v1/vms/new/series?kind=away')->{series}[0];
is($away->{unit}, '1', 'the share away is a series');
ok(abs($away->{v}[3] - 80_000 / (2e9 * 2 * 0.1)) < 1e-6, 'of all vCPUs\' time');

# Another agent in the same boot: what the first had left is known to be lost.
syswrite($peer, hello2($boot, ($up + 11_000_000) * 1000, generation => 7, started => $up + 3_000_000));
welcomed($peer);
syswrite($peer, full(31, taken => 1) . full(33, taken => 4));
ok(acked($peer, $up + 3_300_000), 'the next agent goes on');
is_deeply([map { [@$_{qw(from_sequence to_sequence count cause)}] } @{ json('/api/v1/vms/new/gaps')->{gaps} }[1]],
	  [[$up + 2_550_001, $up + 2_999_999, undef, 'restart']], 'behind a gap');
is_deeply([map { [@$_{qw(from_sequence to_sequence count cause)}] } @{ json('/api/v1/vms/new/gaps')->{gaps} }[2]],
	  [[$up + 3_100_001, $up + 3_299_999, 2, 'lost']], 'and what it took and did not arrive is one');

# ---- a rate that the host asks for ----
sub paced { return map { unpack('V', $_->[1]) } grep { $_->[0] == PACE } frames_from($peer, 5, sub { $_[0] == PACE }) }
rate('new 20');
is($?, 0, 'vmexitctl rate');
is_deeply([paced()], [50_000], 'the agent is asked for it');
close $peer;
ok(wait_for('its end', 10, sub { vm('new')->{agent} ne 'connected' }), 'the agent goes');
like(rate('new 10'), qr/no agent is connected in 'new'/, 'without an agent there is nobody to ask');
$peer = accept_at($new);
syswrite($peer, hello2($boot, ($up + 12_000_000) * 1000, generation => 7, started => $up + 3_000_000));
is_deeply([paced()], [50_000], 'an agent that comes is asked, too');
rate('new auto');
is_deeply([paced()], [0], 'until it may do as it sees fit');

for my $case (['marks?colour=red', 400], ['marks?source=guest', 400], ['gaps?source=both', 400], ['reasons?boot=9', 404], ['reasons?source=host', 404], ['reasons?points=1', 400]) {
	is($http->get("$url/api/v1/vms/new/$case->[0]")->{status}, $case->[1], "$case->[0]: $case->[1]");
}
is(stop('daemon', 'TERM'), 0, 'the daemon ends cleanly');
unlike(slurp("$dir/daemon.log") . slurp("$dir/agent.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
