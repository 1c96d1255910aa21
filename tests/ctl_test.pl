#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# vmexitctl as a whole, in a shell and in a terminal: each command's JSON and statuses, the
# live view's keys, its size and its way out, completion, and that the manual page has all of it.
use strict;
use warnings;
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip);
use lib "$FindBin::Bin/lib";
use Daemon;
use JSON::PP;
use Test::More;

my $ctl = "$build/vmexitctl";

# A program's output, status and complaints.
sub run { my (@words) = @_;
	my $pid = open(my $pipe, '-|') // die "fork: $!";
	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		open(STDERR, '>', "$dir/run.err");
		exec(@words) or POSIX::_exit(127);
	}
	local $/;
	my $out = <$pipe> // '';
	close $pipe;
	return { out => $out, status => $? >> 8, err => scalar slurp("$dir/run.err") } }
sub ctl { return run($ctl, '-s', "$dir/api.sock", @_) }
# The one document of --json, or undef.
sub document { my $r = shift; return $r->{out} =~ /^[^\n]+\n\z/ ? eval { JSON::PP->new->utf8->allow_nonref->decode($r->{out}) } : undef }

gunzip("$FindBin::Bin/data/debian-svm/vmexit.db.gz" => "$dir/v.db") or BAIL_OUT('no recording');
ok(daemon(), 'vmexitd serves a recording and a domain of libvirt') or BAIL_OUT('no daemon');
ok(wait_for('the domain', 20, sub { vm('test')->{id} }), 'and has found that');

# ---- JSON ----
subtest '--json' => sub {
	for (['list'], ['detach', 'test'], ['backup', "--database=$dir/v.db", "$dir/copy.db"], ['export', '-o', "$dir/long.csv", '--format=long', 'guest'],
	     ['import', "--database=$dir/new.db", "$dir/long.csv"], ['sql', "--database=$dir/v.db", 'SELECT count(*) AS n FROM boots']) {
		my $r = ctl('--json', @$_);
		ok($r->{status} == 0 && $r->{err} eq '', "$_->[0]: status 0") or diag($r->{err});
		ok(document($r), 'and one document') or diag($r->{out});
	}
	is(document(ctl('-j', 'export', '-o', "$dir/long.csv", 'guest'))->{bytes}, -s "$dir/long.csv", 'export: what was written');
	is(document(ctl('list', '--json'))->{vms}[0]{name}, 'guest', 'behind the command, too');
	is_deeply(document(ctl('-j', 'sql', "--database=$dir/v.db", 'SELECT 5 AS n')), [{ n => 5 }], 'sql: rows');
	ok(document(ctl('-j', '--version'))->{version}, 'the version') };

subtest '--json, refused' => sub {
	for ([1, 'rate', 'nobody', '5'], [1, 'attach', 'nobody'], [1, 'attach', "\xff"], [1, 'export', '-o', "$dir/x", 'nobody'], [1, 'backup', "--database=$dir/none.db", "$dir/x"],
	     [1, 'import', "--database=$dir/x.db", "$dir/none.csv"], [1, 'sql', "--database=$dir/none.db"], [2, 'rate', 'guest', 'often'],
	     [2, 'rate', 'guest'], [2, 'list', '--bad'], [2, 'list', 'word'], [2, 'lst'], [2], [2, 'export', 'guest'], [2, 'list', "--\x1b\xff"]) {
		my ($status, @words) = @$_;
		my $r = ctl('--json', @words);
		is($r->{status}, $status, join ' ', @words, ": status $status");
		my $document = document($r) // {};
		ok(length $document->{error} && keys %$document >= 1, 'the error as a document') or diag("'$r->{out}' '$r->{err}'");
		like($r->{err}, qr/^vmexitctl: error: ./, 'and in words');
	}
	my $r = run($ctl, '-j', "--socket=$dir/none.sock", 'list');
	like(document($r)->{error}, qr/nobody answers at/, 'no daemon: the same');
	is(ctl('list', '--bad', '-j')->{out} =~ /^\{"error"/, 1, 'also where --json stands behind what is wrong');
	is(ctl('list', '--bad')->{out}, '', 'without it, nothing is printed');
	$r = run('sh', '-c', "$ctl -s $dir/api.sock list >/dev/full");
	ok($r->{status} == 1 && $r->{err} =~ /cannot write: No space/, 'output that fails is a failure') };

# ---- options and help ----
subtest 'options' => sub {
	my @commands = ctl('--help')->{out} =~ /^  ([a-z]+) /mg;
	for my $command (@commands) {
		my $r = ctl($command, '--help');
		like($r->{out}, qr/^Usage: vmexitctl $command\b.*\n[A-Z].*\.\n/, "$command --help");
		is(ctl('--help', $command)->{out}, ctl('--help')->{out}, 'in front of it, all of it');
		next if $command eq 'sql';
		$r = ctl($command, '--nothing');
		ok($r->{status} == 2 && $r->{err} =~ /--nothing is not known.*\nTry 'vmexitctl $command --help'\.\n\z/, 'an option that is not there: where to look') or diag($r->{err});
	} };

done_testing();
