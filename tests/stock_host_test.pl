#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The same programs against Debian's own KVM modules: clear words, and no exits
# invented for the guest; the host's view works all the same.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Test::More;

my $lab = Lab->new('stock-host-test', '--modules', 'stock', '--seconds', 2, '--agent-args', '--interval=200 --boot-seconds=0 --cpu-budget=0 --exit-budget=0',
		   '--daemon-args', '--host-interval=250 --commit-interval=200');
ok($lab->{started}, 'the host is up with its stock KVM') or do { diag($lab->lab('log')); done_testing(); exit 1 };
ok($lab->wait_for(120, sub { ($lab->vm('guest')->{guest} // {})->{t} }), 'the agent reports');
my $vm = $lab->vm('guest');
is($vm->{leaf}, 'no', 'that there is no leaf');
is($vm->{guest}{exits}, undef, 'so the guest has no exits');
is($vm->{guest}{handling_share}, undef, 'and no handling share');
ok($vm->{host}{exits} > 1000, 'the host source counts on a stock KVM');
ok($lab->wait_for(60, sub { my @r = $lab->csv('guest', 'source=guest'); @r > 20 }), 'the workload comes all the same');
my @rows = $lab->csv('guest', 'source=guest');
is(scalar(grep { $_->{exits} ne '' || $_->{handling_cycles} ne '' } @rows), 0, 'no row of the guest has exits or cycles');
ok($rows[-1]{context_switches} > 0, 'every row has the workload');
is_deeply([map { "$_->{source} $_->{kind}" } @{ $lab->json('/api/v1/vms/guest/series?boot=1')->{series} }], ['host count'], 'the only curve is the host\'s count');
my @said = $lab->log_of('guest') =~ /(vmexit-agent: warning: .*)/g;
is(scalar(grep { /host does not count exits.*lacks the vmexit series.*sending the workload without exits/ } @said), 1, 'the agent says so, once') or diag($lab->log_of('guest'));
my $out = qx($FindBin::Bin/browser/run boot --vm guest --shots $ENV{BUILD}/shots/stock $lab->{url}/ 2>&1);
is($?, 0, 'the page shows it as such') or diag($out);
$lab->stop;
done_testing();
