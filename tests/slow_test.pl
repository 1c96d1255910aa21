#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Those who ask for much and read none of it: vmexitd refuses more before its memory grows, on
# that address alone, and answers again when they are gone.
use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use lib "$FindBin::Bin/lib";
use Daemon;
use Socket qw(SOL_SOCKET SO_RCVBUF inet_aton pack_sockaddr_in);
use Test::More;

my $db = "$dir/v.db";
ok(gunzip("$FindBin::Bin/data/trace-1hz/vmexit.db.gz" => $db), 'a recording unpacks') or BAIL_OUT($GunzipError);
ok(daemon('--libvirt=off'), 'vmexitd serves it');
my ($name) = map { $_->{name} } grep { $_->{boot} } @{ json('/api/v1/vms')->{vms} };
my $vm = "/api/v1/vms/$name";

# The first line of an answer that is not read further, and its socket.
sub ask { my $path = shift;
	my $socket = IO::Socket::INET->new(Proto => 'tcp');
	setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 4096);
	$socket->connect(pack_sockaddr_in($port, inet_aton('127.0.0.1'))) or die "connect: $!";
	print $socket "GET $path HTTP/1.1\r\nHost: 127.0.0.1:$port\r\n\r\n";
	sysread($socket, my $line, 12);
	return { socket => $socket, status => $line =~ s/.* //r } }
sub status { return $http->get("$url$_[0]")->{status} }

for my $case (['samples.csv?form=long', 'exports', 40, 32], ['series?points=10000&kind=count,handling,away&reason=all', 'answers', 60, undef]) {
	my ($path, $what, $count, $most) = @$case;
	ok(length $http->get("$url$vm/$path")->{content} > 3_000_000, "one of the $what is some MB long");
	my @open = map { ask("$vm/$path") } 1 .. $count;
	my $served = grep { $_->{status} == 200 } @open;
	ok($served >= 5 && $served < $count, "$served of $count $what that nobody reads are begun");
	is($served, $most, 'as many as may be') if $most;
	is(scalar(grep { $_->{status} == 503 } @open), $count - $served, 'the others are refused');
	is(status('/healthz'), 200, 'it says that it is well');
	like(qx($build/vmexitctl -s $dir/api.sock export $name), qr/^time,/, 'and exports over its socket');
	close $_->{socket} for @open;
	ok(wait_for('an answer', 10, sub { status("$vm/$path") == 200 }), 'when they are gone it answers again');
}
is(stop('daemon', 'TERM'), 0, 'the daemon ends');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
