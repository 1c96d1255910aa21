#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What vmexitd keeps, and what it says of it: a recording, older than what is to be kept.
use strict;
use warnings;
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use Test::More;

my $db = "$dir/v.db";
gunzip("$FindBin::Bin/data/debian-svm/vmexit.db.gz" => $db) or die $GunzipError;

sub storage { return json('/api/v1/storage') }
sub tier { my $name = shift; my ($tier) = grep { $_->{name} eq $name } @{ storage()->{tiers} }; return $tier }
sub exits_of { my $vm = shift; return [map { my $b = $_; map { "$b->{boot} $_ " . ($b->{sources}{$_}{exits} // '-') } qw(guest host) } boots($vm)] }
sub rollups { return [map { join ' ', @$_ } sql($db, 'SELECT boot, source, kind, id, name, width_s, sum(sum), sum(samples) FROM rollup WHERE width_s = 3600 GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5')] }

# ---- everything ----
ok(daemon('--libvirt=off'), 'vmexitd serves a recording');
my $all = storage();
is_deeply([map { $_->{name} } @{ $all->{tiers} }], [qw(samples 10s 1min 10min 1h)], 'storage: its tiers');
is_deeply([map { $_->{width_s} } @{ $all->{tiers} }], [0, 10, 60, 600, 3600], 'and how wide they are');
is_deeply([map { [$_->{keep_s}, $_->{limit_bytes}] } @{ $all->{tiers} }], [([undef, undef]) x 5], 'all of it is kept');
my %of = map { $_->[0] => $_ } sql($db, 'SELECT tier, sum(samples), sum(bytes), min(from_ns) / 1000000, max(to_ns) / 1000000 FROM chunk GROUP BY tier');
for my $i (0 .. 1) {
	my $t = $all->{tiers}[$i];
	is_deeply([$t->{samples}, $t->{bytes}, map { int(1000 * $_ + 0.0005) } @$t{qw(from to)}], [@{ $of{$i} }[1 .. 4]], "what there is of $t->{name}");
}
is($all->{tiers}[4]{samples} . ' ' . ($all->{tiers}[4]{from} // 'null'), '0 null', 'and of a tier that has nothing');
my ($vm) = grep { $_->{bytes} } @{ $all->{vms} };
is($vm->{bytes}, (sql($db, 'SELECT sum(bytes) FROM chunk'))[0][0], 'what its VM takes');
is($vm->{limit_bytes}, 1024 << 20, 'of what it may');
is($all->{file_bytes}, (sql($db, 'PRAGMA page_count'))[0][0] * 4096, 'what the file takes');
ok($all->{free_bytes} <= $all->{file_bytes} && defined $all->{journal}{samples} && defined $all->{journal}{bytes}, 'and of that what is free');
is($http->get("$url/api/v1/storage?tier=1")->{status}, 400, 'storage takes no parameters');
my $name = $vm->{name};
my ($samples, $exits) = (scalar csv($name), exits_of($name));
cmp_ok($samples, '>', 700, "$samples samples");
stop('daemon', 'TERM');

# ---- a clock that may be wrong ----
my @less = ('--libvirt=off', '--keep-samples=1h,1G', '--keep-10s=1h', '--keep-1min=1h', '--keep-10min=1h', '--vm-disk-limit=0');
my $listener = listen_at('now');
my $said = length slurp("$dir/daemon.log");
ok(daemon(@less, "--channel=now=$dir/now.sock"), 'now it is to keep hours only, and all that is stored is older');
my $peer = accept_at($listener);
syswrite($peer, hello('b' x 16, 100));
is((welcomed($peer))[1], 0, 'a VM is new');
for my $i (1 .. 3) {
	syswrite($peer, sample($i, 100 + $i, 1000 * $i));
	ok(acked($peer, $i), "sample $i is committed");
}
is_deeply([map { $_->{bytes} } @{ storage()->{tiers} }], [map { $_->{bytes} } @{ $all->{tiers} }], 'nothing is dropped by a clock that was never seen to go there');
is(scalar(() = substr(slurp("$dir/daemon.log"), $said) =~ /clock is \d+ hours later than what is stored says/g), 1, 'which the log says, once');
stop('daemon', 'TERM');

# ---- less ----
ok(daemon(@less), 'what came since then bears the clock out');
ok(wait_for('the samples to go', 20, sub { !grep { $_->{bytes} } @{ storage()->{tiers} }[0 .. 3] }), 'all that is finer goes');
my $left = storage();
is_deeply([map { [$_->{keep_s}, $_->{limit_bytes}] } @{ $left->{tiers} }[0, 1, 4]], [[3600, 1 << 30], [3600, undef], [undef, undef]], 'storage: the new limits');
is($left->{tiers}[4]{samples}, $samples, 'hours sum up every sample');
is((grep { $_->{name} eq $name } @{ $left->{vms} })[0]{limit_bytes}, undef, 'no limit for a VM');
is(scalar csv($name), 0, 'no sample is answered');
is_deeply(exits_of($name), $exits, 'the boots count as before');
is((boots($name))[0]{sources}{host}{samples}, 0, 'without a sample');
my ($sum) = map { $_->[0] } sql($db, "SELECT sum(sum) FROM rollup WHERE width_s = 3600 AND kind = 'exits' AND source = 1");
ok($sum > 0 && (grep { / host (\d+)$/ && abs($1 - $sum) <= 0.05 * $sum } @$exits), "rollups have the $sum exits");
is(vm($name)->{host}{exits_rate}, undef, 'and the last sample, without what was before it, has no rate');
my $rollups = rollups();
unlike(slurp("$dir/daemon.log"), qr/dropping/, 'the log does not speak of what was too old');
cmp_ok($left->{free_bytes}, '>', 0.5 * $all->{tiers}[0]{bytes}, 'the room is free to be used again');
is(stop('daemon', 'TERM'), 0, 'and it ends');
is_deeply([map { $_->[0] } sql($db, 'PRAGMA integrity_check; PRAGMA foreign_key_check')], ['ok'], 'with a sound database');

# ---- again ----
ok(daemon('--libvirt=off', '--keep-samples=1h'), 'it serves what is left');
is_deeply(rollups(), $rollups, 'which is as it was');
is_deeply(exits_of($name), $exits, 'and counts as before');
stop('daemon', 'TERM');
done_testing;
