#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What the sources promise about themselves: licences, man pages, the direction of
# includes, where libraries' headers may stand, and what README and make help name.
use strict;
use warnings;
use FindBin;
use Test::More;

chdir "$FindBin::Bin/..";
sub slurp { my $f = shift; open(my $h, '<', $f) or return ''; local $/; return <$h> }
my @files = grep { -f } split /\n/, qx(git ls-files --cached --others --exclude-standard);
ok(@files > 50, 'git lists the files');

# JSON, CSV, checksums and some of Debian's files hold no comments, pictures and recordings no text;
# patches carry it inside.
my @bare = grep { !/(^COPYING|^debian\/(changelog|copyright|source\/format)|\.json|\.sha256|\.png|\.svg|\.patch|\.hex|\.csv|\.bin|\.db|\.gz)$/ && slurp($_) !~ /SPDX-License-Identifier: GPL-2.0/ } @files;
is_deeply(\@bare, [], 'every file says its licence');

my @pages = grep { /\.[1-8]$/ } @files;
ok(@pages >= 5, 'there are man pages');
for my $page (@pages) {
	# mandoc looks for the other pages among the installed ones.
	my @complaints = grep { !/referenced manual not found/ } split /\n/, qx(mandoc -Tlint $page 2>&1);
	is_deeply(\@complaints, [], "$page is clean");
}
my %page = map { m{([^/]+)\.(\d)$} ? ("$1 $2" => 1) : () } @pages;
my @dangling = grep { !$page{$_} } map { slurp($_) =~ /^\.Xr (vmexit\S* \d)/mg } @pages;
is_deeply(\@dangling, [], 'no page refers to one of ours that is missing');

# Data flows one way: a module includes itself and what stands before it.
for my $component ('guest-agent', 'daemon') {
	my ($list) = slurp("$component/Makefile") =~ /^MODULES := ((?:.*\\\n)*.*)/m;
	my @modules = grep { $_ ne '\\' } split ' ', $list;
	my %rank = map { $modules[$_] => $_ } 0 .. $#modules;
	my @wrong;
	for my $module (@modules) {
		for my $file (grep { -f } "$component/$module.c", "$component/$module.h") {
			for my $other (slurp($file) =~ m{^#include "$component/([a-z_/]+)\.h"}mg) {
				push @wrong, "$file includes $other" if ($rank{$other} // -1) > $rank{$module};
			}
		}
	}
	is_deeply(\@wrong, [], "includes in $component point only upstream");
}
my @shared = grep { slurp($_) =~ m{^#include "(daemon|guest-agent/(?!shared))}m } grep { m{^guest-agent/shared/[a-z]+\.[ch]$} } @files;
is_deeply(\@shared, [], 'shared code includes only shared code');

my %homes = (
	'sqlite3.h' => qr{^daemon/(store/\w+|sql/\w+|query/(query|eventquery|exportevents)|intake/testmember)\.[ch]$|^tests/bench/storebench/\w+\.c$},
	'microhttpd.h' => qr{^daemon/http/(http|httpsend|httplater)\.[ch]$},
	'libvirt/libvirt.h' => qr{^daemon/(base/loop|libvirt/\w+|host/virtstats)\.c$},
	'jansson.h' => qr{^daemon/(form/json\w+|http/change|ctl/\w+)\.[ch]$},
	'gsl/gsl_rng.h' => qr{^daemon/stats/\w+\.c$},
	'gsl/gsl_statistics_double.h' => qr{^daemon/stats/\w+\.c$},
	'curl/curl.h' => qr{^daemon/(ctl/(client|link)|remote/remotepush)\.c$},
	'snappy-c.h' => qr{^daemon/remote/(remoteframe|testrequest)\.[ch]$},
	'curses.h' => qr{^daemon/ctl/(topscreen|terminfo)\.c$},
	'systemd/sd-daemon.h' => qr{^daemon/base/service\.c$},
	'ini.h' => qr{^(daemon/base/config|guest-agent/options)\.c$},
);
for my $header (sort keys %homes) {
	my @strays = grep { /\.[ch]$/ && !/_test\.c$/ && $_ !~ $homes{$header} && slurp($_) =~ m{^#include <\Q$header\E>}m } @files;
	is_deeply(\@strays, [], "<$header> stays in its module");
}

my @long = grep { /\.(c|h|js|css|html)$/ && (() = slurp($_) =~ /\n/g) > 600 } @files;
is_deeply(\@long, [], 'no source has grown over 600 lines');

my $makefile = slurp('Makefile');
my %helped = map { $_ => 1 } map { split } $makefile =~ /^([a-z][a-z0-9 -]*):.*## /mg;
my ($phony) = $makefile =~ /^\.PHONY: ((?:.*\\\n)*.*)/m;
is_deeply([grep { !$helped{$_} && $_ !~ /^(\\|san-tests|agent-all|daemon-all)$/ } split ' ', $phony], [], 'make help lists every target');

my $readme = slurp('README.md');
my @named = grep { !-e } map { s/[.,:;]$//r } $readme =~ m{`((?:kernel|daemon|guest-agent|web|scripts|tests)/[\w./-]*)`}g;
is_deeply(\@named, [], 'every path that README names is there');
is_deeply([grep { !$helped{$_} } $readme =~ /`?make ([a-z][a-z-]+)/g], [], 'every make target that README names is there');
my @pictures = $readme =~ /!\[[^\]]*\]\(([^)]+)\)/g;
ok(@pictures && !(grep { !-s } @pictures), 'README shows a picture');
done_testing();
