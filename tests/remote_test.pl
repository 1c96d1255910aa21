#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Remote write into a receiver of the test's own, which refuses, hangs and answers halves; what is
# lost; and settings. The test plays the guest.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use IO::Socket::INET;
use JSON::PP;
use Receivers;
use Test::More;
use Time::HiRes qw(time sleep);

my $db = "$dir/v.db";
my $at = free_port();
my $write = "http://127.0.0.1:$at/api/v1/write";
my $json = JSON::PP->new->utf8;
my $hours = 5;

sub fresh {
	unlink glob("$db*");
	history("$dir/history.csv", $hours);
	is(system("$build/vmexitctl import --database $db $dir/history.csv >$dir/import.log 2>&1"), 0, "$hours hours of two VMs are stored") or diag(slurp("$dir/import.log")) }
my @options;
sub vmexitd { return daemon('--libvirt=off', "--channel=guest=$dir/guest.sock", '--host-source=debugfs', "--remote-write=$write", '--remote-write-host=h1', '--remote-write-interval=1',
	@options, @_) }
sub remote { return json('/api/v1/remote') }

# ---- a receiver that answers what it likes ----
sub waits { my ($what, $error) = @_;
	return ok(wait_for($what, 15, sub { my $r = remote(); $r->{state} eq 'waiting' && $r->{error} =~ $error }), "$what: it waits") || diag($json->encode(remote())) }
fresh();
my $token = "$dir/token";
open(my $file, '>', $token) or die;
print $file "s3cret\n";
close $file;
chmod(0600, $token);
unlink "$dir/received";
@options = ('--remote-write-settle=0', '--remote-write-resolution=0', "--remote-write-token-file=$token", '--remote-write-from=now');
receiver('own', $at);
receiver_says('302 There', "Location: http://127.0.0.1:$at/elsewhere");
ok(vmexitd(), 'a receiver of the test');
waits('a redirect', qr/^302: a redirect, which is not followed$/);
unlike(slurp("$dir/received"), qr{/elsewhere}, 'and does not go there');
my ($head) = received();
like($head, qr/^$_\r?$/m, "the request says $_") for 'POST /api/v1/write HTTP/1.1', 'Content-Encoding: snappy', 'Content-Type: application/x-protobuf', 'X-Prometheus-Remote-Write-Version: 0.1.0', 'User-Agent: vmexitd/[\d.]+', 'Authorization: Bearer s3cret';
connect_guest('E' x 16);
guest_samples(5);
# Started anew each time, it does not wait as long as for the last.
for my $says (['401 Who', '', 'no such token'], ['404 Where'], ['429 Slowly', 'Retry-After: 1', 'too much'], ['500 Oh', '', 'broken'], ['half'], ['close']) {
	receiver_says(@$says);
	stop('daemon', 'TERM');
	vmexitd();
	my ($status) = $says->[0] =~ /^(\d+)/;
	waits($says->[0], $status ? qr/^$status: \Q@{[$says->[2] \/\/ '']}\E/ : qr/^0: ./);
}
connect_guest();
guest_samples(5);
guest_acked();
is(remote()->{refused_samples}, 0, 'none of it is refused for good');
rename($token, "$token.aside");
receiver_says('200 OK');
waits('a token that is gone', qr/cannot read .*token: No such file/);
rename("$token.aside", $token);
ok(wait_for('samples', 20, sub { remote()->{state} eq 'sending' }), 'with its token it goes on');
is(remote()->{sent_samples}, 10, 'what came since it was switched on is sent, and nothing of before');
my %metrics = $http->get("$url/metrics")->{content} =~ /^(vmexit_remote_write_\w+) (\S+)$/mg;
is($metrics{vmexit_remote_write_sent_samples_total}, 10, '/metrics says so, too');
cmp_ok($metrics{vmexit_remote_write_failures_total}, '>=', 1, 'and what failed');

# For good: each is offered, and the next goes on.
receiver_says('400 Bad', '', 'out of order sample');
guest_samples(5);
guest_acked();
ok(wait_for('refusals', 20, sub { remote()->{refused_samples} == 5 }), 'five samples are refused');
guest_samples(5);
ok(wait_for('refusals', 20, sub { remote()->{refused_samples} == 10 }), 'five more');
like(remote()->{error}, qr/^400: out of order sample/, 'as it says');
my @refusals = slurp("$dir/daemon.log") =~ /^(.*the receiver refuses samples.*)$/mg;
is(scalar @refusals, 1, 'the log has one line of it');
like($refusals[0], qr/\(\d+\), of 'guest' \(guest\) for one: 400, out of order sample/, 'whose and why');
receiver_says('200 OK');
guest_samples(5);
guest_acked();
ok(wait_for('samples', 20, sub { remote()->{sent_samples} == 15 }), 'the rest is sent');

# One that hangs is nobody's trouble.
receiver_says('hang');
my $requests = received();
ok(wait_for('a request', 15, sub { received() > $requests }), 'a receiver that hangs');
guest_samples(5);
guest_acked();
is($http->get("$url/healthz")->{status}, 200, 'vmexitd stores and serves');
is(stop('daemon', 'TERM'), 0, 'and ends');
kill('KILL', -$running{own});
stop('own', 'KILL');
ok(vmexitd('--remote-write-from=all'), 'and begins');
is(stop('daemon', 'TERM'), 0, 'and ends while it waits');

# ---- what is damaged at the end of a boot is left out, and what follows is sent ----
fresh();
is(qx(sqlite3 $db "UPDATE chunk SET columns = x'00' WHERE tier = 0 AND source = 0 AND vm = 1 AND boot IN (SELECT id FROM boot WHERE number IN (1, 3)) RETURNING samples"), "540\n660\n", 'two boots of a VM, and its last one');
receiver('own', $at);
receiver_says('200 OK');
@options = ('--remote-write-settle=0', '--remote-write-resolution=0', '--remote-write-from=all');
ok(vmexitd(), 'another day');
ok(wait_for('samples', 20, sub { (remote()->{sent_samples} // 0) == 6960 - 540 - 660 }), 'all others are sent') or diag($json->encode(remote()));
my @left = slurp("$dir/daemon.log") =~ /^(.*cannot be read, leaving them out.*)$/mg;
is(scalar @left, 1, 'of what is left out there is a line');
like($left[0], qr/boot 1 of 'name of one' \(guest\)/, 'that says whose');
stop('daemon', 'TERM');
kill('KILL', -$running{own});
stop('own', 'KILL');

# ---- a receiver that has too much to do, now and then, is told everything all the same ----
fresh();
my $busy = free_port();
start('busy', 'python3', '-c', <<'END', $busy);
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version = 'HTTP/1.1'
	requests = 0
	def do_POST(self):
		self.rfile.read(int(self.headers['Content-Length']))
		Handler.requests += 1
		self.send_response(503 if Handler.requests % 10 == 0 else 204)
		self.send_header('Content-Length', '0')
		self.end_headers()
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
END
ok(wait_for('it', 15, sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$busy") }), 'a receiver that says 503 each tenth time');
@options = ("--remote-write=http://127.0.0.1:$busy/", '--remote-write-settle=30', '--remote-write-resolution=0', '--remote-write-from=all');
ok(vmexitd(), 'vmexitd has more for it than it takes at a time');
ok(wait_for('all', 40, sub { (remote()->{state} // '') eq 'sending' && remote()->{failures} >= 2 }), 'it gets all of it') or diag($json->encode(remote()));
stop('daemon', 'TERM');
stop('busy', 'KILL');

# ---- what is too old before it could be sent ----
fresh();
@options = ('--remote-write-settle=0', '--remote-write-from=all');
ok(vmexitd(), 'a day without a receiver');
waits('nobody', qr/^0: ./);
stop('daemon', 'TERM');
ok(vmexitd('--keep-samples=2h'), 'with two hours of samples to be kept');
waits('nobody', qr/^0: ./);
ok(wait_for('a loss', 20, sub { remote()->{lost_samples} > 1000 }), 'those before are lost');
ok(wait_for('its line', 20, sub { slurp("$dir/daemon.log") =~ /remote write: \d+ samples were dropped for their age/ }), 'which is said');
stop('daemon', 'TERM');

# ---- TLS: whose certificate nobody signed, and who is trusted ----
my $tls = free_port();
is(system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout $dir/tls.key -out $dir/tls.pem >$dir/openssl.log 2>&1"), 0, 'a certificate is made');
start('tls', 'python3', '-c', <<'END', $tls, "$dir/tls.pem", "$dir/tls.key");
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version = 'HTTP/1.1'
	def do_POST(self):
		self.rfile.read(int(self.headers['Content-Length']))
		self.send_response(204)
		self.end_headers()
server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
END
ok(wait_for('TLS', 15, sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$tls") }), 'a receiver with TLS');
@options = ("--remote-write=https://127.0.0.1:$tls/", '--remote-write-settle=0');
ok(vmexitd(), 'vmexitd asks it');
waits('a certificate that nobody signed', qr/^0: .*(certificate|peer)/i);
stop('daemon', 'TERM');
ok(vmexitd("--remote-write-ca-file=$dir/tls.pem"), 'with the certificate in remote_write_ca_file');
ok(wait_for('samples', 15, sub { remote()->{requests} && !remote()->{failures} && remote()->{taken} }), 'it takes samples');
is(stop('daemon', 'TERM'), 0, 'it ends');
stop('tls', 'KILL');

# ---- settings ----
sub refused { my ($error, @words) = @_;
	my $said = qx($build/vmexitd --database=$dir/none.db --listen=off --api-socket=off --libvirt=off @words 2>&1);
	ok($? >> 8 == 2 && $said =~ $error, "@words is refused") or diag($said) }
refused(qr/remote_write = 'ftp:\/\/h\/' is neither a URL such as/, '--remote-write=ftp://h/');
refused(qr/remote_write has a user or password in its URL/, '--remote-write=http://u:s3cret@127.0.0.1/');
refused(qr/go together/, '--remote-write=http://127.0.0.1/', '--remote-write-user=u');
refused(qr/series have a label 'vm' already/, '--remote-write=http://127.0.0.1/', '--remote-write-labels=vm=x');
refused(qr/remote_write_from = 'never' is not one of now\|all/, '--remote-write-from=never');
is_deeply(json('/api/v1/remote'), {}, 'none of them serves');
ok(daemon('--libvirt=off'), 'without it');
is_deeply(remote(), { state => 'off' }, 'it is off');

done_testing();
