#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# vmexitd as a service manager starts it: with sockets that it is given, told when it
# serves, what does not work and when it ends. The test plays systemd.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOCK_DGRAM);
use Test::More;

my $notify = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$dir/notify.sock") or die "$dir: $!";
$ENV{NOTIFY_SOCKET} = "$dir/notify.sock";
# What the daemon tells until that is of a form, or nothing in time.
sub told { my ($pattern) = @_;
	return wait_for("a message like $pattern", 10, sub {
		while (IO::Select->new($notify)->can_read(0)) {
			my $text;
			$notify->recv($text, 4096);
			return $text if $text =~ $pattern;
		}
		return }) // '' }

# Start vmexitd with sockets as descriptors 3 and on.
sub start_with { my ($sockets, @options) = @_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', '/dev/null');
		open(STDERR, '>>', "$dir/daemon.log");
		my @high = map { POSIX::fcntl_dup($_->[1]) } @$sockets;
		POSIX::dup2($high[$_], 3 + $_) for 0 .. $#high;
		POSIX::close($_) for @high;
		@ENV{qw(LISTEN_PID LISTEN_FDS LISTEN_FDNAMES)} = ($$, scalar @$sockets, join ':', map { $_->[0] } @$sockets);
		exec("$build/vmexitd", "--database=$dir/v.db", '--libvirt=off', '--commit-interval=50', @options) or POSIX::_exit(127);
	}
	$running{daemon} = $pid }
# A copy far above, out of the way.
sub POSIX::fcntl_dup { require Fcntl; return fcntl($_[0], Fcntl::F_DUPFD(), 30) }
sub status_of { return $http->get("$url$_[0]")->{status} }
sub host_status { my ($host) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 5) or return 0;
	print $s "GET /api/v1/vms HTTP/1.0\r\nHost: $host\r\n\r\n";
	$s->flush;
	my ($status) = (do { local $/; <$s> } // '') =~ m{^HTTP/1\.[01] (\d+)};
	return $status // 0 }

# ---- both sockets given ----
my $page = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 0) or die $!;
$port = $page->sockport;
$url = "http://127.0.0.1:$port";
my $api = IO::Socket::UNIX->new(Listen => 5, Local => "$dir/given.sock") or die $!;
my $other = IO::Socket::UNIX->new(Listen => 5, Local => "$dir/other.sock") or die $!;
start_with([['api', $api], ['page', $page], ['strange', $other]], "--api-socket=$dir/none/api.sock", '--listen=127.0.0.1:1');
like(told(qr/READY=1/), qr{^STATUS=serving http://127\.0\.0\.1:$port/ from \Q$dir\E/v\.db$}m, 'ready, and where it serves');
is(status_of('/healthz'), 200, 'the page is served on the socket that is given, whatever listen says');
is(host_status("127.0.0.1:$port"), 200, 'its address is a name that is answered');
is(host_status("localhost:$port"), 200, 'so is localhost with its port');
is(host_status("evil.example:$port"), 403, 'but not any other');
like(qx($build/vmexitctl --json -s $dir/given.sock list), qr/"vms"/, 'vmexitctl over the one that is given');
ok(!-e "$dir/none", 'and no other is made');
like(slurp("$dir/daemon.log"), qr/socket 'strange' of the service manager: its name is not known, .*'api' or 'page', ignoring it/, 'a third is warned of');
like(slurp("$dir/daemon.log"), qr/listen = '127\.0\.0\.1:1' has no effect: .* gives a socket on 127\.0\.0\.1:$port, change ListenStream=/, 'and a setting without effect');
is(stop('daemon', 'TERM'), 0, 'it ends');
like(told(qr/STOPPING=1/), qr/STOPPING=1/, 'and says so');
ok(-S "$dir/given.sock", 'the socket that it did not make stays');

# ---- who asks meanwhile waits for its next start ----
my $client = fork();
if ($client == 0) { POSIX::_exit(HTTP::Tiny->new(timeout => 20)->get("$url/healthz")->{status} == 200 ? 0 : 1) }
start_with([['page', $page], ['api', $api]], "--listen=127.0.0.1:$port");
waitpid($client, 0);
is($?, 0, 'who asks between its end and its next start is answered');
told(qr/READY=1/);
stop('daemon', 'TERM');
unlike((split /listen = '127.0.0.1:1'/, slurp("$dir/daemon.log"))[-1] =~ s/^.*\n//r, qr/has no effect|warning/, 'a setting that says the same is not warned of');

# ---- one that is not loopback ----
close $page;
my $open = IO::Socket::INET->new(Listen => 5, LocalAddr => '0.0.0.0', LocalPort => 0) or die $!;
$port = $open->sockport;
$url = "http://127.0.0.1:$port";
start_with([['page', $open]], "--listen=0.0.0.0:$port", '--api-socket=off');
ok(told(qr/READY=1/), 'a socket on any address');
like(slurp("$dir/daemon.log"), qr/listening on 0\.0\.0\.0:$port, which is not loopback/, 'is warned of');
is(host_status("localhost:$port"), 200, 'and serves');
stop('daemon', 'TERM');
close $open;

# ---- none given: as without a service manager, but for the news ----
delete @ENV{qw(LISTEN_PID LISTEN_FDS LISTEN_FDNAMES)};
$port = free_port();
$url = "http://127.0.0.1:$port";
ok(daemon('--libvirt=off'), 'without sockets it makes its own');
ok(told(qr/READY=1/), 'and says when it serves');
ok(-S "$dir/api.sock", 'there is the Unix socket');
# ---- signs of life ----
stop('daemon', 'TERM');
$ENV{WATCHDOG_USEC} = 200000;
start('daemon', "$build/vmexitd", "--database=$dir/v.db", '--listen=off', "--api-socket=$dir/api.sock", '--libvirt=off');
like(told(qr/READY=1/), qr/^STATUS=storing in /m, 'with no page it says what it does');
ok(told(qr/^WATCHDOG=1$/) && told(qr/^WATCHDOG=1$/), 'and gives signs of life when they are waited for');
is(stop('daemon', 'TERM'), 0, 'it ends');
ok(!-e "$dir/api.sock", 'and takes the socket away that it made');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
