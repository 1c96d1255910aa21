#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The page in a headless Chromium, served by the real vmexitd from recordings of real guests
# (tests/data): each view's browser test. Usage: browser_test.pl [TEST]...
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Daemon;

# A browser test, and of which recordings' VM it is, none for a database without one.
my @tests = (
	['page', undef, '--expect-empty'],
	['page', 'debian-svm', '--vm', 'guest'],
	['boot', 'debian-svm', '--vm', 'guest'],
);

my %wanted = map { $_ => 1 } @ARGV;
my $serving = '';
for (@tests) {
	my ($test, $recording, @options) = @$_;
	next if %wanted && !$wanted{$test};
	$recording //= 'nothing';
	if ($serving ne $recording) {
		stop('daemon', 'TERM');
		unlink glob("$dir/v.db*");
		if ($recording ne 'nothing') {
			system("gzip -dc $FindBin::Bin/data/$recording/vmexit.db.gz >$dir/v.db") == 0 or die "$recording: $?";
		}
		ok(daemon('--libvirt=off'), "vmexitd serves $recording") or BAIL_OUT(slurp("$dir/daemon.log"));
		$serving = $recording;
	}
	my $out = qx($FindBin::Bin/browser/run $test --shots $build/shots/$test-$recording @options $url/ 2>&1);
	my $status = $?;
	my @passed = $out =~ /^ok /mg;
	ok($status == 0 && @passed > 1, "$test, of $recording: " . @passed . ' checks') or diag($out);
}
is(stop('daemon', 'TERM'), 0, 'vmexitd ends as it should');
done_testing();
