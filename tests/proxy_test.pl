#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The page from another machine: daemon/http/nginx.conf, the example, in a real nginx before a
# real vmexitd, with TLS and a password, below a path, in a browser; and the other end of a
# tunnel, which has another port.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Daemon;

start('fleet', "$FindBin::Bin/browser/fleet", $dir, 2);
wait_for('the fleet', 10, sub { slurp("$dir/fleet.out") =~ /\n/ }) or BAIL_OUT(slurp("$dir/fleet.log"));
ok(daemon('--libvirt=off', split ' ', slurp("$dir/fleet.out")), 'vmexitd serves two guests') or BAIL_OUT(slurp("$dir/daemon.log"));

# The example with this test's ports and files; nothing else is changed.
my $outside = free_port();
my $password = sprintf '%08x', rand 2**32;
system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout $dir/key.pem -out $dir/cert.pem 2>$dir/openssl.log") == 0
	or BAIL_OUT(slurp("$dir/openssl.log"));
chomp(my $hash = qx(openssl passwd -apr1 $password));
open(my $users, '>', "$dir/users") or die; print $users "admin:$hash\n"; close $users;
my $example = slurp("$FindBin::Bin/../daemon/http/nginx.conf");
my %here = ('listen 443 ssl' => "listen 127.0.0.1:$outside ssl", '/etc/ssl/certs/vmexit.pem' => "$dir/cert.pem", '/etc/ssl/private/vmexit.key' => "$dir/key.pem",
	    '/etc/nginx/vmexit.users' => "$dir/users", '127.0.0.1:20479' => "127.0.0.1:$port");
for my $word (sort keys %here) {
	my $replaced = $example =~ s/^([^#\n]*)\Q$word\E/$1$here{$word}/mg;
	ok($replaced, "the example has '$word' once") or BAIL_OUT('the example has changed');
}
open(my $conf, '>', "$dir/nginx.conf") or die;
print $conf "daemon off;\nworker_processes 1;\npid $dir/nginx.pid;\nerror_log stderr;\nuser root;\nevents {}\nhttp {\naccess_log off;\n",
	(map { "${_}_temp_path $dir/$_;\n" } qw(client_body proxy fastcgi uwsgi scgi)), $example, "}\n";
close $conf;
my ($nginx) = grep { -x } map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin';
ok($nginx, 'nginx is installed') or BAIL_OUT('apt-get install nginx-light');
start('nginx', $nginx, '-p', $dir, '-c', "$dir/nginx.conf", '-e', 'stderr');
my $base = "https://127.0.0.1:$outside/vmexit/";
sub status { my $s = qx(curl -sk -o $dir/body -w '%{http_code}' --max-time 10 @_); return $s }
ok(wait_for('nginx', 10, sub { status($base) eq '401' }), 'without the password nothing is shown') or BAIL_OUT(slurp("$dir/nginx.log"));
is(status('-u', "admin:$password", $base), 200, 'with it the page is');
is(status('-u', "admin:$password", $base . 'api/v1/vms'), 200, 'and the interface below it');
is(status('-u', "admin:$password", '-X', 'POST', $base . 'api/v1/vms'), 405, 'which changes nothing');

my $out = qx($FindBin::Bin/browser/run proxy --user admin:$password $base 2>&1);
ok($? == 0 && $out =~ /^ok 1 /m, 'in a browser: live, its report too, and nothing is asked outside of that path') or diag($out);

# ---- ssh -L 8080:127.0.0.1:20479, which hands bytes on ----
my $tunnel = free_port();
start('tunnel', 'socat', "TCP-LISTEN:$tunnel,bind=127.0.0.1,fork,reuseaddr", "TCP:127.0.0.1:$port");
ok(wait_for('the tunnel', 10, sub { status("http://localhost:$tunnel/") eq '200' }), "a tunnel's other end with a port of its own");
is(status('-H', 'Host:vmexit.example.org', "http://localhost:$tunnel/"), 403, 'a name that is not allowed is refused');
like(slurp("$dir/body"), qr/allowed_hosts of vmexitd\.conf: add it there/, 'which says what to do');

stop('tunnel', 'TERM');
stop('nginx', 'TERM');
stop('fleet', 'TERM');
is(stop('daemon', 'TERM'), 0, 'vmexitd ends as it should');
done_testing();
