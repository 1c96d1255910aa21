#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# `make bench-fleet` in small, against the real VictoriaMetrics and Prometheus: that what simulated
# hosts send arrives in full, in every form, and that the bench says so if it does not.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin;
use IO::Socket::INET;
use POSIX ();
use Test::More;

my $top = "$FindBin::Bin/..";
my $dir = tempdir('vmexit-fleetload-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $bench = "$FindBin::Bin/bench/fleet";
my ($hosts, $vms, $seconds) = (5, 4, 4);

# Under the sanitizers, as the suite's daemon.
$ENV{BUILD} //= "$top/build/san";
is(system("env -u BUILD make -s -C $FindBin::Bin/bench/fleetbench SAN=1 >&2"), 0, 'the hosts are built');

sub bench {
	my $out = qx($bench --hosts=$hosts --vms=$vms --seconds=$seconds --interval=1 --few=3 --memory=256MiB @_ 2>$dir/err);
	my $status = $? >> 8;
	my %got;
	for (split /\n/, $out) {
		/^(\w+?)=(\S+)/ and $got{$1} = $2;
		my ($line) = /^(\w+?)[ =]/ or next;
		$got{"$line $1"} = $2 while /(\w+)=(\S+)/g;
	}
	return ($status, \%got, $out);
}
sub said { open(my $h, '<', "$dir/err") or return ''; local $/; return <$h> }

my ($status, $got, $out) = bench('--only=load,prometheus,text,disk', '--hours=1', '--steps=60');
is($status, 0, 'all of it can be measured') or diag($out, said());
my $per_vm = $got->{'load_series per_vm'} // 0;
cmp_ok($per_vm, '>', 40, 'a VM has its exits, reasons and workload');
is($got->{load_series}, $hosts * $vms * $per_vm, 'all VMs have the same series');
is($got->{'load_series samples'}, $hosts * $vms * $seconds * $per_vm, 'a sample a second of each');
is($got->{"${_}_totals"}, 'equal', "$_: what arrived is what was sent") for qw(load prometheus text disk_60s);
is($got->{'disk_60s_totals samples'}, 10 * 60 * $per_vm, 'of each minute the last sample only');
is($got->{'load_totals exits'}, $got->{'load_totals reason_exits'}, 'exits are the sum of their reasons');
is($got->{'load_query_one_vm_ms series'} // 0, 12, 'a question is answered while it is loaded');
for (qw(load_sender_cpu_s_per_million load_receiver_cpu_s_per_million load_receiver_rss_mib load_wire_bytes_per_sample load_disk_bytes_per_sample)) {
	cmp_ok($got->{$_} // 0, '>', 0, "$_ has a figure");
}

# One VM's exits are dropped on the way in: the bench must not be content.
open(my $relabel, '>', "$dir/relabel.yml") or die "$dir: $!";
print $relabel "- action: drop\n  if: 'vmexit_exits_total{name=\"vm-0001-002\"}'\n";
close $relabel;
($status, $got, $out) = bench('--only=load', '--patience=2', "--victoria=-relabelConfig=$dir/relabel.yml");
isnt($status, 0, 'a receiver that drops a series is found');
like(said(), qr/the last samples: waited 2 s in vain/, 'and it says what is missing');

# A receiver that refuses.
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 0) or die "no port: $!";
my $pid = fork() // die "fork: $!";
if ($pid == 0) {
	alarm 30;
	while (my $peer = $listener->accept) {
		sysread($peer, my $request, 65536);
		syswrite($peer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\nConnection: close\r\n\r\nno thanks");
		close $peer;
	}
	POSIX::_exit(0);
}
my $port = $listener->sockport;
my $err = qx($ENV{BUILD}/fleetbench --hosts=1 --vms=1 --seconds=1 http://127.0.0.1:$port/ 2>&1 >/dev/null);
isnt($?, 0, 'refused samples end it');
like($err, qr/refused with 400: no thanks/, 'with the receiver\'s words');
kill('KILL', $pid);
waitpid($pid, 0);

qx($ENV{BUILD}/fleetbench --interval=10 --resolution=3 http://127.0.0.1:$port/ 2>&1);
is($? >> 8, 2, 'steps that do not fit into the interval are refused');
qx($bench --only=nothing 2>&1);
isnt($?, 0, 'and so is a part that there is not');
done_testing();
