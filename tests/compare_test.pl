#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Boots beside each other: /api/v1/compare and vmexitctl compare, from the recordings of a Debian
# guest (tests/data/debian-*) and from boots that are made of these, so that it is known by what
# they differ.
use strict;
use warnings;
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use lib "$FindBin::Bin/lib";
use Daemon;
use JSON::PP;
use List::Util qw(max sum0);
use Test::More;

my $db = "$dir/v.db";
my $day = 86400_000_000_000;
sub near { my ($a, $b, $part) = @_; return defined $a && defined $b && abs($a - $b) <= ($part // 1e-6) * abs($b) + 1e-9 }

# ---- a database of many boots ----
# Rows of a table once more, with other ids and what @_ says.
sub copied { my ($from, $which, $n, $but) = @_;
	my ($table) = $from =~ /(\w+)$/;
	return "CREATE TEMP TABLE t AS SELECT * FROM $from WHERE $which; UPDATE t SET id = id + 100000 * $n$but; INSERT INTO main.$table SELECT * FROM t; DROP TABLE t;" }
# Boot 1 of the guest as boot $n of VM $vm, a day later each.
sub boot_again { my ($vm, $n, $number, $samples, $but, $change) = @_;
	my $later = $n * $day;
	return copied('main.boot', 'id = 1', $n, ", vm = $vm, number = $number, life = '$n', opened_ns = opened_ns + $later, closed_ns = closed_ns + $later$change")
		. copied('main.sample', "boot = 1 AND $samples", $n, ", boot = 1 + 100000 * $n, t_ns = t_ns + $later$but") }
sub marks_again { my $n = shift; return copied('main.mark', 'boot = 1', $n, ", boot = 1 + 100000 * $n, t_ns = t_ns + $n * $day") }

for ([svm => $db], [vmx => "$dir/vmx.db"]) {
	ok(gunzip("$FindBin::Bin/data/debian-$_->[0]/vmexit.db.gz" => $_->[1]), "the recording of \U$_->[0]\E unpacks") or BAIL_OUT($GunzipError);
}
my $sql = "ATTACH '$dir/vmx.db' AS b;"
	. copied('b.vm', 1, 1, ", key = 'other', name = 'other'") . copied('b.boot', 1, 1, ', vm = 100001')
	. join('', map { copied("b.$_", 1, 1, ', boot = 100001') } qw(sample mark gap))
	# Twice as many exits; the host's numbers alone; its first ones; and those of a host without series.
	. boot_again(1, 2, 2, 1, ', exits = 2 * exits', '') . marks_again(2)
	. boot_again(1, 3, 3, 'source = 1', '', ', guest_boot_id = NULL')
	. boot_again(1, 4, 4, 'source = 1 AND sequence IN (SELECT sequence FROM sample WHERE boot = 1 AND source = 1 ORDER BY sequence LIMIT 5)', '', ', guest_boot_id = NULL')
	. copied('main.vm', 'id = 1', 5, ", key = 'plain', name = 'a:b'")
	. boot_again(500001, 5, 1, 'source = 1', ', detail = NULL, handling_cycles = NULL, away_cycles = NULL, idle_cycles = NULL', ', guest_boot_id = NULL, tsc_khz = NULL, vcpus = NULL, reason_namespace = NULL')
	. boot_again(500001, 6, 2, 'source = 0', '', '');
is(system('sqlite3', $db, $sql), 0, 'boots are made of it');
ok(daemon('--libvirt=off'), 'vmexitd serves them');

sub compare { return json("/api/v1/compare?boots=$_[0]" . (defined $_[1] ? "&source=$_[1]" : '')) }

# Whether each difference is that of the numbers beside it; how many there were.
sub check_differences { my ($row, $names, $what) = @_;
	my ($base, @others) = @{ $row->{boots} };
	my (@wrong, $seen);
	push @wrong, "first" if defined $row->{difference}[0] || @{ $row->{difference} } != @{ $row->{boots} };
	for my $i (1 .. $#{ $row->{boots} }) {
		my ($of, $d) = ($row->{boots}[$i], $row->{difference}[$i]);
		if (!$base || !$of) {
			push @wrong, "$i is against nothing" if defined $d;
			next;
		}
		for my $name (@$names) {
			my ($x, $y) = ($base->{$name}, $of->{$name});
			if (!defined $x || !defined $y) { push @wrong, "$name of what is not known" if defined $d->{$name}; next }
			push @wrong, "$name $x $y" if !near($d->{$name}{absolute}, $y - $x) || ($x == 0 ? defined $d->{$name}{ratio} : !near($d->{$name}{ratio}, $y / $x));
			$seen++;
		}
	}
	is_deeply(\@wrong, [], "$what: differences are those of the numbers") or diag(explain($row));
	return $seen }
my @of_parts = qw(seconds exits rate handling_share away_share lost_share);
my @of_reasons = qw(count rate handling away);

# An answer beside what /phases says of each of its boots.
sub check { my ($boots, $source) = @_;
	my $answer = compare($boots, $source);
	my @phases = map { my ($vm, $n) = /^(.*):(\w+)$/; json("/api/v1/vms/$vm/phases?boot=$n&source=$answer->{source}") } split /,/, $boots;
	is_deeply([map { "$_->{vm}{id} $_->{boot}" } @{ $answer->{boots} }], [map { "$_->{vm}{id} $_->{boot}" } @phases], "$boots, by the $answer->{source}");
	my @without = map { my %t = %{ $_->{total} }; delete $t{reasons}; \%t } @phases;
	is_deeply([map { my $b = $_; +{ map { $_ => $b->{$_} } keys %{ $without[0] } } } @{ $answer->{boots} }], \@without, 'the whole of each is what /phases says');
	check_differences($answer, \@of_parts, 'the whole');
	my (%names, $order, $numbers) = ();
	for my $row (@{ $answer->{phases} }) {
		$names{ $row->{name} }++;
		my @of = map { my ($p) = grep { $_->{name} eq $row->{name} } @{ $_->{phases} }; $p } @phases;
		is_deeply([map { my $p = $_; $p && +{ map { $_ => $p->{$_} } keys %{ $without[0] } } } @of], $row->{boots}, "$row->{name}: likewise");
		$numbers += check_differences($row, \@of_parts, $row->{name}) // 0;
		check_reasons($row, \@of, \@phases);
	}
	is_deeply(\%names, { map { $_->{name} => 1 } map { @{ $_->{phases} } } @phases }, 'all phases, each once');
	check_reasons($answer, [map { $_->{total} } @phases], \@phases);
	return $answer }

# Reasons of the boots in one part.
sub check_reasons { my ($row, $parts, $phases) = @_;
	my (%seen, @wrong);
	for my $reason (@{ $row->{reasons} }) {
		my $key = ($reason->{namespace} // '') . " $reason->{number}";
		push @wrong, "$key comes twice" if $seen{$key}++;
		for my $i (0 .. $#$parts) {
			my ($of) = grep { $_->{number} == $reason->{number} && ($_->{name} // '') eq ($reason->{name} // '') } @{ $parts->[$i]{reasons} // [] };
			my $got = $reason->{boots}[$i];
			push @wrong, "$key in $i" if $of ? !$got || grep { ($got->{$_} // '') ne ($of->{$_} // '') } @of_reasons : $got && $got->{count};
		}
	}
	is_deeply(\@wrong, [], 'its reasons as well');
	my @most = map { max(map { $_ ? $_->{count} : 0 } @{ $_->{boots} }) } @{ $row->{reasons} };
	ok(!(grep { $most[$_] > $most[$_ - 1] } 1 .. $#most), 'those that count most first');
	check_differences($_, \@of_reasons, "reason $_->{number}") for @{ $row->{reasons} }[0 .. ($#most < 2 ? $#most : 2)] }

# ---- what is known ----
is(check('guest:1,guest:2')->{source}, 'host', 'the host\'s numbers, if all have them by reason');
my $double = check('guest:1,guest:2', 'guest');
is($double->{source}, 'guest', 'the guest\'s on demand');
is($double->{difference}[1]{exits}{ratio}, 2, 'twice as many exits');
is($double->{difference}[1]{exits}{absolute}, $double->{boots}[0]{exits}, 'so many more');
ok(near($double->{difference}[1]{handling_share}{ratio}, 1) && near($double->{difference}[1]{seconds}{ratio}, 1), 'in the same time');
is_deeply([map { $_->{name} } @{ $double->{phases} }], [qw(firmware kernel initramfs userspace running)], 'phases in their order');
ok(!(grep { !near($_->{difference}[1]{rate}{ratio}, 2, 1e-3) } @{ $double->{phases} }), 'twice the rate in each phase');
ok(!(grep { $_->{difference}[1]{count}{ratio} != 1 } grep { $_->{boots}[0]{count} } @{ $double->{reasons} }), 'no reason makes the difference: these are as many');
is(check('guest:1,plain:2')->{source}, 'guest', 'the guest\'s, if the host has none of one');
is(check('guest:1,plain:1')->{source}, 'host', 'else the host\'s without reasons');
my $three = check('guest:3,guest:1,guest:2');
is($three->{source}, 'host', 'else the host\'s, if all have these');
is_deeply([map { $_->{name} } @{ $three->{phases} }], [qw(firmware kernel initramfs userspace running unknown)], 'who told of no phase has one that is unknown');
is_deeply([map { defined $_ ? 1 : 0 } @{ $three->{phases}[0]{boots} }], [0, 1, 1], 'and none of the others');
is_deeply($three->{phases}[0]{difference}, [undef, undef, undef], 'nothing differs from what is not there');

my $vendors = check('guest:1,other:1', 'guest');
my %at;
push @{ $at{ $_->{namespace} } }, $_ for @{ $vendors->{reasons} };
is_deeply([sort keys %at], [qw(svm vmx)], 'reasons of SVM and VMX are listed apart');
ok(!(grep { defined $_->{boots}[1] || defined $_->{difference}[1] } @{ $at{svm} }) && !(grep { defined $_->{boots}[0] || defined $_->{difference}[1] } @{ $at{vmx} }), 'each of the boots that have them, without a difference');
ok(!defined $vendors->{phases}[0]{boots}[1]{exits} && !defined $vendors->{phases}[0]{difference}[1]{exits} && $vendors->{phases}[0]{difference}[1]{seconds}, 'what nobody counted is null; that it took its time is known');

my $short = check('guest:4,guest:3');
my @new = grep { $_->{boots}[0]{count} == 0 } @{ $short->{reasons} };
ok(@new > 2 && !(grep { defined $_->{difference}[1]{count}{ratio} || $_->{difference}[1]{count}{absolute} != $_->{boots}[1]{count} } @new), 'what did not occur before has no ratio');
my $plain = check('a:b:1,guest:3');
is_deeply([@{ $plain->{boots}[0] }{qw(handling_share away_share lost_share namespace)}], [undef, undef, undef, undef], 'a stock host knows no shares');
ok(@{ $plain->{reasons} } && !(grep { defined $_->{boots}[0] || defined $_->{difference}[1] } @{ $plain->{reasons} }), 'and no reasons');
is($plain->{difference}[1]{exits}{ratio}, 1, 'but exits');
is(scalar @{ check(join ',', ('guest:1') x 8)->{boots} }, 8, 'eight at a time');
is(compare('guest:1,guest:latest')->{boots}[1]{boot}, 4, 'the latest');

# ---- refusals ----
for my $case (
	['', 400, qr/boots names 2 to 8, as VM:BOOT,VM:BOOT/],
	['?boots=guest:1', 400, qr/boots names 2 to 8/],
	['?boots=' . join(',', ('guest:1') x 9), 400, qr/boots names 2 to 8/],
	['?boots=guest:1,guest', 400, qr/'guest' is not VM:BOOT with a number or 'latest'/],
	['?boots=guest:1,', 400, qr/'' is not VM:BOOT/],
	['?boots=guest:1,guest:0', 400, qr/'guest:0' is not VM:BOOT/],
	['?boots=guest:1,guest:-1', 400, qr/'guest:-1' is not/],
	['?boots=guest:1,guest:1x', 400, qr/'guest:1x' is not/],
	['?boots=guest:1,guest:4294967296', 400, qr/is not VM:BOOT/],
	['?boots=guest:1,' . 'x' x 300 . ':1', 400, qr/'x{64}' is not VM:BOOT/],
	['?boots=guest:1,:1', 404, qr/there is no VM ''/],
	['?boots=guest:1,nobody:1', 404, qr/there is no VM 'nobody'/],
	['?boots=guest:1,guest:9', 404, qr/VM 'guest' has no boot 9/],
	['?boots=guest:1,guest:3&source=guest', 404, qr/boot 3 of VM 'guest' has none of the guest"/],
	['?boots=guest:1,guest:3,a:b:2', 404, qr/boot 3 of VM 'guest' has none of the guest, boot 2 of VM 'a:b' has none of the host"/],
	['?boots=guest:1,guest:2&source=x', 400, qr/neither 'guest' nor 'host'/],
	['?boots=guest:1,guest:2&points=1', 400, qr/'points' is not known here/],
	['?boots=guest:1,guest:2&boot=1', 400, qr/'boot' is not known here/],
) {
	my ($query, $status, $message) = @$case;
	my $r = $http->get("$url/api/v1/compare$query");
	ok($r->{status} == $status && $r->{content} =~ $message, substr("compare$query", 0, 60) . ": $status") or diag("$r->{status} $r->{content}");
}
# ---- vmexitctl ----
sub ctl { my @words = @_;
	my $pid = fork() // die "fork: $!";
	if (!$pid) {
		open(STDOUT, '>', "$dir/ctl.out");
		open(STDERR, '>', "$dir/ctl.err");
		exec("$build/vmexitctl", '-s', "$dir/api.sock", @words) or POSIX::_exit(127);
	}
	waitpid($pid, 0);
	return { status => $? >> 8, out => scalar slurp("$dir/ctl.out"), err => scalar slurp("$dir/ctl.err") } }
# The numbers behind a word in the table of a title.
sub cells { my ($text, $title, $word) = @_;
	my ($table) = $text =~ /^\Q$title\E\n((?:  .*\n)+)/m or return;
	my ($row) = $table =~ /^  \Q$word\E {2,}(.*)/m or return;
	return $row =~ /(\S+(?: %)?)/g }
is_deeply(decode_json(ctl('-j', 'compare', 'guest:1', 'a:b:1')->{out}), compare('guest:1,a:b:1'), 'vmexitctl compare --json has what HTTP has');
my $table = ctl('compare', '--source=guest', 'guest:1', 'guest:2');
is($table->{status}, 0, 'vmexitctl compare');
like($table->{out}, qr/^As the guest counted.*^ +guest:1 +guest:2\s*$/ms, 'says whose numbers these are');
is_deeply([cells($table->{out}, 'Exits', 'all')], [$double->{boots}[0]{exits}, $double->{boots}[1]{exits}, '+100 %'], 'and what they changed by');
is_deeply([cells($table->{out}, 'Seconds', 'userspace')], [(sprintf '%.2f', $double->{phases}[3]{boots}[0]{seconds}) x 2, '+0.0 %'], 'of each phase');
is_deeply([cells($table->{out}, 'Exits', 'firmware')], [(map { $_->{exits} . '~' } @{ $double->{phases}[0]{boots} }), '+100 %'], 'where they are an estimate, too');
like($table->{out}, qr/^~ more than a tenth/m, 'which is explained');
unlike($table->{out}, qr/^\*/m, 'nothing is missing here');
is_deeply([cells($table->{out}, 'Exits by reason', 'msr')], [map({ $_->{count} } @{ (grep { $_->{name} eq 'msr' } @{ $double->{reasons} })[0]{boots} }), '+0.0 %'], 'and by reason');
is(() = $table->{out} =~ /Exits by reason\n((?:  \w.*\n){10})  and 6 more/, 1, 'ten of them');
$table = ctl('compare', 'guest:1', 'other', '--limit=100', '--phase=userspace', '--source=guest')->{out};
is_deeply([cells($table, 'Exits', 'kernel')], [$vendors->{phases}[1]{boots}[0]{exits} . '~', '-'], 'without a boot the latest; what is not known is -');
like($table, qr/^Exits by reason, userspace\n(?:  .*\n)*  svm msr +\d+ +-\s*$/m, 'of two kinds of CPU it says which');
like($table, qr/^\* not all of it was counted/m, 'what is missing is said');
$table = ctl('compare', 'guest:4', 'guest:3', '--limit=100')->{out};
like($table, qr/^  $new[0]{name} +0 +\d+ +new\s*$/m, 'what is new is called so');
$table = ctl('compare', 'a:b:1', 'a:b:1')->{out};
unlike($table, qr/Time away|Time spent/, 'what no boot has is no table');
like($table, qr/^Exits a second\n/m, 'the others are there');
for my $case (
	[2, qr/that is not how it is used/, 'guest:1'],
	[2, qr/that is not how it is used/, ('guest:1') x 9],
	[2, qr/a name with a comma/, 'guest:1', 'x,y'],
	[2, qr/limit 'many' is no number/, '--limit=many', 'guest:1', 'guest:2'],
	[1, qr/none of these boots has a phase 'unknown'/, '--phase=unknown', 'guest:1', 'guest:2'],
	[1, qr/404: VM 'guest' has no boot 9/, 'guest:1', 'guest:9'],
	[1, qr/404: there is no VM 'no body\?'/, 'guest:1', 'no body?'],
) {
	my ($status, $message, @words) = @$case;
	my $r = ctl('compare', @words);
	ok($r->{status} == $status && $r->{err} =~ $message, "vmexitctl compare @words: $status") or diag(explain($r));
}

# ---- marks ----
is_deeply(decode_json(ctl('marks', '--json', '--boot=1', 'guest')->{out}), json('/api/v1/vms/guest/marks?boot=1'), 'vmexitctl marks --json has what HTTP has');
my $marks = ctl('marks', 'guest', '--boot=1');
my @lines = split /\n/, $marks->{out};
my %times = map { $_->[0] => $_->[1] } sql($db, 'SELECT e.label, (e.t_boot_ns - b.t_boot_ns) / 1e9 FROM mark e JOIN mark b ON b.boot = e.boot AND b.sequence = e.begin_sequence WHERE e.boot = 1');
ok(keys %times == 7 && @lines == 1 + 4 + 7 + 2, 'vmexitctl marks: phases, intervals, moments, a line each') or diag($marks->{out});
is(scalar(grep { my $label = $_; grep { /  interval +\Q@{[sprintf '%.3f', $times{$label}]}\E s +[01] +0  \Q$label\E$/ } @lines } keys %times), 7, 'an interval with its time');
like($marks->{out}, qr/^   1  \S+ \S+ +87\.699 s  interval +\S+ s +1 +0  a command that fails$/m, 'and the status of its command');
like($marks->{out}, qr/^   1  [\d-]+ [\d:.]+ +0\.000 s  phase +- +- +0  kernel$/m, 'a phase');
my ($middle) = map { $_->[0] / 1e9 } sql($db, q(SELECT t_ns + 1000000 FROM mark WHERE boot = 1 AND kind = 2 AND label = 'fio reads'));
like(ctl('marks', 'guest', '--to=' . sprintf '%.3f', $middle)->{out}, qr/interval +no end +- +0  fio reads\n\z/, 'an interval that goes on');
like(ctl('marks', 'guest', '--boot=1', '--from=' . sprintf '%.3f', $middle)->{out}, qr/\A.*\n.*  end +- +0 +0  fio reads\n/, 'and one that had begun before');
is(ctl('marks', 'guest', '--boot=9')->{status}, 1, 'no such boot: status 1');
like(ctl('marks', 'guest', '--boot=3')->{out}, qr/\A *BOOT .*LABEL\n\z/, 'none at all');
is(stop('daemon', 'TERM'), 0, 'the daemon ends');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
