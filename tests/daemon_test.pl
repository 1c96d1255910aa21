#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The real vmexitd, vmexitctl and vmexit-agent in a directory of their own, over
# Unix sockets: without KVM, without a service. The test itself plays QEMU (it
# listens on a port's socket) and, where counts must be known, the agent.
use strict;
use warnings;
use Compress::Raw::Zlib qw(crc32);
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(time sleep);

sub start_daemon { ok(daemon("--channel=played=$dir/played.sock", "--channel=real=$dir/real.sock", @_), 'vmexitd serves') }
my $qemu = listen_at('played');
sub accept_daemon { return accept_at($qemu) }

# ---- known samples, from the socket to every answer ----
start_daemon();
ok(wait_for('libvirt', 10, sub { json('/api/v1/daemon')->{libvirt}{connected} }), 'it says that libvirt is connected');
my $itself = json('/api/v1/daemon');
is_deeply([@$itself{qw(pid uid database listen api_socket host_source)}, $itself->{libvirt}{uri}],
	  [$running{daemon}, $<, "$dir/v.db", "127.0.0.1:$port", "$dir/api.sock", 'auto', 'test:///default'], 'and how it was set up');
is($itself->{debugfs}{readable} ? '' : 'no', $itself->{debugfs}{error} ? 'no' : '', 'and whether it can read debugfs');
is($http->get("$url/api/v1/daemon?x=1")->{status}, 400, 'without parameters');
my $peer = accept_daemon();
my $boot1 = 'A' x 16;
ok(wait_for('its state', 5, sub { (vm('played')->{agent} // '') eq 'waiting' }), 'a channel without an agent waits');
my ($call) = frames_from($peer, 10, sub { $_[0] == 5 });
is($call->[0], 5, 'the daemon asks the agent to introduce itself');
syswrite($peer, sample(1, 1, 1));
syswrite($peer, hello($boot1, 15.1));
is_deeply([welcomed($peer)], [1, 0], 'welcome: version 1, nothing committed');
syswrite($peer, join '', map { sample($_ * 10, 10 + $_ / 10, 1000 * $_, 1) } 1 .. 50);
ok(acked($peer, 500), 'the last sample is acknowledged');
my @rows = csv('played');
is(scalar @rows, 50, 'a row for each sample, the one before the hello ignored');
is_deeply([map { $_->{exits} } @rows], [map { 1000 * $_ } 1 .. 50], 'CSV has exactly the exits sent');
is_deeply([map { $_->{sequence} } @rows], [map { 10 * $_ } 1 .. 50], 'and the sequences');
is_deeply([map { $_->{handling_cycles} } @rows], [map { 100000 * $_ } 1 .. 50], 'and the cycles');
is($rows[0]{uptime_s}, '10.100000', 'and the uptime');
ok(!(grep { $rows[$_]{epoch_s} <= $rows[$_ - 1]{epoch_s} } 1 .. $#rows), 'time goes forward');
syswrite($peer, join '', map { sample($_ * 10, 10 + $_ / 10, 1000 * $_, 1) } 1 .. 51);
ok(acked($peer, 510), 'a replay with one new sample is acknowledged');
is(scalar(my @again = csv('played')), 51, 'and only the new one stored');

my $list = vm('played');
is($list->{agent}, 'connected', 'agent connected');
is($list->{leaf}, 'yes', 'leaf there');
is($list->{guest}{exits}, 50000, 'exits since the first sample of a boot that was found');
my $series = json('/api/v1/vms/played/series?kind=count,handling');
is_deeply([map { "$_->{source} $_->{kind} $_->{unit}" } @{ $series->{series} }],
	  ['guest count exits/s', 'guest handling 1'], 'series: both curves with units');
my $curve = $series->{series}[0];
is(scalar @{ $curve->{t} }, 50, 'an interval between each two samples');
my $sum = 0;
$sum += $curve->{v}[$_] * $curve->{dt}[$_] for 0 .. $#{ $curve->{v} };
ok(abs($sum - 50000) < 0.5, 'whose sum is the number of exits');
my $csv_part = "from=$rows[10]{epoch_s}&to=$rows[19]{epoch_s}";
is(scalar(my @part = csv('played', "?$csv_part")), 10, 'a range of the CSV');
for my $format (['svg', 'image/svg+xml', qr/^<\?xml.*<\/svg>\s*$/s], ['png', 'image/png', qr/^\x89PNG\r\n.*IEND....$/s]) {
	my $r = $http->get("$url/api/v1/vms/played/graph.$format->[0]?theme=dark&width=500&height=300");
	is("$r->{status} $r->{headers}{'content-type'}", "200 $format->[1]", "graph.$format->[0]");
	like($r->{content}, $format->[2], 'is a whole picture');
}
my $svg = $http->get("$url/api/v1/vms/played/graph.svg")->{content};
like($svg, qr{<text>exits/s, guest source, boot 1</text>}, "the graph's heading names its curve");
# One line segment and one step per interval: the path has a point for each end.
my ($path) = sort { length $b <=> length $a } $svg =~ /<path[^>]* d='([^']*)'/g;
ok(scalar(() = $path =~ /[ML]?\d+\.?\d*,\d+/g) >= 50, 'and its path has a point for each sample');

# ---- live ----
sub live { my ($extra) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 5) or die;
	print $s "GET /api/v1/live?vm=played HTTP/1.1\r\nHost: 127.0.0.1:$port\r\n$extra\r\n";
	$s->flush;
	return $s }
sub read_live { my ($s, $pattern) = @_;
	my ($end, $buf) = (time + 10, '');
	while (time < $end && $buf !~ $pattern) {
		IO::Select->new($s)->can_read(0.1) and (sysread($s, $buf, 65536, length $buf) or last);
	}
	return $buf }
my $live = live('');
like(read_live($live, qr/event: hello/), qr/text\/event-stream.*event: hello\ndata: \{"version"/s, 'live: hello first');
syswrite($peer, sample(520, 15.2, 52000));
my $event = read_live($live, qr/event: sample\ndata: .*\n\n/);
like($event, qr/id: \d+\nevent: sample\ndata: \{"vm":"played".*"exits":51000/, 'live: a sample once it is committed');
my ($id) = $event =~ /id: (\d+)/;
close $live;
syswrite($peer, sample(530, 15.3, 53000) . sample(540, 15.4, 54000));
acked($peer, 540);
$live = live("Last-Event-ID: $id\r\n");
$event = read_live($live, qr/"exits":53000.*\n\n/);
is(scalar(() = $event =~ /event: sample/g), 2, 'live: a reconnect goes on behind the last event');
close $live;
$live = live("Last-Event-ID: 1\r\n");
unlike(read_live($live, qr/event: sample/), qr/event: lost/, 'live: all events since the daemon began are known');
close $live;
$live = live("Last-Event-ID: 999999\r\n");
like(read_live($live, qr/event: lost/), qr/event: lost/, 'live: an event that is not known is said to be lost');
close $live;

# ---- hostile bytes ----
my $before = scalar(my @b = csv('played'));
srand(7);
syswrite($peer, join '', map { chr(int rand 256) } 1 .. 50000);
syswrite($peer, substr(sample(600, 20, 60000), 0, 40));
my $bad = sample(601, 20.1, 60100);
substr($bad, 30, 1) ^= "\x01";
syswrite($peer, $bad);
my $h = "VMx\xf1" . pack('CCvV', 1, 3, 0, 0x7fffffff);
syswrite($peer, $h . pack('V', crc32($h)) . 'x' x 100);
syswrite($peer, frame(3, '') . frame(1, 'short') . frame(3, pack('Q<3', 0, 1, 1)) . frame(200, 'unknown type'));
syswrite($peer, frame(3, pack('Q<3', 602, 20e9, 1) . pack('vv', 16, 60000) . 'inner longer than outer'));
syswrite($peer, sample(700, 21, 70000));
ok(acked($peer, 700), 'garbage, truncated, damaged and oversized frames are passed over');
is(scalar(my @after = csv('played')), $before + 1, 'nothing of them is stored');
like(slurp("$dir/daemon.log"), qr/'played': the guest sent \d+ bytes that are no frames, skipping/, 'and it is said');
ok((() = slurp("$dir/daemon.log") =~ /that are no frames/g) <= 10, 'in a bounded number of lines');

# Whole headers whose payloads are wrong cost the most to look at, so a tick has a budget.
my $dear = "VMx\xf1" . pack('CCvV', 1, 3, 0, 8000);
$dear = ($dear . pack('V', crc32($dear))) x 65536;
my ($cpu, $begun, $sent) = (used_cpu(), time, 0);
$sent += syswrite($peer, $dear, 65536, $sent) while $sent < length $dear && time - $begun < 20;
my $rate = $sent / (time - $begun);
ok($rate < 600_000, sprintf('a flood is read at a bounded rate (%.0f kB/s, %.2f s of CPU in %.0f s)', $rate / 1e3, used_cpu() - $cpu, time - $begun));
# Behind what the last of those headers claimed.
syswrite($peer, sample(705, 21.5, 70500) . 'x' x 9000);
ok(acked($peer, 705), 'and the next sample behind it arrives');

# ---- ends that nobody announced ----
stop('daemon', 'KILL');
start_daemon();
$peer = accept_daemon();
syswrite($peer, hello($boot1, 22));
is_deeply([welcomed($peer)], [1, 705], 'after kill -9 the daemon knows what it committed');
is(scalar(@after = csv('played')), $before + 2, 'and has it still');
syswrite($peer, sample(710, 22, 71000));
ok(acked($peer, 710), 'and goes on');
is(json('/api/v1/vms/played/boots')->{boots}[0]{boot}, 1, 'in the same boot');
close $peer;
$peer = accept_daemon();
ok($peer, 'a channel that was cut is connected again');
syswrite($peer, hello('B' x 16, 1) . sample(5, 1.5, 200));
ok(acked($peer, 5), 'the guest is another boot now');
my $boots = json('/api/v1/vms/played/boots')->{boots};
is_deeply([map { "$_->{boot} $_->{cause}" } @$boots], ['2 guest', '1 found'], 'which is a boot of its own');
ok($boots->[1]{closed} && !$boots->[0]{closed}, 'and closes the one before');
syswrite($peer, sample(6, 1.6, 100));
ok(acked($peer, 6), 'an exit count that falls');
is(json('/api/v1/vms/played/series?boot=latest')->{boot}, 3, 'begins a boot of its own as well, no rate invented');

# ---- a guest that claims a boot with every frame ----
syswrite($peer, join '', map { hello(pack('A16', "flood $_"), 1) . sample(10 + $_, 2, 300 + $_) } 1 .. 60);
ok(wait_for('the log', 10, sub { slurp("$dir/daemon.log") =~ /'played': the guest claims too many boots/ }), 'a flood of boots is said');
my $many = scalar @{ json('/api/v1/vms/played/boots')->{boots} };
ok($many <= 25, "and refused ($many boots)");
ok(!(grep { $_->{exits} eq '360' } csv('played')), 'samples of a refused boot are not another boot\'s');

# ---- the real agent, on this machine ----
SKIP: {
	start('agent', "$build/vmexit-agent", '--interval=50', "--port=unix:$dir/real.sock");
	ok(wait_for('samples of the agent', 15, sub { (vm('real')->{guest} // {})->{t} }), 'the real agent is connected and stored');
	my $leaf = vm('real')->{leaf};
	my @real = csv('real');
	if ($leaf eq 'no') {
		ok(!(grep { $_->{exits} ne '' || $_->{handling_cycles} ne '' } @real), 'without the leaf no exits are invented');
	} else {
		ok(!(grep { $_->{exits} eq '' } @real), 'with the leaf every sample has exits');
	}
	ok($real[-1]{context_switches} > 0 && $real[-1]{memory_total_bytes} > 1e6, 'its workload is there');
	stop('daemon', 'KILL');
	sleep 1;
	start_daemon();
	close $peer;
	$peer = accept_daemon();
	my $seen = scalar @real;
	ok(wait_for('samples after a restart', 15, sub { @real = csv('real'); @real > $seen + 25 }), 'samples taken while the daemon was away arrive');
	my $longest = 0;
	for (1 .. $#real) { my $d = $real[$_]{uptime_s} - $real[$_ - 1]{uptime_s}; $longest = $d if $d > $longest }
	ok($longest < 0.5, "without a hole (longest interval $longest s)");
	is(stop('agent', 'TERM'), 0, 'the agent ends cleanly');
}

# ---- requests that are wrong ----
for my $case (
	['/api/v1/vms/nobody/series', 404, qr/no VM 'nobody'/],
	['/api/v1/vms/played', 404, qr/has \/boots/],
	['/nothing', 404, qr/no such page/],
	['/api/v1/vms/played/series?boot=99', 404, qr/no boot 99/],
	['/api/v1/vms/played/series?boot=-1', 400, qr/boot = '-1'/],
	['/api/v1/vms/played/series?boot=', 400, qr/'boot' has no value/],
	['/api/v1/vms/played/series?boot=1&boot=2', 400, qr/twice/],
	['/api/v1/vms/played/series?from=tomorrow', 400, qr/is not a time/],
	['/api/v1/vms/played/series?from=20&to=10', 400, qr/later/],
	['/api/v1/vms/played/series?points=1', 400, qr/from 2 to 10000/],
	['/api/v1/vms/played/series?kind=exits', 400, qr/kind 'exits'/],
	['/api/v1/vms/played/series?colour=red', 400, qr/'colour' is not known/],
	['/api/v1/vms/played/series?source=both', 400, qr/neither/],
	['/api/v1/vms/played/graph.png?width=100000', 400, qr/from 200 to 4000/],
	['/api/v1/vms/played/graph.svg?theme=%27;system(%22touch%20x%22)', 400, qr/theme/],
	['/api/v1/vms/played/samples.csv?points=3', 400, qr/points/],
	['/api/v1/live?vm=nobody', 404, qr/no VM/],
) {
	my $r = $http->get("$url$case->[0]");
	my $message = eval { decode_json($r->{content})->{error} } // '';
	ok($r->{status} == $case->[1] && $message =~ $case->[2], "$case->[0]: $case->[1] $message");
}
is($http->post("$url/api/v1/vms", { content => 'x' x 1000 })->{status}, 405, 'POST is refused');
is($http->delete("$url/api/v1/vms/played/boots")->{status}, 405, 'so is DELETE');
is($http->head("$url/api/v1/vms")->{status}, 200, 'HEAD is answered');
for my $host ('evil.example', "evil.example:$port", 'localhost.evil.example', "127.0.0.2:$port", '') {
	my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 5) or die;
	print $s "GET /api/v1/vms HTTP/1.0\r\nHost: $host\r\n\r\n";
	$s->flush;
	like(read_live($s, qr/\}$/), qr/^HTTP\/1.[01] 403.*allowed_hosts/s, "Host '$host' is refused");
}
# A tunnel's end has another port.
is(scalar(grep { my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 5) or die;
	print $s "GET /api/v1/vms HTTP/1.0\r\nHost: $_\r\n\r\n"; $s->flush; read_live($s, qr/\}$/) =~ /^HTTP\/1.[01] 200/ } '127.0.0.1:1', 'localhost:8080', '[::1]:9', 'localhost'), 4, 'loopback is answered by any port');
my $page = $http->get("$url/");
like($page->{headers}{'content-security-policy'}, qr/default-src 'none'; script-src 'self'/, 'the page has a strict policy');
is($page->{headers}{'x-content-type-options'}, 'nosniff', 'and types are not guessed');
is($http->get("$url/", { headers => { 'If-None-Match' => $page->{headers}{etag} } })->{status}, 304, 'an unchanged page is not sent again');
my $reasons = json('/api/v1/reasons');
ok((grep { $_->{number} == 10 && $_->{name} eq 'CPUID' } @{ $reasons->{vmx} })
   && (grep { $_->{number} == 0x72 } @{ $reasons->{svm} }), 'reasons have names of both vendors');

# ---- vmexitctl ----
my $table = qx($build/vmexitctl --socket=$dir/api.sock list);
like($table, qr/^NAME +STATE.*^played +running +\S+ +0/ms, 'vmexitctl list');
is(decode_json(qx($build/vmexitctl -j -s $dir/api.sock list))->{vms}[0]{name}, 'played', 'as JSON too');
like(qx($build/vmexitctl -s $dir/none.sock list 2>&1), qr/nobody answers at .*is vmexitd running/, 'nobody there: what to do');
is(system("$build/vmexitctl -s $dir/none.sock list 2>/dev/null") >> 8, 1, 'with status 1');
is(system("$build/vmexitctl lst 2>/dev/null") >> 8, 2, 'an unknown command is status 2');
is((stat "$dir/api.sock")[2] & 0777, 0660, 'the socket is for its group only');

# ---- changes, over the Unix socket only ----
# [status, headers, JSON] of a request there; nothing if it is not answered.
sub locally { my ($method, $path, $body) = @_;
	my $s = IO::Socket::UNIX->new(Peer => "$dir/api.sock") or return [0, '', {}];
	syswrite($s, "$method $path HTTP/1.0\r\n" . (defined $body ? "Content-Length: " . length($body) . "\r\n" : '') . "\r\n" . ($body // ''));
	my ($head, $json) = split /\r\n\r\n/, do { local $/; <$s> } // '', 2;
	my ($status) = ($head // '') =~ m{^HTTP/1\.[01] (\d+)};
	return [$status // 0, $head // '', eval { decode_json($json) } // {}] }
my $vms = '/api/v1/vms';
my $r = $http->post("$url$vms/test/attach", { content => '{}' });
is("$r->{status} $r->{headers}{allow}", '405 GET, HEAD', 'a change over TCP is refused');
like($r->{content}, qr/vmexitctl, over vmexitd's Unix socket/, 'and it is said how it is made');
for my $case (
	['GET', "$vms/test/attach", undef, 405, qr/by POST/],
	['POST', $vms, '{}', 405, qr/only GET and HEAD/],
	['DELETE', "$vms/test", undef, 405, qr/GET, HEAD and POST/],
	['POST', "$vms/nobody/attach", '{}', 404, qr/no VM 'nobody'/],
	['POST', "$vms/played/attach", '', 409, qr/'played' is no libvirt domain/],
	['POST', "$vms/test/attach", '{}', 409, qr/'test' cannot be attached: libvirt does not add the channel to its definition: this function is not supported/],
	['POST', "$vms/test/attach", '[]', 400, qr/no JSON object/],
	['POST', "$vms/test/attach", '{"a"', 400, qr/no JSON object: /],
	['POST', "$vms/test/detach", '{"force": true}', 400, qr/empty, or \{\}/],
	['POST', "$vms/test/attach", ' ' x 5000, 413, qr/too long/],
	['POST', "$vms/played/rate", '', 400, qr/no JSON object/],
	['POST', "$vms/played/rate", '{}', 400, qr/is not \{"interval_ms": N\}/],
	['POST', "$vms/played/rate", '{"interval_ms": 100, "hz": 10}', 400, qr/alone/],
	['POST', "$vms/played/rate", '{"interval_ms": 100, "interval_ms": 100}', 400, qr/no JSON object: duplicate/],
	(map { ['POST', "$vms/played/rate", "{\"interval_ms\": $_}", 400, qr/whole number from 10 to 10000 nor null/] } 9, 10001, '"100"', '99.5', -1, 1e300, 'true'),
	['POST', "$vms/test/rate", '{"interval_ms": 100}', 409, qr/'test' has no channel/],
	['POST', "$vms/real/rate", '{"interval_ms": null}', 409, qr/no agent is connected in 'real'/],
) {
	my ($method, $path, $body, $status, $message) = @$case;
	my $r = locally($method, $path, $body);
	ok($r->[0] == $status && ($r->[2]{error} // '') =~ $message, "$method $path " . substr($body // '', 0, 40) . ": $status") or diag(explain($r));
}
like(locally('GET', "$vms/test/attach")->[1], qr/^Allow: POST\r?$/m, 'Allow says what is');
is_deeply([@{ locally('POST', "$vms/test/attach", '{}')->[2] }{'live', 'config'}], ['failed', 'failed'], 'an answer has both parts');
is(locally('POST', "$vms/test/attach", 'x' x 100000)->[0], 0, 'a body without end is cut off');
is(system("$build/vmexitctl -s $dir/api.sock attach test 2>$dir/ctl.err") >> 8, 1, 'vmexitctl attach, refused: status 1');
like(slurp("$dir/ctl.err"), qr/answers 409: 'test' cannot be attached/, 'and why');
like(qx($build/vmexitctl --json -s $dir/api.sock detach test 2>/dev/null), qr/^\{"vm":.*"live":"absent","config":"absent"\}$/, 'vmexitctl --json detach: nothing to do');
like(qx($build/vmexitctl -s $dir/api.sock detach test), qr/^running machine: it has no channel\ndefinition: it has no channel\n$/, 'in words');
for my $words ('attach', 'attach a b', 'rate played', 'rate played 0.05', 'rate played 101', 'rate played ten', 'rate played nan') {
	is(system("$build/vmexitctl -s $dir/api.sock $words 2>/dev/null") >> 8, 2, "vmexitctl $words: status 2");
}
is(system("$build/vmexitctl -s $dir/api.sock attach 'a b/../played' 2>/dev/null") >> 8, 1, 'a name is not taken for a path');
SKIP: {
	skip('becoming another user needs root', 2) if $> != 0;
	chmod 0755, $dir;
	chmod 0666, "$dir/api.sock";
	my $other = fork();
	if ($other == 0) {
		# Real and saved ids too, so that there is no way back.
		POSIX::setgid(65534); $) = '65534 65534'; POSIX::setuid(65534);
		my $r = locally('POST', "$vms/test/detach", '{}');
		POSIX::_exit($r->[0] == 403 && $r->[2]{error} =~ /only root, vmexitd's own user and members of the group vmexit/ && locally('GET', $vms)->[0] == 200 ? 0 : 1);
	}
	waitpid($other, 0);
	is($?, 0, 'others may look, if they can open the socket, and change nothing');
	chmod 0660, "$dir/api.sock";
	$other = fork();
	if ($other == 0) { POSIX::setgid(65534); $) = '65534 65534'; POSIX::setuid(65534); POSIX::_exit(locally('GET', $vms)->[0]) }
	waitpid($other, 0);
	is($?, 0, 'which they cannot');
}

# ---- starts that are wrong ----
sub refused { my ($status, $pattern, $what, @args) = @_;
	unlink "$dir/refused.log";
	my $pid = start('refused', "$build/vmexitd", @args);
	my $ended = wait_for('an end', 10, sub { waitpid($pid, WNOHANG) == $pid ? [$?] : undef });
	delete $running{refused} if $ended;
	my $log = slurp("$dir/refused.log");
	ok($ended && $ended->[0] >> 8 == $status && $log =~ $pattern && $log !~ /Sanitizer|runtime error/, "$what: " . (split /\n/, $log)[0]) }
my @other = ("--listen=127.0.0.1:" . free_port(), '--libvirt=off');
refused(1, qr/in use by another vmexitd \(process $running{daemon}\)/, 'a second daemon on the database', "--database=$dir/v.db", "--api-socket=$dir/o.sock", @other);
refused(1, qr/cannot listen on 127.0.0.1:$port.*choose another/, 'a port in use', "--database=$dir/o.db", "--api-socket=$dir/o.sock", "--listen=127.0.0.1:$port", '--libvirt=off');
refused(1, qr/another vmexitd answers/, 'a socket in use', "--database=$dir/o.db", "--api-socket=$dir/api.sock", @other);
refused(1, qr/make its directory/, 'no directory for the database', "--database=$dir/none/o.db", @other);
refused(2, qr/is neither ADDRESS:PORT/, 'no such address', "--database=$dir/o.db", '--listen=everywhere', '--libvirt=off');
refused(2, qr/unrecognized option/, 'an unknown option', '--colour=red');
refused(2, qr/not a number from 100/, 'an interval out of range', '--host-interval=5');
refused(2, qr/host_source = 'kernel' is not one of auto\|debugfs\|libvirt/, 'a source that is none', '--host-source=kernel');
refused(2, qr/host_source = '' is not one/, 'nor an empty one', '--host-source=');
refused(2, qr/keep_samples = '14' is not an age such as 12h, 7d.*a size such as/, 'an age without a unit', '--keep-samples=14');
refused(2, qr/vm_disk_limit = '-1' is not a number/, 'a limit below zero', '--vm-disk-limit=-1');
refused(2, qr/not NAME=/, 'a channel without a socket', '--channel=vm');
{ open(my $f, '>', "$dir/bad.conf"); print $f "colour = red\n" }
refused(2, qr/'colour' is not known/, 'an unknown setting', "--config=$dir/bad.conf");
refused(2, qr/cannot read/, 'no such file', "--config=$dir/none.conf");
{ open(my $f, '>', "$dir/text.db"); print $f "this is no database, and long enough to be looked at" x 40 }
refused(1, qr/not a database/, 'a file that is no database', "--database=$dir/text.db", "--api-socket=off", @other);
is(slurp("$dir/text.db"), "this is no database, and long enough to be looked at" x 40, 'which is left as it was');

# ---- options, --help and the man pages agree ----
my $help = qx($build/vmexitd --help);
my ($man8, $man5) = map { slurp("$FindBin::Bin/../daemon/$_") } 'vmexitd.8', 'vmexitd.conf.5';
my @options = grep { !/^(config|help|version)$/ } $help =~ /--([a-z0-9-]+)/g;
ok(@options >= 9, 'options are listed');
my (%seen);
for my $option (grep { !$seen{$_}++ } @options) {
	(my $key = $option) =~ tr/-/_/;
	ok($man8 =~ /Fl (?:v , )?-\Q$option\E\b/ && $man5 =~ /^\.It Cm \Q$key\E$/m, "--$option is in both man pages");
}

# The example has every setting with its default, and all of them may be taken as they stand.
my $example = slurp("$FindBin::Bin/../daemon/systemd/vmexitd.conf");
my %example = $example =~ /^#([a-z0-9_]+) = ?(.*)$/mg;
my %default = map { my ($option) = /^ +--([a-z0-9-]+)/; (my $key = $option) =~ tr/-/_/; ($key => /\[([^\]]+)\]$/ ? $1 : '') } grep { /^ +--/ } split /\n/, $help;
$default{verbose} = 'no';
$default{channel} = $example{channel};
is_deeply(\%example, \%default, 'the example configuration has them all, with their defaults');
{ open(my $f, '>', "$dir/example.conf"); print $f $example =~ s/^#(?=[a-z0-9_]+ =)//mgr }
refused(1, qr/make its directory/, 'which can be taken as they are', "--config=$dir/example.conf", "--database=$dir/none/o.db", @other);

# ---- an end, and a gnuplot that hangs ----
is(stop('daemon', 'TERM'), 0, 'SIGTERM ends the daemon cleanly');
ok(!-e "$dir/api.sock", 'its socket is gone');
{ open(my $f, '>', "$dir/hang"); print $f "#!/bin/sh\nexec sleep 60\n"; chmod 0755, $f }
{ open(my $f, '>', "$dir/fail"); print $f "#!/bin/sh\nexit 3\n"; chmod 0755, $f }
start_daemon("--gnuplot=$dir/hang");
$peer = accept_daemon();
my $slow = fork();
if ($slow == 0) { my $r = HTTP::Tiny->new(timeout => 60)->get("$url/api/v1/vms/played/graph.svg"); POSIX::_exit($r->{status} == 503 ? 0 : 1) }
sleep 0.3;
my $t = time;
is($http->get("$url/api/v1/vms")->{status}, 200, 'while gnuplot hangs others are answered');
ok(time - $t < 5, 'at once');
waitpid($slow, 0);
is($?, 0, 'and who waits for the graph is told');
stop('daemon', 'TERM');
start_daemon("--gnuplot=$dir/fail");
is($http->get("$url/api/v1/vms/played/graph.svg")->{status}, 500, 'a gnuplot that fails is said');
close $peer;
$peer = accept_daemon();

# ---- a libvirt that hangs ----
stop('daemon', 'TERM');
my $hanging = IO::Socket::UNIX->new(Listen => 9, Local => "$dir/hang.sock") or die "$dir: $!";
start_daemon("--libvirt=qemu+unix:///system?socket=$dir/hang.sock");
ok(IO::Select->new($hanging)->can_read(10), 'vmexitd asks libvirt');
$peer = accept_daemon();
ok(wait_for('its state', 5, sub { vm('test')->{state} eq 'unknown' }), 'which does not answer: a domain is unknown');
syswrite($peer, hello('H' x 16, 1) . sample(3, 1, 100));
ok(acked($peer, 3), 'while agents are served');
my $waits = fork();
if ($waits == 0) {
	my $r = locally('POST', "$vms/test/attach", '{}');
	POSIX::_exit(0) if $r->[0] == 503 && $r->[2]{error} =~ /vmexitd is ending/;
	diag(explain($r));
	POSIX::_exit(1);
}
ok(wait_for('its connection', 10, sub { slurp('/proc/net/unix') =~ / 03 +\d+ \Q$dir\E\/api\.sock$/m }), 'somebody asks for a change');
sleep 0.5;
$t = time;
is($http->get("$url$vms")->{status}, 200, 'and while a change waits requests are answered');
is(locally('POST', "$vms/played/rate", '{}')->[0], 400, 'on the Unix socket, too');
ok(time - $t < 5, 'at once');
is(stop('daemon', 'TERM'), 0, 'it ends cleanly');
waitpid($waits, 0);
is($?, 0, 'and says so to who waits');
close $hanging;
start_daemon();
$peer = accept_daemon();

unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
