#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Correlations and what marks, processes and units cause, as vmexitd answers them of the
# recordings of real guests: tests/stats_check.py computes every number once more, from the
# samples in CSV, with Debian's scipy.
use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use lib "$FindBin::Bin/lib";
use Daemon;
use JSON::PP;
use Test::More;

my $vm = '/api/v1/vms/guest';

sub save { my ($name, $path) = @_;
	my $r = $http->get("$url$path");
	is($r->{status}, 200, $path) or diag($r->{content});
	open(my $h, '>', "$dir/$name") or die "$dir/$name: $!";
	print $h $r->{content};
	close($h) }

# The lines of the other program as tests of this one.
sub recheck { my ($source) = @_;
	# Not what a PATH has in front of Debian's.
	open(my $pipe, '-|', '/usr/bin/python3', '-W', 'error', "$FindBin::Bin/stats_check.py", $dir, $source) or die "python3: $!";
	my $done;
	while (my $line = <$pipe>) {
		chomp $line;
		$done = 1 if $line eq 'done';
		ok($1 eq 'ok', "$source: $2") if $line =~ /^(ok|not ok) (.*)/;
	}
	ok(close($pipe) && $done, 'all was compared') }

# Every name in an answer, once.
sub names { my ($value, $found) = @_;
	names($_, $found) for ref $value eq 'HASH' ? values %$value : ref $value eq 'ARRAY' ? @$value : ();
	$found->{$_} = 1 for ref $value eq 'HASH' ? keys %$value : ();
	return $found }

sub documented {
	my $page = slurp("$FindBin::Bin/../daemon/vmexit-http.7");
	for my $what (qw(correlate scatter attribution)) {
		my $head = '\.It Pa /api/v1/vms/ Ns Ar VM Ns Pa /';
		# What stands above is not shown again.
		my $shown = join '', map { $page =~ m{^($head$_\n.*?)^\.It Pa /}ms ? $1 : '' } 'correlate', $what;
		my $query = $what eq 'scatter' ? '?x=forks' : '';
		my @missing = grep { $shown !~ /"$_"/ } keys %{ names(json("$vm/$what$query"), {}) };
		is_deeply([sort @missing], [], "vmexit-http(7) shows all that /$what answers");
	} }

# The same in a terminal.
sub tables {
	my @ctl = ("$build/vmexitctl", '-s', "$dir/api.sock");
	my $ctl = sub { open(my $pipe, '-|', @ctl, @_) or die "vmexitctl: $!"; local $/; my $text = <$pipe>; close($pipe); return $text };
	my @lines = split /\n/, $ctl->('correlate', 'guest', '--limit=3');
	is(scalar @lines, 5, 'vmexitctl correlate: a head, three pairs, what they mean');
	like($lines[1], qr/^count io +interrupt_source ttyS0 +\* +\+1\.000 +\+0\.911 +0 s +86$/, 'the strongest');
	like($lines[-1], qr/chance alone .* in 5155 tests/, 'and how many were tried');
	like($ctl->('correlate', 'guest', '--to=1795753690'), qr/Nothing is known of any pair: .*at least 10/, 'or why there is none');
	is(eval { decode_json($ctl->('-j', 'correlate', 'guest', '--y=away', '--reason=io', '--max-lag=2'))->{max_lag} }, 2, 'with --json what vmexitd answers');
	my $rows = $ctl->('attribution', 'guest');
	like($rows, qr/^reads 1 +41\.4 s +19\d\d +\+14\d\d +\+1\d\d\d to +\+1\d\d\d +3\d\.\d\d % +\+1\d\.\d\d$/m, 'vmexitctl attribution: a row a label');
	like($rows, qr{^497 exits/s in all 1648 s; MORE is beside the rest}m, 'and what they stand beside');
	like($ctl->('attribution', 'guest', '--by=unit'), qr/^init\.scope +40\.0 s +it has exits in 2 intervals/m, 'or why there is no number') }

# A request whose answer is not read yet.
sub ask { my ($path) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "connect: $!";
	print $s "GET $vm/$path HTTP/1.1\r\nHost: 127.0.0.1:$port\r\nConnection: close\r\n\r\n";
	$s->flush;
	return $s }

# Computing makes nobody else wait, and each has its turn.
sub many_at_a_time {
	my @asked = map { ask('correlate?max_lag=30') } 1 .. 12;
	is($http->get("$url/healthz")->{status}, 200, 'while answers are computed others are given');
	is(scalar(grep { join('', <$_>) =~ m{^HTTP/1.1 200 .*"pairs":}s } @asked), 12, 'and each is, in its turn');
	# All of these cannot wait.
	my %status;
	my @asked_more = map { ask('correlate?max_lag=2') } 1 .. 60;
	my @last = map { ask($_) } qw(phases reasons distribution);
	is(scalar(grep { join('', <$_>) =~ m{^HTTP/1.1 503 } } @last), 3, 'nor can phases and sums: they are computed likewise');
	for my $s (@asked_more) {
		my ($code, $text) = join('', <$s>) =~ m{^HTTP/1.1 (\d+) .*\r\n\r\n(.*)}s;
		$status{ $code // 'none' }++;
		is($code, 503, 'a refusal') unless ($text // '') =~ /"pairs":|"error":"other answers that take long are being made; try again"/;
	}
	@asked = map { ask('correlate?max_lag=30&reason=all') } 1 .. 34;
	is((map { s{^HTTP/1.1 (\d+) .*}{$1}sr } join('', readline(ask('phases'))))[0], 503, 'who waits takes a place');
	@asked = ();
	is((map { s{^HTTP/1.1 (\d+) .*}{$1}sr } join('', readline(ask('phases'))))[0], 200, 'but not who has left');
	ok(($status{200} // 0) >= 32 && $status{503} && $status{200} + $status{503} == 60, 'but not of any number') or diag(explain(\%status)) }

sub recording { my ($name, $known, @sources) = @_;
	unlink glob "$dir/v.db*";
	ok(gunzip("$FindBin::Bin/data/$name/vmexit.db.gz" => "$dir/v.db"), 'it unpacks') or diag($GunzipError), return;
	ok(daemon('--libvirt=off'), 'vmexitd serves it') or return;
	save('samples.csv', "$vm/samples.csv?form=long&boot=1");
	save('marks.json', "$vm/marks?boot=1");
	for my $source (@sources) {
		save('correlate.json', "$vm/correlate?boot=1&source=$source&max_lag=5&limit=10000&y=" . ($source eq 'host' ? 'away' : 'count'));
		save("attribution-$_.json", "$vm/attribution?boot=1&source=$source&by=$_") for qw(mark process unit);
		save('scatter.json', "$vm/scatter?boot=1&source=$source&x=context_switches&y=count&lag=2");
		recheck($source);
	}
	$known->() if $known;
	my @unread = map { ask('correlate?max_lag=30&reason=all') } 1 .. 20;
	is(stop('daemon', 'TERM'), 0, 'and ends, also while it computes');
	return }

# What everybody knows of these workloads.
sub trace_known {
	my %pair;
	for my $p (@{ json("$vm/correlate?limit=1000&max_lag=0")->{pairs} }) {
		$pair{ $p->{y}{reason_name} // '' }{ $p->{x}{name} // $p->{x}{kind} } = $p;
	}
	ok($pair{io}{ttyS0}{notable} && $pair{io}{ttyS0}{spearman} > 0.9, 'exits for ports go with the serial port\'s interrupts');
	ok($pair{msr}{context_switches}{notable} && $pair{msr}{context_switches}{pearson} > 0.8, 'those for MSRs with context switches');
	ok(!$pair{''}{pages_swapped_in}{notable} && $pair{''}{pages_swapped_in}{why} =~ /workload did not change/, 'nothing was swapped');
	my %row = map { $_->{name} => $_ } @{ json("$vm/attribution?by=mark")->{rows} };
	ok($row{'reads 1'}{rate}{difference_low} > 0, 'reading causes exits');
	ok($row{'cpu 1'}{rate}{difference_high} < 0, 'computing causes none');
	my @all = @{ json("$vm/correlate?reason=all&y=handling&limit=10000&max_lag=0")->{pairs} };
	my %reason = map { ($_->{y}{reason} // '') => 1 } @all;
	ok(keys %reason > 9 && !$reason{4294967294}, 'all reasons, without idle');
	my @two = @{ json("$vm/correlate?reason=io,120&limit=10000&max_lag=0")->{pairs} };
	%reason = map { ($_->{y}{reason_name} // '') => 1 } @two;
	is_deeply([sort keys %reason], ['', 'hlt', 'io'], 'or those that are named, by name or number');
	is(scalar @{ json("$vm/correlate?limit=3")->{pairs} }, 3, 'the first three');
	tables();
	documented();
	many_at_a_time();
	my ($boot) = boots('guest');
	my ($from, $to) = ($boot->{opened} + 200, $boot->{opened} + 700);
	my $range = json(sprintf "$vm/correlate?from=%.1f&to=%.1f", $from, $to);
	ok($range->{from} >= $from && $range->{to} <= $to && $range->{n} > 450 && !defined $range->{boot}, 'of a range, no more than that');
	my $short = json(sprintf "$vm/correlate?from=%.1f&to=%.1f", $from, $from + 8);
	ok(!(grep { defined $_->{pearson} } @{ $short->{pairs} }) && $short->{pairs}[0]{why} =~ /at least 10 are needed/, 'of a short one no number, but why');
	for my $case (
		['correlate?y=idle', 400, qr/y = 'idle' is not one of count, handling and away/],
		['correlate?reason=nonsense', 400, qr/reason 'nonsense'/],
		['correlate?reason=' . join(',', 1 .. 33), 400, qr/at most 32 reasons/],
		['correlate?max_lag=3601', 400, qr/max_lag = '3601' is not a number from 0 to 3600/],
		['correlate?limit=0', 400, qr/limit = '0'/],
		['correlate?x=forks', 400, qr/'x' is not known here/],
		['correlate?to=1', 404, qr/no exits in that range/],
		['scatter', 400, qr/x = '' is not known; there are count/],
		['scatter?x=forks&name=a', 400, qr/x = 'forks' has no names/],
		['scatter?x=unit_cpu_us', 400, qr/x = 'unit_cpu_us' needs a name/],
		['scatter?x=unit_cpu_us&name=' . 'x' x 65, 400, qr/at most 64/],
		['scatter?x=forks&y=forks', 400, qr/y = 'forks'/],
		['scatter?x=forks&reason=x', 400, qr/reason 'x'/],
		['scatter?x=forks&lag=nan', 400, qr/lag = 'nan' is not a number of seconds/],
		['scatter?x=forks&lag=1s', 400, qr/lag = '1s'/],
		['scatter?x=forks&to=1', 404, qr/no exits/],
		['attribution?by=user', 400, qr/by = 'user' is not one of mark, process and unit/],
		['attribution?reason=1', 400, qr/'reason' is not known here/],
		['attribution?to=1', 404, qr/no exits/],
	) {
		my ($path, $status, $message) = @$case;
		my $r = $http->get("$url$vm/$path");
		ok($r->{status} == $status && (eval { decode_json($r->{content}) } // { error => '' })->{error} =~ $message, substr($path, 0, 60) . ": $status") or diag("$r->{status} $r->{content}");
	}
}

subtest 'trace-1hz' => sub { recording('trace-1hz', \&trace_known, 'guest', 'host') };
subtest 'debian-svm' => sub { recording('debian-svm', undef, 'guest') };
subtest 'debian-vmx' => sub { recording('debian-vmx', undef, 'guest', 'host') };
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
