#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A database that an older vmexitd made is taken over by this one: every value of it is
# there afterwards. tests/data/schema-1 is of version 1, the recordings beside it are of
# version 2. A newer one is refused and left alone.
use strict;
use warnings;
use File::Copy qw(copy);
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use lib "$FindBin::Bin/lib";
use Daemon;
use JSON::PP;
use Test::More;

my $data = "$FindBin::Bin/data/schema-1";
my $db = "$dir/v.db";
# Reading a database makes files beside it.
copy("$data/vmexit.db", "$dir/old.db") or die "$dir: $!";

my $now = 4;
my %order = (sample => 'boot, source, sequence');

# A table's rows with the given columns.
sub rows { my ($file, $table, @columns) = @_;
	return [map { join '|', @$_ } sql($file, 'SELECT ' . join(', ', map { "quote($_)" } @columns) . " FROM $table ORDER BY " . ($order{$table} // 'id'))] }

# Columns of a table in a database, without those that need not stay.
sub columns { my ($file, $table) = @_;
	my %not = (vm => qr/^(state|agent|error)$/, sample => qr/^(id|detail)$/);
	return grep { !$not{$table} || !/$not{$table}/ } map { $_->[0] } sql($file, "SELECT name FROM pragma_table_info('$table')") }

my %columns;
for my $table ('vm', 'boot', 'sample') {
	$columns{$table} = [columns("$dir/old.db", $table)];
	ok(@{ $columns{$table} } >= 4, "version 1 has a table $table of " . @{ $columns{$table} } . ' columns that stay');
}
my ($version) = map { $_->[0] } sql("$dir/old.db", 'PRAGMA user_version');
is($version, 1, 'the recorded database is of version 1');
my %old = map { $_ => rows("$dir/old.db", $_, @{ $columns{$_} }) } keys %columns;
is(scalar @{ $old{sample} }, 212, 'with its samples');

# ---- taken over ----
copy("$data/vmexit.db", $db) or die "$db: $!";
ok(daemon("--libvirt=off"), 'vmexitd serves from it');
like(slurp("$dir/daemon.log"), qr/has version 1; changing it to version $now/, 'and says that it changes it');
is_deeply(rows($db, 'boot', @{ $columns{boot} }), $old{boot}, 'every value of every boot');
is_deeply(rows($db, 'sample', @{ $columns{sample} }), $old{sample}, 'every value of every sample');
is_deeply(rows($db, 'vm', @{ $columns{vm} }), $old{vm}, 'every VM');

my @then = do { my ($head, @lines) = split /\r\n/, slurp("$data/samples.csv");
	my @names = split /,/, $head, -1;
	map { my %row; @row{@names} = split /,/, $_, -1; \%row } @lines };
my @now = csv('guest');
is(scalar @now, scalar @then, 'as many rows as the old daemon answered');
my $different = 0;
for my $i (0 .. $#then) {
	$different++ for grep { $then[$i]{$_} ne ($now[$i]{$_} // '') } keys %{ $then[$i] };
}
is($different, 0, 'and in each column of the CSV the same (' . keys(%{ $then[0] }) . ' columns)');
ok(!(grep { $_->{away_cycles} ne '' || $_->{clock_error_s} ne '' || $_->{psi_cpu_some_us} ne '' } @now), 'what version 1 did not know is not made up');
is_deeply([boots('guest')], decode_json(slurp("$data/boots.json"))->{boots}, 'the same boots');
is(vm('guest')->{quarantined}, undef, 'nothing of it is quarantined');
is_deeply(json('/api/v1/vms/guest/gaps?from=1'), { vm => vm_words(), gaps => [], quarantined => [] }, 'nor a gap');
is($http->get("$url/api/v1/vms/guest/reasons?boot=1")->{status}, 404, 'it has no reasons');
sub vm_words { my $vm = vm('guest'); return { id => $vm->{id}, name => 'guest' } }
stop('daemon', 'TERM');
is_deeply([map { $_->[0] } sql($db, 'PRAGMA user_version; PRAGMA integrity_check; PRAGMA foreign_key_check')], [$now, 'ok'], "version $now, and sound");

# ---- again ----
ok(daemon("--libvirt=off"), 'it serves from it again');
is(() = slurp("$dir/daemon.log") =~ /changing it/g, 1, 'without changing it again');
stop('daemon', 'TERM');

# ---- version 2 ----
sub varint { my ($bytes, $at) = @_;
	my ($v, $shift, $c) = (0, 0);
	do { $c = $bytes->[$$at++]; $v |= ($c & 0x7f) << $shift; $shift += 7 } while $c & 0x80;
	return $v }

# A sample's lists by number; those with names without their entries' order.
sub lists { my $blob = pack 'H*', shift;
	my %lists;
	while (length $blob) {
		my ($number, $length) = unpack 'vv', $blob;
		my $value = substr $blob, 4, $length;
		substr($blob, 0, 4 + $length) = '';
		$lists{$number} = unpack 'H*', $value;
		next if $number < 34;
		my ($at, $bytes, @entries) = (0, [unpack 'C*', $value]);
		while ($at < @$bytes) {
			my $entry = join ',', map { varint($bytes, \$at) } $number == 35 ? (1, 2) : 1;
			my $name = $bytes->[$at++];
			push @entries, $entry . ',' . pack 'C*', @$bytes[$at .. $at + $name - 1];
			$at += $name;
		}
		$lists{$number} = join ';', sort @entries;
	}
	return \%lists }

sub details { return [map { lists($_->[0]) } sql($_[0], "SELECT hex(detail) FROM sample ORDER BY $order{sample}")] }

for my $name ('debian-svm', 'debian-vmx') {
	unlink glob("$dir/old.db* $db*");
	gunzip("$FindBin::Bin/data/$name/vmexit.db.gz" => "$dir/old.db") or die $GunzipError;
	is((sql("$dir/old.db", 'PRAGMA user_version'))[0][0], 2, "$name is of version 2");
	my %tables = map { $_ => [columns("$dir/old.db", $_)] } qw(vm boot mark gap quarantine sample);
	my %before = map { $_ => rows("$dir/old.db", $_, @{ $tables{$_} }) } keys %tables;
	my $details = details("$dir/old.db");
	cmp_ok(scalar(grep { %$_ } @$details), '>=', 100, 'with lists');
	copy("$dir/old.db", $db) or die "$db: $!";
	ok(daemon('--libvirt=off'), 'vmexitd serves from it');
	is_deeply(rows($db, $_, @{ $tables{$_} }), $before{$_}, "every value of the table $_ (" . @{ $before{$_} } . ' rows)') for sort keys %tables;
	is_deeply(details($db), $details, 'every list of every sample');
	stop('daemon', 'TERM');
	is_deeply([map { $_->[0] } sql($db, 'PRAGMA user_version; PRAGMA integrity_check; PRAGMA foreign_key_check')], [$now, 'ok'], "version $now, and sound");
	my ($used, $then) = map { my $file = $_; my @n = map { $_->[0] } sql($file, 'PRAGMA page_count; PRAGMA freelist_count; PRAGMA page_size'); ($n[0] - $n[1]) * $n[2] } $db, "$dir/old.db";
	cmp_ok($used, '<', $then, "and smaller: $used of $then bytes in use");
}
unlink glob("$db*");
copy("$dir/old.db", $db);
system('sqlite3', $db, 'ALTER TABLE sample DROP COLUMN pages_swapped_out');
ok(daemon('--libvirt=off'), 'one from before a value of the workload was known');
is((sql($db, 'SELECT count(*), count(pages_swapped_in), count(pages_swapped_out) FROM sample WHERE source = 0'))[0][2], 0, 'which is not known then');
stop('daemon', 'TERM');

# ---- refused ----
sub refused { my $file = shift;
	unlink "$dir/refused.log";
	my $pid = start('refused', "$build/vmexitd", "--database=$file", '--libvirt=off', '--api-socket=off', '--listen=127.0.0.1:' . free_port());
	waitpid($pid, 0);
	delete $running{refused};
	return $? >> 8 }
my $before = do { unlink glob("$db*"); copy("$data/vmexit.db", $db); system('sqlite3', $db, 'PRAGMA user_version = ' . ($now + 1)); slurp($db) };
is(refused($db), 1, 'a newer version is refused');
like(slurp("$dir/refused.log"), qr/has version @{[$now + 1]}, this vmexitd knows up to $now; install the newer vmexitd, or name another file/, 'with words');
is(slurp($db), $before, 'and left as it was');
system('sqlite3', "$dir/other.db", 'CREATE TABLE t (x); INSERT INTO t VALUES (1)');
$before = slurp("$dir/other.db");
is(refused("$dir/other.db"), 1, "another program's database as well");
like(slurp("$dir/refused.log"), qr/is a database of another program; name another file/, 'with words');
is(slurp("$dir/other.db"), $before, 'and left as it was, to the byte');
done_testing();
