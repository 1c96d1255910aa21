# SPDX-License-Identifier: GPL-2.0-or-later
# Several of tests/data's recordings as one database, each as a boot of a VM, so that one
# daemon serves them side by side.
package Recordings;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use Time::HiRes qw(sleep);

our @EXPORT = qw(recordings);

my $data = abs_path(dirname(__FILE__) . '/../data');
# Which columns are numbers of rows, and of which table's.
my %rows_of = (
	vm => { id => 'vm' }, boot => { id => 'boot', vm => 'vm' }, mark => { id => 'mark', boot => 'boot' },
	gap => { id => 'gap', boot => 'boot' }, quarantine => { id => 'quarantine', boot => 'boot' },
	stream => { boot => 'boot' }, chunk => { id => 'chunk', boot => 'boot', vm => 'vm' },
);

sub sqlite { my ($file, $query) = @_;
	open(my $pipe, '-|', 'sqlite3', '-bail', $file, $query) or die "sqlite3: $!";
	chomp(my @lines = <$pipe>);
	close($pipe) or die "sqlite3 $file: $query failed\n";
	return @lines }

# A recording in the form of today's database, all samples sealed: the daemon does that when it ends.
sub unpacked { my ($recording, $file, $vmexitd) = @_;
	gunzip("$data/$recording/vmexit.db.gz" => $file) or die "$recording: $GunzipError\n";
	my $pid = fork() // die "fork: $!";
	if ($pid == 0) {
		open(STDERR, '>', "$file.log");
		exec($vmexitd, "--database=$file", '--listen=off', "--api-socket=$file.sock", '--libvirt=off',
		     map { "--keep-$_=forever" } qw(samples 10s 1min 10min 1h)) or die "$vmexitd: $!";
	}
	for (1 .. 200) {
		last if -S "$file.sock";
		sleep 0.05;
	}
	kill('TERM', $pid);
	waitpid($pid, 0);
	$? == 0 or die "$vmexitd could not read $recording, see $file.log\n";
	return $file }

# Makes $file of [RECORDING, VM's name, boot's number]; the VM's id is its name. Dies if it cannot.
sub recordings { my ($file, $vmexitd, @wanted) = @_;
	my $number = 0;
	my %vms;
	for (@wanted) {
		my ($recording, $vm, $boot) = @$_;
		my $part = unpacked($recording, "$file.part" . $number++, $vmexitd);
		sqlite($part, "UPDATE vm SET key = '$vm', name = '$vm'; UPDATE boot SET number = $boot, life = life || '$vm$boot'");
		if (!-e $file) {
			rename($part, $file) or die "$file: $!";
			$vms{$vm} = sqlite($file, 'SELECT id FROM vm');
			next;
		}
		sqlite($file, append_to($file, $part, $vms{$vm}));
		($vms{$vm}) = sqlite($file, "SELECT id FROM vm WHERE key = '$vm'");
	}
	unlink glob "$file.part*";
	return }

# Statements that take all rows of $part over, behind those that are there; $vm: the row of its VM, if that is.
sub append_to { my ($file, $part, $vm) = @_;
	my %more = map { my ($n) = sqlite($file, "SELECT coalesce(max(id), 0) FROM $_"); $_ => $n } grep { $_ ne 'stream' } keys %rows_of;
	$more{vm} = $vm - 1 if defined $vm;
	my @inserts;
	for my $table (qw(vm boot stream chunk mark gap quarantine)) {
		next if $table eq 'vm' && defined $vm;
		my @columns = map { (split /\|/)[1] } sqlite($file, "PRAGMA table_info($table)");
		# What stands beside a VM's samples is counted by a trigger.
		my @values = map { my $of = $rows_of{$table}{$_}; $of ? "$_ + $more{$of}" : $_ eq 'beside' ? 0 : $_ } @columns;
		local $" = ', ';
		push @inserts, "INSERT INTO main.$table (@columns) SELECT @values FROM part.$table;";
	}
	return "ATTACH '$part' AS part; BEGIN; @inserts COMMIT;" }

1;
