#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The recordings of the lab's Debian guest (tests/data/debian-*) are what their READMEs
# say: sound, whole from the firmware to power-off, with that vendor's reasons, and the
# daemon of today serves them.
use strict;
use warnings;
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use lib "$FindBin::Bin/lib";
use Daemon;
use JSON::PP;
use Test::More;

my $data = "$FindBin::Bin/data";
# kind, label of what tests/data/record-guest does, in its order.
my @runs = slurp("$data/record-guest") =~ /^run '?([^' ]+(?: [^']+(?='))?)'? /mg;
my @instants = slurp("$data/record-guest") =~ /^vmexit-agent mark '(.*)'/mg;
ok(@runs >= 6 && @instants == 2, "record-guest runs @{[scalar @runs]} commands and marks two moments");
# Every Linux guest has exits of these names, none has numbers beyond "last", but "more".
# Of a channel without libvirt, creation and end are not seen. Lists by vCPU are of several.
my $idle = 0xfffffffe;	# no exit
my %vendor = (
	svm => { namespace => 2, names => [qw(hlt io cpuid npf)], last => 0x8a, more => 0x400,
		 life => [1, 1, 'created'], lists => [32 .. 36] },
	vmx => { namespace => 1, names => [qw(HLT IO_INSTRUCTION CPUID EPT_VIOLATION)], last => 80, more => 0,
		 life => [0, 0, 'found'], lists => [32, 34 .. 36] },
);

# A sample's lists (vmexit-protocol(7)): number => [[id, ...], ...]; nothing if they are broken.
sub lists {
	my ($blob, %found) = @_;
	while (length $blob) {
		my ($number, $length) = unpack('vv', $blob);
		return unless defined $length && length $blob >= 4 + $length && !$found{$number};
		$found{$number} = substr($blob, 4, $length);
		substr($blob, 0, 4 + $length) = '';
	}
	return \%found;
}

# A list of numbers only, as rows of so many.
sub rows { my ($bytes, $columns) = @_;
	my @numbers = (0);
	my $shift = 0;
	for (unpack 'C*', $bytes) {
		$numbers[-1] |= ($_ & 0x7f) << $shift;
		if ($_ & 0x80) { $shift += 7 } else { push @numbers, 0; $shift = 0 }
	}
	pop @numbers;
	return map { [@numbers[$_ * $columns .. $_ * $columns + $columns - 1]] } 0 .. @numbers / $columns - 1 }

sub figures { return { slurp($_[0]) =~ /^\| ([^|]+?) \| (\d+) \|$/mg } }

sub recording { my $name = shift;
	my ($dir_of, $db, $wanted) = ("$data/debian-$name", "$dir/v.db", $vendor{$name});
	my $figures = figures("$dir_of/README.md");
	unlink glob "$dir/v.db*";
	ok(gunzip("$dir_of/vmexit.db.gz" => $db), 'it unpacks') or diag($GunzipError), return;
	cmp_ok(-s "$dir_of/vmexit.db.gz", '<=', 400 << 10, 'it is small');
	is_deeply([map { $_->[0] } sql($db, 'PRAGMA integrity_check; PRAGMA foreign_key_check')], ['ok'], 'the database is sound');
	is(-s $db, $figures->{'bytes of the database'}, 'and of the size that the README says');
	is_deeply([sql($db, 'SELECT DISTINCT reason_namespace FROM boot')], [[$wanted->{namespace}]], "the guest read reasons of \U$name");
	# What could name the machine that made it.
	is_deeply([grep { $_->[0] ne 'guest' || $_->[1] =~ m{/(?!run/)\S*/} } sql($db, 'SELECT name, error FROM vm')], [], 'it tells nothing of where it was made');
	falls($db);
	details($db, $wanted);
	served($figures, $wanted, $name);
	is(stop('daemon', 'TERM'), 0, 'and ends');
	return }

# Counters only grow.
sub falls { my $db = shift;
	my @columns = qw(exits handling_cycles away_cycles idle_cycles sequence);
	for my $column (@columns) {
		my ($n) = map { $_->[0] } sql($db, "SELECT count(*) FROM (SELECT $column - lag($column) OVER (PARTITION BY boot, source ORDER BY t_ns, sequence) AS d FROM sample WHERE $column IS NOT NULL) WHERE d < 0");
		is($n, 0, "$column never falls");
	}
	my ($n) = map { $_->[0] } sql($db, 'SELECT count(*) FROM sample WHERE exits IS NULL OR handling_cycles IS NULL OR (source = 0 AND memory_total_bytes IS NULL)');
	is($n, 0, 'no sample is without exits and cycles, none of the guest without workload') }

sub details { my ($db, $wanted) = @_;
	my (%seen, $broken, $strange, $apart);
	for (sql($db, 'SELECT source, exits, hex(detail) FROM sample WHERE detail IS NOT NULL')) {
		my ($source, $exits, $hex) = @$_;
		my $lists = lists(pack('H*', $hex)) or $broken++, next;
		$seen{$source}{$_}++ for keys %$lists;
		my ($sum, $of_vcpus) = (0, 0);
		for (rows($lists->{32} // '', 4)) {
			$sum += $_->[1];
			$strange++ if $_->[0] == $idle ? $_->[1] : $_->[0] > $wanted->{last} && $_->[0] != $wanted->{more};
		}
		$of_vcpus += $_->[1] for rows($lists->{33} // '', 3);
		# The counters are read one after the other, and reading them exits.
		$apart++ if $lists->{32} && abs($sum - $exits) > 100 || $lists->{33} && abs($of_vcpus - $exits) > 100;
	}
	is_deeply([$broken, $strange, $apart], [undef, undef, undef], 'lists are whole, reasons are of that vendor, and their sum is the total');
	is_deeply([sort keys %{ $seen{0} }], $wanted->{lists}, 'the guest\'s have reasons, interrupts, processes, units, and vCPUs if it has several') or diag(explain(\%seen));
	ok(($seen{1}{32} // 0) > 10, 'the host\'s have reasons') or diag(explain(\%seen)) }

sub served { my ($figures, $wanted, $name) = @_;
	unlink "$dir/daemon.log";
	ok(daemon('--libvirt=off'), 'vmexitd serves it') or return;
	my ($boot, @more) = boots('guest');
	is(1 + @more, $figures->{boots}, 'its boots');
	is_deeply([map { $_ ? 1 : 0 } @$boot{qw(complete closed)}], [@{ $wanted->{life} }[0, 1]], 'one, with what was seen of its begin and end') or diag(explain($boot));
	is($boot->{cause}, $wanted->{life}[2], 'and why it is one');
	# What came before the first sample does not count then.
	my %before = map { @$_ } $boot->{complete} ? () : sql("$dir/v.db", "SELECT iif(source, 'host', 'guest'), min(exits) FROM sample GROUP BY source");
	is($boot->{sources}{$_}{samples}, $figures->{"samples of the $_"}, "as many samples of the $_ as the README says") for qw(guest host);
	is($boot->{sources}{$_}{exits} + ($before{$_} // 0), $figures->{"exits as the $_ saw them"}, 'and exits') for qw(guest host);
	my %rows;
	$rows{ $_->{source} }++ for csv('guest');
	is_deeply(\%rows, { map { $_ => $figures->{"samples of the $_"} } qw(guest host) }, 'all are in the CSV');

	my @marks = @{ json('/api/v1/vms/guest/marks?boot=1')->{marks} // [] };
	is(scalar @marks, $figures->{marks}, 'marks');
	my @phases = sort { $a->{uptime} <=> $b->{uptime} } grep { $_->{kind} eq 'phase' } @marks;
	is_deeply([map { $_->{label} } @phases], [qw(kernel initramfs userspace finished)], 'the phases of its boot');
	my %begin = map { $_->{sequence} => $_ } grep { $_->{kind} eq 'begin' } @marks;
	my @ends = sort { $a->{sequence} <=> $b->{sequence} } grep { $_->{kind} eq 'end' } @marks;
	is_deeply([map { $_->{label} } @ends], \@runs, 'each workload after it has an end');
	ok(!(grep { !$_->{begin} || ($begin{ $_->{begin} }{label} // '') ne $_->{label} } @ends), 'and a begin');
	is_deeply([map { $_->{status} } @ends], [(0) x (@runs - 1), 1], 'all succeeded but the one that fails');
	is_deeply([map { $_->{label} } grep { $_->{kind} eq 'instant' } @marks], \@instants, 'the marks of one moment');
	ok(@phases && @ends && $phases[-1]{t} < $ends[0]{t}, 'first it booted');

	my $gaps = json('/api/v1/vms/guest/gaps?boot=1');
	is(scalar @{ $gaps->{gaps} // [1] }, $figures->{gaps}, 'gaps');
	is(scalar @{ $gaps->{quarantined} // [1] }, $figures->{quarantined}, 'quarantined');
	my %known = map { $_->{number} => $_->{name} } @{ json('/api/v1/reasons')->{$name} };
	for my $source (qw(guest host)) {
		my @reasons = @{ json("/api/v1/vms/guest/reasons?boot=1&source=$source")->{reasons} // [] };
		my %count = map { ($_->{name} // '') => $_->{count} } @reasons;
		ok(!(grep { !$count{$_} } @{ $wanted->{names} }), "the $source\'s reasons have @{ $wanted->{names} }") or diag(explain(\%count));
		is_deeply([grep { ($_->{name} // '') ne ($known{ $_->{number} } // '?') } @reasons], [], 'by the names of that vendor');
	}
	my @series = @{ json('/api/v1/vms/guest/series?boot=1&kind=count,handling,away')->{series} // [] };
	is(scalar(grep { @{ $_->{v} } > 20 } @series), 6, 'and series of both sources');
	listed();
	unlike(slurp("$dir/daemon.log"), qr/error|warning/i, 'it has nothing to complain of') }

# Interrupts come in lists, of one sample in ten: they are counted from list to list, but for gaps.
sub listed {
	my @gaps = sql("$dir/v.db", 'SELECT from_sequence FROM gap WHERE source = 0');
	my ($samples, $lists, $sum, $last) = (0, 0, 0);
	for my $row (grep { $_->{sequence} } csv('guest', '?form=long&source=guest')) {
		$samples++ if $row->{kind} eq 'exits';
		next unless $row->{kind} eq 'interrupt_source' && $row->{name} eq 'LOC';
		$sum += $row->{value} - $last->{value} if $last && !grep { $_->[0] > $last->{sequence} && $_->[0] < $row->{sequence} } @gaps;
		$last = $row;
		$lists++;
	}
	cmp_ok($lists, '<', $samples / 2, 'a list of interrupts is in few samples');
	for my $points (10000, 12) {
		my ($loc) = @{ json("/api/v1/vms/guest/series?kind=interrupt_source&name=LOC&source=guest&points=$points")->{series} // [] };
		my $all = 0;
		$all += $loc->{v}[$_] * $loc->{dt}[$_] for 0 .. $#{ $loc->{v} // [] };
		cmp_ok(abs($all - $sum), '<', 0.001 * $sum, "up to $points points have all of the $sum timer interrupts") or diag($all);
	} }

for my $name (@ARGV ? grep { $vendor{$_} } @ARGV : sort keys %vendor) {
	subtest "debian-$name" => sub { recording($name) };
}

# What make bench-store replays: a sample a second of both sources, over changing workloads.
sub trace { my ($dir_of, $db) = ("$data/trace-1hz", "$dir/t.db");
	my $figures = figures("$dir_of/README.md");
	ok(gunzip("$dir_of/vmexit.db.gz" => $db), 'it unpacks') or diag($GunzipError), return;
	cmp_ok(-s "$dir_of/vmexit.db.gz", '<=', 400 << 10, 'it is small');
	is_deeply([map { $_->[0] } sql($db, 'PRAGMA integrity_check; PRAGMA foreign_key_check')], ['ok'], 'the database is sound');
	is(-s $db, $figures->{'bytes of the database'}, 'and of the size that the README says');
	is_deeply([grep { $_->[0] ne 'guest' || $_->[1] ne '' } sql($db, 'SELECT name, error FROM vm')], [], 'it tells nothing of where it was made');
	falls($db);
	for my $source (0, 1) {
		my $whose = $source ? 'host' : 'guest';
		my ($row) = sql($db, "SELECT count(*), max(exits) FROM sample WHERE source = $source");
		is_deeply($row, [@$figures{"samples of the $whose", "exits as the $whose saw them"}], "samples and exits of the $whose");
		my @s = sort { $a <=> $b } map { $_->[0] } sql($db, "SELECT (t_ns - lag(t_ns) OVER (ORDER BY sequence)) / 1e9 FROM sample WHERE source = $source LIMIT -1 OFFSET 1");
		ok($s[@s / 2] > 0.99 && $s[@s / 2] < 1.01, 'they are a second apart') or diag("median $s[@s / 2]");
	}
	is((sql($db, 'SELECT count(*) FROM gap'))[0][0], $figures->{gaps}, 'gaps');
	my @runs = slurp("$data/record-trace-guest") =~ /^\trun "(\w+) \$round"/mg;
	is_deeply([map { $_->[0] } sql($db, 'SELECT label FROM mark WHERE kind = 3 AND status = 0 ORDER BY sequence')],
		  [map { my $round = $_; map { "$_ $round" } @runs } 1 .. 3], 'every workload ran, in each round') }

subtest 'trace-1hz' => \&trace if !@ARGV || grep { $_ eq 'trace' } @ARGV;

# ---- record itself, as far as it goes without an emulator ----
for (['no vendor', 2, qr/^usage: record/], ['another vendor', 2, qr/^usage: record/, 'arm'], ['no time', 1, qr/--seconds is a number above 0, not '0'/, '--seconds', 0, 'svm'],
     ['another option', 2, qr/^usage: record/, '--fast', 'svm']) {
	my ($what, $status, $words, @arguments) = @$_;
	my $said = qx($data/record @arguments 2>&1 </dev/null);
	is($? >> 8, $status, "record refuses: $what");
	like($said, $words, 'with words');
}
like(qx($data/record --help), qr/^usage: record.*--seconds.*--log/s, '--help names the options');
done_testing();
