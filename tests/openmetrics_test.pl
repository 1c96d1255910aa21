#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# /metrics: what others' parsers make of it, that its numbers are the stored ones, and that no
# guest and no name gets more into it than it should. The test plays the guests.
use strict;
use warnings;
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip);
use JSON::PP;
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use Test::More;
use Time::HiRes qw(time);

sub now_ns { my $ago = shift; return int((time - $ago) * 1e6) * 1000 }
sub pipe_into { my ($text, @command) = @_;
	open(my $file, '>', "$dir/piped") or die "$dir: $!";
	print $file $text;
	close $file;
	my $said = qx(@command <$dir/piped 2>&1);
	return ($?, $said) }

# Samples by "name{labels}", labels sorted; types and units by family.
sub parse { my $text = shift;
	my (%is, %type, %unit, @wrong);
	for (split /\n/, $text) {
		if (/^# TYPE (\S+) (\w+)$/) { push @wrong, "$1 twice" if $type{$1}; $type{$1} = $2; next }
		if (/^# UNIT (\S+) (\w+)$/) { $unit{$1} = $2; next }
		next if /^# (HELP \w+ \S|EOF$)/;
		my ($name, $labels, $value) = /^(\w+)(?:\{((?:\w+="(?:[^"\\]|\\[\\n"])*",?)*)\})? ([-+\d.e]+)$/ or push(@wrong, $_), next;
		my %l = ($labels // '') =~ /(\w+)="((?:[^"\\]|\\.)*)"/g;
		my $id = "$name\{" . join(',', map { "$_=$l{$_}" } sort keys %l) . '}';
		push @wrong, "$id twice" if exists $is{$id};
		$is{$id} = $value;
	}
	return { is => \%is, type => \%type, unit => \%unit, wrong => \@wrong } }
sub ask { my ($accept, $query) = @_; return $http->get("$url/metrics" . ($query // ''), { headers => { Accept => $accept } }) }
sub metrics { return parse(ask('application/openmetrics-text')->{content}) }

# ---- VMs: two that are played, one of a database, one that libvirt has and that does not run ----
my $name = qq(a"b\\c & <d> \xc3\xa4);
(my $xml = $name) =~ s/([&<>"])/'&#' . ord($1) . ';'/ge;
open(my $file, '>', "$dir/host.xml") or die;
print $file qq(<node><domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>$xml</name>
	<uuid>00000000-0000-0000-0000-000000000007</uuid><memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os>
	<test:runstate>5</test:runstate></domain></node>);
close $file;
my $t0 = int(time) - 60;
open($file, '>', "$dir/old.csv") or die;
print $file join(',', qw(time epoch_s vm boot source sequence exits handling_cycles tsc_khz vcpus away_cycles idle_cycles t_ns boot_cause boot_opened_ns vm_name)), "\r\n";
for my $i (0 .. 5) {
	print $file join(',', '', $t0 + 10 * $i, 'db', 1, 'host', $i + 1, 1000 + 500 * $i, 2e6 * $i, 2000000, 2, 3e6 * $i, 1e6 * $i,
		($t0 + 10 * $i) . '000000000', 'found', $t0 . '000000000', 'in the database'), "\r\n";
	# Long ago.
	print $file join(',', '', 1600000000 + $i, 'ago', 1, 'host', $i + 1, 1000 + $i, 0, 2000000, 2, 0, 0,
		(1600000000 + $i) . '000000000', 'found', '1600000000000000000', 'long ago'), "\r\n";
	# Every 10 minutes, the last one 20 minutes ago.
	my $t = $t0 - 1200 - 600 * (5 - $i);
	print $file join(',', '', $t, 'slow', 1, 'host', $i + 1, 1000 + $i, 0, 2000000, 2, 0, 0, "${t}000000000", 'found', "${t}000000000", 'slow'), "\r\n";
}
close $file;
is(system("$build/vmexitctl import --database $dir/v.db $dir/old.csv >$dir/import.log 2>&1"), 0, 'three VMs are imported') or diag(slurp("$dir/import.log"));

my %listener = map { $_ => listen_at($_) } qw(one two);
ok(daemon("--libvirt=test://$dir/host.xml", map { "--channel=$_=$dir/$_.sock" } sort keys %listener), 'vmexitd serves');
my %peer;
for my $vm (sort keys %listener) {
	$peer{$vm} = accept_at($listener{$vm});
	syswrite($peer{$vm}, hello2(pack('A16', $vm), 1e12, generation => 5, started => 1));
	welcomed($peer{$vm});
}
# All values of the guest's workload that there are.
sub workload { my $k = shift; return varint((1 << 33) - 1) . join '', map { varint(1000 * $_ * $k) } 1 .. 33 }
sub taken { my ($sequence, $ago, $exits, %more) = @_;
	return sample2($sequence, generation => 5, exits => $exits, host => now_ns($ago), handling => 1e6 * $exits, away => [3e6 * $exits, 1e9],
		agent => 7, taken => $sequence / 1000, pace => [100000, 0], workload => workload($sequence / 1000), %more) }
syswrite($peer{one}, taken(1000, 2, 1000, lists => reasons([0x72, 600, 1e9, 2e9], [0x78, 300, 1e8, 2e8], [0x7777, 60, 0, 0], [0x7778, 40, 0, 0]))
	. taken(2000, 1, 1500, lists => reasons([0x72, 900, 15e8, 3e9], [0x78, 400, 1e8, 2e8], [0x7777, 150, 0, 0], [0x7778, 50, 4e9, 0])));
ok(acked($peer{one}, 2000), 'a guest has samples with everything');
wait_for('the stopped domain', 10, sub { vm($name =~ s/\xc3\xa4/\x{e4}/r)->{state} });

# ---- what other programs make of it ----
my $text = ask('text/plain')->{content};
my ($failed, $said) = pipe_into($text, 'promtool', 'check', 'metrics');
is($failed, 0, 'promtool check metrics');
is($said, '', 'has nothing to say');
my $r = ask('application/openmetrics-text; version=1.0.0,text/plain;q=0.5');
is($r->{headers}{'content-type'}, 'application/openmetrics-text; version=1.0.0; charset=utf-8', 'OpenMetrics for who asks for it');
my $python = <<'END';
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(json.dumps([[f.name, f.type, f.unit, [[s.name, s.labels, s.value] for s in f.samples]] for f in parse(sys.stdin.read())]))
END
open($file, '>', "$dir/parse.py") or die;
print $file $python;
close $file;
($failed, $said) = pipe_into($r->{content}, '/usr/bin/python3', "$dir/parse.py");
is($failed, 0, "the Prometheus client's strict parser takes it") or diag($said);
my @families = @{ decode_json($said) };
my $names = join "\n", sort map { map { $_->[1]{name} // () } @{ $_->[3] } } @families;
like($names, qr/^\Qa"b\c & <d> \E\x{e4}$/m, 'and finds the odd name as it is');

my $all = parse($r->{content});
my %is = %{ $all->{is} };
is_deeply($all->{wrong}, [], 'every line is as it should be, none is there twice');
like($r->{content}, qr/# EOF\n\z/, 'the end is marked');
is(scalar(map { @{ $_->[3] } } @families), scalar keys %is, 'both parsers find as much');
is_deeply([sort keys %{ $all->{unit} }], [sort grep { /_(seconds|bytes)$/ } keys %{ $all->{type} }], 'whatever is in seconds or bytes says so');
my $plain = parse($text);
is_deeply([sort grep { !/_created/ } keys %is], [sort keys %{ $plain->{is} }], 'both formats have the same samples');
unlike($text, qr/^# (UNIT|EOF)|_created/m, 'the older one without what it has not');

# ---- the numbers ----
my $one = 'name=one,source=guest,vm=one';
my ($row) = (csv('one'))[-1];
is($is{"vmexit_exits_total{$one}"}, $row->{exits}, 'exits');
is($is{"vmexit_boot_exits{$one}"}, vm('one')->{guest}{exits}, 'exits of the boot');
ok(abs($is{"vmexit_sample_timestamp_seconds{$one}"} - vm('one')->{guest}{t}) < 1e-3, 'when');
is($is{"vmexit_handling_seconds_total{$one}"}, $row->{handling_cycles} / 2e9, 'handling');
is($is{"vmexit_away_seconds_total{$one}"}, $row->{away_cycles} / 2e9, 'away');
is($is{"vmexit_idle_seconds_total{$one}"}, $row->{idle_cycles} / 2e9, 'idle');
my ($cpuid, $hlt) = map { "name=one,reason=$_,source=guest,vm=one" } qw(cpuid hlt);
is($is{"vmexit_reason_exits_total{$cpuid}"}, $row->{exits_cpuid}, 'exits by reason');
is($is{"vmexit_reason_handling_seconds_total{$cpuid}"}, $row->{handling_cycles_cpuid} / 2e9, 'handling by reason');
is($is{"vmexit_reason_away_seconds_total{$hlt}"}, $row->{away_cycles_hlt} / 2e9, 'away by reason');
is($is{'vmexit_reason_exits_total{name=one,reason=other,source=guest,vm=one}'}, 200, 'reasons without a name are one');
is($is{'vmexit_reason_handling_seconds_total{name=one,reason=other,source=guest,vm=one}'}, 2, 'in times as well');
my $sum = 0;
$sum += $is{$_} for grep { /^vmexit_reason_exits_total\{name=one,/ } keys %is;
is($sum, $row->{exits}, 'all reasons together are all exits');
is($is{'vmexit_guest_cpu_seconds_total{mode=steal,name=one,source=guest,vm=one}'}, $row->{cpu_steal_ms} / 1000, 'CPU time of the guest');
is($is{'vmexit_guest_memory_bytes{name=one,part=available,source=guest,vm=one}'}, $row->{memory_available_bytes}, 'its memory');
is($is{'vmexit_guest_pressure_stalled_seconds_total{name=one,resource=io,source=guest,vm=one}'}, $row->{psi_io_full_us} / 1e6, 'its pressure');
is($is{"vmexit_agent_exits_total{$one}"}, 7, "the agent's exits");
my $db = 'name=in the database,source=host,vm=db';
is($is{"vmexit_exits_total{$db}"}, 3500, 'the host source is one of its own');
is($is{"vmexit_boot_exits{$db}"}, 2500, 'with the boot counted from its first sample');
is($is{"vmexit_away_seconds_total{$db}"}, 0.0075, 'and its times');
is_deeply([map { $is{"$_\{name=one,vm=one}"} } qw(vmexit_vm_running vmexit_agent_connected vmexit_agent_channel vmexit_guest_leaf vmexit_host_stuck vmexit_boots_total vmexit_quarantined_samples_total)],
	[1, 1, 1, 1, 0, 1, 0], 'what is known of the VM');
is($is{"vmexit_vm_vcpus{$one}"}, 2, 'its vCPUs');
is($is{'vmexit_vm_running{name=' . $name =~ s/["\\]/\\$&/gr . ',vm=00000000-0000-0000-0000-000000000007}'}, 0, 'a VM that does not run');
is_deeply([grep { /0{12}7/ && !/^vmexit_(vm_running|vm_paused|agent_c|boots|host_stuck)/ } keys %is], [], 'has nothing else');
is_deeply([sort grep { /vm=ago/ && /source=/ } keys %is], ['vmexit_sample_timestamp_seconds{name=long ago,source=host,vm=ago}'], 'a source that is silent has only when it spoke');
is($is{'vmexit_exits_total{name=slow,source=host,vm=slow}'}, 1005, 'one that is rarely read has all of it');
is($is{'vmexit_vms{}'}, 6, 'so many VMs');
is_deeply([map { $is{"vmexit_$_\{}"} } qw(vms_left_out store_failed store_refused_records_total)], [0, 0, 0], 'vmexitd is well');
ok($is{'vmexit_store_size_bytes{}'} >= -s "$dir/v.db" && $is{'vmexit_store_free_bytes{}'} > 0, 'and has room');
my ($version) = qx($build/vmexitd --version) =~ /(\S+)$/;
is($is{"vmexit_build_info{version=$version}"}, 1, "its version is $version");
my $pid = $running{daemon};
ok(abs($is{'process_start_time_seconds{}'} - (stat "/proc/$pid")[9]) < 60 && $is{'process_cpu_seconds_total{}'} > 0, 'its process');
is(scalar(grep { /_remote_write_/ } keys %is), 0, 'without remote write there is nothing of it');

# ---- a guest that makes reasons up, and one that lies ----
sub series_of { my $vm = shift; return scalar grep { /\bvm=$vm\b/ } keys %{ metrics()->{is} } }
my $before = series_of('one');
cmp_ok($before, '<', 100, "a VM with everything has $before series");
my $sequence = 3;
for my $n (0 .. 17) {
	my $exits = 1e6 * $sequence;
	syswrite($peer{one}, taken(1000 * $sequence, 0, $exits, handling => 16e8, away => [5e9, 1e9], lists => reasons([0x72, 1000, 15e8, 3e9], [0x78, $exits - 901_000, 1e8, 2e8], map { [0x8000 + 1000 * $n + $_, 1000, 0, 0] } 1 .. 900)));
	$sequence++;
}
ok(acked($peer{one}, 1000 * ($sequence - 1)), 'a guest has 900 other reasons in each of 18 samples');
is(vm('one')->{quarantined}, undef, 'which could be true');
my $answer;
wait_for('its new numbers', 5, sub { $answer = metrics()->{is}; $answer->{"vmexit_exits_total{$one}"} == 1e6 * ($sequence - 1) });
is($answer->{'vmexit_reason_exits_total{name=one,reason=other,source=guest,vm=one}'}, 900 * 1000, 'they are one');
is(series_of('one'), $before, 'and make no series');
syswrite($peer{one}, taken(1000 * $sequence, 0, 5));
ok(acked($peer{one}, 1000 * $sequence), 'a counter that falls');
ok(wait_for('quarantine', 5, sub { metrics()->{is}{'vmexit_quarantined_samples_total{name=one,vm=one}'} == 1 }), 'is counted');
is(metrics()->{is}{"vmexit_exits_total{$one}"}, 1e6 * ($sequence - 1), 'and not believed');
syswrite($peer{two}, taken(1000, 5, 10) . gap(2000, 3000, 2, 2) . taken(4000, 0, 20));
ok(acked($peer{two}, 4000), 'a gap');
ok(wait_for('its end', 5, sub { abs((metrics()->{is}{'vmexit_last_gap_timestamp_seconds{name=two,vm=two}'} // 0) - time) < 60 }), 'is known');

# ---- how it is asked for ----
is($http->get("$url/metrics")->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'text for a browser');
is(ask('text/plain', '?format=openmetrics')->{headers}{'content-type'}, 'application/openmetrics-text; version=1.0.0; charset=utf-8', 'format= decides');
is(ask('application/openmetrics-text', '?format=text')->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'against the header, too');
is(ask('text/plain', '?format=xml')->{status}, 400, 'another format is refused');
is(ask('text/plain', '?vm=one')->{status}, 400, 'and what is not known');
$r = $http->head("$url/metrics");
ok($r->{status} == 200 && $r->{headers}{'content-length'} > 1000 && ($r->{content} // '') eq '', 'HEAD');
is($http->post("$url/metrics")->{status}, 405, 'no POST');
$r = $http->get("$url/metrics", { headers => { 'Accept-Encoding' => 'gzip' } });
gunzip(\$r->{content} => \my $unpacked);
ok($r->{headers}{'content-encoding'} eq 'gzip' && $unpacked =~ /^vmexit_vms 6$/m && length $r->{content} < length($unpacked) / 5, 'compressed');
like(qx(curl -s -H 'Host: evil.example' $url/metrics), qr/allowed_hosts/, 'another Host is refused');
like(qx(curl -s --unix-socket $dir/api.sock http://localhost/metrics), qr/^vmexit_vms 6$/m, 'the Unix socket has it as well');

# ---- the manual ----
my $list = slurp("$FindBin::Bin/../daemon/metrics/metricslist.h");
my %table = map { $_ => 1 } $list =~ /X\(\w+, "(\w+)"/g;
my $manual = slurp("$FindBin::Bin/../daemon/vmexit-http.7");
my %manual = map { s/_total$//r => 1 } $manual =~ /^\.It Li ((?:vmexit|process)_\w+)/mg;
cmp_ok(scalar keys %table, '>', 50, 'the table of metrics');
is_deeply([sort keys %manual], [sort keys %table], 'vmexit-http(7) has all of it, and nothing else');
is_deeply([grep { !exists $table{$_} } keys %{ $all->{type} }], [], 'as has /metrics');

is(stop('daemon', 'TERM'), 0, 'the daemon ends');

# ---- more VMs than there is room for, and more than can be read while others wait ----
use constant { MANY => 2100, ROOM => 2048 };
$t0 = int(time) - 5;
open($file, '>', "$dir/many.csv") or die;
print $file join(',', qw(time epoch_s vm boot source sequence exits handling_cycles tsc_khz vcpus away_cycles idle_cycles t_ns boot_cause boot_opened_ns vm_name)), "\r\n";
printf $file "%s,%d,id-%d,1,host,1,%d,1000,2000000,2,2000,0,%d000000000,found,%d000000000,name-%04d\r\n", '', $t0, $_, 1000 + $_, $t0, $t0, $_ for 1 .. MANY;
close $file;
is(system("$FindBin::Bin/../build/vmexitctl import --database $dir/many.db $dir/many.csv >$dir/import.log 2>&1"), 0, MANY . ' VMs are imported') or diag(slurp("$dir/import.log"));
ok(daemon('--libvirt=off', "--database=$dir/many.db"), 'vmexitd serves them');
my %got = map { my $format = $_; $format => parse(ask('text/plain', "?format=$format")->{content}) } qw(text openmetrics);
for my $format (sort keys %got) {
	my ($its, @bad) = ($got{$format}{is});
	for my $n (1 .. MANY) {
		my $is = $its->{sprintf 'vmexit_exits_total{name=name-%04d,source=host,vm=id-%d}', $n, $n};
		push @bad, $n unless $n <= ROOM ? ($is // 0) == 1000 + $n : !defined $is;
	}
	is_deeply(\@bad, [], "$format: " . ROOM . ' of them, by name, with their own numbers');
	is_deeply([@$its{qw(vmexit_vms{} vmexit_vms_left_out{})}], [MANY, MANY - ROOM], 'and how many more there are');
}
# Made in a thread: as good for others as what is made at once, and by their format.
my ($again, $same) = (0, 0);
for (1 .. 5) {
	my ($first, $second) = map { ask('text/plain')->{content} } 1 .. 2;
	$again++, $same += $first eq $second if length $second;
}
ok($again == 5 && $same >= 1, "asked twice within a second it is the same ($same of 5)");
like(ask('application/openmetrics-text')->{content}, qr/# EOF\n\z/, 'another format is another answer');
is(stop('daemon', 'TERM'), 0, 'the daemon ends');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
