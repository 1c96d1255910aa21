#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A real Prometheus scrapes a real vmexitd whose guests the test plays: every query of the
# dashboard and of the rules returns something there; each alert fires when it should, and
# else does not. There is no Grafana in Debian: the dashboard is checked by its structure.
use strict;
use warnings;
use FindBin;
use JSON::PP;
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use Test::More;
use Time::HiRes qw(time sleep);

my $files = "$FindBin::Bin/../daemon/metrics";
my $prometheus = free_port();
sub write_file { my ($name, $text) = @_; open(my $f, '>', "$dir/$name") or die "$dir/$name: $!"; print $f $text; close $f }
sub told { my @command = @_; my $said = qx(@command 2>&1); return ($?, $said) }
sub api { my ($path, %form) = @_;
	my $r = $http->post_form("http://127.0.0.1:$prometheus/api/v1/$path", \%form);
	return eval { decode_json($r->{content}) } // { status => "HTTP $r->{status}" } }
sub get { my $r = $http->get("http://127.0.0.1:$prometheus/api/v1/$_[0]"); return eval { decode_json($r->{content})->{data} } // {} }
# Series of a query, or undef with what was said instead.
sub query { my $r = api('query', query => $_[0]); diag("$_[0]: $r->{error}") if $r->{error}; return $r->{status} eq 'success' ? $r->{data}{result} : undef }

# ---- rules by themselves ----
my ($failed, $said) = told('promtool', 'check', 'config', "$files/prometheus.yml");
is($failed, 0, 'promtool check config') or diag($said);
($failed, $said) = told('promtool', 'check', 'rules', "$files/alerts.yml");
is($failed, 0, 'promtool check rules') or diag($said);
($failed, $said) = told('promtool', 'test', 'rules', "$files/alerts_test.yml");
is($failed, 0, 'each alert fires in its case, and stays silent in another') or diag($said);
my @cases = slurp("$files/alerts_test.yml") =~ /^ +- alertname: (\w+)\n +eval_time: \S+\n +exp_alerts:( \[\])?$/mg;
my (%fires, %silent);
while (my ($alert, $none) = splice(@cases, 0, 2)) { ($none ? \%silent : \%fires)->{$alert}++ }

# ---- the dashboard by itself ----
my $dashboard = eval { decode_json(slurp("$files/dashboard.json")) } // {};
my @panels = @{ $dashboard->{panels} // [] };
cmp_ok(scalar @panels, '>', 20, 'the dashboard is JSON, with panels');
cmp_ok($dashboard->{schemaVersion}, '>=', 36, 'of Grafana 9 or 10');
my (%ids, @wrong, @queries, %cell);
my %defined = map { $_->{name} => 1 } @{ $dashboard->{templating}{list} };
for my $p (@panels) {
	my $g = $p->{gridPos};
	push @wrong, "id of $p->{title}" if $ids{ $p->{id} }++;
	push @wrong, "$p->{title} is not within 24 columns" if $g->{x} < 0 || $g->{x} + $g->{w} > 24 || $g->{w} < 1 || $g->{h} < 1;
	for my $x ($g->{x} .. $g->{x} + $g->{w} - 1) {
		for my $y ($g->{y} .. $g->{y} + $g->{h} - 1) { push @wrong, "$p->{title} covers $cell{$x,$y}" if $cell{$x,$y}; $cell{$x,$y} = $p->{title} }
	}
	next if $p->{type} eq 'row';
	my %refs;
	push @wrong, "$p->{title} has no query" unless @{ $p->{targets} // [] };
	push @wrong, "unit of $p->{title}" unless $p->{type} eq 'table' || $p->{fieldConfig}{defaults}{unit};
	for my $t (@{ $p->{targets} // [] }) {
		push @wrong, "refId in $p->{title}" if $refs{ $t->{refId} }++;
		push @wrong, "data source of $p->{title}" if grep { $_->{uid} ne '${datasource}' || $_->{type} ne 'prometheus' } $t->{datasource}, $p->{datasource};
		push @queries, [$p->{title}, $t->{expr}];
	}
}
push @queries, map { [$_->{name}, $_->{expr}] } @{ $dashboard->{annotations}{list} };
is_deeply([@wrong[0 .. ($#wrong < 5 ? $#wrong : 5)]], [], 'ids are there once, panels do not overlap, and all ask the data source that is chosen');
is_deeply([grep { !$defined{$_} && !/^__/ } map { $_->[1] =~ /\$\{?(\w+)/g } @queries], [], 'variables are defined');
my %names = map { my ($name, $type) = @$_; ($name . ($type eq 'COUNTER' ? '_total' : '') => 1) }
	map { [/"(\w+)", "\w*", (\w+)/] } slurp("$files/metricslist.h") =~ /X\(\w+, ("\w+", "\w*", \w+)/g;
sub unknown { my $expr = shift; return grep { !$names{$_} } $expr =~ /(?<![:\w])((?:vmexit|process)_\w+)/g }
is_deeply([map { unknown($_->[1]) } @queries], [], 'metrics are called as they are');

# ---- vmexitd and its guests ----
write_file('host.xml', q(<node><domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>off</name><memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os><test:runstate>5</test:runstate></domain></node>));
my $t0 = int(time) - 60;
write_file('old.csv', join "\r\n", join(',', qw(time epoch_s vm boot source sequence exits handling_cycles tsc_khz vcpus away_cycles idle_cycles t_ns boot_cause boot_opened_ns vm_name)),
	(map { my $t = $t0 + 10 * $_; join ',', '', $t, 'db', 1, 'host', $_ + 1, 500 * $_, 2e6 * $_, 2000000, 2, 3e6 * $_, 1e6 * $_, "${t}000000000", 'found', "${t0}000000000", 'database' } 0 .. 5), '');
is(system("$build/vmexitctl import --database $dir/v.db $dir/old.csv >$dir/import.log 2>&1"), 0, "a VM of the host's counters is imported") or diag(slurp("$dir/import.log"));
my %listener = map { $_ => listen_at($_) } qw(one two);
# Once vmexitd has it, Prometheus is the receiver, too.
my $remote = qx($build/vmexitd --help) =~ /--remote-write\b/;
ok(daemon("--libvirt=test://$dir/host.xml", (map { "--channel=$_=$dir/$_.sock" } sort keys %listener),
	  $remote ? "--remote-write=http://127.0.0.1:$prometheus/api/v1/write" : ()), 'vmexitd serves');
my (%peer, %boot, %sequence, %exits);
sub boot { my $vm = shift;
	syswrite($peer{$vm}, hello2(pack('A16', $vm . ++$boot{$vm}), 1e12, generation => 5, started => 1));
	welcomed($peer{$vm});
	$sequence{$vm} = 0 }
for my $vm (sort keys %listener) { $peer{$vm} = accept_at($listener{$vm}); boot($vm) }
sub now_ns { return int(time * 1e6) * 1000 }
sub workload { my $k = shift; return varint((1 << 33) - 1) . join '', map { varint(10 * $_ * $k) } 1 .. 33 }
sub play {
	for my $vm (sort keys %peer) {
		my ($n, $e) = (++$sequence{$vm}, $exits{$vm} += 5000);
		syswrite($peer{$vm}, sample2(1000 * $n, generation => 5, exits => $e, host => now_ns(), handling => 100 * $e, away => [500 * $e, 1000 * $e], agent => $n, taken => $n,
			pace => [100000, 0], workload => workload($n), lists => reasons([0x72, $e / 2, 50 * $e, 250 * $e], [0x400, $e / 2, 50 * $e, 250 * $e])));
	}
}
sub play_until { my ($what, $seconds, $condition) = @_;
	my $next = 0;
	return wait_for($what, $seconds, sub { if (time >= $next) { play(); $next = time + 0.2 } $condition->() }) }
play();
syswrite($peer{two}, gap(1000 * ++$sequence{two}, 1000 * ++$sequence{two}, 2, 2));
syswrite($peer{one}, sample2(1000 * ++$sequence{one}, generation => 5, exits => 1, host => now_ns()));

# ---- Prometheus: the example with another port, and minutes that are seconds ----
my $config = slurp("$files/prometheus.yml");
is(($config =~ s/127\.0\.0\.1:20479/127.0.0.1:$port/g) . ($config =~ s/: 15s$/: 1s/mg), '12', 'the example scrapes where vmexitd listens, every 15 s');
write_file('prometheus.yml', $config);
my %short = ('1m' => '2s', '2m' => '2s', '5m' => '5s', '10m' => '4s', '15m' => '8s', '1h' => '15s');
(my $rules = slurp("$files/alerts.yml")) =~ s/(?<=\[|:)( ?)(\d+[mh])(?=\]|$)|(?<=offset )(\d+[mh])/($1 \/\/ '') . $short{$2 \/\/ $3}/mge;
unlike($rules, qr/\[\d+[mh]\]|offset \d+[mh]|for: \d+[mh]/, 'minutes of the rules become seconds');
write_file('alerts.yml', $rules);
start('prometheus', 'prometheus', "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/tsdb", "--web.listen-address=127.0.0.1:$prometheus",
      '--web.enable-remote-write-receiver', '--storage.tsdb.retention.time=1d', '--log.level=warn');
ok(play_until('Prometheus', 20, sub { $http->get("http://127.0.0.1:$prometheus/-/ready")->{status} == 200 }), 'Prometheus serves') or diag(slurp("$dir/prometheus.log"));
ok(play_until('scrapes', 20, sub { my $r = query('min_over_time(up{job="vmexit"}[3s])') // []; @$r && $r->[0]{value}[1] == 1 }), 'and scrapes vmexitd');
my ($target) = @{ get('targets')->{activeTargets} };
is($target->{lastError}, '', 'without an error');
boot('one');
my @begun = ('vmexit_boots_total{name="one"} == 2', 'count_over_time(vmexit_exits_total{name="one"}[9s]) > 7', 'vm:vmexit_exits:rate5m{name="one"} offset 4s > 0');
ok(play_until('a second boot', 20, sub { !grep { !@{ query($_) // [] } } @begun }), 'a guest boots again, and Prometheus has seen some of it');

# ---- every query ----
my %value = (host => '.*', vm => 'one', __rate_interval => '5s');
for my $v (@{ $dashboard->{templating}{list} }) {
	next unless $v->{type} eq 'query';
	my ($match, $label) = $v->{query}{query} =~ /^label_values\((.+), (\w+)\)$/;
	$match =~ s/\$(\w+)/$value{$1}/g;
	my $values = get("label/$label/values?match[]=" . $match =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger);
	my %has = map { $_ => 1 } ref $values eq 'ARRAY' ? @$values : ();
	ok($has{ $v->{name} eq 'host' ? 'kvm1' : 'one' }, "the variable $v->{name} has values");
}
# Comparisons without bool leave out what is not so.
sub all_of { my $expr = shift; return $expr =~ s/ ([=!<>]=|[<>]) (?!bool)/ $1 bool /gr }
sub returns { my ($name, $expr) = @_;
	my $result;
	# A vmexitd without it tells nothing of it.
	return ok(query($expr), "$name: $expr (there is no remote write)") if $expr =~ /remote_write/ && !$remote;
	wait_for("'$expr'", 3, sub { play(); $result = query($expr); !$result || @$result });
	return ok($result && @$result, "$name: $expr") }
for (@queries) {
	my ($name, $expr) = @$_;
	$expr =~ s/\$(\w+)/$value{$1}/g;
	returns("panel '$name'", all_of($expr));
}
my @rules = map { @{ $_->{rules} } } @{ get('rules')->{groups} };
cmp_ok(scalar @rules, '>', 12, 'Prometheus has the rules');
for my $rule (@rules) {
	is($rule->{lastError} // '', '', "$rule->{name}: no error");
	is_deeply([unknown($rule->{query})], [], "$rule->{name}: its metrics are there");
	returns("rule $rule->{name}", all_of($rule->{query}));
	next unless $rule->{type} eq 'alerting';
	is_deeply([grep { length($rule->{annotations}{$_} // '') < 20 } qw(summary description remedy)], [], "$rule->{name} says what is, and what to do");
	like($rule->{labels}{severity}, qr/^(info|warning|critical)$/, 'and how bad it is');
	is(($fires{ $rule->{name} } // 0) . ($silent{ $rule->{name} } // 0), '11', "$rule->{name} has a case in which it fires, and one in which it does not");
}
# What is so here is told, what is not so is not.
sub alerts { return map { ("$_->{labels}{alertname} " . ($_->{labels}{name} // '') => 1) } @{ get('alerts')->{alerts} } }
my %alerts = alerts();
ok($alerts{'VmexitSamplesMissing two'}, 'the gap is told');
is_deeply([grep { !/SamplesMissing two|GuestNotBelieved one|ExitsHigh/ } sort keys %alerts], [], 'nothing is told that is well');
syswrite($peer{one}, sample2(1000 * ++$sequence{one}, generation => 5, exits => 1, host => now_ns()));
ok(play_until('an alert', 15, sub { %alerts = alerts(); $alerts{'VmexitGuestNotBelieved one'} }), 'a lie is told');

# ---- the numbers ----
ok(wait_for('the last sample', 10, sub { my $r = query('max_over_time(vmexit_exits_total{name="one",job="vmexit"}[2s])') // []; @$r && $r->[0]{value}[1] == $exits{one} }), 'Prometheus has the very count');
my ($raw) = @{ query('vmexit_exits_total{name="one",job="vmexit"}[5m]') };
my @v = map { $_->[1] } @{ $raw->{values} };
is_deeply([grep { $_ % 5000 } @v], [], 'and none that was not');
is_deeply([grep { $v[$_] < $v[$_ - 1] } 1 .. $#v], [], 'which a reboot does not set back');
is(scalar @{ query('vmexit_exits_total{name="off"}') }, 0, 'a VM that does not run has no counters');
is(scalar @{ query('vmexit_vm_running{name="off"} == 0') }, 1, 'and is known not to run');
my ($series) = @{ query('max(scrape_samples_post_metric_relabeling)') };
cmp_ok($series->{value}[1], '<', 300, "$series->{value}[1] series of 4 VMs");

is(stop('prometheus', 'TERM'), 0, 'Prometheus ends');
is(stop('daemon', 'TERM'), 0, 'the daemon ends');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
