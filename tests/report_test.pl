#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Reports of recorded boots (tests/data) beside what their CSV exports say, computed here anew;
# of boots that lack what others have; of guests that give things hostile names; and as HTML,
# which is to be one document that asks for nothing.
use strict;
use warnings;
use Digest::SHA qw(sha256_base64);
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use JSON::PP;
use List::Util qw(max min sum0);
use Test::More;

my $ctl = "$build/vmexitctl";
sub near { my ($got, $want, $part) = @_; return defined $got && abs($got - $want) <= ($part // 1e-6) * abs($want) + 1e-6 }
sub isnear { my ($got, $want, $name, $part) = @_; ok(near($got, $want, $part), $name) or diag('got ', $got // 'null', ", want $want") }
sub report { my ($vm, $query) = @_; return json("/api/v1/vms/$vm/report.json" . ($query ? "?$query" : '')) }
sub html { my ($vm, $query) = @_; return $http->get("$url/api/v1/vms/$vm/report.html" . ($query ? "?$query" : '')) }
sub serve { my ($recording, @options) = @_;
	stop('daemon', 'TERM');
	unlink glob("$dir/v.db*");
	gunzip("$FindBin::Bin/data/$recording/vmexit.db.gz" => "$dir/v.db") or BAIL_OUT($GunzipError);
	ok(daemon('--libvirt=off', @options), "vmexitd serves $recording") or BAIL_OUT(slurp("$dir/daemon.log")) }
sub run { my (@words) = @_;
	my $pid = open(my $pipe, '-|') // die "fork: $!";
	if ($pid == 0) { open(STDERR, '>', "$dir/run.err"); exec(@words) or POSIX::_exit(127) }
	local $/;
	my $out = <$pipe> // '';
	close $pipe;
	return { out => $out, status => $? >> 8, err => scalar slurp("$dir/run.err") } }
sub ctl { return run($ctl, '-s', "$dir/api.sock", @_) }

# ---- the same anew, from CSV ----

# Intervals between rows of a source: [begin, end, exits], and the rows; gaps are left out.
sub intervals { my ($opened, @rows) = @_;
	my ($t, $exits, @list) = ($opened, 0);
	for (@rows) {
		push @list, [$t, $_->{t_ns} / 1e9, $_->{exits} - $exits] unless $_->{after_gap};
		($t, $exits) = ($_->{t_ns} / 1e9, $_->{exits});
	}
	# The news of a start takes its time: what is shorter than half a second then tells no rate.
	splice(@list, 0, 2, [$list[0][0], $list[1][1], $list[0][2] + $list[1][2]]) while @list > 1 && $list[0][1] - $list[0][0] < 0.5;
	return @list }
sub quantile { my ($q, @pairs) = @_;	# of [rate, seconds]
	my ($all, $sum) = (sum0(map { $_->[1] } @pairs), 0);
	for (sort { $a->[0] <=> $b->[0] } @pairs) { $sum += $_->[1]; return $_->[0] if $sum >= $q * $all - 1e-9 } }

# Kleinberg's automaton, as daemon/stats/bursts.h describes it: [from, to, exits, seconds] of each.
sub bursts { my @x = @_;
	my $median = quantile(0.5, map { [$_->[2] / ($_->[1] - $_->[0]), $_->[1] - $_->[0]] } @x);
	my @in = (0) x @x;
	my ($base, $f);
	for (1 .. 32) {
		my @calm = grep { !$in[$_] } 0 .. $#x;
		$base = max($median, sum0(map { $x[$_][2] } @calm) / sum0(map { $x[$_][1] - $x[$_][0] } @calm));
		my @r = sort { $a <=> $b } map { my $e = $base * ($x[$_][1] - $x[$_][0]); abs($x[$_][2] - $e) / sqrt($e) } @calm;
		$f = max(1, (1.4826 * $r[@r / 2])**2);
		my @score = (0, -1e300);
		my @from;
		for my $i (0 .. $#x) {
			my $gain = ($x[$i][2] * log(2) - $base * ($x[$i][1] - $x[$i][0])) / $f;
			my $enter = $score[0] - 3 * log(@x);
			push @from, [$score[1] > $score[0] ? 1 : 0, $score[1] >= $enter ? 1 : 0];
			@score = (max(@score), max($score[1], $enter) + $gain);
		}
		my $state = $score[1] > $score[0] ? 1 : 0;
		my @path = @in;
		for my $i (reverse 0 .. $#x) { $path[$i] = $state; $state = $from[$i][$state] }
		my $same = "@path" eq "@in";
		@in = @path;
		last if $same;
	}
	my @list;
	for my $i (grep { $in[$_] } 0 .. $#x) {
		push @list, [$x[$i][0], $x[$i][1], 0, 0] unless $i && $in[$i - 1];
		my $b = $list[-1];
		@$b[1 .. 3] = ($x[$i][1], $b->[2] + $x[$i][2], $b->[3] + $x[$i][1] - $x[$i][0]);
	}
	return ($base, @list) }

sub check_recording { my ($name, $source) = @_;
	my ($boot) = boots('guest');
	my @rows = grep { length $_->{exits} } csv('guest', "?boot=1&source=$source");
	my @x = intervals($boot->{opened}, @rows);
	my $r = report('guest', "source=$source");
	my ($exits, $seconds) = ($rows[-1]{exits}, sum0(map { $_->[1] - $_->[0] } @x));
	is($r->{source}, $source, "$name, $source: whose numbers they are");
	is($r->{exits}, $exits, 'all exits');
	ok($r->{complete}, 'nothing is missing');
	isnear($r->{rate}{mean}, $exits / $seconds, 'mean rate', 1e-3);
	my @rates = map { [$_->[2] / ($_->[1] - $_->[0]), $_->[1] - $_->[0]] } grep { $_->[1] - $_->[0] > 0.001 } @x;
	isnear($r->{rate}{$_->[0]}, quantile($_->[1], @rates), $_->[0], 1e-3) for ['median', 0.5], ['p95', 0.95], ['p99', 0.99], ['max', 1];
	my $mean = $exits / $seconds;
	my $square = sum0(map { ($_->[0] - $mean)**2 * $_->[1] } @rates);
	isnear($r->{stability}{dispersion}, $square / $mean / $#rates, 'index of dispersion', 1e-3);
	isnear($r->{stability}{variation}, sqrt($square / $seconds) / $mean, 'variation', 1e-3);
	my ($hz, $vcpus) = ($rows[-1]{tsc_khz} * 1000, $rows[-1]{vcpus});
	isnear($r->{lost_share}, $rows[-1]{away_cycles} / $hz / $vcpus / $seconds, 'lost share', 1e-3);
	isnear($r->{handling_share}, $rows[-1]{handling_cycles} / $hz / $vcpus / $seconds, 'handling share', 1e-3);
	isnear($r->{idle_share}, $rows[-1]{idle_cycles} / $hz / $vcpus / $seconds, 'idle share', 1e-3);
	my @wrong = grep { my $c = ($_->{name} // $_->{number}) =~ tr/ /_/r;
		$_->{count} != $rows[-1]{"exits_$c"} || !near($_->{away}, $rows[-1]{"away_cycles_$c"} / $hz) } @{ $r->{reasons} };
	is_deeply([map { $_->{name} } @wrong], [], 'exits and time of each reason');
	is(sum0(map { $_->{count} } @{ $r->{reasons} }), sum0(map { $rows[-1]{$_} || 0 } grep { /^exits_/ } keys %{ $rows[-1] }), 'and there is no other reason');
	ok(!(grep { $r->{reasons}[$_]{count} > $r->{reasons}[$_ - 1]{count} } 1 .. $#{ $r->{reasons} }), 'the most frequent first');
	is(sum0(map { $_->{exits} } @{ $r->{phases} }), $exits, 'the phases have all exits');
	my ($base, @bursts) = bursts(grep { $_->[1] - $_->[0] > 0.001 } @x);
	isnear($r->{bursts}{base}, $base, 'usual rate', 1e-4);
	is($r->{bursts}{count}, scalar @bursts, 'bursts: ' . @bursts);
	my @told = @{ $r->{bursts}{largest} };
	for my $b (@told) { ok((grep { near($b->{from}, $_->[0], 1e-12) && near($b->{to}, $_->[1], 1e-12) && near($b->{exits}, $_->[2], 1e-4) && near($b->{excess}, $_->[2] - $base * $_->[3], 1e-3) } @bursts) == 1, 'a burst as found here') }
	return ($r, \@rows, \@x) }

# ---- recordings ----
serve('debian-svm');
my ($svm, $rows, $x) = check_recording('debian-svm', 'guest');
check_recording('debian-svm', 'host');
is(report('guest')->{source}, 'guest', 'the guest\'s own numbers are the usual ones');
is_deeply([map { $_->{name} } @{ $svm->{phases} }], [qw(firmware kernel initramfs userspace running)], 'phases');
is($svm->{measuring}{agent_exits}, $rows->[-1]{agent_exits} - $rows->[0]{agent_exits}, 'what the agent caused');
my %exits_at = map { $_->{label} => $_ } @{ $svm->{intervals} };
is(scalar keys %exits_at, 7, 'marked intervals');
{
	my ($m) = $exits_at{'fio writes'};
	my $want = sum0(map { max(0, min($_->[1], $m->{to}) - max($_->[0], $m->{from})) / ($_->[1] - $_->[0]) * $_->[2] } @$x);
	isnear($m->{exits}, $want, 'exits in a marked interval', 1e-3);
	isnear($m->{rate}, $want / ($m->{to} - $m->{from}), 'and its rate', 1e-3);
}
isnt($exits_at{'a command that fails'}{status}, 0, 'a command that failed, failed');
my ($from, $to) = map { $rows->[$_]{t_ns} / 1e9 + 0.0002 } 40, 90;
my $part = report('guest', sprintf('boot=1&from=%.6f&to=%.6f', $from, $to));
is($part->{exits}, $rows->[90]{exits} - $rows->[40]{exits}, 'a range has its own exits, exactly');
ok(!defined $part->{phases} && !$part->{complete} && $part->{boot} == 1, 'and is no whole boot');
my $range = report('guest', sprintf('from=%.6f&to=%.6f', $from, $to));
ok(!defined $range->{boot} && $range->{boots_all} == 1 && $range->{exits} == $part->{exits}, 'nor is a range without a boot named');

serve('trace-1hz');
my ($trace) = check_recording('trace-1hz', 'guest');
is($trace->{stability}{word}, 'bursty', 'that is bursty');
my ($reads) = grep { grep { $_->{label} eq 'reads 1' } @{ $_->{marks} } } @{ $trace->{bursts}{largest} };
ok($reads, 'reads are a burst');
{
	my ($f, $t) = map { $_ * 1e9 } $reads->{from} + 0.0005, $reads->{to} + 0.0005;
	my %cpu;
	$cpu{ $_->[0] } += $_->[1] for sql("$dir/v.db", "SELECT name, value FROM sample_value WHERE source = 0 AND kind = 'process_cpu_us' AND t_ns BETWEEN $f AND $t");
	my ($most) = sort { $cpu{$b} <=> $cpu{$a} } keys %cpu;
	is($reads->{processes}[0]{name}, $most, "what ran: $most");
	isnear($reads->{processes}[0]{cpu}, $cpu{$most} / 1e6, 'and for how long');
	my @in = grep { $_->{t_ns} >= $f && $_->{t_ns} <= $t } my @all = csv('guest', '?boot=1&source=guest');
	my ($before) = grep { $all[$_ + 1]{t_ns} == $in[0]{t_ns} } 0 .. $#all - 1;
	my $grown = $reads->{reasons}[0];
	my $count = $in[-1]{"exits_$grown->{name}"} - ($before ? $all[$before]{"exits_$grown->{name}"} : 0);
	isnear($grown->{rate}, $count / $reads->{seconds}, "what grew most: $grown->{name}", 1e-3);
	isnear($grown->{elsewhere}, ($all[-1]{"exits_$grown->{name}"} - $count) / ($trace->{rate}{covered} - $reads->{seconds}), 'and how often it came elsewhere', 1e-3);
}
my %found = map { $_->{id} => $_ } @{ $trace->{findings} };
ok($found{lost} && $found{bursty} && !$found{pause}, 'findings');
like($found{lost}{figure}, qr/^15 % of the vCPUs' time/, 'with their figure');

serve('debian-vmx');
{
	my ($boot) = boots('guest');
	my @rows = grep { length $_->{exits} } csv('guest', '?boot=1&source=guest');
	my $r = report('guest', 'source=guest');
	my $known = sum0(map { $rows[$_]{after_gap} ? 0 : $rows[$_]{exits} - $rows[$_ - 1]{exits} } 1 .. $#rows);
	is($boot->{cause}, 'found', 'debian-vmx: a VM that was found running');
	is($r->{exits}, $rows[-1]{exits} - $rows[0]{exits}, 'all exits from its first sample on');
	is($r->{missing}{exits}, $r->{exits} - $known, 'of these so many over a gap');
	my ($g) = grep { $rows[$_]{after_gap} } 1 .. $#rows;
	isnear($r->{missing}{seconds}, ($rows[$g]{t_ns} - $rows[$g - 1]{t_ns}) / 1e9, 'which took that long', 1e-3);
	is(sum0(map { $_->{count} } @{ $r->{reasons} }), $known, 'no reason has them');
	is(sum0(map { $_->{exits} // 0 } @{ $r->{phases} }), $known, 'no phase either');
	ok(!$r->{complete} && !defined $r->{phases}[0]{exits}, 'and it says that it is not complete, nor what the firmware did');
	like("@{ $r->{limits} }", qr/ran before vmexitd saw it.*goes on.*1 gap of .*the agent did not run in time\. [\d,]+ exits/, 'in words, too');
	check_html(html('guest'), 'debian-vmx');
}

# ---- HTML ----
sub check_html { my ($r, $name) = @_;
	my $text = $r->{content};
	is($r->{status}, 200, "$name: HTML") or return;
	my ($style) = $text =~ m{<style>(.*?)</style>}s;
	my $hash = sha256_base64($style // '');
	$hash .= '=' while length($hash) % 4;
	is($r->{headers}{'content-security-policy'}, "default-src 'none'; style-src 'sha256-$hash'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox", 'its style sheet is admitted, and nothing else');
	is_deeply([$text =~ /<(?:script|iframe|object|embed|link|img|a|form|image|use|foreignObject)\b[^>]*>?/gi], [], 'there is no element that could ask for something');
	my $tags = join "\n", $text =~ /<[^>]*>/g;
	is_deeply([$tags =~ /\s(?:style|on\w+|src|href|xlink:href)\s*=/gi], [], 'nor such an attribute');
	is_deeply(["$tags\n$style" =~ m{(https?:|//[a-z]|url\(|\@import)}gi], [], 'nor an address');
	open(my $f, '>:raw', "$dir/report.html") or die;
	print $f $text;
	close $f;
	is(scalar qx(xmllint --noout --nonet '$dir/report.html' 2>&1), '', 'it is well-formed');
	my @ids = $text =~ /\sid="([^"]*)"/g;
	is(scalar @ids, scalar keys %{ { map { $_ => 1 } @ids } }, 'an id is there once');
	is_deeply([grep { my $l = $_; !grep { $_ eq $l } @ids } $text =~ /aria-labelledby="([^"]*)"/g], [], 'labels are there');
	is(scalar(() = $text =~ /<table>/g), scalar(() = $text =~ /<caption>/g), 'each table has a caption');
	is_deeply([$text =~ /<th(?![^>]*scope=)[^>]*>/g] // [], [map { '<thead>' } $text =~ /<thead>/g], 'each head has a scope');
	return $text }
serve('trace-1hz');
my $text = check_html(html('guest'), 'trace-1hz');
like($text, qr/836,465/, 'all exits are in it');
like($text, qr{<rect class="burst".*?<text class="number"[^>]*>5</text>}s, 'the bursts are marked in the graph');
like($text, qr{<path class="s7" d="M[^"]{1000}}, 'there are areas by reason');
unlike($text, qr/\bnan\b|\binf\b|\(null\)/, 'every number is one');
check_html(html('guest', 'source=host'), 'trace-1hz, host');
like(html('guest', 'download=yes')->{headers}{'content-disposition'}, qr/^attachment; filename="vmexit-[0-9a-f-]+-1\.html"$/, 'as a file to keep');
ok(!html('guest')->{headers}{'content-disposition'}, 'or to look at');

# ---- several at a time, and while they are made others are answered ----
{
	my @pids = map { my $pid = fork() // die; if (!$pid) { my $s = html('guest')->{status}; POSIX::_exit($s == 200 ? 0 : $s == 503 ? 3 : 1) } $pid } 1 .. 8;
	my @status = map { waitpid($_, 0); $? >> 8 } @pids;
	ok((grep { $_ == 0 } @status) && !(grep { $_ != 0 && $_ != 3 } @status), 'eight at a time: made, or asked to come again') or diag("@status");
	is($http->get("$url/healthz")->{status}, 200, 'vmexitd is well');
}

# ---- vmexitctl ----
my $words = ctl('report', 'guest');
ok($words->{status} == 0 && $words->{err} eq '', 'vmexitctl report');
like($words->{out}, qr/^VM exits of guest, boot 1\n.*836,465 times.*What to look at.*Exits by reason.*\nmsr +351,260 .*What was marked.* reads 1\n/s, 'in words');
like($words->{out}, qr/\nMost time away from the guest: interrupt \(3 min 38 s\), msr .*\nLeast frequent: write_dr0 \(2\),/s, 'what took most time, and what hardly came');
is_deeply([grep { length > 80 } split /\n/, $words->{out}], [], 'in lines that fit');
is_deeply(decode_json(ctl('--json', 'report', 'guest')->{out}), $trace, '--json: as the daemon has it');
is_deeply(decode_json(ctl('report', '--format=json', '--source=guest', 'guest')->{out}), $trace, '--format=json');
is(ctl('report', '-o', "$dir/out.html", 'guest')->{status}, 0, 'into a file, which');
like(slurp("$dir/out.html"), qr/^<!DOCTYPE html>.*<\/html>\n\z/s, 'is HTML by its name');
is(ctl('report', '--format', 'text', '-o', "$dir/out.txt", 'guest')->{status}, 0, 'or');
is(slurp("$dir/out.txt"), $words->{out}, 'text');
is_deeply(decode_json(ctl('-j', 'report', '-o', "$dir/out.html", 'guest')->{out})->{bytes}, -s "$dir/out.html", '-j tells what was written');
for (['--format=pdf', 'guest'], ['-j', '--format=text', 'guest'], []) {
	my $r = ctl('report', @$_);
	ok($r->{status} == 2 && $r->{err} =~ /error: /, "report @$_: refused");
}
ok(ctl('report', 'nobody')->{status} == 1 && slurp("$dir/run.err") =~ /404.*no VM 'nobody'/, 'of nobody');

# ---- refusals ----
for (['report.json?boot=7', 404, qr/no boot 7/], ['report.html?boot=x', 400, qr/boot/], ['report.json?from=2&to=1', 400, qr/later/], ['report.json?download=yes', 400, qr/'download' is not known/],
     ['report.html?download=maybe', 400, qr/neither 'yes' nor 'no'/], ['report.html?points=3', 400, qr/'points' is not known/], ['report.json?source=me', 400, qr/source/]) {
	my $r = $http->get("$url/api/v1/vms/guest/$_->[0]");
	ok($r->{status} == $_->[1] && $r->{content} =~ $_->[2], "$_->[0]: $_->[1]") or diag("$r->{status} $r->{content}");
}

# ---- boots that lack something ----

# Import a CSV in the place of what is served.
sub import_rows { my ($name, @lines) = @_;
	stop('daemon', 'TERM');
	unlink glob("$dir/v.db*");
	open(my $f, '>:raw', "$dir/in.csv") or die;
	print $f map { "$_\r\n" } @lines;
	close $f;
	my $r = run($ctl, 'import', "--database=$dir/v.db", "$dir/in.csv");
	ok($r->{status} == 0, "$name: imported") or diag($r->{err});
	ok(daemon('--libvirt=off'), 'and served') or BAIL_OUT(slurp("$dir/daemon.log")) }
my ($head, @lines) = split /\r\n/, $http->get("$url/api/v1/vms/guest/samples.csv?boot=1&source=host")->{content};
my @names = split /,/, $head, -1;
my %place = map { $names[$_] => $_ } 0 .. $#names;
sub without { my ($what, @from) = @_;
	return map { my @f = split /,/, $_, -1; $f[$_] = '' for grep { $names[$_] =~ $what } 0 .. $#names; join ',', @f } @from }

import_rows('a host without reasons or times', $head, without(qr/^(exits_|handling|away|idle|vcpu\d)/, @lines));
my $bare = report('guest');
ok($bare->{source} eq 'host' && $bare->{exits} == 838298 && !defined $bare->{reasons} && !defined $bare->{lost_share} && @{ $bare->{phases} }, 'no reasons, no shares, all exits');
ok(!(grep { $_->{id} !~ /^(bursty|phase)$/ } @{ $bare->{findings} }), 'and hardly a finding');
like("@{ $bare->{limits} }", qr/not known by reason/, 'which is said');
check_html(html('guest'), 'without reasons');
like(ctl('report', 'guest')->{out}, qr/not known by reason/, 'also in words');
import_rows('one sample', $head, $lines[0]);
my $one = report('guest');
ok($one->{exits} > 0 && !defined $one->{rate} && !@{ $one->{findings} } && $one->{stability}{word} eq 'unknown' && !defined $one->{bursts}, 'one sample: too short to say');
check_html(html('guest'), 'one sample');
like(ctl('report', 'guest')->{out}, qr/left its CPU \d+ times\. That was in too short a time/, 'also in words');

# ---- names that guests give ----
stop('daemon', 'TERM');
unlink glob("$dir/v.db*");
my ($qemu, $silent) = (listen_at('evil'), listen_at('quiet'));
ok(daemon('--libvirt=off', "--channel=evil=$dir/evil.sock", "--channel=quiet=$dir/quiet.sock"), 'vmexitd serves two channels');
ok(wait_for('the VM', 10, sub { vm('quiet')->{id} }), 'and knows both');
my $none = report('quiet');
ok(!defined $none->{boot} && !defined $none->{exits} && $none->{stability}{word} eq 'unknown', 'a VM that never ran: nothing');
check_html(html('quiet'), 'nothing');
like(ctl('report', 'quiet')->{out}, qr/No exits are known/, 'also in words');
my $peer = accept_at($qemu);
my @evil = ('<script>alert(1)</script>', q{"><img src=http://evil/x onerror='a()'>}, '</title></style><base href=//e>', '&lt;b&gt; %s %n $(reboot)', q{a' style='x:url(http://e)}, ']]>-->');
sub named { my ($number, @entries) = @_; return field($number, join '', map { my ($n, @v) = @$_; join('', map { varint($_) } @v) . varint(length $n) . $n } @entries) }
my $begin = (int(time) - 200) * 1e9;
my $second = sub { my $s = shift; my $exits = 1000 * $s + ($s > 40 ? 20000 * ($s - 40) : 0); $exits = 820000 + 1000 * $s if $s > 80;
	return sample2($s * 1000000 + 1, uptime => $s * 1e9, host => $begin + $s * 1e9, generation => 5, exits => $exits, handling => $exits * 50, away => [$exits * 90, 0], agent => $s * 3, taken => $s,
		       lists => reasons([0x7b, $exits, $exits * 50, $exits * 90]) . named(35, map { [$evil[$_], 100 + $_, 900000 - $_ * 1000] } 0 .. $#evil) . named(36, map { [$evil[$_], $s * 10000] } 0 .. $#evil)) };
syswrite($peer, hello2('e' x 16, 1e9, generation => 5, started => 0));
for my $s (1 .. 120) {
	syswrite($peer, $second->($s));
	syswrite($peer, mark($s * 1000000 + 10 + $_, kind => 2, label => $evil[$_])) for $s == 41 ? 0 .. $#evil : ();
	syswrite($peer, mark($s * 1000000 + 30 + $_, kind => 3, begin => 41 * 1000000 + 10 + $_, label => $evil[$_], status => 1)) for $s == 80 ? 0 .. $#evil : ();
}
ok(acked($peer, 120 * 1000000 + 1), 'a guest gives names');
my $evil = report('evil');
is($evil->{boot}, 1, 'a report of that');
is($evil->{bursts}{count}, 1, 'with a burst') or diag(explain($evil->{bursts}));
is(scalar(grep { my $l = $_; grep { $_ eq $l } @evil } map { $_->{name} } @{ $evil->{bursts}{largest}[0]{processes} }), 5, 'in which processes with these names ran');
is_deeply([sort map { $_->{label} } @{ $evil->{intervals} }], [sort @evil], 'and that was marked so');
my $page = check_html(html('evil'), 'hostile names');
like($page, qr/&lt;script&gt;alert\(1\)&lt;\/script&gt;/, 'they are shown as they are');
is(ctl('report', 'evil')->{status}, 0, 'vmexitctl takes them');

# ---- the manual page ----
my $manual = slurp("$FindBin::Bin/../daemon/vmexit-http.7");
my ($about) = $manual =~ /^\.It Pa [^\n]*report\.html , report\.json\n(.*?)^\.It Pa/ms;
my %keys;
sub keys_of { my $v = shift; if (ref $v eq 'HASH') { $keys{$_} = 1, keys_of($v->{$_}) for keys %$v } elsif (ref $v eq 'ARRAY') { keys_of($_) for @$v } }
keys_of($_) for $trace, $evil, $svm;
is_deeply([grep { $about !~ /"$_":|"$_"/ } sort keys %keys], [], 'every key of the JSON is in the manual page');
my $rules = slurp("$FindBin::Bin/../daemon/report/findings.h");
my @want = map { [/([\w.]+)/g] } $rules =~ /\tX\((\w+, [\d., ]+)\)/g;
ok(@want > 20, 'there are rules');
is_deeply([grep { my @w = @$_; my $line = join ' Ta ', @w; $about !~ /^\.It \Q$line\E(?: Ta |$)/m } @want], [], 'and their thresholds are');

is(stop('daemon', 'TERM'), 0, 'the daemon ends');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
