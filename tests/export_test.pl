#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What comes out of the database and back into another one: exports in each form against the
# tables, parts of them, imports, hostile names, backups, and SQL as its manual page has it.
use strict;
use warnings;
use Fcntl qw(:mode);
use File::Copy qw(copy);
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use lib "$FindBin::Bin/lib";
use Daemon;
use JSON::PP;
use Test::More;

my $data = "$FindBin::Bin/data";
my $ctl = "$build/vmexitctl";
my $json = JSON::PP->new->utf8->allow_bignum(0);

# A program's output, status and complaints.
sub run { my (@words) = @_;
	my $pid = open(my $pipe, '-|') // die "fork: $!";
	if ($pid == 0) {
		open(STDERR, '>', "$dir/run.err");
		exec(@words) or POSIX::_exit(127);
	}
	local $/;
	my $out = <$pipe> // '';
	close $pipe;
	return { out => $out, status => $? >> 8, err => scalar slurp("$dir/run.err") } }

sub ctl { return run($ctl, '-s', "$dir/api.sock", @_) }
# One answer of the daemon, as it is.
sub export { my ($vm, $query) = @_; return $http->get("$url/api/v1/vms/$vm/$query")->{content} }

# Records of a CSV, strictly: lists of fields.
sub records { my $text = shift;
	my @records = [];
	while ($text =~ /\G(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gc) {
		my ($quoted, $plain, $end) = ($1, $2, $3);
		push @{ $records[-1] }, defined $quoted ? $quoted =~ s/""/"/gr : $plain;
		push @records, [] if $end ne ',';
	}
	diag('no CSV at byte ' . (pos($text) // 0)) if (pos($text) // 0) < length $text;
	pop @records;
	return @records }
sub unguard { return $_[0] =~ s/^'//r }
# Rows by the names of their columns.
sub hashes { my ($head, @rows) = records($_[0]);
	return map { my %row; @row{@$head} = @$_; \%row } @rows }

sub unsigned { my $n = shift; return $n =~ /^-/ ? unpack('Q', pack('q', $n)) : $n }
my @sources = ('guest', 'host');

# ---- each form against the tables ----
sub check_long { my ($db, $text) = @_;
	my (@values, @events);
	for (hashes($text)) {
		my $ns = $_->{epoch} =~ s/\.//r;
		next if $_->{source} eq '' || $_->{kind} =~ /^(lists|after_gap)$/;
		if ($_->{kind} =~ /^(mark|gap|quarantine|claim)/) {
			push @events, join '|', @$_{qw(boot source sequence)}, $ns, $_->{kind}, $_->{id}, unguard($_->{name}), $_->{value};
			next;
		}
		my $name = $_->{kind} =~ /^reason_/ ? '' : unguard($_->{name});
		push @values, join '|', @$_{qw(boot source sequence)}, $ns, $_->{kind}, $_->{id}, $name, $_->{value};
	}
	my @wanted = map { $_->[-1] = unsigned($_->[-1]); $_->[1] = $sources[$_->[1]]; join '|', @$_ }
		sql($db, 'SELECT b.number, source, sequence, t_ns, kind, v.id, v.name, value FROM sample_value v JOIN main.boot b ON b.id = v.boot JOIN main.vm m ON m.id = b.vm');
	is_deeply([sort @values], [sort @wanted], 'long: every value of every sample (' . @wanted . ')');
	my @marks = map { join '|', @$_ } sql($db, "SELECT b.number, 'guest', sequence, t_ns, 'mark', kind, label, t_boot_ns FROM mark m JOIN main.boot b ON b.id = m.boot");
	my @gaps = map { $_->[1] = $sources[$_->[1]]; join '|', @$_ } sql($db, "SELECT b.number, source, from_sequence, from_ns, 'gap', g.cause, '', to_sequence FROM gap g JOIN main.boot b ON b.id = g.boot");
	is_deeply([sort grep { /\|(mark|gap)\|/ } @events], [sort @marks, @gaps], 'every mark and gap (' . (@marks + @gaps) . ')') }

my %same = (t_ns => 't_ns', t_boot_ns => 't_boot_ns', exits => 'exits', handling_cycles => 'handling_cycles', away_cycles => 'away_cycles',
	    idle_cycles => 'idle_cycles', agent_exits => 'agent_exits', taken => 'taken', pace => 'pace', after_gap => 'after_gap',
	    forks => 'forks', memory_available_bytes => 'memory_available_bytes', pages_swapped_out => 'pages_swapped_out');
sub check_wide { my ($db, $text, $vm) = @_;
	my @rows = hashes($text);
	my @names = sort keys %same;
	my @wanted = map { my ($boot, $source, $sequence, @values) = @$_;
			   [$boot, $sources[$source], $sequence, map { $_ eq '' ? '' : unsigned($_) } @values] }
		sql($db, 'SELECT b.number, source, sequence, ' . join(', ', map { "s.$same{$_}" } @names) . " FROM sample s JOIN main.boot b ON b.id = s.boot JOIN main.vm v ON v.id = b.vm WHERE v.key = '$vm' ORDER BY b.number, source, sequence");
	is_deeply([map { my $row = $_; [map { $row->{$_} } qw(boot source sequence), @names] } @rows], \@wanted, 'wide: every sample (' . @wanted . ')');
	my %listed = map { join('|', @$_[0 .. 2], $_->[3] =~ s/ /_/gr) => $_->[4] }
		map { $_->[1] = $sources[$_->[1]]; $_ } sql($db, "SELECT b.number, source, sequence, coalesce(vmexit_reason(b.reason_namespace, s.id), s.id), value FROM sample_value s JOIN main.boot b ON b.id = s.boot JOIN main.vm v ON v.id = b.vm WHERE kind = 'reason_exits' AND v.key = '$vm'");
	my %by_name;
	for my $row (@rows) {
		for my $column (keys %$row) {
			my ($name) = $column =~ /^exits_(.*)/ or next;
			$by_name{"$row->{boot}|$row->{source}|$row->{sequence}|$name"} = $row->{$column} if $row->{$column} ne '';
		}
	}
	is_deeply(\%by_name, \%listed, 'and its exits by reason (' . keys(%listed) . ')');
	return @rows }

# JSON lines say what the long form does.
sub check_jsonl { my ($text, $long) = @_;
	my (%long, %lines, $bad);
	for (hashes($long)) {
		next if $_->{source} eq '' || $_->{kind} =~ /^(lists|mark|gap|quarantine|claim)/;
		$long{"$_->{boot}|$_->{source}|$_->{sequence}"}{"$_->{kind}|$_->{id}|" . unguard($_->{name})} = "$_->{value}";
	}
	my %list = (reasons => [['number', 'name'], 'exits', 'reason_exits', 'handling_cycles', 'reason_handling_cycles', 'away_cycles', 'reason_away_cycles'],
		    by_vcpu => [['vcpu', undef], 'exits', 'vcpu_exits', 'handling_cycles', 'vcpu_handling_cycles'],
		    interrupt_sources => [[undef, 'source'], 'count', 'interrupt_source'], processes => [['pid', 'command'], 'cpu_us', 'process_cpu_us'],
		    units => [[undef, 'unit'], 'cpu_us', 'unit_cpu_us']);
	for my $line (split /\n/, $text) {
		my $object = eval { $json->decode($line) } or $bad++, next;
		my %values;
		for my $member (keys %$object) {
			next if $member =~ /^(time|vm|vm_name|boot|boot_cause|source|sequence|t_ns|tsc_khz|vcpus)$/;
			if (!ref $object->{$member} || $member eq 'after_gap') {
				$values{"$member||"} = $member eq 'after_gap' ? '1' : "$object->{$member}";
				next;
			}
			my ($key, %kinds) = @{ $list{$member} };
			for my $entry (@{ $object->{$member} }) {
				my $of = join '|', map { defined $_ ? $entry->{$_} // '' : '' } @$key;
				$values{"$kinds{$_}|$of"} = "$entry->{$_}" for keys %kinds;
			}
		}
		$lines{"$object->{boot}|$object->{source}|$object->{sequence}"} = \%values;
	}
	is($bad, undef, 'JSON: every line is');
	is_deeply(\%lines, \%long, 'and says what the long form does') }

# ---- back into another database ----
sub round_trip { my ($vm, %text) = @_;
	stop('daemon', 'TERM');
	for my $form (qw(wide long)) {
		unlink glob("$dir/new.db*");
		open(my $h, '>', "$dir/in.csv");
		print $h $text{$form};
		close $h;
		my $r = ctl('-j', 'import', "$dir/in.csv", "--database=$dir/new.db");
		is($r->{status}, 0, "$form: import") or diag($r->{err}), next;
		cmp_ok(decode_json($r->{out})->{samples}, '>', 0, 'has samples');
		is_deeply([map { s{.*/}{}r } glob("$dir/new.db*")], ['new.db'], 'and leaves one file');
		is_deeply([map { $_->[0] } sql("$dir/new.db", 'PRAGMA integrity_check; PRAGMA foreign_key_check')], ['ok'], 'which is sound');
		ok(daemon('--libvirt=off', "--database=$dir/new.db"), 'vmexitd serves it') or next;
		my $again = export($vm, 'samples.csv?form=' . $form);
		ok($again eq $text{$form}, "$form: the same again, byte by byte") or diag(length($again) . ' bytes, not ' . length $text{$form});
		stop('daemon', 'TERM');
	} }

# ---- parts of one ----
sub parts { my ($vm) = @_;
	my %of_form = (wide => 'samples.csv?form=wide', long => 'samples.csv?form=long', jsonl => 'samples.jsonl?source=guest');
	for my $form (sort keys %of_form) {
		my $all = "$of_form{$form}&boot=1" . ($form eq 'jsonl' ? '' : '&source=guest');
		my $whole = export($vm, $all);
		my @sequences = map { $form eq 'jsonl' ? /"sequence":(\d+)/ : /,1,guest,(\d+),/ } split /\n/, $whole;
		my $wrong = 0;
		for my $share (0, 0.1, 0.5, 0.9) {
			my $after = $sequences[$share * $#sequences];
			my $rest = export($vm, "$all&after=$after");
			$wrong++ unless length $rest < length $whole && substr($whole, -length($rest)) eq $rest;
			$wrong++ if substr($whole, 0, length($whole) - length $rest) !~ /\b$after\b[^\n]*\n$/;
		}
		is($wrong, 0, "$form: what comes after a sequence is the end of the whole");
		is(length export($vm, "$all&after=$sequences[-1]"), 0, 'and nothing after the last');
	}
	# Two ranges of time, one behind the other, in the form that always has the same columns.
	my @lines = split /(?<=\n)/, export($vm, 'samples.csv?form=long&boot=1&source=guest');
	my ($t) = $lines[@lines / 2] =~ /,(\d+\.\d{9}),/;
	my $ns = $t =~ s/\.//r;
	my ($to, $from) = map { sprintf '%d.%09d', $_ / 1000000000, $_ % 1000000000 } $ns, $ns + 1;
	my ($head, $tail) = map { export($vm, "samples.csv?form=long&boot=1&source=guest&$_") } "to=$to", "from=$from";
	my @samples = grep { !/,1,,,/ } @lines;
	s/^.*,1,,,.*\n//mg for $head, $tail;
	$tail =~ s/^time.*\n//;
	ok($head . $tail eq join('', @samples), 'two ranges of time are the whole') }

# A mark's interval is that from its begin to its end.
sub intervals { my ($vm) = @_;
	my @marks = @{ json("/api/v1/vms/$vm/marks?boot=1")->{marks} };
	my ($end) = grep { $_->{kind} eq 'end' && $_->{begin} } @marks or return;
	my ($begin) = grep { $_->{sequence} == $end->{begin} } @marks;
	my @rows = hashes(export($vm, "samples.csv?mark=$begin->{sequence}&source=guest"));
	cmp_ok(scalar @rows, '>', 1, 'an interval has samples');
	ok(!(grep { $_->{epoch_s} < $begin->{t} - 1e-5 || $_->{epoch_s} > $end->{t} + 1e-5 } @rows), 'all of them in it');
	ok(!(grep { $_->{sequence} < $begin->{sequence} || $_->{sequence} > $end->{sequence} } @rows), 'by their sequences, too');
	my $last = (grep { $_->{kind} eq 'end' && $_->{label} eq $begin->{label} } @marks)[-1];
	my $label = $begin->{label} =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger;
	ok(export($vm, "samples.csv?mark=$label") eq export($vm, "samples.csv?mark=$last->{begin}"), 'by its label, the latest');
	ok(ctl('export', '--mark', $begin->{label}, '--format=long', $vm)->{out} eq export($vm, "samples.csv?form=long&mark=$label"), 'vmexitctl asks for it, too');
	like(ctl('export', '--mark=none', $vm)->{err}, qr/404: no interval is marked 'none'/, 'one that is not there is refused') }

my %recorded = ('debian-svm' => 'vmexit.db.gz', 'debian-vmx' => 'vmexit.db.gz', 'schema-1' => 'vmexit.db');
for my $name (sort keys %recorded) {
	subtest $name => sub {
		unlink glob("$dir/v.db*");
		my $from = "$data/$name/$recorded{$name}";
		$from =~ /gz$/ ? gunzip($from => "$dir/v.db") : copy($from, "$dir/v.db") or return fail("unpack $from");
		ok(daemon('--libvirt=off'), 'vmexitd serves it') or return;
		my ($vm) = grep { $_->{boot} } @{ json('/api/v1/vms')->{vms} };
		my %text = map { $_ => ctl('export', "--format=$_", $vm->{name})->{out} } qw(wide long jsonl);
		ok($text{wide} eq export('guest', 'samples.csv'), 'vmexitctl has what HTTP has');
		check_long("$dir/v.db", $text{long});
		check_wide("$dir/v.db", $text{wide}, $vm->{id});
		check_jsonl($text{jsonl}, $text{long});
		if ($name =~ /debian/) {
			parts('guest');
			intervals('guest');
		}
		round_trip('guest', %text) };
}

# ---- hostile names ----
my @names = ('=HYPERLINK("http://x","y")', '+1', '-2+3', '@SUM(A1)', "'quoted", 'a,b', 'say "x"', '', ' ', ',', '"', 'x' x 64, "''", '=');
sub cell { my $text = shift; $text =~ s/^(?=[=+\-\@'\t\r])/'/; return $text =~ /[",]/ ? '"' . $text =~ s/"/""/gr . '"' : $text }
sub hostile {
	my @lines;
	my $put = sub { my ($ns, $boot, $source, $sequence, $kind, $id, $name, $value, $unit) = @_;
		my ($s, $rest) = (int($ns / 1000000000), $ns % 1000000000);
		push @lines, POSIX::strftime('%Y-%m-%dT%H:%M:%S', gmtime $s) . sprintf('.%09dZ,%d.%09d,evil,%s,%s,%s,%s,%s,%s,%s,%s', $rest, $s, $rest, $boot, $source, $sequence, $kind, $id, cell($name), $value, $unit) };
	my $t = 1763874000 * 1000000000;
	for my $boot (2, 7) {
		$put->($t, $boot, '', '', @$_) for ['boot_cause', '', 'found', 0, ''], ['vm_name', '', '=evil", \'', '', ''], ['boot_life', '', '@life', '', ''],
			['boot_closed_ns', '', '', $t + 5, 'ns'], ['boot_generation', '', '', '18446744073709551615', ''], ['guest_boot_id', '', 'ab' x 16, '', ''],
			['kernel', '', '-kernel', '', ''], ['vcpus', '', '', 4294967295, '1'], $boot == 2 ? () : ['reason_namespace', '', '', 77, ''];
		for my $i (1 .. 5) {
			my $at = $t + $i * 1000000001;
			if ($i == 3) {
				$put->($at - 2, $boot, 'guest', 10 * $i - 3, @$_) for ['gap', 66, '', 10 * $i - 3, ''], ['gap_to_ns', '', '', $at - 1, 'ns'];
				$put->($at - 2, $boot, 'guest', 10 * $i - 2, @$_) for ['quarantine', 4, '', 10 * $i - 1, ''], ['quarantine_to_ns', '', '', $at - 1, 'ns'], ['quarantine_samples', '', '', 3, '1'],
					['claim_generation', '', '', 5, ''], ['claim_exits', '', '', '18446744073709551615', '1'];
			}
			$put->($at, $boot, 'guest', 10 * $i, @$_) for ['t_boot_ns', '', '', '18446744073709551615', 'ns'], ['exits', '', '', '9223372036854775809', '1'], ['clock_error_ns', '', '', 4294967295, 'ns'],
				['lists', '', '', 31, ''], $i == 3 ? ['after_gap', '', '', 1, ''] : (),
				['reason_exits', 0, '', 1, '1'], ['reason_handling_cycles', 0, '', 2, 'cycles'], ['reason_away_cycles', 0, '', '18446744073709551615', 'cycles'],
				['reason_exits', 4294967295, '', $i, '1'], ['reason_handling_cycles', 4294967295, '', 0, 'cycles'], ['reason_away_cycles', 4294967295, '', 0, 'cycles'],
				['vcpu_exits', 4294967295, '', 7, '1'], ['vcpu_handling_cycles', 4294967295, '', 8, 'cycles'],
				(map { ['interrupt_source', '', $_, $i, '1'] } sort @names), (map { ['process_cpu_us', 4294967295, $_, 0, 'us'] } sort @names), (map { ['unit_cpu_us', '', $_, 0, 'us'] } sort @names);
			$put->($at + 1, $boot, 'guest', 10 * $i + 1, @$_) for ['mark', 2, '=mark,"x"', 5, 'ns'], ['mark_uid', '', '', 4294967295, ''], ['mark_status', '', '', 4294967295, ''];
		}
		$put->($t + 1, $boot, 'host', 9, @$_) for ['t_boot_ns', '', '', 0, 'ns'], ['exits', '', '', 0, '1'], ['lists', '', '', 3, ''];
		$t += 100 * 1000000000;
	}
	return join '', map { "$_\r\n" } 'time,epoch,vm,boot,source,sequence,kind,id,name,value,unit', @lines }

subtest 'hostile names and the largest numbers' => sub {
	my $long = hostile();
	unlink glob("$dir/new.db*");
	open(my $h, '>', "$dir/in.csv");
	print $h $long;
	close $h;
	my $r = ctl('import', "$dir/in.csv", "--database=$dir/new.db");
	is($r->{status}, 0, 'what is hostile, but can be, is taken') or diag($r->{err}), return;
	like($r->{out}, qr/: 2 boots, 12 samples, 10 marks, 4 gaps and quarantines$/, 'as many as there are');
	ok(daemon('--libvirt=off', "--database=$dir/new.db"), 'vmexitd serves it') or return;
	my %text = (long => export('evil', 'samples.csv?form=long'), wide => export('evil', 'samples.csv'), jsonl => export('evil', 'samples.jsonl'));
	ok($text{long} eq $long, 'long: as it was, byte by byte') or do {
		my ($got, $wanted) = ([split /\r\n/, $text{long}], [split /\r\n/, $long]);
		is($got->[$_], $wanted->[$_], "line $_") || last for 0 .. $#$wanted;
	};
	my @cells = map { @$_ } map { [records($_)] } $text{long}, $text{wide};
	ok(!(grep { /^[=+\-\@\t\r]/ } map { @$_ } @cells), 'no cell is a formula');
	check_long("$dir/new.db", $text{long});
	check_jsonl($text{jsonl}, $text{long});
	my ($first) = hashes($text{wide});
	is(unguard($first->{vm_name}), "=evil\", '", 'the name is there, in the wide form, too');
	is($first->{'exits_4294967295'}, 1, 'and a reason without a name by its number');
	is($first->{'vcpu4294967295_exits'}, 7, 'and a vCPU that nobody has');
	my ($object) = map { $json->decode($_) } (split /\n/, $text{jsonl})[0];
	is($object->{vm_name}, "=evil\", '", 'and in JSON');
	round_trip('evil', %text) };

# ---- what is refused ----
subtest 'refused' => sub {
	unlink glob("$dir/v.db*");
	ok(gunzip("$data/debian-svm/vmexit.db.gz" => "$dir/v.db"), 'a recording');
	ok(daemon('--libvirt=off'), 'vmexitd serves it') or return;
	for (['form=tall', 400, qr/neither 'wide' nor 'long'/], ['after=5', 400, qr/name both, boot and source/], ['after=5&boot=1', 400, qr/name both/],
	     ['after=x&boot=1&source=host', 400, qr/after = 'x' is not a number/], ['after=-1&boot=1&source=host', 400, qr/not a number/],
	     ['mark=none', 404, qr/no interval is marked 'none'/], ['mark=none&from=5', 400, qr/mark names a range/], ['points=3', 400, qr/points/], ['boot=9', 404, qr/no boot 9/]) {
		my ($query, $status, $words) = @$_;
		my $r = $http->get("$url/api/v1/vms/guest/samples.csv?$query");
		is($r->{status}, $status, $query);
		like($r->{content}, $words, 'with words');
	}
	is($http->get("$url/api/v1/vms/guest/samples.jsonl?form=long")->{status}, 400, 'JSON has no forms');
	my $head = $http->head("$url/api/v1/vms/guest/samples.jsonl");
	is("$head->{status} $head->{headers}{'content-type'} $head->{headers}{'content-disposition'}", '200 application/x-ndjson attachment; filename="vmexit-76d86578-6974-4000-8000-000000000002.jsonl"', 'HEAD says what would come');
	for (['export'], ['export', 'a', 'b'], ['export', '--format=xml', 'guest'], ['export', '--none', 'guest'], ['import'], ['import', 'a', 'b'], ['backup'], ['backup', 'a', 'b'], ['sql', '--database']) {
		is(ctl(@$_)->{status}, 2, "vmexitctl @$_: status 2");
	}
	is(ctl('export', 'nobody')->{status}, 1, 'no such VM: status 1');
	is(ctl('export', '-o', "$dir/none/x.csv", 'guest')->{status}, 1, 'nowhere to write to: status 1');
	my $r = ctl('export', '-o', "$dir/out.csv", '--boot=9', 'guest');
	is_deeply([$r->{status}, glob("$dir/out.csv*")], [1], 'what is refused leaves no file behind');
	is(ctl('export', '-o', "$dir/out.csv", 'guest')->{status}, 0, 'into a file');
	chmod(0600, "$dir/out.csv");
	symlink("$dir/out.csv", "$dir/link.csv");
	is(ctl('export', '--format=long', '-o', "$dir/link.csv", 'guest')->{status}, 0, 'through a link');
	ok(-l "$dir/link.csv" && (stat "$dir/out.csv")[2] % 01000 == 0600 && slurp("$dir/out.csv") =~ /^time,.*kind/, 'it is what that points to, with its mode');
	POSIX::mkfifo("$dir/fifo", 0600);
	$r = ctl('export', '-o', "$dir/fifo", 'guest');
	ok($r->{status} == 1 && $r->{err} =~ /no file that can be replaced/ && -p "$dir/fifo", 'what is no file is not replaced');
	is(ctl('export', '-o', "$dir/out.csv", 'guest')->{status}, 0, 'and again');
	ok(slurp("$dir/out.csv") eq export('guest', 'samples.csv'), 'that is whole');
	is_deeply([glob("$dir/out.csv*")], ["$dir/out.csv"], 'and alone');

	my @lines = split /(?<=\n)/, slurp("$dir/out.csv");
	for (['a line cut short', sub { $_[0][5] = substr $_[0][5], 0, 100 }, qr/: line 6: /], ['a file cut short', sub { chop $_[0][-1] }, qr/: line \d+: it has no end/],
	     ['a number that is none', sub { $_[0][9] =~ s/,(\d+),/,1x,/ }, qr/: line 10: /], ['a line twice', sub { $_[0][10] = $_[0][9] }, qr/: line 11: sequence \d+ does not follow/],
	     ['another header', sub { $_[0][0] =~ s/exits_hlt/exits_nothing/ }, qr/: line 1: column 'exits_nothing' is not known/]) {
		my ($what, $spoil, $words) = @$_;
		my @bad = @lines;
		$spoil->(\@bad);
		open(my $h, '>', "$dir/in.csv");
		print $h @bad;
		close $h;
		unlink glob("$dir/new.db*");
		$r = ctl('import', "--database=$dir/new.db", "$dir/in.csv");
		like($r->{err}, $words, "$what is named");
		is_deeply([$r->{status}, glob("$dir/new.db*")], [1], 'and nothing is left behind');
	}
	like(ctl('import', "--database=$dir/v.db", "$dir/out.csv")->{err}, qr/v\.db is there already/, 'a database that is there is not imported into');
	is(system("$ctl import --database=$dir/new.db - <$dir/out.csv >/dev/null"), 0, 'from standard input') };

# ---- backup, with the daemon of above ----
subtest 'backup' => sub {
	my $r = ctl('backup', "--database=$dir/v.db", "$dir/copy.db");
	is($r->{status}, 0, 'a copy of a database that is served') or diag($r->{err});
	is_deeply([glob("$dir/copy.db*")], ["$dir/copy.db"], 'is one file');
	is(S_IMODE((stat "$dir/copy.db")[2]), 0640, 'for its group only');
	for my $table (qw(vm boot mark gap chunk journal stream sample sample_value)) {
		is_deeply([sql("$dir/copy.db", "SELECT * FROM $table")], [sql("$dir/v.db", "SELECT * FROM $table")], "with what is in $table");
	}
	is_deeply([map { $_->[0] } sql("$dir/copy.db", 'PRAGMA integrity_check; PRAGMA user_version')], ['ok', map { $_->[0] } sql("$dir/v.db", 'PRAGMA user_version')], 'sound, and of that version');
	like(ctl('backup', "--database=$dir/v.db", "$dir/copy.db")->{err}, qr/copy\.db is there already/, 'a file that is there is not replaced');
	is(run('sqlite3', "$dir/other.db", 'CREATE TABLE x (y)')->{status}, 0, 'another database');
	like(ctl('backup', "--database=$dir/other.db", "$dir/copy2.db")->{err}, qr/is a database of another program/, 'is not copied');
	is(ctl('backup', "--database=$dir/none.db", "$dir/copy2.db")->{status}, 1, 'nor one that is not there');
	is_deeply([glob("$dir/copy2.db*")], [], 'and nothing is left behind') };

# ---- SQL as the manual page has it ----
subtest 'sql' => sub {
	my $page = slurp("$FindBin::Bin/../daemon/sql/vmexit-sql.7");
	my ($examples) = $page =~ /^\.Sh EXAMPLES\n(.*?)^\.Sh/ms;
	my @statements = $examples =~ /^\.Bd -literal -offset indent\n(.*?)^\.Ed/msg;
	cmp_ok(scalar @statements, '>=', 6, 'the page has examples');
	for (@statements) {
		my $r = ctl('sql', "--database=$dir/v.db", $_);
		is("$r->{status}$r->{err}", '0', (split /\n/)[0]);
		cmp_ok(length $r->{out}, '>', 5, 'answers rows');
	}
	my %word = map { $_ => 1 } $page =~ /\w+/g;
	my @tables = (qw(sample sample_value rollup), map { $_->[0] } sql("$dir/v.db", "SELECT name FROM sqlite_schema WHERE type = 'table' UNION ALL SELECT name FROM sqlite_temp_schema WHERE type = 'view'"));
	cmp_ok(scalar @tables, '>=', 20, 'tables and views');
	my @missing;
	for my $table (@tables) {
		push @missing, map { "$table.$_" } grep { !$word{ s/:1$//r } } $table, map { $_->[0] } sql("$dir/v.db", "SELECT name FROM pragma_table_info('$table')");
	}
	is_deeply(\@missing, [], 'the page names all their columns');
	is(ctl('sql', "--database=$dir/v.db", '-csv', 'SELECT 1, 2', 'SELECT 3')->{out}, "1,2\n3\n", 'options and statements go to sqlite3');
	is(qx(echo 'SELECT count(*) FROM boots;' | $ctl sql --database $dir/v.db), "1\n", 'or what is typed');
	my $r = ctl('sql', "--database=$dir/v.db", 'DELETE FROM gap');
	ok($r->{status} && $r->{err} =~ /readonly/, 'nothing is written');
	system("echo text >$dir/text.db");
	like(ctl('sql', "--database=$dir/text.db", 'SELECT 1')->{err}, qr/tables cannot be made: file is not a database/, 'what is no database');
	like(ctl('sql', "--database=$dir/none.db", 'SELECT 1')->{err}, qr/cannot read .*none\.db.*--database names another/, 'a database that is not there');
	{
		local $ENV{PATH} = "$dir/nowhere";
		like(ctl('sql', "--database=$dir/v.db", 'SELECT 1')->{err}, qr/cannot run sqlite3: .* package sqlite3/, 'without sqlite3: what to install');
	}
	# Installed, vmexit.so is in another directory.
	mkdir "$dir/$_" for qw(bin lib lib/vmexit);
	copy($ctl, "$dir/bin/vmexitctl");
	chmod 0755, "$dir/bin/vmexitctl";
	like(run("$dir/bin/vmexitctl", 'sql', "--database=$dir/v.db", 'SELECT 1')->{err}, qr/vmexit\.so is neither/, 'without vmexit.so: where it is missing');
	copy("$build/vmexit.so", "$dir/lib/vmexit/vmexit.so");
	is(run("$dir/bin/vmexitctl", 'sql', "--database=$dir/v.db", 'SELECT count(*) FROM boots')->{out}, "1\n", 'with it');
	unlike(slurp("$dir/daemon.log"), qr/error|warning/i, 'the daemon has nothing to complain of') };

done_testing();
