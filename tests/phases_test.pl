#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What vmexitd answers of the phases of a boot, from the recordings of a Debian guest
# (tests/data/debian-*), beside what their samples and marks say by SQL.
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
my %order = (kernel => 'kernel', initramfs => 'initramfs', userspace => 'userspace', finished => 'running');
sub near { my ($a, $b, $by) = @_; return defined $a && defined $b && abs($a - $b) <= ($by // 1e-6) + 1e-9 * abs $b }

# Each phase as [name, from, to] in nanoseconds, by the marks.
sub phases_of {
	my ($boot) = sql($db, 'SELECT opened_ns, closed_ns FROM boot');
	my @begin = (['firmware', $boot->[0]]);
	push @begin, [$order{ $_->[0] }, $_->[1]] for sql($db, 'SELECT label, t_ns FROM mark WHERE kind = 4 ORDER BY t_ns');
	$begin[$_][2] = $begin[$_ + 1][1] for 0 .. $#begin - 1;
	$begin[-1][2] = $boot->[1] || undef;
	return @begin;
}

# Increases of a series of samples, as [from, to, increase]; what is behind a gap has none.
sub steps {
	my ($opened, $gaps, @samples) = @_;
	my (@steps, $before);
	for (@samples) {
		my ($sequence, $t, $value) = @$_;
		if (!$before && defined $opened) {
			push @steps, [$opened, $t, $value];
		} elsif ($before && !(grep { $_->[0] > $before->[0] && $_->[1] < $sequence } @$gaps)) {
			push @steps, [$before->[1], $t, $value - $before->[2]];
		}
		$before = $_;
	}
	return @steps;
}

# The part of steps that lies in a phase: exits, seconds, what is of steps that reach out of it, and how many do.
sub part {
	my ($from, $to, @steps) = @_;
	my @sums = (0) x 4;
	for (@steps) {
		my ($a, $b) = (max($_->[0], $from), min($_->[1], $to // $_->[1]));
		next if $b <= $a;
		my $part = $_->[2] * ($b - $a) / ($_->[1] - $_->[0]);
		$sums[0] += $part;
		$sums[1] += ($b - $a) / 1e9;
		next if $b - $a == $_->[1] - $_->[0];
		$sums[2] += $part;
		$sums[3]++;
	}
	return @sums;
}

sub check_source {
	my ($source, $complete) = @_;
	my $number = $source eq 'host' ? 1 : 0;
	my $answer = json("/api/v1/vms/guest/phases?source=$source");
	my ($boot) = sql($db, 'SELECT opened_ns, vcpus, tsc_khz FROM boot');
	my @wanted = phases_of();
	my @gaps = sql($db, "SELECT from_sequence, to_sequence FROM gap WHERE source = $number");
	my $opened = $complete ? $boot->[0] : undef;
	my @exits = steps($opened, \@gaps, sql($db, "SELECT sequence, t_ns, exits FROM sample WHERE source = $number ORDER BY sequence"));
	my @handling = steps($opened, \@gaps, sql($db, "SELECT sequence, t_ns, handling_cycles FROM sample WHERE source = $number ORDER BY sequence"));
	my %by_reason;
	push @{ $by_reason{ $_->[0] } }, [@$_[1 .. 3]] for sql($db, "SELECT id, sequence, t_ns, value FROM sample_value WHERE source = $number AND kind = 'reason_exits' ORDER BY sequence");

	is_deeply([@$answer{qw(boot source)}], [1, $source], "$source: whose it is");
	is_deeply([map { $_->{name} } @{ $answer->{phases} }], [qw(firmware kernel initramfs userspace running)], 'from the firmware to what runs after the login');
	for my $i (0 .. $#wanted) {
		my ($got, $want) = ($answer->{phases}[$i], $wanted[$i]);
		my ($sum, $seconds, $shared, $crossing) = part(@$want[1, 2], @exits);
		ok($got->{name} eq $want->[0] && near($got->{from}, $want->[1] / 1e9, 2e-6), "$want->[0] begins with its mark") or diag(explain($got));
		ok(defined $want->[2] ? near($got->{to}, $want->[2] / 1e9, 2e-6) : !defined $got->{to}, 'and ends with the next');
		if ($seconds == 0) {
			ok(!defined $got->{exits} && !defined $got->{rate} && !$got->{complete}, 'nobody counted its exits, which is said');
			next;
		}
		ok(near($got->{exits}, $sum, $crossing + 0.001), "it has its exits: $got->{exits}") or diag("$sum");
		ok(near($got->{shared}, $shared, $crossing + 0.001), "of which $got->{shared} are of intervals over an edge") or diag("$shared");
		ok(near($got->{covered}, $seconds, 1e-5) && near($got->{rate}, $got->{exits} / $seconds, 0.01), 'and their rate');
		my ($cycles) = part(@$want[1, 2], @handling);
		ok(near($got->{handling_share}, $cycles / ($boot->[2] * 1000 * $boot->[1] * $seconds), 1e-6), 'and the share of time for handling them');
		my %count = map { $_->{number} => $_->{count} } grep { $_->{count} } @{ $got->{reasons} };
		my @wrong;
		for my $reason (keys %by_reason) {
			# One that comes to the list later was zero before.
			my ($first) = grep { $_->[1] < $by_reason{$reason}[0][1] } reverse sql($db, "SELECT sequence, t_ns, 0 FROM sample WHERE source = $number ORDER BY sequence");
			my ($sum_of, undef, undef, $over) = part(@$want[1, 2], steps($opened && !$first ? $opened : undef, \@gaps, $first ? $first : (), @{ $by_reason{$reason} }));
			push @wrong, "$reason: $sum_of" unless near($count{$reason} // 0, $sum_of, $over + 0.001);
		}
		is_deeply(\@wrong, [], 'by reason as well') or diag(explain(\%count));
	}
	my $total = $answer->{total};
	is(sum0(map { $_->{exits} // 0 } @{ $answer->{phases} }), $total->{exits}, 'the phases\' exits are the total\'s');
	is($total->{exits}, sum0(map { $_->[2] } @exits), 'which are those of the samples');
	is($total->{exits} + $answer->{gap_exits}, (boots('guest'))[0]{sources}{$source}{exits}, 'and, with those over gaps, the boot\'s');
	my %all;
	for my $phase (@{ $answer->{phases} }) { $all{ $_->{number} } += $_->{count} for @{ $phase->{reasons} } }
	ok(keys %all > 5 && !(grep { !$by_reason{$_} } keys %all), 'for as many reasons as occurred');
	is_deeply(\%all, { map { $_->{number} => $_->{count} } @{ $total->{reasons} } }, 'so are they by reason');
	return $answer;
}

sub recording {
	my ($name, $complete) = @_;
	unlink glob "$dir/v.db*";
	ok(gunzip("$FindBin::Bin/data/debian-$name/vmexit.db.gz" => $db), 'it unpacks') or BAIL_OUT($GunzipError);
	ok(daemon('--libvirt=off'), 'vmexitd serves it');
	my %answer = map { $_ => check_source($_, $complete) } qw(guest host);
	is($answer{$_}{complete}, $complete ? JSON::PP::true : JSON::PP::false, "$_: whether all of the boot was counted") for qw(guest host);
	ok(near($answer{host}{phases}[3]{exits}, $answer{guest}{phases}[3]{exits}, 0.03 * $answer{host}{phases}[3]{exits}), 'both saw the same of userspace');
	is_deeply(json('/api/v1/vms/guest/phases'), $answer{host}, 'the host\'s are the default, as it has reasons');
	for my $case (
		['phases?boot=9', 404, qr/has no boot 9/],
		['phases?source=both', 400, qr/neither 'guest' nor 'host'/],
		['phases?from=1', 400, qr/'from' is not known here/],
		['phases?boot=x', 400, qr/boot/],
	) {
		my ($path, $status, $message) = @$case;
		my $r = $http->get("$url/api/v1/vms/guest/$path");
		ok($r->{status} == $status && $r->{content} =~ $message, "$path: $status") or diag("$r->{status} $r->{content}");
	}
	is(stop('daemon', 'TERM'), 0, 'the daemon ends');
	unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
}

subtest 'debian-svm' => sub { recording('svm', 1) };
subtest 'debian-vmx' => sub { recording('vmx', 0) };
done_testing();
