# SPDX-License-Identifier: GPL-2.0-or-later
# The real vmexitd in a directory of its own, over Unix sockets: without KVM, without a
# service. Started, asked, and always ended.
package Daemon;
use strict;
use warnings;
use Exporter 'import';
use File::Temp qw(tempdir);
use FindBin;
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Socket ();
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw($build $dir $port $url $http %running free_port start stop slurp wait_for daemon
	json vm csv boots listen_at accept_at sql used_cpu);

our $build = $ENV{BUILD} // "$FindBin::Bin/../build";
our $dir = tempdir('vmexit-daemon-XXXXXX', TMPDIR => 1, CLEANUP => 1);
our $port = free_port();
our $url = "http://127.0.0.1:$port";
our $http = HTTP::Tiny->new(timeout => 20);
our %running;

sub free_port {
	my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die;
	return $s->sockport;
}

# Start a program; its stderr goes to NAME.log.
sub start {
	my ($name, @command) = @_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', "$dir/$name.out");
		open(STDERR, '>>', "$dir/$name.log");
		exec(@command) or POSIX::_exit(127);
	}
	$running{$name} = $pid;
	return $pid;
}

sub stop {
	my ($name, $signal) = @_;
	my $pid = delete $running{$name} or return;
	kill($signal, $pid);
	waitpid($pid, 0);
	return $?;
}

$SIG{PIPE} = 'IGNORE';
my $owner = $$;
END { kill('KILL', $_) for $$ == $owner ? values %running : () }

sub slurp { my $f = shift; open(my $h, '<', $f) or return ''; local $/; return <$h> }

# Wait for a condition, with a deadline.
sub wait_for {
	my ($what, $seconds, $condition) = @_;
	my $end = time + $seconds;
	while (time < $end) {
		my $r = $condition->();
		return $r if $r;
		sleep 0.05;
	}
	diag("waited $seconds s in vain for: $what");
	return;
}

# Start vmexitd; options that are given come last and win. False if it does not serve. Recordings
# may be of any age: nothing of them is too old.
sub daemon {
	my (@options) = @_;
	start('daemon', "$build/vmexitd", '-v', "--database=$dir/v.db", "--listen=127.0.0.1:$port",
	      "--api-socket=$dir/api.sock", '--libvirt=test:///default', '--commit-interval=50', (map { "--keep-$_=forever" } qw(samples 10s 1min 10min 1h)), @options);
	return wait_for('vmexitd', 20, sub { $http->get("$url/healthz")->{status} == 200 });
}

sub json { my $r = $http->get("$url$_[0]"); return eval { decode_json($r->{content}) } // {} }
sub vm { my $name = shift; my ($vm) = grep { $_->{name} eq $name } @{ json('/api/v1/vms')->{vms} // [] }; return $vm // {} }
sub boots { return @{ json("/api/v1/vms/$_[0]/boots")->{boots} // [] } }

# Rows of samples.csv as hashes.
sub csv { my ($vm, $query) = @_;
	my $text = $http->get("$url/api/v1/vms/$vm/samples.csv" . ($query // ''))->{content};
	my ($head, @lines) = split /\r\n/, $text;
	my @names = split /,/, $head, -1;
	return map { my %row; @row{@names} = split /,/, $_, -1; \%row } @lines }

# The test plays QEMU: it listens on a port's socket.
sub listen_at { my $name = shift; return IO::Socket::UNIX->new(Listen => 1, Local => "$dir/$name.sock") || die "$dir: $!" }
# The connection of the daemon that runs now; those of its predecessors may wait in front.
sub accept_at { my $listener = shift;
	return wait_for('a connection', 10, sub {
		while (IO::Select->new($listener)->can_read(0)) {
			my $peer = $listener->accept or return;
			my ($pid) = unpack('i', getsockopt($peer, Socket::SOL_SOCKET(), Socket::SO_PEERCRED()));
			return $peer if $pid == ($running{daemon} // 0);
		}
		return }) }

# Rows of a query, as lists of its columns.
sub sql { my ($file, $query) = @_;
	open(my $pipe, '-|', 'sqlite3', '-readonly', '-separator', "\t", '-cmd', ".load $FindBin::Bin/../build/vmexit", $file, $query) or die "sqlite3: $!";
	chomp(my @lines = <$pipe>);
	return map { [split /\t/, $_, -1] } @lines }

# Seconds of CPU that the daemon has used.
sub used_cpu { my @f = split ' ', slurp("/proc/$running{daemon}/stat"); return ($f[13] + $f[14]) / POSIX::sysconf(POSIX::_SC_CLK_TCK()) }

1;
