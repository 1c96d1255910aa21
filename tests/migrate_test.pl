#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# A database that an older vmexitd made (tests/data/schema-N) is taken over by this one:
# every value of it is there afterwards. A newer one is refused and left alone.
use strict;
use warnings;
use File::Copy qw(copy);
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use JSON::PP;
use Test::More;

my $data = "$FindBin::Bin/data/schema-1";
my $db = "$dir/v.db";
# Reading a database makes files beside it.
copy("$data/vmexit.db", "$dir/old.db") or die "$dir: $!";

# A table's rows with the given columns, the order being that of its id.
sub rows { my ($file, $table, @columns) = @_;
	return [map { join '|', @$_ } sql($file, 'SELECT ' . join(', ', map { "quote($_)" } @columns) . " FROM $table ORDER BY id")] }

my %columns;
for my $table ('vm', 'boot', 'sample') {
	my @names = map { $_->[0] } sql("$dir/old.db", "SELECT name FROM pragma_table_info('$table')");
	# A VM's state is what the daemon sees now.
	$columns{$table} = [grep { $table ne 'vm' || !/^(state|agent|error)$/ } @names];
	ok(@{ $columns{$table} } >= 4, "version 1 has a table $table of " . @names . ' columns');
}
my ($version) = map { $_->[0] } sql("$dir/old.db", 'PRAGMA user_version');
is($version, 1, 'the recorded database is of version 1');
my %old = map { $_ => rows("$dir/old.db", $_, @{ $columns{$_} }) } keys %columns;
is(scalar @{ $old{sample} }, 212, 'with its samples');

# ---- taken over ----
copy("$data/vmexit.db", $db) or die "$db: $!";
ok(daemon("--libvirt=off"), 'vmexitd serves from it');
like(slurp("$dir/daemon.log"), qr/has version 1; changing it to version 2/, 'and says that it changes it');
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
is_deeply([map { $_->[0] } sql($db, 'PRAGMA user_version; PRAGMA integrity_check; PRAGMA foreign_key_check')], ['2', 'ok'], 'version 2, and sound');

# ---- again, and by a daemon of the same version that knows one value more ----
ok(daemon("--libvirt=off"), 'it serves from it again');
is(() = slurp("$dir/daemon.log") =~ /changing it/g, 1, 'without changing it again');
stop('daemon', 'TERM');
system('sqlite3', $db, 'ALTER TABLE sample DROP COLUMN pages_swapped_out');
ok(daemon("--libvirt=off"), 'a value of the workload that came later');
ok((grep { $_->[0] eq 'pages_swapped_out' } sql($db, "SELECT name FROM pragma_table_info('sample')")), 'gets its column');
stop('daemon', 'TERM');

# ---- refused ----
sub refused { my $file = shift;
	unlink "$dir/refused.log";
	my $pid = start('refused', "$build/vmexitd", "--database=$file", '--libvirt=off', '--api-socket=off', '--listen=127.0.0.1:' . free_port());
	waitpid($pid, 0);
	delete $running{refused};
	return $? >> 8 }
my $before = do { copy("$data/vmexit.db", $db); unlink glob("$db-*"); system('sqlite3', $db, 'PRAGMA user_version = 3'); slurp($db) };
is(refused($db), 1, 'a newer version is refused');
like(slurp("$dir/refused.log"), qr/has version 3, this vmexitd knows up to 2; install the newer vmexitd, or name another file/, 'with words');
is(slurp($db), $before, 'and left as it was');
system('sqlite3', "$dir/other.db", 'CREATE TABLE t (x); INSERT INTO t VALUES (1)');
$before = slurp("$dir/other.db");
is(refused("$dir/other.db"), 1, "another program's database as well");
like(slurp("$dir/refused.log"), qr/is a database of another program; name another file/, 'with words');
is(slurp("$dir/other.db"), $before, 'and left as it was, to the byte');
done_testing();
