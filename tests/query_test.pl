#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What vmexitd answers of series, reasons and distributions, from the recording of a guest
# with two vCPUs (tests/data/debian-svm), beside the samples as SQL has them.
use strict;
use warnings;
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use lib "$FindBin::Bin/lib";
use Daemon;
use JSON::PP;
use List::Util qw(max min sum0);
use Test::More;

my $db = "$dir/v.db";
ok(gunzip("$FindBin::Bin/data/debian-svm/vmexit.db.gz" => $db), 'a recording unpacks') or BAIL_OUT($GunzipError);
ok(daemon('--libvirt=off'), 'vmexitd serves it');
my $vm = '/api/v1/vms/guest';
sub near { my ($a, $b, $part) = @_; return abs($a - $b) <= ($part // 1e-6) * abs($b) + 1e-6 }
sub series { return @{ json("$vm/series?$_[0]")->{series} // [] } }
sub area { my $s = shift; return sum0 map { $s->{v}[$_] * $s->{dt}[$_] } 0 .. $#{ $s->{v} } }

# Last values of the guest, by kind and id.
my %last;
$last{ $_->[0] }{ $_->[1] } = $_->[2] for sql($db, "SELECT kind, coalesce(id, ''), value FROM sample_value WHERE source = 0 AND boot = 1 ORDER BY sequence");
my @t = map { $_->[0] / 1e9 } sql($db, 'SELECT t_ns FROM sample WHERE source = 0 ORDER BY sequence');

# ---- series ----
my ($count) = series('kind=count&source=guest');
is(scalar @{ $count->{t} }, scalar @t, 'a point for each sample');
ok(near(area($count), $last{exits}{''}), 'whose areas are all exits: this VM was seen to begin');
for my $points (3, 10, 50) {
	my ($few) = series("kind=count&source=guest&points=$points");
	ok(@{ $few->{t} } <= $points && near(area($few), $last{exits}{''}), "so they are with $points points");
	ok(min(@{ $few->{min} }) <= min(@{ $count->{v} }) && max(@{ $few->{max} }) >= max(@{ $count->{v} }) && max(@{ $few->{max} }) <= max(@{ $count->{v} }) * 1.01, 'and the extremes are kept');
}
my @all = series('kind=count&reason=all&source=guest');
is(scalar @all, scalar keys %{ $last{reason_exits} }, 'a curve for each reason that occurred');
ok(!(grep { !near(area($_), $last{reason_exits}{ $_->{reason} }) } @all), 'each with its exits');
my ($hlt) = grep { ($_->{reason_name} // '') eq 'hlt' } @all;
is($hlt->{reason}, 120, 'and its name');
is_deeply([map { "$_->{kind} $_->{reason_name} $_->{unit}" } series('kind=count,away&reason=hlt,IO&source=guest')],
	  ['count hlt exits/s', 'count io exits/s', 'away hlt 1', 'away io 1'], 'reasons by name');
is_deeply((series('kind=count&reason=120&source=guest'))[0], $hlt, 'or number');
my @vcpus = series('kind=count,handling&vcpu=all&source=guest');
is_deeply([map { "$_->{kind} $_->{vcpu}" } @vcpus], ['count 0', 'count 1', 'handling 0', 'handling 1'], 'curves by vCPU');
ok(near(area($vcpus[1]), $last{vcpu_exits}{1}), 'of its exits');
my ($sum) = series('kind=count&source=guest&mode=cumulative');
is($sum->{v}[-1], $last{exits}{''}, 'cumulative: all exits at the end');
is($sum->{unit}, 'exits', 'in exits');
ok(!(grep { $sum->{v}[$_] < $sum->{v}[$_ - 1] || $sum->{min}[$_] != $sum->{v}[$_ - 1] } 1 .. $#{ $sum->{v} }), 'which only grow, from point to point');
my ($seconds) = series('kind=handling&source=guest&mode=cumulative');
my ($khz) = map { $_->[0] } sql($db, 'SELECT tsc_khz FROM boot');
ok($seconds->{unit} eq 's' && near($seconds->{v}[-1], $last{handling_cycles}{''} / $khz / 1000), 'cycles in seconds');
my $aligned = json("$vm/series?kind=count&source=guest&align=boot");
my $same = $aligned->{series}[0];
ok($aligned->{align} eq 'boot' && near($same->{t}[0], $count->{t}[0] - $count->{opened}, 1e-3) && $aligned->{from} < 0.001 && $aligned->{to} < 200, 'aligned to the boot, times count from its opening');
is_deeply($same->{v}, $count->{v}, 'the values are the same');
my @units = series('kind=unit_cpu_us&source=guest');
ok(@units > 2 && !(grep { !length $_->{name} } @units), 'CPU time of units, by name');
is_deeply([map { $_->{name} } series("kind=unit_cpu_us&name=$units[1]{name}")], [$units[1]{name}], 'of one');
my @processes = series('kind=process_cpu_us&source=guest&points=10000');
ok(max(map { @{ $_->{v} } } @processes) < 1.05e6, 'a process uses no more than a CPU, however rare its lists are');
ok(near(sum0(map { area($_) } @processes), sum0(map { $_->[0] } sql($db, "SELECT value FROM sample_value WHERE source = 0 AND kind = 'process_cpu_us'"))), 'and all in all what they say');
for my $kind (qw(idle agent taken interrupt_source process_cpu_us tasks_runnable forks)) {
	ok(scalar(grep { $_->{kind} eq $kind && @{ $_->{v} } } series("kind=$kind&source=guest")), "kind $kind");
}
my ($from, $to) = @t[20, 60];
my ($exits) = map { $_->[0] } sql($db, "SELECT max(exits) - min(exits) FROM sample WHERE source = 0 AND t_ns BETWEEN " . ($t[19] - 0.001) * 1e9 . ' AND ' . ($to + 0.001) * 1e9);
my ($cut) = series(sprintf 'kind=count&source=guest&from=%.6f&to=%.6f&points=3', $from - 0.0005, $to + 0.0005);
ok(near(area($cut), $exits), 'a range that cuts rollups has its own exits, exactly') or diag(area($cut), " $exits");

# ---- reasons ----
my $whole = json("$vm/reasons?source=guest");
my $sorted = json("$vm/reasons?source=guest&sort=count");
is_deeply([map { "$_->{number} $_->{count} $_->{handling_cycles} $_->{away_cycles}" } @{ $sorted->{reasons} }],
	  [map { "$_->{number} $_->{count} $_->{handling_cycles} $_->{away_cycles}" } @{ $whole->{reasons} }], 'reasons: the sums of a whole boot are those of its last sample');
ok(near(sum0(map { $_->{count_share} } @{ $sorted->{reasons} }), 1), 'shares of the count are of everything');
is($sorted->{count}, sum0(map { $_->{count} } @{ $sorted->{reasons} }), 'which is said');
my ($top) = @{ $sorted->{reasons} };
ok(near($top->{away_share}, $top->{away} / $sorted->{covered} / 2, 1e-3), 'shares of time are of both vCPUs\'');
my @halves = map { json("$vm/reasons?source=guest&$_") } sprintf('to=%.6f', $t[70] + 0.001), sprintf('from=%.6f', $t[70] + 0.001);
my %two;
for my $half (@halves) { $two{ $_->{number} } += $_->{count} for @{ $half->{reasons} } }
is_deeply(\%two, { map { $_->{number} => $_->{count} } @{ $whole->{reasons} } }, 'two halves are the whole, exactly');
ok($halves[0]{to} <= $halves[1]{from} + 1e-3, 'one behind the other');
for my $sort (qw(handling away)) {
	my @r = map { $_->{"${sort}_cycles"} } @{ json("$vm/reasons?source=guest&sort=$sort&limit=4")->{reasons} };
	ok(@r == 4 && !(grep { $r[$_] > $r[$_ - 1] } 1 .. 3), "sorted by $sort, the first four");
}

# ---- distribution ----
my $d = json("$vm/distribution?source=guest");
is_deeply([@$d{qw(kind unit resolution values)}], ['count', 'exits/s', 'samples', scalar @t], 'distribution: of exits, from samples');
ok(near($d->{mean}, $last{exits}{''} / $d->{seconds}), 'the mean is exits by time');
my @by = sort { $count->{v}[$a] <=> $count->{v}[$b] } 0 .. $#{ $count->{v} };
my ($half, $median) = (0);
for (@by) { $half += $count->{dt}[$_]; $median //= $count->{v}[$_] if $half >= $d->{seconds} / 2 }
ok(near($d->{quantiles}{p50}, $median), 'half of the time it was below the median');
ok(near($d->{quantiles}{min}, min(@{ $count->{v} })) && near($d->{quantiles}{max}, max(@{ $count->{v} })), 'with its extremes');
ok(near(sum0(map { $_->{seconds} } @{ $d->{histogram} }) + $d->{zero_seconds}, $d->{seconds}), 'the histogram has all of its time');
my ($rate, $scatter) = ($d->{mean}, 0);
$scatter += ($count->{v}[$_] - $rate)**2 * $count->{dt}[$_] / $rate for 0 .. $#{ $count->{v} };
ok(near($d->{dispersion}, $scatter / $#{ $count->{v} }, 1e-4), 'and the index of dispersion is that of its intervals');
my $share = json("$vm/distribution?kind=handling&reason=hlt&source=host");
ok($share->{reason_name} eq 'hlt' && $share->{source} eq 'host' && !defined $share->{dispersion}, 'of a share by reason, from the host');

# ---- graphs ----
my $svg = $http->get("$url$vm/graph.svg?kind=away&reason=hlt,npf&source=guest")->{content};
like($svg, qr{<title>hlt</title>.*<title>npf</title>}s, 'a graph by reason says which is which');
is($http->get("$url$vm/graph.png?mode=cumulative&vcpu=all")->{status}, 200, 'a cumulative one by vCPU');

# ---- refusals ----
for my $case (
	['series?kind=', 400, qr/'kind' has no value/],
	['series?kind=,', 400, qr/kind '' is not known/],
	['series?kind=reason_exits', 400, qr/kind 'reason_exits' is not known; there are count, .*interrupt_source/],
	['series?reason=nonsense', 400, qr/reason 'nonsense' is neither a number, nor 'all', nor a name.*\/api\/v1\/reasons lists/],
	['series?reason=-1', 400, qr/reason '-1'/],
	['series?reason=4294967296', 400, qr/reason '4294967296'/],
	['series?kind=idle&reason=hlt', 400, qr/'idle' is not known by reason; count, handling and away are/],
	['series?kind=away&vcpu=0', 400, qr/'away' is not known by vCPU; count and handling are/],
	['series?vcpu=first', 400, qr/vcpu 'first' is neither a number nor 'all'/],
	['series?vcpu=0&reason=1', 400, qr/by the one or by the other/],
	['series?name=eth0', 400, qr/'count' has no names; interrupt_source/],
	['series?kind=unit_cpu_us&name=' . 'x' x 65, 400, qr/at most 64 characters/],
	['series?mode=sum', 400, qr/mode = 'sum' is neither 'rate' nor 'cumulative'/],
	['series?mode=cumulative&kind=tasks_runnable', 400, qr/'tasks_runnable' does not add up/],
	['series?mode=cumulative&kind=process_cpu_us', 400, qr/'process_cpu_us' does not add up/],
	['series?align=left', 400, qr/align = 'left' is neither 'wall' nor 'boot'/],
	['series?reason=' . join(',', 1 .. 33), 400, qr/at most 64 curves/],
	['series?kind=' . join(',', ('count') x 17), 400, qr/kind: at most 16/],
	['series?points=10001', 400, qr/from 2 to 10000/],
	['graph.svg?kind=count,away', 400, qr/kind: at most 1 here/],
	['graph.svg?name=x', 400, qr/'name' is not known here/],
	['reasons?sort=name', 400, qr/sort = 'name' is not one of count, handling and away/],
	['reasons?limit=0', 400, qr/limit = '0' is not a number from 1/],
	['reasons?points=3', 400, qr/'points' is not known here/],
	['reasons?to=1', 404, qr/no sample in that range has exits by reason/],
	['distribution?reason=1,2', 400, qr/of one curve/],
	['distribution?vcpu=all', 400, qr/of one curve/],
	['distribution?kind=unit_cpu_us', 400, qr/of one curve/],
	['distribution?mode=rate', 400, qr/'mode' is not known here/],
	['distribution?to=1', 404, qr/there is no count in that range/],
	['distribution?reason=9999', 404, qr/there is no count/],
) {
	my ($path, $status, $message) = @$case;
	my $r = $http->get("$url$vm/$path");
	ok($r->{status} == $status && (eval { decode_json($r->{content}) } // { error => '' })->{error} =~ $message, substr($path, 0, 60) . ": $status") or diag("$r->{status} $r->{content}");
}
is(scalar(my @none = series('reason=9999')), 0, 'a reason that did not occur has no curve');
is(stop('daemon', 'TERM'), 0, 'the daemon ends');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
