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
use Recordings;

# Boots of several VMs in one database.
my @several = (['debian-svm', 'guest', 1], ['trace-1hz', 'guest', 2], ['debian-svm', 'guest', 3], ['trace-1hz', 'guest', 4],
	       ['trace-1hz', 'web', 1], ['debian-svm', 'web', 7], ['debian-svm', 'a-server-with-a-long-name', 12], ['debian-vmx', 'intel', 1]);

# A browser test, and what vmexitd serves for it: a recording's VM, several of them, nothing, or
# a fleet of guests that are played now.
my @tests = (
	['page', 'nothing', '--expect-empty'],
	['page', 'debian-svm', '--vm', 'guest'],
	['boot', 'debian-svm', '--vm', 'guest', '--reasons'],
	['explore', 'debian-svm', '--vm', 'guest'],
	['report', 'debian-svm', '--vm', 'guest'],
	['compare', 'several', '--boots', join(',', map { "$_->[1]:$_->[2]" } @several)],
	['correlate', 'trace-1hz', '--vm', 'guest', '--boot', 1],
	['page', 'fleet', '--vm', 'vm002'],
	['overview', 'fleet'],
	['boot', 'fleet', '--vm', 'vm023', '--live'],
	['explore', 'fleet', '--live'],
	['compare', 'fleet', '--live'],
);

# What a fleet does for a test, upon which signal.
my @missing = (['gap', 'USR1'], ['lie', 'USR2']);
my %does = (overview => \@missing, explore => \@missing, boot => [['reboot', 'HUP']]);

# Returns vmexitd's options.
sub fleet {
	start('fleet', "$FindBin::Bin/browser/fleet", $dir, 24);
	wait_for('the fleet', 10, sub { slurp("$dir/fleet.out") =~ /\n/ }) or BAIL_OUT(slurp("$dir/fleet.log"));
	return split ' ', slurp("$dir/fleet.out");
}

my %wanted = map { $_ => 1 } @ARGV;
my $serving = '';
for (@tests) {
	my ($test, $recording, @options) = @$_;
	next if %wanted && !$wanted{$test};
	if ($serving ne $recording) {
		stop('daemon', 'TERM');
		unlink glob("$dir/v.db*");
		if (-d "$FindBin::Bin/data/$recording") {
			system("gzip -dc $FindBin::Bin/data/$recording/vmexit.db.gz >$dir/v.db") == 0 or die "$recording: $?";
		}
		recordings("$dir/v.db", "$build/vmexitd", @several) if $recording eq 'several';
		ok(daemon('--libvirt=off', $recording eq 'fleet' ? fleet() : ()), "vmexitd serves $recording") or BAIL_OUT(slurp("$dir/daemon.log"));
		$serving = $recording;
	}
	# It goes through all views, and the browser notes in its console what is 404: too little to correlate.
	ok(wait_for('enough of the fleet to correlate', 60, sub { 2 == grep { $http->get("$url/api/v1/vms/vm002/$_")->{status} == 200 } 'correlate', 'attribution?by=mark' }), 'the fleet has been there for a while') if $test eq 'page' && $running{fleet};
	push @options, map { ("--$_->[0]", "'kill -$_->[1] $running{fleet}'") } @{ $does{$test} // [] } if $running{fleet};
	my $out = qx($FindBin::Bin/browser/run $test --shots $build/shots/$test-$recording @options $url/ 2>&1);
	my $status = $?;
	my @passed = $out =~ /^ok /mg;
	ok($status == 0 && @passed > 1, "$test, of $recording: " . @passed . ' checks') or diag($out);
}
is(stop('daemon', 'TERM'), 0, 'vmexitd ends as it should');
stop('fleet', 'TERM');
done_testing();
